package gatewaytest_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
)

const (
	national gateway.Role = "police.exit_coordinator_national"
	analyst  gateway.Role = "socialstyrelsen.analyst"
)

// sums is one table of sums, and what must become of it.
type sums struct {
	period, level string
	cells         []map[string]any
}

// count is a cell.
func count(id string, n int, dims map[string]string, covers ...string) map[string]any {
	return map[string]any{"id": id, "dims": dims, "covers": covers, "n": n}
}

// perSex is a municipality's table with so many women, of 36 in all.
func perSex(period string, women int) sums {
	const town = "municipality:0180"
	of := func(sex string) map[string]string { return map[string]string{"geography": town, "sex": sex} }
	total := count("t", 36, map[string]string{"geography": town}, town)
	total["total_of"] = []string{"w", "m", "x"}
	return sums{period, "municipality", []map[string]any{total,
		count("w", women, of("woman"), town), count("m", 30-women, of("man"), town), count("x", 6, of("unknown"), town)}}
}

// wider has the women of one more municipality, and of both its total.
func wider(period string, women int) sums {
	return sums{period, "region", []map[string]any{
		count("w", women, map[string]string{"geography": "region:01", "sex": "woman"}, "municipality:0180", "municipality:1480")}}
}

// report hands a table in, from the police to the statisticians.
func (s *stage) report(t *testing.T, table sums) gateway.MessageID {
	t.Helper()
	values := map[gateway.Field]gateway.Payload{}
	for f, v := range map[gateway.Field]any{"period": table.period, "geography_level": table.level, "dimensions": []string{"geography", "sex"},
		"cells": table.cells, "suppression_method": "none", "narrative_reviewed_by": gateway.NewRef(),
		"applications_received": 113, "applications_granted": 70, "amount_applied": 72.5e6, "amount_paid": 58e6, "appropriation": 80e6,
		"amount_basis": map[string]any{"cases": 70, "payees": 12, "largest_share": 0.3}} {
		p, err := client.Value(v)
		if err != nil {
			t.Fatal(err)
		}
		values[f] = p
	}
	raw, err := s.client(t, policeExit).Seal(t.Context(), client.Draft{Type: "exit.followup_report", From: national, To: "socialstyrelsen",
		ToRoles: []gateway.Role{analyst}, Purpose: "STATISTICS", Case: gateway.NewRef(), Values: values})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := s.client(t, policeExit).Send(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	return sent.ID
}

func (s *stage) client(t *testing.T, p party) *client.Client {
	t.Helper()
	c, err := s.Client(t.Context(), p.agency, p.system)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// collected is what one poll of the statisticians brings, acknowledged.
func (s *stage) collected(t *testing.T) (map[gateway.MessageID]client.Message, map[gateway.MessageID]string) {
	t.Helper()
	c := s.client(t, party{"socialstyrelsen", "exit"})
	b, err := c.Poll(t.Context(), analyst, client.PollOptions{NoWait: true})
	if err != nil || len(b.Refused) > 0 {
		t.Fatalf("polling: %v, refused %v", err, b.Refused)
	}
	messages, refused := map[gateway.MessageID]client.Message{}, map[gateway.MessageID]string{}
	for _, m := range b.Messages {
		messages[m.Claims().ID] = m
		if err := c.Ack(t.Context(), analyst, m); err != nil {
			t.Fatal(err)
		}
	}
	b, err = c.Poll(t.Context(), analyst, client.PollOptions{NoWait: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range b.Notices {
		if n.Event.Type == envelope.ReleaseRefused {
			refused[n.Event.Message] = string(n.Event.Claims)
		}
		if err := c.Ack(t.Context(), analyst, n); err != nil {
			t.Fatal(err)
		}
	}
	return messages, refused
}

// TestTables sends tables of sums through a gateway. What is small is blanked
// and named, under the sender's signature over what is left; a table whose
// difference from an earlier one would show a few is denied, also when both are
// collected at once and after a restart; sums of the nation pass.
func TestTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start(t, w)
	s := &stage{World: w}

	small := s.report(t, perSex("2026-H1", 4))
	got, _ := s.collected(t)
	m, ok := got[small]
	if !ok {
		t.Fatal("the table with a small cell did not come")
	}
	if want := []string{"w", "x"}; !slices.Equal(m.Release().SuppressedCells, want) {
		t.Errorf("suppressed %q, want %q", m.Release().SuppressedCells, want)
	}
	if n := numbers(t, m); len(n) != 2 || n["t"] != 36 || n["m"] != 26 {
		t.Errorf("the recipient sees %v", n)
	}
	if v, ok := m.Value("amount_paid"); !ok || string(v.Bytes()) != "58000000" && string(v.Bytes()) != "5.8e+07" && string(v.Bytes()) != "5.8e7" {
		t.Errorf("amount_paid is %s, %v", v.Bytes(), ok)
	}

	open := s.report(t, perSex("2026-Q3", 12))
	if got, _ := s.collected(t); len(got) != 1 || len(got[open].Release().SuppressedCells) != 0 || numbers(t, got[open])["w"] != 12 {
		t.Errorf("a table without small cells: %v", got)
	}
	// What was shown before is remembered by the next process.
	stop(t, w)
	start(t, w)
	for _, tt := range []struct {
		name  string
		table sums
		come  bool
	}{
		{"four more in a wider area", wider("2026-Q3", 16), false},
		{"five more", wider("2026-Q3", 17), true},
		{"four more in another period", wider("2026-Q4", 16), true},
		{"four more than what was blanked", wider("2026-H1", 8), true},
		{"the nation", sums{"2026-Q3", "national", []map[string]any{count("n", 113, map[string]string{}, "sweden")}}, true},
	} {
		id := s.report(t, tt.table)
		got, refused := s.collected(t)
		if _, come := got[id]; come != tt.come {
			t.Errorf("%s: came %v, want %v", tt.name, come, tt.come)
		}
		if !tt.come && !strings.Contains(refused[id], "BLK-CELL") && !strings.Contains(refused[id], "DENY") {
			t.Errorf("%s: the recipient is told %q", tt.name, refused[id])
		}
	}
	for i := range 8 { // two at once
		period := fmt.Sprintf("20%02d", 30+i)
		one, other := s.report(t, perSex(period, 12)), s.report(t, wider(period, 14))
		got, refused := s.collected(t)
		if len(got) != 1 || len(refused) != 1 || refused[one]+refused[other] == "" {
			t.Fatalf("of two tables at once %d came and %d were refused", len(got), len(refused))
		}
	}
	s.verified(t)
	s.tamperedTables(t)
}

// numbers returns the numbers of a table that the recipient has.
func numbers(t *testing.T, m client.Message) map[string]int {
	t.Helper()
	v, _ := m.Value("cells")
	var cells []struct {
		ID string `json:"id"`
		N  *int   `json:"n"`
	}
	if err := json.Unmarshal(v.Bytes(), &cells); err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, c := range cells {
		if c.N != nil {
			out[c.ID] = *c.N
		}
	}
	return out
}

// tamperedTables takes a released table out of the database of a gateway that
// has ended, and its state back: the log still says that there was one.
func (s *stage) tamperedTables(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.path("data"), "sluss.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{"DELETE FROM statement WHERE state = 'tables:2026-Q3'", "DELETE FROM state WHERE name = 'tables:2026-Q3'"} {
		if _, err := db.ExecContext(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(binary), "gatewayctl"), "log", "fsck", "--pins", s.path("pins.json"),
		"--kek", "file:"+s.path("kek"), "--ring", s.path("state/ring"), s.path("data")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "kept with it is gone") {
		t.Errorf("fsck of a store without its released tables: %v: %s", err, out)
	}
}
