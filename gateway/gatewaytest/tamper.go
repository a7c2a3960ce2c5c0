package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluss/gateway/disclosure"
	"sluss/gateway/store/database"
)

// tamperFaults are what somebody does who can write the database.
func tamperFaults() []FaultCase {
	return []FaultCase{{Name: "tamper", Count: 20, whole: tamper,
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
	"document.body":         "who reads it verifies it like the file: by the signatures of registrars and officers",
	"message.sender":        "of a statement, or where the content is gone since all have acknowledged: nothing more is sent there",
	"mail.entry":            "of a notice it says when it was made",
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
	return r.check(ctx, r.place())
}

// tamperWith makes so many edits of each sort that can be made of a table's rows,
// as the run counts.
func (r *faultRun) tamperWith(ctx context.Context, t table, e *editor, db disclosure.Checkable, o disclosure.FsckOptions, seen map[string]bool) error {
	all, err := e.rows(ctx, t)
	if err != nil {
		return err
	}
	for what, some := range r.ways(t, all) {
		var missed []string
		for _, d := range some[:min(len(some), r.count)] {
			found, err := d.check(ctx, e, db, o)
			if err != nil {
				return fmt.Errorf("%s: %w", d.what, err)
			}
			r.report.Count++
			if len(found) == 0 {
				missed = append(missed, d.kind)
			}
		}
		seen[what] = len(missed) == 0
		if _, ok := unseen[what]; !ok && !seen[what] {
			slices.Sort(missed)
			r.books.find("%s: not found, in rows of %q", what, slices.Compact(missed))
		}
	}
	return nil
}

// ways are the edits of a table, by their sort, of rows of every kind, in random
// order.
func (r *faultRun) ways(t table, all []row) map[string][]edit {
	kinds, ways := map[string]int{}, map[string][]edit{}
	for _, i := range r.rand.Perm(len(all)) {
		kind := t.kind(all[i])
		if kinds[kind]++; kinds[kind] > r.count {
			continue
		}
		for _, d := range t.edits(all[i], all, r.rand) {
			ways[d.what] = append(ways[d.what], d)
		}
	}
	for _, some := range ways {
		r.rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	}
	return ways
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
