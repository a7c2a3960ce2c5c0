package exchange

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/store"
)

// followUp is the one type that is a table of sums. What of its cells may be
// shown depends on the tables that were released before it (domain, Section 17).
const (
	followUp   gateway.MessageType = "exit.followup_report"
	cellsField gateway.Field       = "cells"
)

// stateTables is the beginning of the name of the state under which the tables
// of a period stand: "tables:2026-H1". Its version rises with each table that is
// released for the first time, in the transaction of the release, so that of two
// tables released at once the second is decided on again, beside the first.
const stateTables = "tables:"

// cell is a cell of a table, as far as a later table is compared with it.
type cell struct {
	ID     string            `json:"id"`
	Dims   map[string]string `json:"dims"`
	Covers []string          `json:"covers,omitempty"`
	N      *int64            `json:"n,omitempty"`
}

// keptTable is a table as it was shown: what was blanked has no number.
type keptTable struct {
	Period  string   `json:"period"`
	Cells   []cell   `json:"cells"`
	Blanked []string `json:"blanked"`
}

// tabled is what is known of a table about to be decided on.
type tabled struct {
	found facts.Table
	state store.State // of its period
	table keptTable   // as it was sent
	shown bool        // it was released before: nothing of it is new
}

// tabled asks the small-cell guard about a follow-up report. It returns nil for
// any other type.
func (x *Exchange) tabled(ctx context.Context, r *Regime, msg envelope.Message) (*tabled, error) {
	if msg.Claims().Type != followUp {
		return nil, nil
	}
	values := map[gateway.Field]json.RawMessage{}
	for _, f := range msg.Fields() {
		if f.Value != nil {
			values[f.Name] = f.Value
		}
	}
	report, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("reading a table: %w", err)
	}
	t := &tabled{}
	if err := json.Unmarshal(report, &t.table); err != nil || t.table.Period == "" {
		t.found, t.state.Name = facts.Table{Checked: true, Refused: true}, stateTables
		return t, nil
	}
	before, err := x.tablesOf(ctx, t.table.Period, &t.state)
	if err != nil {
		return nil, err
	}
	var own keptTable
	var earlier []json.RawMessage
	for _, b := range before {
		if b.Issuer != msg.Claims().Issuer || b.ID != msg.Claims().ID {
			earlier = append(earlier, b.Body)
			continue
		}
		if err := json.Unmarshal(b.Body, &own); err != nil {
			return nil, fmt.Errorf("%w: %s", ErrState, stateTables)
		}
		t.shown = true
	}
	t.found = r.Policy.Guard(report, earlier)
	// What was blanked when it was first shown stays blanked: beside what others
	// have seen since, nothing more of it may come.
	for _, id := range own.Blanked {
		if !t.found.Refused && !slices.Contains(t.found.Blanked, id) {
			t.found.Blanked = append(t.found.Blanked, id)
		}
	}
	return t, nil
}

// tablesOf returns the tables of a period that were released, opened, and fills
// in the state that they stand under. What does not fit it is [ErrState].
func (x *Exchange) tablesOf(ctx context.Context, period string, state *store.State) ([]store.Statement, error) {
	found, err := x.cfg.Store.States(ctx, []string{stateTables + period})
	if err != nil {
		return nil, err
	}
	*state = found[0]
	rows, err := x.cfg.Store.Statements(ctx, state.Name)
	if err != nil {
		return nil, err
	}
	// A release between the two reads has brought one more, and moves the state.
	rows = rows[:min(len(rows), int(state.Version))]
	if err := x.tablesFit(*state, rows); err != nil {
		return nil, err
	}
	for i, row := range rows {
		if rows[i].Body, err = x.cfg.AtRest.Decrypt(row.Key, row.Body, tableAAD(row)); err != nil {
			return nil, fmt.Errorf("opening a released table: %w", err)
		}
		if gateway.DigestOf(rows[i].Body) != row.Digest {
			return nil, fmt.Errorf("%w: %s", ErrState, stateTables)
		}
	}
	return rows, nil
}

// tablesFit compares a period's state with the tables that it covers.
func (x *Exchange) tablesFit(state store.State, rows []store.Statement) error {
	if state.Version == 0 && len(rows) == 0 {
		return nil
	}
	if !hmac.Equal(state.MAC, x.mac(state)) || int64(len(rows)) != state.Version || tablesDigest(rows) != state.Digest {
		return fmt.Errorf("%w: %s", ErrState, stateTables)
	}
	return nil
}

// tablesDigest covers released tables in their order.
func tablesDigest(rows []store.Statement) gateway.Digest {
	var b []byte
	for _, r := range rows {
		name := string(r.Issuer) + "\x00" + string(r.ID)
		b = binary.BigEndian.AppendUint64(b, uint64(len(name)))
		b = append(append(b, name...), r.Digest[:]...)
	}
	return gateway.DigestOf(b)
}

// tableAAD binds a kept table to its row.
func tableAAD(row store.Statement) []byte {
	return fmt.Appendf(nil, "released table\x00%s\x00%s\x00%s\x00%s\x00%s\x00%d", row.State, row.Issuer, row.ID, row.Type, row.Fact, row.Seq)
}

// keepTable keeps a table that is about to be released for the first time, as it
// will be shown, in the transaction of the release and under its entry.
func (x *Exchange) keepTable(ctx context.Context, w *store.Write, e1 *disclosure.E1, h handout, r ruling) error {
	t := r.table
	if _, cells := r.decision.Allows(cellsField); t == nil || t.shown || !cells {
		return nil
	}
	kept := keptTable{Period: t.table.Period, Blanked: r.decision.SuppressedCells()}
	for _, c := range t.table.Cells {
		if slices.Contains(kept.Blanked, c.ID) {
			c.N = nil
		}
		kept.Cells = append(kept.Cells, c)
	}
	plain, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("keeping a table: %w", err)
	}
	claims := h.msg.Claims()
	row := store.Statement{State: t.state.Name, Issuer: claims.Issuer, ID: claims.ID, Type: claims.Type, Fact: "table",
		Seq: t.state.Version + 1, Digest: gateway.DigestOf(plain)}
	if row.Body, row.Key, err = x.cfg.AtRest.Encrypt(claims.Issuer, "tables", r.now, plain, tableAAD(row)); err != nil {
		return err
	}
	rows, err := x.cfg.Store.Statements(ctx, t.state.Name)
	if err != nil {
		return err
	}
	rows = append(rows[:min(len(rows), int(t.state.Version))], row)
	next := store.State{Name: t.state.Name, Version: t.state.Version + 1, Digest: tablesDigest(rows)}
	next.MAC = x.mac(next)
	e1.Kept = &row.Digest
	w.Set, w.Statements = append(w.Set, next), append(w.Statements, row)
	return nil
}

// storedTables verifies the state of a period for a check of the database.
func (x *Exchange) storedTables(ctx context.Context, state store.State) error {
	var now store.State
	if _, err := x.tablesOf(ctx, strings.TrimPrefix(state.Name, stateTables), &now); err != nil {
		return err
	}
	return nil
}
