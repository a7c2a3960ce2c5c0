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

// BenchmarkCommit writes from so many callers that share transactions as those of
// the log do: what waits goes into the next. An entry is what each decision costs;
// a submit is an entry with a message of 4 KiB, its replay identifier and its
// mailbox item.
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
		for name, write := range map[string]func(uint64) store.Write{"entry": benchEntry, "submit": benchSubmit} {
			for _, callers := range []int{1, 16, 64, 256} {
				b.Run(fmt.Sprintf("%s/%s/%d", backend.name, name, callers), func(b *testing.B) {
					s, err := backend.open(b)
					if err != nil {
						b.Fatal(err)
					}
					defer s.Close()
					load := &benchLoad{s: s, write: write, queue: make(chan chan error, 256)}
					b.ResetTimer()
					load.run(b, callers)
				})
			}
		}
	}
}

// benchLoad has one committer, as the log has.
type benchLoad struct {
	s       store.Store
	write   func(n uint64) store.Write
	queue   chan chan error
	batches atomic.Int64
}

func benchEntry(n uint64) store.Write {
	w := message(n)
	w.Entries[0].Discloser, w.Entries[0].Recipient, w.Entries[0].Subject = "police", "sis", "AAAAAAAAAAAAAAAAAAAAAA"
	return store.Write{Entries: w.Entries}
}

var benchBody = make([]byte, 4096)

func benchSubmit(n uint64) store.Write {
	w := message(n)
	w.Entries = benchEntry(n).Entries
	w.Message.Body, w.Message.Subject = benchBody, w.Entries[0].Subject
	w.Replay, w.ReplayUntil = fmt.Sprint("jti", n), now.Add(time.Hour)
	w.Mail = []store.Mail{{Agency: "sis", Role: "sis.officer", Issuer: "police", Message: w.Message.ID, Expires: now.Add(time.Hour), State: store.Waiting}}
	return w
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
			batch = append(batch, l.write(n))
		}
		_, err := l.s.Commit(ctx, batch, storetest.Grow)
		l.batches.Add(1)
		for _, w := range waiting {
			w <- err
		}
	}
}
