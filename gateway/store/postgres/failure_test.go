package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluss/gateway/store"
	"sluss/gateway/store/pgtest"
	"sluss/gateway/store/postgres"
	"sluss/gateway/store/storetest"
)

// TestCut loses the connection at COMMIT: nobody knows what became of it, until
// the store, which goes on by itself, is asked.
func TestCut(t *testing.T) {
	c := shared.Cluster(t)
	for name, row := range map[string]struct {
		fault   fault
		written bool
	}{"before the server has it": {cutBefore, false}, "after the server has it": {cutAfter, true}, "silence": {silent, false}} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, c.Addr())
			s := open(t, postgres.Config{DSN: p.through(t, shared.Database(t)), Timeout: 3 * time.Second})
			if _, err := commit(s, write(1)); err != nil {
				t.Fatal(err)
			}
			_, err := s.Commit(t.Context(), []store.Write{write(2)}, func(h store.Head, l [][64]byte, tiles store.TileReader) (store.Growth, error) {
				p.set(row.fault) // what the store sends next is the rows and COMMIT
				return storetest.Grow(h, l, tiles)
			})
			if !errors.Is(err, store.ErrUnknown) {
				t.Errorf("Commit = %v, want ErrUnknown", err)
			}
			p.set(none)
			want := uint64(1)
			if row.written {
				want = 2
			}
			if got := recovered(t, s); got != want {
				t.Errorf("size %d afterwards, want %d", got, want)
			}
			r, err := commit(s, write(3))
			if err != nil || r[0].Err != nil || r[0].Index != want {
				t.Errorf("Commit afterwards = %+v, %v", r, err)
			}
		})
	}
	t.Run("before COMMIT is sent", func(t *testing.T) {
		p := newProxy(t, c.Addr())
		s := open(t, postgres.Config{DSN: p.through(t, shared.Database(t))})
		var wg sync.WaitGroup
		for i := range uint64(16) { // every connection is open
			wg.Go(func() { commit(s, write(i)) })
		}
		wg.Wait()
		p.cut() // as after a restart of the server: nothing was written, so it is tried again
		if r, err := commit(s, write(1)); err != nil || r[0].Err != nil {
			t.Errorf("Commit = %+v, %v", r, err)
		}
		p.cut()
		if got := size(t, s); got != 17 {
			t.Errorf("size %d, want 17", got)
		}
	})
}

// recovered reads the size as soon as the store can. What is silent holds the
// head's lock until the server has noticed.
func recovered(t *testing.T, s *postgres.Store) uint64 {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		h, err := s.Head(t.Context())
		if err == nil {
			return h.Size
		}
		if time.Now().After(deadline) {
			t.Fatalf("the store does not recover: %v", err)
		}
	}
}

// TestErrors has the server refuse a statement, by a trigger that says what a
// server says.
func TestErrors(t *testing.T) {
	dsn := shared.Database(t)
	s := open(t, postgres.Config{DSN: dsn})
	execute(t, dsn, "CREATE SEQUENCE tries")
	execute(t, dsn, "CREATE TABLE fault (code text, times int)")
	execute(t, dsn, `CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE f fault; BEGIN
			SELECT * INTO f FROM fault;
			IF found AND nextval('tries') <= f.times THEN RAISE EXCEPTION 'CANARY' USING ERRCODE = f.code; END IF;
			RETURN NULL;
		END $$`)
	execute(t, dsn, "CREATE TRIGGER fault AFTER INSERT ON entry EXECUTE FUNCTION fault()")
	want := uint64(0)
	for _, row := range []struct {
		code  string
		times int
		grown int
		err   error
	}{
		{"53100", 1, 1, store.ErrFull}, {"40001", 2, 3, nil}, {"40P01", 3, 4, nil}, {"40001", 99, 4, errAny}, {"XX000", 1, 1, errAny},
	} {
		execute(t, dsn, "ALTER SEQUENCE tries RESTART")
		execute(t, dsn, fmt.Sprintf("INSERT INTO fault VALUES ('%s', %d)", row.code, row.times))
		grown := 0
		_, err := s.Commit(t.Context(), []store.Write{write(1)}, func(h store.Head, l [][64]byte, tiles store.TileReader) (store.Growth, error) {
			grown++
			return storetest.Grow(h, l, tiles)
		})
		if grown != row.grown {
			t.Errorf("%s: tree grown %d times, want %d", row.code, grown, row.grown)
		}
		switch {
		case row.err == nil:
			want++
			fallthrough
		case row.err == store.ErrFull:
			if !errors.Is(err, row.err) {
				t.Errorf("%s: %v, want %v", row.code, err, row.err)
			}
		case err == nil || errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrFull):
			t.Errorf("%s: %v, want an error that says nothing was written", row.code, err)
		}
		if full := s.Room() != nil; full != (row.err == store.ErrFull) {
			t.Errorf("%s: Room = %v", row.code, s.Room())
		}
		execute(t, dsn, "DELETE FROM fault")
		if got := size(t, s); got != want {
			t.Errorf("%s: size %d, want %d", row.code, got, want)
		}
		if row.err == store.ErrFull {
			if _, err := commit(s, write(1)); err != nil || s.Room() != nil {
				t.Errorf("Commit with room again = %v, Room = %v", err, s.Room())
			}
			want++
		}
	}
}

var errAny = errors.New("any")

// load commits one write after the other, from several goroutines, until
// stopped, and keeps what was acknowledged: index and leaf.
type load struct {
	stop  context.CancelFunc
	wg    sync.WaitGroup
	n     atomic.Uint64
	mu    sync.Mutex
	acked map[uint64][64]byte
}

func start(t *testing.T, stores ...store.Store) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop, acked: map[uint64][64]byte{}}
	for i := range 4 {
		s := stores[i%len(stores)]
		l.wg.Go(func() {
			for ctx.Err() == nil {
				w := write(l.n.Add(1))
				r, err := commit(s, w)
				if err == nil && r[0].Err == nil {
					l.mu.Lock()
					l.acked[r[0].Index] = w.Entries[0].Leaf
					l.mu.Unlock()
				}
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

// count is how many writes were acknowledged.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// more waits until so many more writes are acknowledged.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for want := l.count() + n; l.count() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d writes acknowledged, want %d", l.count(), want)
		}
	}
}

// kept checks that everything acknowledged is there.
func (l *load) kept(t *testing.T, s *postgres.Store) {
	t.Helper()
	leaves, err := s.Leaves(t.Context(), 0, size(t, s))
	must(t, err)
	for index, leaf := range l.acked {
		if index >= uint64(len(leaves)) || leaves[index] != leaf {
			t.Errorf("entry %d was acknowledged and is not there", index)
		}
	}
	if found, err := s.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("Check = %q, %v", found, err)
	}
	t.Logf("%d acknowledged of %d entries", len(l.acked), len(leaves))
}

// TestKilled kills the server under load, several times.
func TestKilled(t *testing.T) {
	c, err := pgtest.Start(t.Context(), pgtest.Config{})
	must(t, err)
	defer c.Close()
	s := open(t, postgres.Config{DSN: c.DSN()})
	l := start(t, s)
	for range 3 {
		l.more(t, 50)
		must(t, c.Kill())
		if err := s.Healthy(t.Context()); err == nil {
			t.Error("healthy without a server")
		}
		must(t, c.Restart(t.Context()))
	}
	l.more(t, 50) // the store went on by itself
	must(t, s.Healthy(t.Context()))
	l.end()
	l.kept(t, s)
}
