package disclosure_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

func entry(t testing.TB, e1 disclosure.E1, e2 disclosure.E2) store.Entry {
	t.Helper()
	e1.Time = disclosure.At(time.Now())
	e, err := disclosure.NewEntry(e1, e2, plain{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// story writes a row of every kind: a policy is activated, a fact stated, a
// message sent, released and acknowledged, and another one released.
func story(t testing.TB, s store.Store, l running) {
	t.Helper()
	must := func(w store.Write) {
		t.Helper()
		if _, err := l.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	must(store.Write{Set: []store.State{{Name: "policy", Version: 1, Digest: *digest("active"), MAC: []byte("mac")}},
		Entries: []store.Entry{entry(t, disclosure.E1{
			Kind: disclosure.PolicyActivated, Snapshot: digest("snapshot"),
		}, disclosure.E2{})}})
	stated := newID()
	must(store.Write{
		Replay: "once", ReplayUntil: time.Now().Add(time.Hour),
		Set: []store.State{{Name: "person:" + string(ref), Version: 1, Digest: *digest("state"), MAC: []byte("mac")}},
		Entries: []store.Entry{entry(t, disclosure.E1{
			Kind: disclosure.StatementAdmitted, Message: stated, Discloser: "police", Digest: digest("stated"), Kept: digest("kept"),
			Type: "exit.consent",
		}, disclosure.E2{Subject: ref})},
		Statements: []store.Statement{{
			State: "person:" + string(ref), Issuer: "police", ID: stated, Type: "exit.consent", Fact: "c1", Seq: 1,
			Digest: *digest("kept"), Body: []byte("CANARY"), Key: "k",
		}},
	})
	for _, done := range []bool{true, false} {
		w := submission(t, time.Now())
		must(w)
		mail, err := s.MailOf(t.Context(), "police", w.Message.ID)
		if err != nil || len(mail) != 1 {
			t.Fatal(len(mail), err)
		}
		m := mail[0]
		m.State, m.Delivery, m.Token, m.Lease = store.Handed, string(gateway.NewRef()), *digest("view"), time.Now()
		must(store.Write{Change: []store.MailChange{{Mail: m}}, Entries: []store.Entry{entry(t, disclosure.E1{
			Kind: disclosure.Release, Delivery: m.Delivery, Message: m.Message, Discloser: "police", Recipient: m.Agency,
			SDHash: digest("view"), Role: m.Role, Purpose: "PROTECTION", Type: w.Message.Type, Snapshot: digest("snapshot"),
			Outcome: gateway.Permit, Allowed: map[gateway.Field]gateway.Basis{"f": "OSL-10-2"},
		}, disclosure.E2{Subject: ref})}})
		if !done {
			continue
		}
		m.State, m.Version = store.Done, m.Version+1
		must(store.Write{
			Change: []store.MailChange{{Mail: m}},
			Mail: []store.Mail{{
				Agency: "police", Role: "police.investigator", Notice: []byte("CANARY"), NoticeID: "n1",
				Expires: time.Now().Add(time.Hour), State: store.Waiting,
			}},
			Entries: []store.Entry{entry(t, disclosure.E1{
				Kind: disclosure.Acknowledged, Delivery: m.Delivery, Recipient: m.Agency, Event: eventID,
			}, disclosure.E2{})},
		})
	}
}

// fsck checks the store in dir with every key there is.
func fsck(t *testing.T, dir string) []string {
	t.Helper()
	s, err := sqlite.View(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	anchor, err := os.ReadFile(filepath.Join(dir, "anchor"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := disclosure.Fsck(t.Context(), s, disclosure.FsckOptions{
		Anchor: anchor, Policy: policy(t), Opener: plain{},
		Token: func(m store.Message) (gateway.Digest, []gateway.Role, error) {
			return gateway.DigestOf(m.Body), []gateway.Role{"municipality.social_worker"}, nil
		},
		State: func(_ context.Context, st store.State) error {
			want := map[string]gateway.Digest{"person:" + string(ref): *digest("state"), "policy": *digest("active")}[st.Name]
			if st.Digest != want || string(st.MAC) != "mac" || st.Version != 1 {
				return errors.New("not the state that was set")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if strings.Contains(f, "CANARY") || strings.Contains(f, "municipality") || strings.Contains(f, string(ref)) {
			t.Errorf("finding %q holds content", f)
		}
	}
	return found
}

// TestFsck alters one byte, or a number, in each column of each table.
// All are found. Those in columns that are vouched for are found even by one
// who does not look at the checksums, which whoever can write the file could
// have made again.
func TestFsck(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	story(t, s, l)
	if err := errors.Join(l.stop(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if found := fsck(t, dir); len(found) != 0 {
		t.Fatalf("before anything is altered: %q", found)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, row := range []struct {
		table, where, vouched string
		other                 string // columns that only the checksum watches
	}{
		{"head", "id = 0", "size root time mail_seq", ""},
		{"tile", "id = 0", "id hashes", ""},
		{"entry", "idx = (SELECT max(idx) FROM entry)", "idx leaf e1 e2 kind time batch discloser recipient subject", "key case_ref"},
		{"replay", "1", "", "id until"},
		{"message", "entry = 2", "id issuer digest recipient type subject issued expires body entry", "key sender"},
		{"statement", "1", "state issuer id type digest entry", "fact number body key"},
		{"state", "1", "name version digest mac", ""},
		{"mail", "seq = 1", "seq agency role issuer message state delivery entry token",
			"notice notice_id expires version lease hold"},
	} {
		for _, column := range strings.Fields(row.vouched + " " + row.other) {
			t.Run(row.table+"."+column, func(t *testing.T) {
				mend := spoil(t, db, row.table, column, row.where)
				defer mend()
				found := fsck(t, dir)
				if len(found) == 0 {
					t.Fatal("not found")
				}
				vouched := 0
				for _, f := range found {
					if !strings.Contains(f, "checksum") {
						vouched++
					}
				}
				if strings.Contains(" "+row.vouched+" ", " "+column+" ") && vouched == 0 {
					t.Errorf("found only by the checksum: %q", found)
				}
			})
		}
		spoilable := len(strings.Fields(row.vouched + " " + row.other))
		var columns int
		err := db.QueryRow("SELECT count(*) FROM pragma_table_info(?) WHERE name NOT IN ('sum')", row.table).Scan(&columns)
		if skipped := map[string]int{"head": 1, "statement": 1}[row.table]; err != nil || columns != spoilable+skipped {
			t.Errorf("%s has %d columns, %d are tested, %v", row.table, columns, spoilable, err)
		}
	}
	if found := fsck(t, dir); len(found) != 0 {
		t.Errorf("after everything is mended: %q", found)
	}
}

// spoil alters a value and returns what puts it back.
func spoil(t *testing.T, db *sql.DB, table, column, where string) (mend func()) {
	t.Helper()
	var old any
	key := map[string]string{"replay": "id", "state": "name"}[table]
	if key == "" {
		key = "rowid"
	}
	var id any
	if err := db.QueryRow(fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s", key, column, table, where)).Scan(&id, &old); err != nil {
		t.Fatal(err)
	}
	var bad any
	switch old := old.(type) {
	case int64:
		bad = old + 1000
	case string:
		if old == "" {
			bad = "x"
		} else {
			bad = string(old[0]^1) + old[1:]
		}
	case []byte:
		b := append([]byte{}, old...)
		if len(b) == 0 {
			return spoilEmpty(t, db, table, column, where)
		}
		b[len(b)/2] ^= 1
		bad = b
	}
	set := func(from, to any) {
		t.Helper()
		if column == key || column == "idx" || column == "seq" || table == "tile" && column == "id" { // the row goes by another name now
			id = from
		}
		_, err := db.Exec(fmt.Sprintf("UPDATE %s SET %s = ? WHERE %s = ?", table, column, key), to, id)
		if err != nil {
			t.Fatal(err)
		}
	}
	set(old, bad)
	return func() { set(bad, old) }
}

// spoilEmpty puts a byte where there is none.
func spoilEmpty(t *testing.T, db *sql.DB, table, column, where string) (mend func()) {
	t.Helper()
	set := func(literal string) {
		t.Helper()
		if _, err := db.Exec(fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", table, column, literal, where)); err != nil {
			t.Fatal(err)
		}
	}
	set("x'01'")
	return func() { set("x''") }
}

// TestForget holds that a log whose content retention has taken still
// verifies, and that content may not go before its time.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	for range 3 {
		if _, err := l.Append(t.Context(), store.Write{Entries: []store.Entry{refusal(t, time.Now())}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{3, 0} {
		if n, err := s.Forget(t.Context(), "plain/log-5y"); err != nil || n != want {
			t.Errorf("Forget = %d, %v, want %d", n, err, want)
		}
	}
	if e, err := s.Entry(t.Context(), 1); err != nil || len(e.E1)+len(e.E2) > 0 || e.Leaf == [64]byte{} {
		t.Errorf("entry %+v, %v", e, err)
	}
	if _, err := disclosure.Verify(t.Context(), disclosure.FromStore(s, l.Checkpoint()), disclosure.VerifyOptions{Policy: policy(t)}); err != nil {
		t.Error(err)
	}
	for later, want := range map[time.Duration]int{time.Hour: 3, 3 * 365 * 24 * time.Hour: 0} {
		found, err := disclosure.Fsck(t.Context(), s, disclosure.FsckOptions{Opener: plain{}, Now: time.Now().Add(later)})
		if err != nil || len(found) != want {
			t.Errorf("%v later: %q, %v, want %d findings", later, found, err, want)
		}
	}
}

// TestForgetPolicy: a release is not held against a policy whose activation
// retention has taken; it still is against one that is known.
func TestForgetPolicy(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	active := int64(0)
	add := func(e disclosure.E1, r disclosure.Retention) {
		t.Helper()
		w := store.Write{Entries: []store.Entry{entry(t, e, disclosure.E2{Retention: r})}}
		if e.Kind == disclosure.PolicyActivated {
			active++
			w.Set = []store.State{{Name: "policy", Version: active}}
		}
		if _, err := l.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	release := disclosure.E1{Kind: disclosure.Release, Delivery: "d", Message: newID(), Discloser: "police", Recipient: "municipality:0180",
		SDHash: digest("view"), Role: "municipality.social_worker", Purpose: "PROTECTION", Type: "exit.threat_assessment", Snapshot: digest("snapshot"),
		Outcome: gateway.Permit, Allowed: map[gateway.Field]gateway.Basis{"f": "OSL-10-2"}}
	add(disclosure.E1{Kind: disclosure.PolicyActivated, Snapshot: digest("snapshot")}, disclosure.Short)
	add(release, disclosure.Ordinary)
	add(disclosure.E1{Kind: disclosure.PolicyActivated, Snapshot: digest("another")}, disclosure.Ordinary)
	add(release, disclosure.Ordinary)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Forget(t.Context(), "plain/log-2y"); err != nil || n != 1 {
		t.Fatalf("Forget = %d, %v", n, err)
	}
	found, err := disclosure.Fsck(t.Context(), s, disclosure.FsckOptions{Opener: plain{}, Now: time.Now().Add(3 * 365 * 24 * time.Hour)})
	if want := []string{"entry 3: released under a policy that was not active"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("Fsck = %q, %v, want %q", found, err, want)
	}
}

// TestBackup holds that a copy is whole, and does not pass for the log.
func TestBackup(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	s := openStore(t, dir)
	l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
	story(t, s, l)
	if _, err := sqlite.Create(t.Context(), filepath.Join(copied, sqlite.FileName), s, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), submission(t, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	restored := openStore(t, copied)
	if found, err := disclosure.Fsck(t.Context(), restored, disclosure.FsckOptions{Opener: plain{}}); err != nil || len(found) > 0 {
		t.Errorf("Fsck = %q, %v", found, err)
	}
	again := run(t, disclosure.Config{Store: restored, Anchor: filepath.Join(dir, "anchor")})
	if _, err := again.Append(t.Context(), submission(t, time.Now())); !errors.Is(err, disclosure.ErrStopped) {
		t.Errorf("Append = %v, want ErrStopped", err)
	}
	if err := again.stop(); !errors.Is(err, disclosure.ErrRollback) {
		t.Errorf("Run = %v, want ErrRollback", err)
	}
}

// TestFsckReleases holds that what was handed out rests on the policy that was
// active, and what is done on an acknowledgement.
func TestFsckReleases(t *testing.T) {
	incident := disclosure.E1{Kind: disclosure.Incident, Code: gateway.CodeInternal}
	for name, row := range map[string]struct {
		write func(t *testing.T, handed store.Mail) store.Write
		want  string
	}{
		"released under a policy that was replaced": {func(t *testing.T, _ store.Mail) store.Write {
			return store.Write{Entries: []store.Entry{entry(t, disclosure.E1{
				Kind: disclosure.Release, Delivery: "d", Message: messageID, Discloser: "police", Recipient: "sis", SDHash: digest("v"),
				Role: "r", Purpose: "P", Type: "t", Snapshot: digest("other"), Outcome: gateway.Permit,
				Allowed: map[gateway.Field]gateway.Basis{"f": "b"},
			}, disclosure.E2{})}}
		}, "not active"},
		"done without an acknowledgement": {func(t *testing.T, m store.Mail) store.Write {
			m.State = store.Done
			return store.Write{Change: []store.MailChange{{Mail: m}}, Entries: []store.Entry{entry(t, incident, disclosure.E2{})}}
		}, "acknowledged"},
		"refused without a report": {func(t *testing.T, m store.Mail) store.Write {
			m.State = store.Refused
			return store.Write{Change: []store.MailChange{{Mail: m}}, Entries: []store.Entry{entry(t, incident, disclosure.E2{})}}
		}, "delivery-failed"},
		"handed out as another view": {func(t *testing.T, m store.Mail) store.Write {
			m.Token = *digest("another view")
			return store.Write{Change: []store.MailChange{{Mail: m}}, Entries: []store.Entry{entry(t, incident, disclosure.E2{})}}
		}, "release"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			l := run(t, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
			story(t, s, l)
			var handed store.Mail
			err := s.ScanMail(t.Context(), func(m store.Mail) error {
				if m.State == store.Handed {
					handed = m
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Append(t.Context(), row.write(t, handed)); err != nil {
				t.Fatal(err)
			}
			if err := l.stop(); err != nil {
				t.Fatal(err)
			}
			found := fsck(t, dir)
			if len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), row.want) {
				t.Errorf("found %q, want one about %q", found, row.want)
			}
		})
	}
}
