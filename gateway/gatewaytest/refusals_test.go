package gatewaytest_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// row is one thing that is wrong, and what it gets.
type row struct {
	name  string
	good  func(*request) // makes the request good
	spoil func(*request) // breaks one thing in it
	want  outcome
}

// outcome is how a request must end.
type outcome struct {
	alert  uint8 // of TLS; then nothing else
	status int
	code   gateway.Code
	quiet  bool         // no entry: it was nobody whom the directory knows
	logged gateway.Code // in the entry, when the caller is told another
}

func refused(status int, code gateway.Code) outcome { return outcome{status: status, code: code} }

func unknown(status int, code gateway.Code) outcome {
	return outcome{status: status, code: code, quiet: true}
}

func alert(a uint8) outcome { return outcome{alert: a, quiet: true} }

// rows is the table: everything wrong that a socket can carry.
var rows = slices.Concat(connectionRows, tokenRows, messageRows, statementRows, accessRows, transportRows)

// cause is what refusals are counted by in the log.
type cause struct {
	agency gateway.AgencyID
	code   gateway.Code
}

// book is what must be found in the store when all is done.
type book struct {
	taken   map[gateway.MessageID]string // messages, by what they were for
	refused map[gateway.MessageID]string // by the row that must have kept them out
	entries map[cause]int64
}

// TestRefusals sends every wrong thing to one gateway process. Each gets its own
// problem or alert and is counted, none of it is told back, the process goes on
// serving; and in the end nothing of it is stored but an entry of each refusal
// that a known agency caused.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := &book{map[gateway.MessageID]string{}, map[gateway.MessageID]string{}, map[cause]int64{}}
	s.revoke(t, revokedSystem)
	b.entries[cause{revokedSystem.agency, gateway.CodeSystemRevoked}]++ // by which we know that it is
	for _, g := range goods {
		t.Run("good "+g.name, func(t *testing.T) {
			r := s.request(t, policeExit)
			g.make(r)
			r.finish()
			a, err := r.send()
			if err != nil || a.code != "" || a.status/100 != 2 {
				t.Fatalf("the good request: %d %s, %v", a.status, a.code, err)
			}
			b.keep(r, a)
		})
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, s, b) })
	}
	t.Run("the same bytes again", func(t *testing.T) { b.again(t, s) })
	t.Run("good at last", func(t *testing.T) { b.taken[s.exchange(t)] = "the exchange at last" })
	metrics, err := s.Metrics()
	if at := findCanary([]byte(metrics)); err != nil || at != "" {
		t.Errorf("the metrics have the canary, %s; %v", at, err)
	}
	t.Run("files", func(t *testing.T) { s.verified(t) })
	t.Run("store", func(t *testing.T) { b.check(t, s) })
}

// check sends one spoiled request.
func (tt row) check(t *testing.T, s *stage, b *book) {
	r := s.request(t, policeExit)
	tt.good(r)
	tt.spoil(r)
	r.finish()
	codes, alerts := s.refusals(t, tt.want.code), s.alerts(t)
	a, err := r.send()
	if err != nil {
		t.Fatal(err)
	}
	if a.alert != tt.want.alert || a.status != tt.want.status || a.code != tt.want.code {
		t.Errorf("got alert %d, status %d %q; want alert %d, status %d %q: %s", a.alert, a.status, a.code, tt.want.alert, tt.want.status, tt.want.code, a.body)
	}
	if at := findCanary(a.all); at != "" {
		t.Errorf("the answer has the canary, %s: %s", at, a.body)
	}
	switch {
	case t.Failed():
	case tt.want.alert != 0:
		until(t, "connection errors", alerts+1, func() float64 { return s.alerts(t) })
	default:
		until(t, "refusals with the code", codes+1, func() float64 { return s.refusals(t, tt.want.code) })
	}
	if !live(s.World) {
		t.Error("the process does not serve any more")
	}
	if !tt.want.quiet {
		b.entries[cause{r.by.agency, cmp.Or(tt.want.logged, tt.want.code)}]++
	}
	if a.status/100 == 2 {
		b.keep(r, a)
	} else if r.token != nil && json.Valid([]byte(r.token.payload)) && !r.before {
		b.refused[r.token.id()] = tt.name
	}
}

// again sends one message several times at once and later once more: there is
// one message, one entry and one receipt.
func (b *book) again(t *testing.T, s *stage) {
	r := s.request(t, policeExit)
	message(r)
	r.finish()
	var wg sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wg.Go(func() {
			same := *r
			var err error
			if answers[i], err = same.send(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.keep(r, answers[0])
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	start(t, s.World)
	later, err := r.send()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range append(answers, later) {
		if a.status != 202 || !bytes.Equal(a.body, answers[0].body) {
			t.Errorf("got %d %s; want the receipt %s", a.status, a.body, answers[0].body)
		}
	}
}

// keep remembers what a good request left.
func (b *book) keep(r *request, a answer) {
	if r.token != nil && a.status == 202 {
		b.taken[r.token.id()] = r.Name()
	}
}

// check compares the store of a gateway that has ended with the book.
func (b *book) check(t *testing.T, s *stage) {
	db, err := sqlite.Open(t.Context(), sqlite.Config{Dir: s.path("data")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found := 0
	err = errors.Join(
		db.ScanMessages(t.Context(), func(m store.Message, _ uint64) error {
			found++
			b.absent(t, "message", m.ID)
			return nil
		}),
		db.ScanStatements(t.Context(), func(st store.Statement) error { b.absent(t, "statement", st.ID); return nil }),
		db.ScanMail(t.Context(), func(m store.Mail) error { b.absent(t, "mail", m.Message); return nil }))
	if err != nil {
		t.Fatal(err)
	}
	if found < len(b.taken) {
		t.Errorf("the store has %d messages, %d were taken in", found, len(b.taken))
	}
	got := refusalsIn(t, db)
	for c, want := range b.entries {
		if got[c] != want {
			t.Errorf("the log has %d refusals of %s with %s, want %d", got[c], c.agency, c.code, want)
		}
	}
	for c, n := range got {
		if b.entries[c] == 0 {
			t.Errorf("the log has %d refusals of %s with %s, and none was caused", n, c.agency, c.code)
		}
	}
}

func (b *book) absent(t *testing.T, what string, id gateway.MessageID) {
	if name, ok := b.refused[id]; ok {
		t.Errorf("a %s was stored that must have been refused: %s", what, name)
	}
}

// refusalsIn adds up the refusals in a log, those with an entry of their own
// and those that were counted.
func refusalsIn(t *testing.T, db *sqlite.Store) map[cause]int64 {
	t.Helper()
	got := map[cause]int64{}
	for from := uint64(0); ; {
		list, err := db.Entries(t.Context(), from, 256)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return got
		}
		for _, e := range list {
			from++
			e1, err := disclosure.ParseE1(e.E1)
			if err != nil {
				t.Fatal(err)
			}
			switch e1.Kind {
			case disclosure.MessageRefused:
				got[cause{e1.Discloser, e1.Code}]++
			case disclosure.RefusalsCounted:
				got[cause{e1.Discloser, e1.Code}] += e1.Count
			}
		}
	}
}
