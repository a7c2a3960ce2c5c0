package workbench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sluss/gateway/workbench"
)

// TestMain lets the tests run as their own child.
func TestMain(m *testing.M) {
	w, ok, err := workbench.Started()
	switch {
	case err != nil:
		panic(err)
	case ok:
		if err := w.Done(work(w, os.Args[1])); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work is what the child of a test does.
func work(w *workbench.Work, what string) (o workbench.Outcome) {
	switch what {
	case "well":
		fmt.Println("shown\x1b[2J å")
		fmt.Fprintln(w.Words, "words")
	case "refuse":
		o.Message = "refused"
	case "misuse":
		o.Message, o.Usage = "no such flag", true
	case "fill memory":
		kept := [][]byte{}
		for len(kept) < 1_000 { // 8 GB
			kept = append(kept, bytes.Repeat([]byte{1}, 8<<20))
		}
		o.Message = fmt.Sprint(len(kept))
	case "recurse":
		fmt.Println(deep(1))
	case "wait":
		time.Sleep(time.Hour)
	case "spin":
		for i := 0; ; i++ {
		}
	case "open slowly":
		_, err := workbench.Read(w.Context(context.Background()), slowFS{})
		o.Message = err.Error()
	case "open busily":
		_, err := workbench.Read(w.Context(context.Background()), busyFS{})
		o.Message = err.Error()
	case "flood":
		for {
			fmt.Println(strings.Repeat("x", 1000))
		}
	case "panic":
		panic("CANARY")
	case "vanish":
		os.Exit(0)
	}
	return o
}

func deep(n int) int {
	if n < 0 {
		return 0
	}
	return deep(n+1) + n
}

// TestChild lets a child do its work, and stops what a hostile draft could
// make it do. The parent learns which of the two it was.
func TestChild(t *testing.T) {
	small := workbench.Limits{Opening: 500 * time.Millisecond, Time: time.Minute, Memory: 256 << 20, Output: 1 << 20}
	tests := []struct {
		what string
		time time.Duration // if the whole is to be short
		want workbench.Outcome
		says string // of ErrLimit; "" for no error
	}{
		{"well", 0, workbench.Outcome{}, ""},
		{"refuse", 0, workbench.Outcome{Message: "refused"}, ""},
		{"misuse", 0, workbench.Outcome{Message: "no such flag", Usage: true}, ""},
		{"fill memory", 0, workbench.Outcome{}, "more than 256 MiB of memory"},
		{"recurse", 0, workbench.Outcome{}, "nested too deeply"},
		{"wait", time.Second, workbench.Outcome{}, "longer than 1s"},
		{"spin", time.Second, workbench.Outcome{}, "longer than 1s"},
		{"open slowly", 0, workbench.Outcome{}, "opening it took longer than 500ms"},
		{"open busily", 0, workbench.Outcome{}, "opening it took longer than 500ms"},
		{"flood", 0, workbench.Outcome{}, "printed more than"},
		{"panic", 0, workbench.Outcome{}, "ended unexpectedly"},
		{"vanish", 0, workbench.Outcome{}, "ended unexpectedly"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			limits := small
			if tt.time > 0 {
				limits.Time = tt.time
			}
			var stdout, stderr strings.Builder
			got, err := workbench.Child{Args: []string{tt.what}, Limits: limits, Stdout: &stdout, Stderr: &stderr}.Run(t.Context())
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if (err != nil) != (tt.says != "") || err != nil && (!errors.Is(err, workbench.ErrLimit) || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got error %v, want one that says %q", err, tt.says)
			}
			if tt.what == "well" && (stdout.String() != "shown?[2J å\n" || stderr.String() != "words\n") {
				t.Errorf("printed %q and said %q", stdout.String(), stderr.String())
			}
			if strings.Contains(stderr.String(), "goroutine") {
				t.Errorf("people are shown the insides: %s", stderr.String())
			}
		})
	}
}

// TestChildIsKilled: whoever no longer waits leaves nothing behind.
func TestChildIsKilled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := workbench.Child{Args: []string{"spin"}, Stdout: os.Stdout, Stderr: os.Stderr}.Run(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}
