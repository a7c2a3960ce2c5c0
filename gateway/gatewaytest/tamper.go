package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sluss/gateway/disclosure"
	"sluss/gateway/store/database"
)

// tamperFaults are what somebody does who can write the database.
func tamperFaults() []FaultCase {
	return []FaultCase{{Name: "tamper", Count: 2, whole: tamper,
		Words: "one row of one table is altered, deleted or inserted, with the checksum that belongs to it: each table, each column, rows of each sort; log fsck finds it"}}
}

// unseen are the edits that a check of the database cannot see, and what becomes
// of them instead. SECURITY.md says the same.
var unseen = map[string]string{
	"tile row inserted":     "a tile beyond the tree is read by nobody; the tree replaces it when it has grown there",
	"entry.batch":           "where two batches look like one, a receipt made again proves the entry in a later tree: other bytes, and as true",
	"replay.id":             "a single-use identifier has no entry: within its minute the same request is answered again, to the same official, with an entry",
	"replay.until":          "the same",
	"replay row deleted":    "the same",
	"replay row inserted":   "a request that somebody has foreseen is refused",
	"statement.seq":         "where the order stays the same it says nothing",
	"published.size":        "a checkpoint is published again, or not before the next one; it is believed by its signature",
	"published.note":        "the same, where it is another checkpoint of this log",
	"published row deleted": "the same; what others have seen stands in the anchor",
	"mail.version":          "it is compared with itself; a change that was under way is made again",
	"mail.lease":            "a message is handed out again, the same bytes, or late, and told as expired if too late",
	"mail.hold":             "the decision is taken again, and has its entry",
	"mail.state":            "waiting, held or handed is decided again; a notice that is called done is not handed out",
}

// tamper makes a database with rows of every sort and edits it in every way, one
// edit at a time.
func tamper(ctx context.Context, r *faultRun) error {
	if err := r.everything(ctx); err != nil {
		return err
	}
	if err := errors.Join(r.w.Stop(), r.check(ctx, r.place())); err != nil || !r.sound() {
		return err
	}
	db, err := database.View(ctx, r.place())
	if err != nil {
		return err
	}
	defer db.Close()
	o, err := r.w.checking(db)
	if err != nil {
		return err
	}
	e, err := r.editing()
	if err != nil {
		return err
	}
	defer e.db.Close()
	seen := map[string]bool{}
	for _, t := range schema() {
		if err := r.tamperWith(ctx, t, e, db, o, seen); err != nil {
			return err
		}
	}
	for what := range unseen {
		if seen[what] && !strings.HasSuffix(unseen[what], "?") {
			r.books.find("%s is said to be unseen, and was found each time", what)
		}
	}
	return r.check(ctx, r.place())
}

// tamperWith edits rows of each sort that a table has.
func (r *faultRun) tamperWith(ctx context.Context, t table, e *editor, db disclosure.Checkable, o disclosure.FsckOptions, seen map[string]bool) error {
	all, err := e.rows(ctx, t)
	if err != nil {
		return err
	}
	sorts := map[string][]row{}
	for _, one := range all {
		sorts[t.kind(one)] = append(sorts[t.kind(one)], one)
	}
	missed := map[string][]string{}
	for _, some := range sorts {
		r.rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		for _, one := range some[:min(len(some), r.count)] {
			for _, d := range t.edits(one, all, r.rand) {
				found, err := d.check(ctx, e, db, o)
				if err != nil {
					return fmt.Errorf("%s: %w", d.what, err)
				}
				r.report.Count++
				if len(found) == 0 {
					missed[d.what] = append(missed[d.what], d.kind)
				} else if _, ok := seen[d.what]; !ok {
					seen[d.what] = true
				}
			}
		}
	}
	for what, kinds := range missed {
		seen[what] = false
		if _, ok := unseen[what]; !ok {
			slices.Sort(kinds)
			r.books.find("%s: not found, in rows of %q", what, slices.Compact(kinds))
		}
	}
	return nil
}

// check makes an edit, checks the database and undoes the edit. What the database
// itself refuses is as good as found.
func (d edit) check(ctx context.Context, e *editor, db disclosure.Checkable, o disclosure.FsckOptions) ([]string, error) {
	if err := d.do(ctx, e); errors.Is(err, errBarred) {
		return []string{err.Error()}, nil
	} else if err != nil {
		return nil, err
	}
	found, err := disclosure.Fsck(ctx, db, o)
	if err != nil {
		found = append(found, err.Error())
	}
	return found, d.undo(ctx, e)
}

// everything makes rows of every sort: the story, and messages that wait, that
// are held, that were handed out and that are done.
func (r *faultRun) everything(ctx context.Context) error {
	s := &story{w: r.w, out: quiet{}, day: r.begun, home: stockholm}
	for _, scene := range []func(context.Context) error{s.gather, s.openCase, s.recordConsent, s.threatAssessment, s.providerAsks,
		s.transitionNeedsDecision, s.decisionReleases, s.consentWithdrawn, s.senderSees} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	l := r.load(working, cancel)
	err := r.goesOn(ctx)
	for err == nil && r.books.taken() < 40 {
		err = r.goesOn(ctx)
	}
	l.finish(working, err == nil)
	for _, m := range r.towns {
		for range 2 {
			if err == nil {
				err = m.waits(ctx)
			}
		}
	}
	return err
}

// waits sends a message that nobody collects.
func (m *Matter) waits(ctx context.Context) error {
	token, err := m.Seal(ctx)
	if err == nil {
		_, err = m.police.Send(ctx, token)
	}
	return err
}
