package workbench

import (
	"fmt"
	"math"
	"slices"
)

// Coverage counts what was looked at.
type Coverage struct {
	Evaluations  int `json:"evaluations"`  // of single provisions, by the engine
	Stopped      int `json:"stopped"`      // partial contexts that a stage ends, with all that is in them
	Contexts     int `json:"contexts"`     // of parties, type, purpose … that pass
	Groups       int `json:"groups"`       // of contexts in which the law comes down to the same
	Combinations int `json:"combinations"` // of context and facts, every one of which was decided
	Joins        int `json:"joins"`        // of tables and verdicts
}

// Inputs returns how many different inputs the combinations stand for, as a
// power of ten: facts that nothing depends on there, what is claimed, consented
// to and decided, and which fields are named.
func (s *Space) Inputs() string {
	free := 0.0
	for i, v := range s.vars {
		if !slices.Contains(s.asked, i) {
			free += math.Log10(float64(len(v.domain)))
		}
	}
	bases, classes := float64(len(s.policy.Needs())), float64(len(s.policy.Classes()))
	most := 0.0
	for _, g := range s.groups {
		fields := float64(len(g.plan.Fields))
		standings := (classes + fields + 2*bases*fields) * math.Log10(3) // consents, others' consents, decisions and releases
		most = math.Max(most, free+standings+(fields+bases)*math.Log10(2)+math.Log10(float64(len(g.contexts))))
	}
	return fmt.Sprintf("10^%.0f", most)
}

// Soundness says how the inputs are factored and why nothing is lost by it.
func Soundness(lang Language) string {
	if lang == Swedish {
		return soundnessSV
	}
	return soundnessEN
}

const soundnessEN = `What is covered, and why nothing is left out

1. Each provision reads a few members of the input; which, the compiler says. It
   is evaluated alone, by the engine that the gateway decides with, for every
   combination of their values: all kinds, roles, types and purposes of the
   tables, every value of an unsealed field, true and false of every fact, and
   one value that no table has. One suffices: the language compares and looks
   up, it takes no word apart. A provision of which no such table can be made is
   refused, and then nothing is proven.
2. Parties, type, purpose, urgency, protection and the like are bound first, in
   every way. A stage that holds whatever the facts ends a branch with all that
   is in it. Contexts in which every provision comes down to the same are one
   group.
3. In a group, every combination of the facts that provisions still read is
   looked at, unless no values of the remaining facts let the stages pass. All
   combinations count as possible; one exclusion is used: agencies of different
   kinds are not the same agency (facts.Derive compares agencies).
4. Which fields leave is decided by the gateway's own code from the tables and
   the provisions that hold. Claims, decisions and releases of different bases
   are independent, and nothing that stands for another basis opens less: so a
   field leaves on a basis in some request exactly when it leaves where only that
   basis is claimed, everything that it rests on is in force, and everything that
   may be named is named. A basis of several provisions is tried under every
   combination of what is in force. No one's consent that is missing opens a field.
5. The carrier rule is taken for every pair of a field that leaves and one that
   may follow it; the patient rule wherever no health field can leave. Both may
   find too much, never too little. The small-cell guard blanks cells of a field
   that leaves; whether it has looked is a fact.
6. Of the fields named a stage may only ask whether there is any, or look at
   each by itself: single fields then stand for all sets of fields.

A counterexample is asked of the gateway's own code before it is shown. A test
asks that code at random and wants every release in the space.`

const soundnessSV = `Vad som har prövats, och varför inget saknas

1. Varje bestämmelse läser några få uppgifter i frågan; vilka säger kompilatorn.
   Den prövas för sig, av den motor som gatewayen beslutar med, för varje
   kombination av deras värden: alla slag, roller, meddelandetyper och ändamål i
   tabellerna, varje värde av ett öppet fält, sant och falskt för varje
   sakförhållande, och ett värde som ingen tabell har. Ett räcker: språket
   jämför och slår upp, det delar inga ord. En bestämmelse som ingen sådan tabell
   kan göras av avvisas, och då är inget bevisat.
2. Parter, meddelandetyp, ändamål, brådska, skydd och liknande binds först, på
   alla sätt. Ett steg som stoppar oavsett sakförhållanden avslutar en gren med
   allt i den. Sammanhang där varje bestämmelse betyder detsamma är en grupp.
3. I en grupp prövas varje kombination av de sakförhållanden som bestämmelserna
   ännu läser, utom när inget värde av de övriga låter stegen passera. Alla
   kombinationer räknas som möjliga; ett undantag används: myndigheter av olika
   slag är inte samma myndighet (facts.Derive jämför myndigheterna).
4. Vilka fält som lämnas avgörs av gatewayens egen kod, ur tabellerna och de
   bestämmelser som gäller. Åberopanden och beslut för olika grunder är
   oberoende, och inget som gäller för en annan grund öppnar mindre: ett fält
   lämnas alltså på en grund i någon fråga precis när det lämnas där bara den
   grunden åberopas, allt den vilar på gäller och allt som får nämnas nämns. En
   grund med flera bestämmelser prövas för varje kombination av vad som gäller.
5. Följeuppgifter prövas för varje par av ett fält som lämnas och ett som kan
   följa med; patientregeln där inget hälsofält kan lämnas. Båda kan finna för
   mycket, aldrig för lite. Småtalsskyddet blankar celler i ett fält som lämnas;
   om det har sett tabellen är ett sakförhållande.
6. Om de fält som nämns får ett steg bara fråga om det finns något, eller se på
   vart och ett för sig: enskilda fält står då för alla mängder av fält.

Ett motexempel ställs till gatewayens egen kod innan det visas. Ett test frågar
koden slumpvis och kräver att varje utlämnande finns med.`
