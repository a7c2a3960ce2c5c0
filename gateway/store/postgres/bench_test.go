package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluss/gateway/store"
	"sluss/gateway/store/postgres"
	"sluss/gateway/store/sqlite"
	"sluss/gateway/store/storetest"
)

// BenchmarkCommit takes messages of 4 KiB in, each with its replay identifier,
// mail and entry, from so many callers that share transactions as those of the
// log do: what waits goes into the next.
func BenchmarkCommit(b *testing.B) {
	for _, backend := range []struct {
		name string
		open func(b *testing.B) (store.Store, error)
	}{
		{"sqlite", func(b *testing.B) (store.Store, error) {
			return sqlite.Open(b.Context(), sqlite.Config{Dir: b.TempDir(), Mailbox: 1 << 30, Sender: 1 << 30})
		}},
		{"postgres", func(b *testing.B) (store.Store, error) {
			return postgres.Open(b.Context(), postgres.Config{DSN: shared.Database(b), Mailbox: 1 << 30, Sender: 1 << 30})
		}},
	} {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d", backend.name, callers), func(b *testing.B) {
				s, err := backend.open(b)
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				load := newBenchLoad(s)
				b.ResetTimer()
				load.run(b, callers)
			})
		}
	}
}

// benchLoad has one committer, as the log has.
type benchLoad struct {
	s       store.Store
	queue   chan chan error
	batches atomic.Int64
}

func newBenchLoad(s store.Store) *benchLoad {
	return &benchLoad{s: s, queue: make(chan chan error, 256)}
}

func (l *benchLoad) run(b *testing.B, callers int) {
	ctx, stop := context.WithCancel(b.Context())
	var committer, wg sync.WaitGroup
	committer.Go(func() { l.commit(ctx) })
	var left atomic.Int64
	left.Store(int64(b.N))
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				done := make(chan error, 1)
				l.queue <- done
				if err := <-done; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	stop()
	committer.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	b.ReportMetric(float64(b.N)/float64(l.batches.Load()), "writes/batch")
}

func (l *benchLoad) commit(ctx context.Context) {
	body := make([]byte, 4096)
	for n := uint64(0); ; {
		var waiting []chan error
		select {
		case <-ctx.Done():
			return
		case w := <-l.queue:
			waiting = append(waiting, w)
		}
		for more := true; more && len(waiting) < 256; {
			select {
			case w := <-l.queue:
				waiting = append(waiting, w)
			default:
				more = false
			}
		}
		var batch []store.Write
		for range waiting {
			n++
			w := message(n)
			w.Message.Body = body
			w.Replay, w.ReplayUntil = fmt.Sprint("jti", n), now.Add(time.Hour)
			w.Mail = []store.Mail{{Agency: "sis", Role: "sis.officer", Issuer: "police", Message: w.Message.ID, Expires: now.Add(time.Hour), State: store.Waiting}}
			w.Entries[0].Discloser, w.Entries[0].Recipient, w.Entries[0].Subject = "police", "sis", "AAAAAAAAAAAAAAAAAAAAAA"
			w.Message.Subject = "AAAAAAAAAAAAAAAAAAAAAA"
			batch = append(batch, w)
		}
		_, err := l.s.Commit(ctx, batch, storetest.Grow)
		l.batches.Add(1)
		for _, w := range waiting {
			w <- err
		}
	}
}
