package workbench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/facts/fixtures"
	"sluss/gateway/policy"
)

// mismatches compares a decision with the right answer, part by part.
// Outcome, reason, fields, bases and cells must be met exactly; the obligations
// expected, and "log", must be among those returned.
func mismatches(want fixtures.Expect, d policy.Decision) []Mismatch {
	var out []Mismatch
	differ := func(what, expected, got string) {
		if expected != got {
			out = append(out, Mismatch{what, cmp.Or(expected, "nothing"), cmp.Or(got, "nothing")})
		}
	}
	differ("outcome", string(want.Outcome), string(d.Outcome()))
	differ("reason", string(want.Reason), string(d.Reason()))
	out = append(out, fieldMismatches(want, d)...)
	differ("suppressed_cells", strings.Join(want.Suppressed, ", "), strings.Join(d.SuppressedCells(), ", "))
	for _, o := range append(slices.Clone(want.Obligations), "log") {
		if !slices.Contains(d.Obligations(), o) {
			out = append(out, Mismatch{"obligations", "among them " + string(o), listOf(d.Obligations())})
		}
	}
	return out
}

// fieldMismatches compares field by field, those of the type in its order and
// then what else is expected.
func fieldMismatches(want fixtures.Expect, d policy.Decision) []Mismatch {
	expected, got := map[gateway.Field]string{}, map[gateway.Field]string{}
	var order []gateway.Field
	for _, a := range d.Allowed() {
		order = append(order, a.Field)
		got[a.Field] = "allowed on " + string(a.Basis)
	}
	// What is not released need not be told field by field.
	if d.Outcome().Releases() || want.Outcome.Releases() || len(want.Withheld) > 0 {
		for _, w := range d.Withheld() {
			order = append(order, w.Field)
			got[w.Field] = "withheld (" + string(w.Reason) + ")"
		}
	}
	for _, f := range want.Allowed {
		expected[f] = "allowed on " + cmp.Or(string(want.Basis[f]), "(the case names no basis)")
	}
	for f, reason := range want.Withheld {
		expected[f] = strings.TrimPrefix(expected[f]+" and withheld ("+string(reason)+")", " and ")
	}
	for f, basis := range want.Basis {
		if !slices.Contains(want.Allowed, f) {
			expected[f] = strings.TrimPrefix(expected[f]+" and a basis "+string(basis)+" without being allowed", " and ")
		}
	}
	order = append(order, slices.Sorted(maps.Keys(expected))...)
	var out []Mismatch
	said := map[gateway.Field]bool{}
	for _, f := range order {
		if !said[f] && expected[f] != got[f] {
			out = append(out, Mismatch{string(f), cmp.Or(expected[f], "not mentioned"), cmp.Or(got[f], "not mentioned")})
		}
		said[f] = true
	}
	return out
}

func listOf[S ~string](l []S) string {
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = string(s)
	}
	return cmp.Or(strings.Join(out, ", "), "nothing")
}

// Line says the mismatch in a line.
func (d Mismatch) Line() string {
	return fmt.Sprintf("%s: expected %s, got %s", d.What, d.Expected, d.Got)
}
