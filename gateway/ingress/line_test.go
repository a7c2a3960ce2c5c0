package ingress_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluss/gateway"
	"sluss/gateway/ingress"
)

// queue lets requests enter a line one after another and keeps the order in
// which they were let in.
type queue struct {
	t     *testing.T
	line  ingress.Line
	order []gateway.AgencyID
	leave map[gateway.AgencyID][]func()
}

// add lets n requests of an agency come.
func (q *queue) add(a gateway.AgencyID, n int) {
	for range n {
		go func() {
			leave, err := q.line.Enter(q.t.Context(), a)
			if err != nil {
				return
			}
			q.order = append(q.order, a)
			q.leave[a] = append(q.leave[a], leave)
		}()
		synctest.Wait()
	}
}

// end ends the agency's oldest request that works.
func (q *queue) end(a gateway.AgencyID) {
	leave := q.leave[a][0]
	q.leave[a] = q.leave[a][1:]
	leave()
	synctest.Wait()
}

func (q *queue) let() string {
	var b strings.Builder
	for _, a := range q.order {
		b.WriteString(string(a))
	}
	return b.String()
}

// TestLine floods a line with requests of one agency: another that comes then
// has a place as soon as one is free, for each of its requests, until both have
// as many.
func TestLine(t *testing.T) {
	tests := []struct {
		name   string
		places int
		play   func(q *queue)
		want   string // who was let in, in this order
	}{
		{"nobody waits while there is room", 4, func(q *queue) { q.add("a", 2); q.add("b", 2) }, "aabb"},
		{"one agency never has all places", 4, func(q *queue) { q.add("a", 9); q.add("b", 1) }, "aaab"},
		{"a place is given to who has fewer", 4, func(q *queue) {
			q.add("a", 9)
			q.add("b", 3) // one at once
			q.end("a")
			q.end("a") // now a has fewer
		}, "aaabba"},
		{"places are shared evenly", 4, func(q *queue) {
			q.add("a", 9)
			q.add("b", 9)
			for range 3 {
				q.end("a")
				q.end("b")
			}
		}, "aaab" + "bb" + "ab" + "ab"},
		{"among equals in turn", 2, func(q *queue) {
			q.add("a", 1)
			q.add("b", 1)
			q.add("c", 3)
			q.add("d", 1)
			q.end("a") // c
			q.end("b") // d, not c again
			q.end("d") // nobody but c, who has all that one may
			q.end("c")
			q.end("c")
		}, "abcdcc"},
		{"first come first served within an agency", 1, func(q *queue) { q.add("a", 3); q.end("a"); q.end("a") }, "aaa"},
		{"one place", 1, func(q *queue) { q.add("a", 5); q.add("b", 1); q.end("a"); q.end("a"); q.end("b") }, "aaba"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &queue{t: t, line: ingress.NewLine(tt.places), leave: map[gateway.AgencyID][]func(){}}
				tt.play(q)
				if got := q.let(); got != tt.want {
					t.Errorf("let in %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// TestLineForgets wants a request that is given up to leave nothing behind: no
// place, no turn, no agency.
func TestLineForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ingress.NewLine(2)
		leave, err := l.Enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := l.Enter(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("got %v after %v, want the deadline after a second", err, time.Since(begun))
		}
		if _, err := l.Enter(ctx, "b"); err == nil {
			t.Error("who has given up was let in")
		}
		leave()
		if agencies, free := l.Kept(); agencies != 0 || free != 2 {
			t.Errorf("%d agencies are kept and %d places free, want none and 2", agencies, free)
		}
	})
}

// TestLineAtRandom lets many agencies come, work and give up at random: all
// places come back, and no agency has more than it may.
func TestLineAtRandom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places = 5
		l, r := ingress.NewLine(places), rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		working := map[gateway.AgencyID]int{}
		all, most, let := 0, 0, 0
		agencies := []gateway.AgencyID{"a", "a", "a", "b", "c"}
		done := make(chan struct{})
		for range 1000 {
			a, patience, work := agencies[r.IntN(len(agencies))], time.Duration(r.IntN(200))*time.Millisecond, time.Duration(r.IntN(20))*time.Millisecond
			begin := time.Duration(r.IntN(2000)) * time.Millisecond
			go func() {
				defer func() { done <- struct{}{} }()
				time.Sleep(begin)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				leave, err := l.Enter(ctx, a)
				if err != nil {
					return
				}
				mu.Lock()
				working[a]++
				all, let = all+1, let+1
				most = max(most, all)
				if working[a] > places-1 || all > places {
					t.Errorf("%d requests work, %d of one agency", all, working[a])
				}
				mu.Unlock()
				time.Sleep(work)
				mu.Lock()
				working[a]--
				all--
				mu.Unlock()
				leave()
			}()
		}
		for range 1000 {
			<-done
		}
		if kept, free := l.Kept(); kept != 0 || free != places || most != places || let < 100 {
			t.Errorf("%d agencies kept, %d places free, at most %d worked, %d were let in", kept, free, most, let)
		}
	})
}
