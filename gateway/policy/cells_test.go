package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluss/gateway/facts"
)

type object = map[string]any

// table is a table that is shown whole: a municipality with a large total and
// two large parts.
func table() object {
	return object{
		"period": "2026-H1", "geography_level": "municipality", "dimensions": []string{"geography", "sex"},
		"amount_basis": object{"cases": 30, "payees": 3, "largest_share": 0.5},
		"cells": []object{
			{"id": "t", "dims": object{"geography": "municipality:A"}, "covers": []string{"municipality:A"}, "total_of": []string{"w", "m", "x"}, "n": 36},
			{"id": "w", "dims": object{"geography": "municipality:A", "sex": "woman"}, "covers": []string{"municipality:A"}, "n": 12},
			{"id": "m", "dims": object{"geography": "municipality:A", "sex": "man"}, "covers": []string{"municipality:A"}, "n": 18},
			{"id": "x", "dims": object{"geography": "municipality:A", "sex": "unknown"}, "covers": []string{"municipality:A"}, "n": 6},
		},
	}
}

func cell(tab object, i int) object { return tab["cells"].([]object)[i] }

func raw(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGuard changes one thing of a table that is shown whole (domain, Section 17).
func TestGuard(t *testing.T) {
	p := read(t)
	refused := facts.Table{Checked: true, Refused: true}
	shown := func(blanked ...string) facts.Table {
		return facts.Table{Checked: true, MoneyShown: true, Blanked: blanked}
	}
	noMoney := facts.Table{Checked: true}
	amount := func(name string, v any) func(object) {
		return func(tab object) { tab["amount_basis"].(object)[name] = v }
	}
	earlier := func(n int, covers ...string) object {
		return object{"period": "2026-H1", "cells": []object{
			{"id": "e", "dims": object{"geography": "region:R", "sex": "woman"}, "covers": covers, "n": n}}}
	}
	tests := []struct {
		name    string
		change  func(object)
		earlier []object
		want    facts.Table
	}{
		{"nothing", func(object) {}, nil, shown()},
		{"four dimensions in a cell", func(tab object) {
			cell(tab, 1)["dims"] = object{"geography": "municipality:A", "sex": "woman", "age_band": "u15", "measure": "x"}
		}, nil, refused},
		{"four dimensions in the table", func(tab object) { tab["dimensions"] = []string{"a", "b", "c", "d"} }, nil, refused},
		{"a cell of four, and the smallest besides", func(tab object) { cell(tab, 1)["n"] = 4 }, nil, shown("w", "x")},
		{"a cell of five", func(tab object) { cell(tab, 1)["n"] = 5 }, nil, shown()},
		{"two small cells hide each other", func(tab object) { cell(tab, 1)["n"], cell(tab, 3)["n"] = 1, 2 }, nil, shown("w", "x")},
		{"absence of women tells", func(tab object) { cell(tab, 1)["n"] = 0 }, nil, shown("w", "x")},
		{"absence at national level", func(tab object) { cell(tab, 1)["n"], tab["geography_level"] = 0, "national" }, nil, shown()},
		{"absence without a telling dimension", func(tab object) {
			cell(tab, 1)["n"], cell(tab, 1)["dims"] = 0, object{"geography": "municipality:A", "measure": "housing"}
		}, nil, shown()},
		{"nothing left to blank but the total, and with it the municipality", func(tab object) {
			cell(tab, 0)["total_of"], cell(tab, 1)["n"] = []string{"w"}, 3
		}, nil, shown("t", "w", "m", "x")},
		{"a total of nineteen carries nothing", func(tab object) { cell(tab, 0)["n"] = 19 }, nil, shown("t", "w", "m", "x")},
		{"a total of twenty", func(tab object) { cell(tab, 0)["n"] = 20 }, nil, shown()},
		{"no total", func(tab object) {
			cell(tab, 0)["dims"] = object{"geography": "region:R"}
			cell(tab, 0)["covers"] = []string{}
		}, nil,
			shown("w", "m", "x")},
		{"one municipality under another name", func(tab object) { cell(tab, 1)["dims"] = object{"sex": "woman"}; cell(tab, 0)["n"] = 19 }, nil,
			shown("t", "w", "m", "x")},
		{"blanked by the sender", func(tab object) { delete(cell(tab, 1), "n") }, nil, shown("x")},
		{"four more in a wider table", func(object) {}, []object{earlier(16, "municipality:A", "municipality:B")}, refused},
		{"four fewer in a wider table", func(object) {}, []object{earlier(8, "municipality:A", "municipality:B")}, refused},
		{"five more in a wider table", func(object) {}, []object{earlier(17, "municipality:A", "municipality:B")}, shown()},
		{"equal in a wider table", func(object) {}, []object{earlier(12, "municipality:A", "municipality:B")}, shown()},
		{"four more in the same municipality", func(object) {}, []object{earlier(16, "municipality:A")}, shown()},
		{"four more elsewhere", func(object) {}, []object{earlier(16, "municipality:B", "municipality:C")}, shown()},
		{"four more in another period", func(tab object) { tab["period"] = "2026-H2" }, []object{earlier(16, "municipality:A", "municipality:B")}, shown()},
		{"four more than a blanked cell", func(tab object) { cell(tab, 1)["n"] = 4 }, []object{earlier(8, "municipality:A", "municipality:B")}, shown("w", "x")},
		{"two cases", amount("cases", 2), nil, noMoney},
		{"three cases", amount("cases", 3), nil, shown()},
		{"one payee", amount("payees", 1), nil, noMoney},
		{"one payee above 85 percent", amount("largest_share", 0.86), nil, noMoney},
		{"one payee at 85 percent", amount("largest_share", 0.85), nil, shown()},
		{"nobody says what the sums are made of", func(tab object) { delete(tab, "amount_basis") }, nil, noMoney},
		{"two cells of one id", func(tab object) { cell(tab, 1)["id"] = "m" }, nil, refused},
		{"a cell without an id", func(tab object) { cell(tab, 1)["id"] = "" }, nil, refused},
		{"a negative count", func(tab object) { cell(tab, 1)["n"] = -1 }, nil, refused},
		{"a count that is no number", func(tab object) { cell(tab, 1)["n"] = "CANARY" }, nil, refused},
		{"a whole number with a fraction of nought", func(tab object) { cell(tab, 1)["n"] = json.Number("4.0") }, nil, shown("w", "x")},
		{"a whole number with an exponent", func(tab object) { cell(tab, 1)["n"] = json.Number("1.2e1") }, nil, shown()},
		{"a half", func(tab object) { cell(tab, 1)["n"] = 12.5 }, nil, refused},
		{"a small fraction", func(tab object) { cell(tab, 1)["n"] = json.Number("12.00000000000000000001") }, nil, refused},
		{"a count beyond 64 bits", func(tab object) { cell(tab, 1)["n"] = json.Number("1e19") }, nil, refused},
		{"an exponent without end", func(tab object) { cell(tab, 1)["n"] = json.Number("1e999999999") }, nil, refused},
		{"a count as a word", func(tab object) { cell(tab, 1)["n"] = "12" }, nil, refused},
		{"cases with a fraction of nought", amount("cases", json.Number("3.0")), nil, shown()},
		{"a total of what is not there", func(tab object) { cell(tab, 0)["total_of"] = []string{"z"} }, nil, refused},
		{"a total of a cell twice", func(tab object) { cell(tab, 0)["total_of"] = []string{"w", "w"} }, nil, refused},
		{"a total of itself", func(tab object) { cell(tab, 0)["total_of"] = []string{"t"} }, nil, refused},
		{"an earlier table that cannot be read", func(object) {}, []object{{"period": "2026-H1", "cells": "CANARY"}}, refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tab := table()
			tt.change(tab)
			var before []json.RawMessage
			for _, e := range tt.earlier {
				before = append(before, raw(t, e))
			}
			if diff := cmp.Diff(tt.want, p.Guard(raw(t, tab), before), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// FuzzGuard holds the guard to its promises: no shown cell of 1 to 4, and no
// total with a single blanked part.
func FuzzGuard(f *testing.F) {
	p := read(f)
	b, _ := json.Marshal(table())
	f.Add(b)
	f.Add([]byte(`{"cells":[{"id":"a","n":3},{"id":"b","n":0,"dims":{"sex":"woman"}},{"id":"t","total_of":["a","b"],"n":3}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := p.Guard(b, nil)
		if !got.Checked || got.Refused {
			return
		}
		var tab struct {
			Cells []struct {
				ID      string   `json:"id"`
				N       *float64 `json:"n"`
				TotalOf []string `json:"total_of"`
			} `json:"cells"`
		}
		if err := json.Unmarshal(b, &tab); err != nil {
			t.Fatalf("a table that cannot be read was passed: %v", err)
		}
		hidden := map[string]bool{}
		for _, id := range got.Blanked {
			hidden[id] = true
		}
		for _, c := range tab.Cells {
			if c.N == nil {
				hidden[c.ID] = true
			}
		}
		for _, c := range tab.Cells {
			if !hidden[c.ID] && *c.N > 0 && *c.N < 5 {
				t.Errorf("cell %q shows %v", c.ID, *c.N)
			}
			parts := map[string]bool{}
			for _, part := range c.TotalOf {
				if hidden[part] {
					parts[part] = true
				}
			}
			if !hidden[c.ID] && len(parts) == 1 && len(c.TotalOf) > 0 {
				t.Errorf("total %q gives %v away", c.ID, parts)
			}
		}
	})
}
