package facts_test

import (
	"testing"

	"sluss/gateway/facts"
)

// fullBook is what a case of some standing has: a consent, its
// countersignature, a decision.
func fullBook(b *testing.B) *book {
	bk := goodBook(b)
	s := bk.must(townA, worker, "exit.consent", consentWith(nil))
	if err := bk.agree(police, coord, s); err != nil {
		b.Fatal(err)
	}
	bk.must(police, coord, "exit.assessment_decision", decisionWith(nil))
	return bk
}

func BenchmarkDerive(b *testing.B) {
	w, q, tab := goodWorld(), goodQuestion(), tables(b)
	b.ReportAllocs()
	for b.Loop() {
		facts.Derive(w, q, tab, noon)
	}
}

// BenchmarkOf answers about a person whose statements were read before.
func BenchmarkOf(b *testing.B) {
	bk, q := fullBook(b), goodQuestion()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bk.reg.Of(b.Context(), q, noon); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOfCold answers when nothing is remembered.
func BenchmarkOfCold(b *testing.B) {
	bk, q := fullBook(b), goodQuestion()
	b.ReportAllocs()
	for b.Loop() {
		again := *bk.tables
		bk.tables = &again
		if _, err := bk.reg.Of(b.Context(), q, noon); err != nil {
			b.Fatal(err)
		}
	}
}
