package facts_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/policies"
)

const (
	townA    gateway.AgencyID = "municipality:0180"
	townB    gateway.AgencyID = "municipality:1480"
	townC    gateway.AgencyID = "municipality:1280"
	police   gateway.AgencyID = "police"
	region   gateway.AgencyID = "region:01"
	sis      gateway.AgencyID = "sis"
	prov     gateway.AgencyID = "provider:165560004615"
	provTwo  gateway.AgencyID = "provider:165560009903"
	portal   gateway.AgencyID = "self"
	worker   gateway.Role     = "municipality.social_worker"
	child    gateway.Role     = "municipality.child_social_worker"
	coord    gateway.Role     = "police.exit_coordinator_regional"
	local    gateway.Role     = "police.exit_coordinator_local"
	security gateway.Role     = "police.personal_security_officer"
	doctor   gateway.Role     = "region.psychiatry_clinician"
)

// person, other and the rest are opaque references.
var (
	person, other   = ref(1), ref(2)
	user, userTwo   = ref(3), ref(4)
	decider         = ref(5)
	guard, guardTwo = ref(6), ref(7)
)

func ref(n byte) gateway.Ref {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return gateway.Ref(strings.Repeat("A", 20) + string(digits[n]) + "A")
}

// bases are what the provisions of some bases ask of decisions.
func bases() map[gateway.Basis]facts.Need {
	one, yes := int64(1), true
	return map[gateway.Basis]facts.Need{
		"OSL-12-2":  {},
		"OSL-12-3":  {Kind: "guardian"},
		"OSL-10-27": {Kind: "balancing_obvious"},
		"OSL-10-2":  {Kind: "necessity", Facts: map[string]facts.Condition{"own_decision_ref": {Present: true}}},
		"OSL-10-18C": {Kind: "suitability", Facts: map[string]facts.Condition{
			"close_person": {Equals: &yes}, "min_penalty_years": {AtLeast: &one}, "crime_class": {OneOf: []string{"terror", "security"}}}},
		"OSL-25-12": {Kind: "need", Ground: facts.Numbered},
		"OSL-25-13": {Kind: "incapacity", Ground: facts.Fresh},
	}
}

func tables(t testing.TB) *facts.Tables {
	t.Helper()
	tab, err := facts.ReadTables(policies.FS, bases())
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func day(s string) facts.Date {
	d, err := facts.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

var noon = at("2026-06-01T12:00:00+02:00")

// goodWorld is an adult with an open case in A, whose consent lets the police
// give A what the plan needs.
func goodWorld() facts.World {
	return facts.World{
		Person: facts.Person{
			Adult: true, Marking: facts.Unmarked, PlaceHidden: facts.No, ElevatedThreat: facts.No, PersonalSecurity: facts.No,
			Guardians: map[gateway.Ref]facts.Guardian{},
			Case:      facts.Case{State: "open", Parties: []gateway.AgencyID{police, townA}, Responsible: townA},
			Consents: []facts.Consent{{
				ID: ref(8), GivenBy: "subject",
				Disclosers: []facts.Side{{Agency: police}, {Agency: townA}}, Recipients: []facts.Side{{Agency: townA, Roles: []gateway.Role{worker, child}}, {Agency: police}},
				Classes: []gateway.Class{"ID", "RSK", "HLT.functional"}, Purposes: []gateway.Purpose{"PROTECTION", "CARE"},
				From: day("2026-01-01"), To: day("2026-06-30"),
			}},
			Decisions: []facts.Decision{{
				ID: ref(9), Basis: "OSL-10-27", Kind: "balancing_obvious", Release: true, Discloser: police,
				Recipient: facts.Side{Agency: townA}, Purpose: "PROTECTION", Fields: []gateway.Field{"no_go_areas"},
				From: day("2026-05-20"), To: day("2026-06-30"), By: facts.Decider{User: decider, Role: coord, Agency: police},
			}},
		},
		User: facts.User{Assigned: true},
	}
}

// goodQuestion is a social worker in A who asks the police.
func goodQuestion() facts.Question {
	return facts.Question{
		Actor:     facts.Actor{Agency: townA, Role: worker, User: user},
		Discloser: facts.Discloser{Agency: police, Role: coord},
		Type:      "exit.threat_assessment", Purpose: "PROTECTION", Initiative: gateway.ByActor, Subject: person,
		Fields: []gateway.Field{"default", "no_go_areas", "method", "no_go_areas"}, Claimed: []gateway.Basis{"OSL-12-2", "OSL-10-27", "OSL-10-27"},
		Reason: "safety_planning", ValidUntil: day("2026-06-01"), AgenciesKnown: true, LogAvailable: true,
	}
}

func TestDerive(t *testing.T) {
	in := facts.Derive(goodWorld(), goodQuestion(), tables(t), noon)
	if diff := cmp.Diff([]gateway.Field{"method", "no_go_areas"}, in.Named); diff != "" || !in.Default {
		t.Errorf("named (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]gateway.Basis{"OSL-10-27", "OSL-12-2"}, in.Claimed); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
	want := facts.Facts{
		LogAvailable: true, AgenciesKnown: true, SubjectNamed: true, Asked: true, Assigned: true, OnRecord: true, MayKnow: true,
		CaseOpen: true, ActorResponsible: true, AssessmentValid: true,
	}
	want.SipConsent = true
	if diff := cmp.Diff(want, in.Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	for class, want := range map[gateway.Class]facts.Standing{"ID": facts.InForce, "RSK": facts.InForce, "HLT.functional": facts.InForce, "HLT": facts.None, "PAD": facts.None} {
		if got := in.Consent[class]; got != want {
			t.Errorf("consent to %s: got %s, want %s", class, got, want)
		}
	}
	if _, ok := in.Consent["INV"]; ok {
		t.Error("consent to a class that no consent may name")
	}
	if got := in.Decision["OSL-10-27"]["no_go_areas"]; got != facts.InForce {
		t.Errorf("decision: got %q", got)
	}
}

// TestInputIsTotal wants every member present, never null, for the poorest
// question about the poorest world.
func TestInputIsTotal(t *testing.T) {
	raw, err := json.Marshal(facts.Derive(facts.World{}, facts.Question{}, tables(t), noon))
	if err != nil || strings.Contains(string(raw), "null") {
		t.Errorf("got %s, %v", raw, err)
	}
}

// TestRegister holds the facts equal to those that the policy's table names.
func TestFactsAreThoseOfTheTable(t *testing.T) {
	raw, err := policies.FS.ReadFile("data/facts.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Facts map[string]json.RawMessage `json:"facts"`
	}
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	for i := range reflect.TypeFor[facts.Facts]().NumField() {
		name := reflect.TypeFor[facts.Facts]().Field(i).Tag.Get("json")
		if _, ok := table.Facts[name]; !ok {
			t.Errorf("fact %s is not in the table", name)
		}
		delete(table.Facts, name)
	}
	for name := range table.Facts {
		t.Errorf("the table has %s, which is no fact", name)
	}
}

// change spoils one thing in a good world, a good question or the moment.
type change func(*facts.World, *facts.Question, *time.Time)

func ask(t *testing.T, c change) facts.Input {
	t.Helper()
	w, q, now := goodWorld(), goodQuestion(), noon
	c(&w, &q, &now)
	return facts.Derive(w, q, tables(t), now)
}

// TestFacts spoils one thing per row and looks at the one fact it decides.
func TestFacts(t *testing.T) {
	type w = *facts.World
	type q = *facts.Question
	type n = *time.Time
	fact := func(get func(facts.Facts) bool) func(facts.Facts) bool { return get }
	onRecord := fact(func(f facts.Facts) bool { return f.OnRecord })
	mayKnow := fact(func(f facts.Facts) bool { return f.MayKnow })
	protected := fact(func(f facts.Facts) bool { return f.Protected })
	assigned := fact(func(f facts.Facts) bool { return f.Assigned })
	conflict := fact(func(f facts.Facts) bool { return f.ConflictOfInterest })
	valid := fact(func(f facts.Facts) bool { return f.AssessmentValid })
	contested := fact(func(f facts.Facts) bool { return f.Contested })
	known := fact(func(f facts.Facts) bool { return f.AgenciesKnown })
	byRegister := fact(func(f facts.Facts) bool { return f.ClaimsByRegister })
	psw := fact(func(f facts.Facts) bool { return f.PersonalSecurity })
	tests := []struct {
		name   string
		change change
		fact   func(facts.Facts) bool
		want   bool
	}{
		{"unknown person", func(w w, _ q, _ n) { w.Person = facts.Person{} }, onRecord, false},
		{"unknown person is protected", func(w w, _ q, _ n) { w.Person = facts.Person{} }, protected, true},
		{"unknown person may be in security work", func(w w, _ q, _ n) { w.Person = facts.Person{} }, psw, true},
		{"unknown person gives no relation", func(w w, _ q, _ n) { w.Person = facts.Person{} }, mayKnow, false},
		{"no person named", func(w w, q q, _ n) { w.Person = facts.Person{}; q.Subject = "" }, protected, false},
		{"agency that is no kind", func(_ w, q q, _ n) { q.Actor.Agency = "kronofogden" }, known, false},
		{"agency not in the directory", func(_ w, q q, _ n) { q.AgenciesKnown = false }, known, false},

		{"marked", func(w w, _ q, _ n) { w.Person.Marking = facts.Flagged }, protected, true},
		{"unknown marking", func(w w, _ q, _ n) { w.Person.Marking = "weaker" }, protected, true},
		{"marking not stated", func(w w, _ q, _ n) { w.Person.Marking = "" }, protected, true},
		{"hidden place", func(w w, _ q, _ n) { w.Person.PlaceHidden = facts.Yes }, protected, true},
		{"hidden place not stated", func(w w, _ q, _ n) { w.Person.PlaceHidden = facts.Unstated }, protected, true},
		{"message marks more strictly", func(_ w, q q, _ n) { q.Marking = facts.NewIdentity }, protected, true},
		{"message marks more loosely", func(w w, q q, _ n) { w.Person.Marking, q.Marking = facts.Flagged, facts.Unmarked }, protected, true},
		{"threat not stated", func(w w, _ q, _ n) { w.Person.ElevatedThreat = facts.Unstated }, func(f facts.Facts) bool { return f.ElevatedThreat }, true},
		{"security work not stated", func(w w, _ q, _ n) { w.Person.PersonalSecurity = facts.Unstated }, psw, true},
		{"sis care not stated", func(w w, _ q, _ n) { w.Person.InSisCare = facts.Unstated }, func(f facts.Facts) bool { return f.InSisCare }, false},

		{"not assigned", func(w w, _ q, _ n) { w.User = facts.User{} }, assigned, false},
		{"a function's mailbox", func(w w, q q, _ n) { w.User = facts.User{}; q.Actor.Function = true }, assigned, true},
		{"the person's portal", func(w w, q q, _ n) {
			w.User = facts.User{}
			q.Actor = facts.Actor{Agency: portal, Role: "subject.self", User: person}
		}, assigned, true},
		{"declared conflict", func(w w, _ q, _ n) { w.User.Conflict = true }, conflict, true},
		{"another role has read", func(_ w, q q, _ n) { q.ReadElsewhere = true }, conflict, true},

		{"another municipality", func(_ w, q q, _ n) { q.Actor.Agency = townC }, mayKnow, false},
		{"another municipality, sent unasked", func(_ w, q q, _ n) { q.Actor.Agency = townC; q.Initiative = gateway.ByDiscloser }, mayKnow, true},
		{"inside the agency", func(_ w, q q, _ n) { q.Actor.Agency = townC; q.Discloser.Agency = townC }, mayKnow, true},
		{"a party", func(w w, q q, _ n) { q.Actor.Agency = townC; w.Person.Case.Parties = []gateway.AgencyID{townC} }, mayKnow, true},
		{"receiving", func(w w, q q, _ n) { q.Actor.Agency = townC; w.Person.Case.Receiving = townC }, mayKnow, true},
		{"previous", func(w w, q q, _ n) {
			q.Actor.Agency = townC
			w.Person.Case.Previous = []gateway.AgencyID{townC}
		}, mayKnow, true},
		{"acute stay", func(w w, q q, _ n) { q.Actor.Agency = townC; w.Person.Case.AcuteStay = townC }, mayKnow, true},
		{"claims", func(w w, q q, _ n) {
			q.Actor.Agency = townC
			w.Person.Case.Claims = []facts.Claim{{Municipality: townC, Source: "case"}}
		}, mayKnow, true},
		{"claims, and nobody confirmed it", func(w w, q q, _ n) {
			q.Actor.Agency = townC
			w.Person.Case.Claims = []facts.Claim{{Municipality: townC, Source: "case", Pending: true}}
		}, mayKnow, false},
		{"investigates the child", func(w w, q q, _ n) {
			q.Actor.Agency = townC
			w.Person.Investigations = []facts.Investigation{{Municipality: townC}}
		}, mayKnow, true},
		{"investigates, and nobody confirmed it", func(w w, q q, _ n) {
			q.Actor.Agency = townC
			w.Person.Investigations = []facts.Investigation{{Municipality: townC, Waits: true}}
		}, mayKnow, false},
		{"investigates, and another discloser confirmed it", func(w w, q q, _ n) {
			q.Actor.Agency = townC
			w.Person.Investigations = []facts.Investigation{{Municipality: townC, Waits: true, ConfirmedBy: []gateway.AgencyID{region}}}
		}, mayKnow, false},
		{"opened the case by its own word", func(w w, _ q, _ n) { w.Person.Case.Waits = townA }, mayKnow, false},
		{"the person", func(_ w, q q, _ n) { q.Actor = facts.Actor{Agency: portal, Role: "subject.self", User: person} }, mayKnow, true},
		{"another person", func(_ w, q q, _ n) { q.Actor = facts.Actor{Agency: portal, Role: "subject.self", User: other} }, mayKnow, false},
		{"another person, sent unasked", func(_ w, q q, _ n) {
			q.Actor = facts.Actor{Agency: portal, Role: "subject.self", User: other}
			q.Initiative = gateway.ByDiscloser
		}, mayKnow, false},

		{"one claim", func(w w, _ q, _ n) { w.Person.Case.Claims = []facts.Claim{{Municipality: townA, Source: "case"}} }, contested, false},
		{"two claims by case", func(w w, _ q, _ n) {
			w.Person.Case.Claims = []facts.Claim{{Municipality: townA, Source: "case"}, {Municipality: townB, Source: "case", Pending: true}}
		}, contested, true},
		{"one by case, one by register", func(w w, _ q, _ n) {
			w.Person.Case.Claims = []facts.Claim{{Municipality: townA, Source: "case"}, {Municipality: townB, Source: "population_register"}}
		}, contested, false},
		{"one by case, one by something unknown", func(w w, _ q, _ n) {
			w.Person.Case.Claims = []facts.Claim{{Municipality: townA, Source: "case"}, {Municipality: townB, Source: "hearsay"}}
		}, contested, true},
		{"claims by register, another is responsible", func(w w, _ q, _ n) {
			w.Person.Case.Responsible = townB
			w.Person.Case.Claims = []facts.Claim{{Municipality: townA, Source: "population_register"}}
		}, byRegister, true},
		{"claims by register and is responsible", func(w w, _ q, _ n) {
			w.Person.Case.Claims = []facts.Claim{{Municipality: townA, Source: "population_register"}}
		}, byRegister, false},

		{"assessment ends today, a minute to midnight", func(_ w, _ q, n n) { *n = at("2026-06-01T23:59:00+02:00") }, valid, true},
		{"assessment ended yesterday, at midnight", func(_ w, _ q, n n) { *n = at("2026-06-02T00:00:00+02:00") }, valid, false},
		{"assessment without its last day", func(_ w, q q, _ n) { q.ValidUntil = 0 }, valid, false},
		{"another type has no last day", func(_ w, q q, _ n) { q.Type, q.ValidUntil = "exit.referral", 0 }, valid, true},
	}
	for _, tt := range tests {
		if got := tt.fact(ask(t, tt.change).Facts); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAges(t *testing.T) {
	tests := []struct {
		name, birth, now string
		under18, under21 bool
	}{
		{"the day before 18", "2008-06-02", "2026-06-01T23:59:59+02:00", true, true},
		{"18 at midnight in Stockholm", "2008-06-02", "2026-06-02T00:00:00+02:00", false, true},
		{"18 at midnight in Stockholm, still yesterday in Greenwich", "2008-06-02", "2026-06-01T22:00:00Z", false, true},
		{"winter midnight", "2008-01-15", "2026-01-14T23:00:00Z", false, true},
		{"an hour before winter midnight", "2008-01-15", "2026-01-14T22:59:59Z", true, true},
		{"the day before 21", "2005-06-15", "2026-06-14T10:00:00+02:00", false, true},
		{"21", "2005-06-15", "2026-06-15T10:00:00+02:00", false, false},
		{"born on 29 February, 27 February", "2008-02-29", "2026-02-27T12:00:00+01:00", true, true},
		{"born on 29 February, 28 February", "2008-02-29", "2026-02-28T00:00:00+01:00", false, true},
		{"born on 29 February, 20 years on 28 February of a leap year", "2003-02-28", "2024-02-28T12:00:00+01:00", false, false},
		{"born on 29 February, 28 February of a leap year", "2004-02-29", "2024-02-28T12:00:00+01:00", false, true},
		{"unknown", "", "2026-06-01T12:00:00+02:00", false, false},
	}
	for _, tt := range tests {
		in := ask(t, func(w *facts.World, _ *facts.Question, now *time.Time) {
			w.Person.Adult, *now = false, at(tt.now)
			if tt.birth != "" {
				w.Person.Birth = day(tt.birth)
			}
		})
		if in.Facts.Under18 != tt.under18 || in.Facts.Under21 != tt.under21 {
			t.Errorf("%s: got under 18 %v, under 21 %v", tt.name, in.Facts.Under18, in.Facts.Under21)
		}
	}
}

func TestProvider(t *testing.T) {
	good := facts.Provider{Status: "approved", ValidTo: day("2026-06-01"), Contracts: []gateway.AgencyID{townA}}
	tests := []struct {
		name                          string
		spoil                         func(*facts.Provider)
		now                           string
		approved, contracted, revoked bool
	}{
		{"on its last day", func(*facts.Provider) {}, "2026-06-01T23:59:59+02:00", true, true, false},
		{"past its last day", func(*facts.Provider) {}, "2026-06-02T00:00:00+02:00", false, true, true},
		{"pending", func(p *facts.Provider) { p.Status = "pending" }, "2026-06-01T12:00:00+02:00", false, true, false},
		{"rejected", func(p *facts.Provider) { p.Status = "rejected" }, "2026-06-01T12:00:00+02:00", false, true, false},
		{"revoked", func(p *facts.Provider) { p.Status = "revoked" }, "2026-06-01T12:00:00+02:00", false, true, true},
		{"unknown status", func(p *facts.Provider) { p.Status = "fine" }, "2026-06-01T12:00:00+02:00", false, true, true},
		{"no last day", func(p *facts.Provider) { p.ValidTo = 0 }, "2026-06-01T12:00:00+02:00", false, true, true},
		{"contract with another", func(p *facts.Provider) { p.Contracts = []gateway.AgencyID{townB} }, "2026-06-01T12:00:00+02:00", true, false, false},
		{"not vetted", func(p *facts.Provider) { *p = facts.Provider{} }, "2026-06-01T12:00:00+02:00", false, false, true},
	}
	for _, tt := range tests {
		p := good
		tt.spoil(&p)
		f := ask(t, func(w *facts.World, q *facts.Question, now *time.Time) {
			w.Provider, *now = p, at(tt.now)
			q.Actor, q.Discloser.Agency = facts.Actor{Agency: prov, Role: "provider.case_worker"}, townA
		}).Facts
		if f.ProviderApproved != tt.approved || f.ProviderContract != tt.contracted || f.ProviderRevoked != tt.revoked {
			t.Errorf("%s: got approved %v, contracted %v, revoked %v", tt.name, f.ProviderApproved, f.ProviderContract, f.ProviderRevoked)
		}
	}
	f := ask(t, func(w *facts.World, _ *facts.Question, _ *time.Time) { w.Provider = good }).Facts
	if f.ProviderApproved || f.ProviderContract || f.ProviderRevoked {
		t.Errorf("an actor that is no provider: got %+v", f)
	}
}

func TestHousing(t *testing.T) {
	good := facts.Assignment{Municipality: townA, Provider: prov, Housing: true}
	for name, tt := range map[string]struct {
		spoil func(*facts.Assignment)
		want  bool
	}{
		"houses":               {func(*facts.Assignment) {}, true},
		"does not house":       {func(a *facts.Assignment) { a.Housing = false }, false},
		"another municipality": {func(a *facts.Assignment) { a.Municipality = townB }, false},
		"another provider":     {func(a *facts.Assignment) { a.Provider = provTwo }, false},
	} {
		a := good
		tt.spoil(&a)
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
			w.Person.Assignments = []facts.Assignment{a}
			q.Actor, q.Discloser.Agency = facts.Actor{Agency: prov}, townA
		})
		if in.Facts.HousingAssignment != tt.want {
			t.Errorf("%s: got %v", name, in.Facts.HousingAssignment)
		}
	}
}

func TestGuardians(t *testing.T) {
	tests := []struct {
		name            string
		change          func(*facts.Person, *facts.Question)
		listed, blocked bool
		maturity        string
	}{
		{"joint", func(*facts.Person, *facts.Question) {}, true, false, "joint"},
		{"blocked", func(p *facts.Person, _ *facts.Question) {
			p.Guardians[guard] = facts.Guardian{Blocked: true, Maturity: "joint"}
		}, true, true, "joint"},
		{"no maturity decision", func(p *facts.Person, _ *facts.Question) { p.Guardians[guard] = facts.Guardian{} }, true, false, "none"},
		{"unknown maturity decision", func(p *facts.Person, _ *facts.Question) {
			p.Guardians[guard] = facts.Guardian{Maturity: "later"}
		}, true, false, "child_alone"},
		{"not listed", func(_ *facts.Person, q *facts.Question) { q.Actor.User = guardTwo }, false, true, "none"},
		{"of an adult", func(p *facts.Person, _ *facts.Question) { p.Birth = day("2008-06-01") }, false, false, "joint"},
		{"of a person of unknown age", func(p *facts.Person, _ *facts.Question) { p.Birth = 0 }, false, false, "joint"},
		{"another role", func(_ *facts.Person, q *facts.Question) { q.Actor.Role = worker }, false, false, "not_asked"},
	}
	for _, tt := range tests {
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
			w.Person.Adult, w.Person.Birth = false, day("2010-01-01")
			w.Person.Guardians[guard] = facts.Guardian{Maturity: "joint"}
			q.Actor = facts.Actor{Agency: "guardian", Role: "subject.guardian", User: guard}
			tt.change(&w.Person, q)
		})
		f := in.Facts
		if f.GuardianListed != tt.listed || f.GuardianBlocked != tt.blocked || in.Maturity != tt.maturity {
			t.Errorf("%s: got listed %v, blocked %v, %s", tt.name, f.GuardianListed, f.GuardianBlocked, in.Maturity)
		}
		if f.MayKnow != tt.listed && tt.maturity != "not_asked" {
			t.Errorf("%s: may know is %v", tt.name, f.MayKnow)
		}
	}
}

func TestEmergency(t *testing.T) {
	good := facts.Emergency{ThreatToLife: true, DiaryNo: "K-2026-1", Reauthenticated: true, RequestedAt: noon, ConfirmedBy: userTwo, Operation: "O1"}
	tests := []struct {
		name      string
		spoil     func(*facts.Emergency)
		after     time.Duration
		open      bool
		confirmed bool
	}{
		{"at once", func(*facts.Emergency) {}, 0, true, true},
		{"just under an hour", func(*facts.Emergency) {}, time.Hour - time.Second, true, true},
		{"the 60th minute", func(*facts.Emergency) {}, time.Hour, false, true},
		{"before it was asked", func(*facts.Emergency) {}, -time.Second, false, true},
		{"unconfirmed, just under 15 minutes", func(e *facts.Emergency) { e.ConfirmedBy = "" }, 15*time.Minute - time.Second, true, false},
		{"unconfirmed, the 15th minute", func(e *facts.Emergency) { e.ConfirmedBy = "" }, 15 * time.Minute, false, false},
		{"confirmed by oneself", func(e *facts.Emergency) { e.ConfirmedBy = user }, 15 * time.Minute, false, false},
		{"no time", func(e *facts.Emergency) { e.RequestedAt = time.Time{} }, 0, false, true},
	}
	for _, tt := range tests {
		e := good
		tt.spoil(&e)
		f := ask(t, func(_ *facts.World, q *facts.Question, now *time.Time) {
			q.Emergency, q.ReasonLen, *now = &e, 30, noon.Add(tt.after)
		}).Facts
		if f.WindowOpen != tt.open || f.Confirmed != tt.confirmed || !f.ThreatToLife || !f.ReasonLong || !f.DiaryNumber || !f.Reauthenticated || !f.OperationNamed {
			t.Errorf("%s: got %+v", tt.name, f)
		}
	}
	f := ask(t, func(_ *facts.World, q *facts.Question, _ *time.Time) {
		q.Emergency, q.ReasonLen = &facts.Emergency{}, 29
	}).Facts
	if f.WindowOpen || f.Confirmed || f.ThreatToLife || f.ReasonLong || f.DiaryNumber || f.Reauthenticated || f.OperationNamed {
		t.Errorf("an empty block: got %+v", f)
	}
}

func TestAbout(t *testing.T) {
	covered := goodWorld().Person
	tests := []struct {
		name   string
		change func(*facts.Person)
		field  gateway.Field
		want   bool
	}{
		{"covered", func(*facts.Person) {}, "risk_level", true},
		{"no consent", func(p *facts.Person) { p.Consents = nil }, "risk_level", false},
		{"another class", func(*facts.Person) {}, "family_at_risk", false},
		{"a field of no class", func(*facts.Person) {}, "nonsense", false},
		{"out of date", func(p *facts.Person) { p.Consents[0].To = day("2026-05-31") }, "risk_level", false},
	}
	for _, tt := range tests {
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
			p := covered
			p.Consents = []facts.Consent{covered.Consents[0]}
			tt.change(&p)
			w.Others = map[gateway.Ref]facts.Person{other: p}
			q.About = map[gateway.Field][]gateway.Ref{tt.field: {other}}
		})
		if in.About[tt.field] != tt.want {
			t.Errorf("%s: got %v", tt.name, in.About[tt.field])
		}
	}
	in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
		w.Others = map[gateway.Ref]facts.Person{other: covered}
		q.About = map[gateway.Field][]gateway.Ref{"risk_level": {other, ref(20)}}
	})
	if in.About["risk_level"] {
		t.Error("one of two has no consent: got covered")
	}
	in = ask(t, func(_ *facts.World, q *facts.Question, _ *time.Time) {
		q.About = map[gateway.Field][]gateway.Ref{"risk_level": {person}}
	})
	if !in.About["risk_level"] {
		t.Error("the person asked about is not somebody else")
	}
}

// TestAboutContact: contact details count as a protected address where the
// person asked about or the other one is protected, each by himself.
func TestAboutContact(t *testing.T) {
	for _, tt := range []struct {
		asked, marking facts.Marking
		class          gateway.Class
		want           bool
	}{
		{facts.Unmarked, facts.Unmarked, "CON", true}, {facts.Unmarked, facts.Flagged, "CON", false}, {facts.Unmarked, facts.Flagged, "PAD", true},
		{facts.Flagged, facts.Unmarked, "CON", false}, {facts.Flagged, facts.Unmarked, "PAD", true},
	} {
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
			p, marked := goodWorld().Person, goodWorld().Person
			p.Marking, p.Consents[0].Classes = tt.marking, []gateway.Class{tt.class}
			marked.Marking, marked.Consents[0].Classes = facts.Flagged, []gateway.Class{"PAD", "CON"}
			w.Person.Marking, w.Others = tt.asked, map[gateway.Ref]facts.Person{other: p, ref(21): marked}
			q.Type, q.About = "exit.referral", map[gateway.Field][]gateway.Ref{"phone": {ref(21), other}}
		})
		if in.About["phone"] != tt.want {
			t.Errorf("%s about %s with consent to %s: got %v", tt.asked, tt.marking, tt.class, in.About["phone"])
		}
	}
}
