package policy_test

import (
	"strconv"
	"testing"
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

// BenchmarkVerdict decides a question that was never asked before: the engine
// evaluates all provisions.
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

// BenchmarkRead compiles the built-in policy: what a reload costs.
func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		read(b)
	}
}
