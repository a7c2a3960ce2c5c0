package policy_test

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// BenchmarkDecideInput decides the worked cases of the main message types, one
// after the other.
func BenchmarkDecideInput(b *testing.B) {
	p, tab := builtIn(b)
	w, cases := golden(b)
	for _, c := range cases {
		switch c.ID {
		case "G01", "G03", "G37", "G52", "G78":
		default:
			continue
		}
		in := input(b, p, w, c, tab)
		b.Run(c.ID+"_"+string(c.Request.Type), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.DecideInput(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerdict decides a question of which nothing was asked before: the
// engine evaluates all provisions.
func BenchmarkVerdict(b *testing.B) {
	p := read(b)
	in := good()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		in.Maturity = strconv.Itoa(i)
		if _, err := p.DecideInput(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnother decides the worked cases for another person each time: up to
// three facts are others, and so are consents and decisions. No question is
// asked twice. It reports the median and how many were answered from memory.
func BenchmarkAnother(b *testing.B) {
	p, tab := builtIn(b)
	w, cases := golden(b)
	var questions []facts.Input
	for _, c := range cases {
		in := input(b, p, w, c, tab)
		questions = append(questions, in)
		if _, err := p.DecideInput(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
	s := newSpace(b, p, 3)
	var took []float64
	foreseen := 0
	for b.Loop() {
		in := one(s, questions)
		of := reflect.ValueOf(&in.Facts).Elem()
		for range s.rand.IntN(4) {
			f := of.Field(s.rand.IntN(of.NumField()))
			f.SetBool(!f.Bool())
		}
		in.Facts.Asked = in.Initiative == gateway.ByActor
		in.Decision, in.Claimed = s.standings(s.fields[in.Type]), some(s, s.bases, 4)
		if p.Foreseen(in) {
			foreseen++
		}
		begun := time.Now()
		if _, err := p.DecideInput(b.Context(), in); err != nil {
			b.Fatal(err)
		}
		took = append(took, float64(time.Since(begun).Nanoseconds())/1000)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "median-us")
	b.ReportMetric(100*float64(foreseen)/float64(len(took)), "%foreseen")
}

// BenchmarkRead compiles the built-in policy: what a reload costs.
func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		read(b)
	}
}
