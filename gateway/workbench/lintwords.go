package workbench

import (
	"cmp"
	"strings"

	"sluss/gateway/policy"
)

// Language is a language in which findings are told: "sv" or "en".
type Language string

// The languages of legal officers and auditors.
const (
	Swedish Language = "sv"
	English Language = "en"
)

// Sentence says in a language what was found.
func (f Finding) Sentence(in Language) string {
	s, near, subject := sentences[f.Code].en, " Did you mean {near}?", f.Subject
	if in == Swedish {
		s, near, subject = sentences[f.Code].sv, " Menade du {near}?", cmp.Or(f.SubjectSV, f.Subject)
	}
	if f.Near != "" {
		s += near
	}
	return strings.NewReplacer("{subject}", subject, "{place}", f.Place, "{near}", f.Near).Replace(s)
}

// sentences has every code in both languages.
var sentences = map[string]struct{ sv, en string }{
	policy.TooLarge: {
		"Filerna är för stora: {subject} byte, högst {place}.",
		"The files are too large: {subject} bytes, at most {place}."},
	policy.TooMany: {
		"Det finns {subject} regler, högst {place} är tillåtna.",
		"There are {subject} rules, at most {place} are allowed."},
	policy.TooDeep: {
		"Regeln har {subject} nivåer inuti varandra, högst {place} är tillåtna.",
		"The rule nests {subject} levels deep, at most {place} are allowed."},
	policy.TooCostly: {
		"Att pröva ”{subject}” tar mer än {place} steg, för att namngivna villkor frågar varandra om och om igen.",
		"Trying “{subject}” takes more than {place} steps, because named conditions ask each other again and again."},
	policy.Syntax: {
		"Filen går inte att läsa som Rego: {subject}",
		"The file cannot be read as Rego: {subject}"},
	policy.OtherPackage: {
		"Filen hör till paketet {subject}; den ska börja med ”package provisions”.",
		"The file is of package {subject}; it must begin with “package provisions”."},
	policy.OutsideHead: {
		"”{subject}” är varken en bestämmelse, ett namngivet villkor eller ett av de två dokumenten decision och constants.",
		"“{subject}” is neither a provision nor a named condition nor one of the documents decision and constants."},
	policy.OutsideBody: {
		"Villkoret ”{subject}” har inte en form som är tillåten: ett sakförhållande, en jämförelse med ett registrerat värde, ett namngivet villkor, ”some … in” eller ”not” före något av dem.",
		"The condition “{subject}” has none of the forms that are allowed: a fact, a comparison with a registered value, a named condition, “some … in”, or “not” before one of them."},
	policy.OutsideBuiltin: {
		"”{subject}” använder en funktion som bestämmelser inte får använda.",
		"“{subject}” uses a function that provisions may not use."},
	policy.UnknownMember: {
		"{subject} finns inte; villkoret skulle aldrig hålla, eller alltid efter ”not”.",
		"There is no {subject}; the condition would never hold, or always behind “not”."},
	policy.UnknownLiteral: {
		"”{subject}” finns inte i registret för {place}.",
		"“{subject}” is not registered for {place}."},
	policy.UnknownName: {
		"”{subject}” i {place} finns inte i någon tabell.",
		"“{subject}” in {place} is in no table."},
	policy.NoMetadata: {
		"Bestämmelsen ({subject}) saknar METADATA med id, lagrum, titlar och texter på svenska och engelska.",
		"The provision ({subject}) has no METADATA with id, statute, titles and texts in Swedish and English."},
	policy.BadMetadata: {
		"METADATA är inte fullständigt: {subject}.",
		"The METADATA is not complete: {subject}."},
	policy.SameID: {
		"Id {subject} används redan av en annan bestämmelse.",
		"The id {subject} is used by another provision already."},
	policy.NoProvision: {
		"Grunden {subject} i {place} finns inte som bestämmelse.",
		"The basis {subject} in {place} has no provision."},
	policy.BadConstants: {
		"Dokumentet constants är inte fullständigt: {subject}.",
		"The document constants is not complete: {subject}."},
	policy.BadTable: {
		"En tabell går inte att läsa: {subject}.",
		"A table cannot be read: {subject}."},
	policy.Compiler: {
		"Reglerna går inte att sammanställa: {subject}.",
		"The rules cannot be compiled: {subject}."},
	UnusedHelper: {
		"Det namngivna villkoret {subject} används inte av någon bestämmelse.",
		"The named condition {subject} is used by no provision."},
	Untested: {
		"Inget test nämner bestämmelsen {subject}.",
		"No test names the provision {subject}."},
	NotUndefined: {
		"”{subject}”: det som står efter ”not” kan sakna värde, och då är svaret inte det motsatta. Gör det till ett namngivet villkor.",
		"“{subject}”: what stands behind “not” may have no value, and then the answer is not the opposite. Make it a named condition."},
	Impossible: {
		"”{subject}” kan aldrig hålla tillsammans med de andra villkoren: regeln gäller aldrig.",
		"“{subject}” can never hold together with the other conditions: the rule never applies."},
	Constant: {
		"”{subject}” håller alltid här och säger inget.",
		"“{subject}” always holds here and says nothing."},
	Duplicate: {
		"{subject} säger samma sak som regeln i {place}.",
		"{subject} says what the rule at {place} says."},
	Format: {
		"Raden är inte skriven som ”opa fmt” skriver den: ”{subject}”.",
		"The line is not as “opa fmt” writes it: “{subject}”."},
	NoFlow: {
		"Grunden {subject} finns inte i något flöde: den öppnar ingenting.",
		"The basis {subject} is in no flow: it opens nothing."},
	NotConfirmed: {
		"{place}: en jurist måste bekräfta: {subject}.",
		"{place}: a lawyer must confirm: {subject}."},
	NoTestFile: {
		"Filen {subject} med tester saknas.",
		"There is no file {subject} with tests."},
	SlowPattern: {
		"Mönstret ”{subject}” upprepar en upprepning; andra myndigheters system kan behöva orimligt lång tid för att pröva det.",
		"The pattern “{subject}” repeats a repetition; the systems of other agencies may take for ever to try it."},
	NotCompatible: {
		"En gateway skulle inte öppna utkastet: {subject}.",
		"A gateway would not open the draft: {subject}."},
}
