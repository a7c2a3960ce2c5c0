package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/gatewaytest/bench/report"
)

// made are results that nobody measured.
func made() report.Results {
	at := func(v float64) load.Spread { return load.Spread{Median: v, Min: v * 0.9, Max: v * 1.1} }
	var points []report.Point
	for _, clients := range []int{1, 32} {
		for i, s := range []string{"gateway, sqlite", "floor, sqlite", "baseline"} {
			v := float64(100 * clients / (i + 1))
			points = append(points, report.Point{System: s, Clients: clients, Rate: at(v), P50: at(v / 10), P99: at(v / 5), OfFloor: at(0.7), OfPeer: at(3)})
		}
	}
	return report.Results{
		Exchange: &report.Exchange{Points: points, Profile: []report.Profiled{{System: "gateway, sqlite", Share: map[string]float64{"policy": 0.4, "envelope": 0.6}, File: "p.txt"}}},
		Growth: &report.Growth{Levels: []report.Level{{Store: "sqlite", Entries: 1e4, Points: points[:1]}, {Store: "sqlite", Entries: 1e7, Points: points[:1]}},
			Searches: []report.Search{{Store: "sqlite", Entries: 1e7, Kind: "person", P50: 1.25}}},
		Soak: &report.Soak{Samples: []report.Sample{{Minute: 1, Rate: 99, P50: 3, P99: 7, Memory: 80, Heap: 40, Goroutines: 12, Files: 30}, {Minute: 2, Rate: 98, P50: 3, P99: 8, Memory: 81, Heap: 41, Goroutines: 12, Files: 30}},
			Checked: "all is well"},
	}
}

// TestSave wants everything that was measured in the README, and plots that are XML
// and that the README shows.
func TestSave(t *testing.T) {
	dir := t.TempDir()
	if err := made().Save(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, want := range []string{"| 32 | gateway, sqlite | 3200 [2880–3520] |", "**not reached**", "10 M", "| person |", "1.25", "all is well", "98", "| 2–2 | 98 | 3 | 8 | 0 | 81 | 41 |"} {
		if !strings.Contains(page, want) {
			t.Errorf("the README lacks %q", want)
		}
	}
	plots, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil || len(plots) < 8 {
		t.Fatalf("plots %v, %v", plots, err)
	}
	for _, p := range plots {
		if !strings.Contains(page, "("+filepath.Base(p)+")") {
			t.Errorf("the README does not show %s", filepath.Base(p))
		}
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(f)
		for err == nil {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", p, err)
		}
		f.Close()
	}
}

// TestLoad wants the results back as they were saved, so that a run replaces its
// part only.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if err := made().Save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := report.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(made(), got); d != "" {
		t.Error(d)
	}
	if none, err := report.Load(t.TempDir()); err != nil || none.Exchange != nil {
		t.Errorf("no results: %+v, %v", none, err)
	}
}
