package gatewaytest_test

import (
	"testing"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store/sqlite"
)

// TestExcessIsCounted floods the gateway with refusals of one system: some get
// an entry each, the others stand in one entry with their number.
func TestExcessIsCounted(t *testing.T) {
	t.Parallel()
	const n = 100
	s := &stage{World: newWorld(t)}
	start(t, s.World)
	for range n {
		r := s.request(t, policeExit)
		r.path, r.media, r.body = "/v1/messages", "application/sd-jwt", canary
		if a, err := r.send(); err != nil || a.code != gateway.CodeMalformed {
			t.Fatalf("got %q, %v; want %s", a.code, err, gateway.CodeMalformed)
		}
	}
	stop(t, s.World) // what was counted is written now, or was within a minute
	db, err := sqlite.Open(t.Context(), sqlite.Config{Dir: s.path("data")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cause := cause{policeExit.agency, gateway.CodeMalformed}
	if got := refusalsIn(t, db)[cause]; got != n {
		t.Errorf("the log has %d refusals, want %d", got, n)
	}
	kinds := kindsIn(t, db)
	if got := kinds[disclosure.MessageRefused]; got < 20 || got == n {
		t.Errorf("%d refusals have an entry of their own, want some", got)
	}
	if got := kinds[disclosure.RefusalsCounted]; got < 1 || got > 2 {
		t.Errorf("%d entries count the others, want one, or two over a full minute", got)
	}
}

// kindsIn counts the entries of a log by their kind.
func kindsIn(t *testing.T, db *sqlite.Store) map[disclosure.Kind]int {
	t.Helper()
	kinds := map[disclosure.Kind]int{}
	list, err := db.Entries(t.Context(), 0, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		kinds[disclosure.Kind(e.Kind)]++
	}
	return kinds
}

// TestRate floods the gateway with requests of one system: it is told to wait,
// which has one entry, and others are served meanwhile.
func TestRate(t *testing.T) {
	t.Parallel()
	s := &stage{World: newWorld(t)}
	if err := s.Configure(map[string]any{"requests_per_second": 1}); err != nil {
		t.Fatal(err)
	}
	start(t, s.World)
	told := 0
	for range 40 {
		r := s.request(t, policeExit)
		fetch(r)
		a, err := r.send()
		if err != nil {
			t.Fatal(err)
		}
		if a.code == gateway.CodeTooMany {
			told++
		}
		if a.code == gateway.CodeTooMany && (a.status != 429 || a.header.Get("Retry-After") == "") {
			t.Fatalf("status %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
		}
	}
	if told < 10 {
		t.Errorf("%d of 40 requests at once were told to wait", told)
	}
	until(t, "refusals for the rate", float64(told), func() float64 { return s.refusals(t, gateway.CodeTooMany) })
	other := s.request(t, townExit)
	fetch(other)
	if a, err := other.send(); err != nil || a.status != 200 {
		t.Errorf("another system got %d %q, %v", a.status, a.code, err)
	}
	stop(t, s.World)
	db, err := sqlite.Open(t.Context(), sqlite.Config{Dir: s.path("data")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := refusalsIn(t, db)[cause{policeExit.agency, gateway.CodeTooMany}]; got < 1 || got > 2 {
		t.Errorf("the log has %d entries about the rate, want the one of this minute", got)
	}
}
