package gatewaytest_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluss/gateway"
	"sluss/gateway/exchange"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/store/database"
	"sluss/gateway/store/sqlite"
)

// TestCrashFinds takes away from the database what clients were told, and has
// clients be told what is not in it. The audit of the runs finds each.
func TestCrashFinds(t *testing.T) {
	w := newCrowd(t)
	c, err := gatewaytest.NewCrashed(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	earlier, whole := t.TempDir(), t.TempDir()
	if err := c.Load(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	copied(t, earlier, c.Data())
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Load(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	copied(t, whole, c.Data())

	const first = " WHERE message <> '' AND seq = (SELECT min(seq) FROM mail WHERE message <> '')"
	tests := []struct {
		name           string
		from           string // copy of the database
		edit           string // of the database
		spoil          func(*gatewaytest.Crashed)
		lost, unlogged bool
		want           string // in a finding
	}{
		{name: "nothing", from: whole},
		{name: "an older database", from: earlier, lost: true, unlogged: true, want: "released without an entry"},
		{name: "message gone", from: whole, edit: "DELETE FROM message WHERE type = 'exit.threat_assessment'", lost: true, want: "its row is not there"},
		{name: "mailbox item gone", from: whole, edit: "DELETE FROM mail" + first, lost: true, want: "in no mailbox"},
		{name: "entries gone", from: whole, edit: "DELETE FROM entry WHERE kind = 'release'", lost: true, unlogged: true, want: "released without an entry"},
		{name: "statement gone", from: whole, edit: "DELETE FROM statement WHERE type = 'exit.person_attributes' AND number > 1000", lost: true, want: "not in the register"},
		{name: "entry altered", from: whole, edit: "UPDATE entry SET e1 = CAST(replace(CAST(e1 AS TEXT), 'PROTECTION', 'STATISTICS') AS BLOB) WHERE kind = 'release'", unlogged: true, want: "about another release"},

		{name: "release under another id", from: whole, unlogged: true, want: "released without an entry",
			spoil: func(c *gatewaytest.Crashed) { c.Released(func(id, _, _ *string) { *id += "x" }) }},
		{name: "release with another leaf", from: whole, unlogged: true, want: "about another release",
			spoil: func(c *gatewaytest.Crashed) {
				c.Released(func(_, leaf, _ *string) { *leaf = strings.Repeat("x", 64) })
			}},
		{name: "release of other bytes", from: whole, unlogged: true, want: "about another release",
			spoil: func(c *gatewaytest.Crashed) {
				c.Released(func(_, _, sdHash *string) { *sdHash = strings.Repeat("x", 32) })
			}},
		{name: "receipt for another entry", from: whole, lost: true, want: "proof in its receipt",
			spoil: func(c *gatewaytest.Crashed) { c.Receipt(func(a *exchange.Accepted) { a.Entry++ }) }},
		{name: "receipt with another proof", from: whole, lost: true, want: "proof in its receipt",
			spoil: func(c *gatewaytest.Crashed) {
				c.Receipt(func(a *exchange.Accepted) { a.Proof = strings.Replace(a.Proof, "index ", "index 1", 1) })
			}},
		{name: "receipt about another message", from: whole, lost: true, want: "not about the bytes",
			spoil: func(c *gatewaytest.Crashed) {
				c.Receipt(func(a *exchange.Accepted) { a.ID = gateway.MessageID("urn:uuid:1") })
			}},
		{name: "acknowledgement that is not kept", from: whole, lost: true, want: "acknowledgement is lost",
			spoil: func(c *gatewaytest.Crashed) { c.Said("x") }},
		{name: "another receipt for the same bytes", from: whole, want: "the same bytes got another receipt",
			spoil: func(c *gatewaytest.Crashed) { c.Resent(func(a *exchange.Accepted) { a.Entry++ }) }},
		{name: "acknowledged and handed out", from: whole, want: "handed out again after",
			spoil: func(c *gatewaytest.Crashed) { id, e1 := c.Acked(); c.Poll(c.Turn(), id, e1, [64]byte{}) }},
		{name: "acknowledged and handed out in one", from: whole, want: "handed out again after",
			spoil: func(c *gatewaytest.Crashed) { id, e1 := c.Acked(); c.Poll(-1, id, e1, [64]byte{}, id) }},
		{name: "two contents", from: whole, want: "with two contents",
			spoil: func(c *gatewaytest.Crashed) { id, e1 := c.Acked(); c.Poll(-1, id, e1, [64]byte{}) }},
		{name: "two ids", from: whole, unlogged: true, want: "handed out as",
			spoil: func(c *gatewaytest.Crashed) { _, e1 := c.Acked(); c.Poll(-1, "x", e1, [64]byte{}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := t.TempDir()
			copied(t, data, tt.from)
			edited(t, data, tt.edit)
			told := c.Told()
			if tt.spoil != nil {
				tt.spoil(told)
			}
			lost, unlogged, findings, err := told.Audit(t.Context(), data)
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(findings, "\n")
			if lost > 0 != tt.lost || unlogged > 0 != tt.unlogged || (tt.want == "") != (all == "") || !strings.Contains(all, tt.want) {
				t.Errorf("lost %d, unlogged %d, findings:\n%s\nwant lost %v, unlogged %v, and %q", lost, unlogged, all, tt.lost, tt.unlogged, tt.want)
			}
		})
	}
}

func copied(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// edited changes a database behind the gateway's back.
func edited(t *testing.T, place, query string) {
	t.Helper()
	if query == "" {
		return
	}
	driver, name := "sqlite", filepath.Join(place, sqlite.FileName)
	if database.Server(place) {
		driver, name = "pgx", place
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	done, err := db.ExecContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changed %d rows: %v", query, n, err)
	}
}
