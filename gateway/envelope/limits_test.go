package envelope_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// TestLargeTable: a table of 900 cells passes, each number a disclosure, and
// half of them can be blanked.
func TestLargeTable(t *testing.T) {
	w := newWorld(t)
	var cells, blank []string
	for i := range 900 {
		cells = append(cells, fmt.Sprintf(`{"id":"c%d","dims":{},"n":%d}`, i, i))
		if i%2 == 0 {
			blank = append(blank, fmt.Sprintf("c%d", i))
		}
	}
	d := draft()
	d.Values = map[gateway.Field]json.RawMessage{"cells": json.RawMessage("[" + strings.Join(cells, ",") + "]")}
	raw, err := envelope.Seal(d, []envelope.FieldSpec{{Name: "cells", Cells: true}}, nil, w.sender.Signer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := envelope.Open(raw, w.keys, now)
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.Filter(set("cells"), blank)
	if err != nil {
		t.Fatal(err)
	}
	b := binding("cells")
	b.Release.SuppressedCells = blank
	release, err := envelope.Bind(f, b, w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := envelope.OpenRelease(release, w.keys, want, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	values, _, err := r.Unseal(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(values["cells"].JSON.Bytes()), `"n":`); got != 450 {
		t.Errorf("%d numbers are left, want 450", got)
	}
}

// TestWideObjects: an object as wide as the limits allow is refused or taken
// without work that grows with its square; quadratic work would show as a test
// that takes minutes.
func TestWideObjects(t *testing.T) {
	w := newWorld(t)
	about, keys := &strings.Builder{}, &strings.Builder{}
	for i := range 20000 {
		fmt.Fprintf(about, `"f%d":[],`, i)
		fmt.Fprintf(keys, `"k%d":"",`, i)
	}
	good := string(w.sealed(t))
	f := takeApart(t, good)
	f.alter(`"about",{`, `"about",{`+about.String())
	if _, err := envelope.Open([]byte(f.join(w.sender.key)), w.keys, now); err != nil {
		t.Errorf("20,000 fields in about: %v", err)
	}
	f = takeApart(t, good)
	f.replace(`"keys":{`, `"keys":{`+keys.String())
	if _, err := envelope.Open([]byte(f.join(w.sender.key)), w.keys, now); refusal(err) != gateway.CodeSealing {
		t.Errorf("20,000 bundles: %v", err)
	}
}
