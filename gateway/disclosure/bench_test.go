package disclosure_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
)

// body is a message of 4 KiB.
var body = make([]byte, 4096)

func benchmarkWrite(b *testing.B) store.Write {
	w := submission(b, time.Now())
	w.Message.Body = body
	w.Replay, w.ReplayUntil = string(gateway.NewRef()), time.Now().Add(time.Minute)
	return w
}

// BenchmarkAppend is one submit: message of 4 KiB, mailbox item, replay
// identifier and entry, with the receipt's proof. It reports how many syncs of
// the floor one takes ("floors/op") and how many share a commit ("writes/batch").
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 32, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			dir := b.TempDir()
			floor := fdatasync(b, dir)
			s := &counting{Store: openStore(b, dir)}
			l := run(b, disclosure.Config{Store: s, Anchor: filepath.Join(dir, "anchor")})
			if _, err := l.Append(b.Context(), benchmarkWrite(b)); err != nil {
				b.Fatal(err)
			}
			s.commits.Store(0)
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						c, err := l.Append(b.Context(), benchmarkWrite(b))
						if err != nil {
							b.Error(err)
							return
						}
						if _, err := c.Proof(); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			perOp := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(perOp/float64(floor.Nanoseconds()), "floors/op")
			b.ReportMetric(float64(b.N)/float64(s.commits.Load()), "writes/batch")
			b.ReportMetric(1e9/perOp, "appends/s")
		})
	}
}

type counting struct {
	store.Store
	commits atomic.Int64
}

func (c *counting) Commit(ctx context.Context, batch []store.Write, grow store.Grow) ([]store.Result, error) {
	c.commits.Add(1)
	return c.Store.Commit(ctx, batch, grow)
}

// fdatasync is the floor: appending 4 KiB to a file and syncing it.
func fdatasync(b *testing.B, dir string) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const n = 200
	begun := time.Now()
	for range n {
		if _, err := f.Write(body); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begun) / n
}
