package workbench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
)

// maxStack bounds how deep a draft can make a parser or compiler recurse.
const maxStack = 64 << 20

// Work is the child's side of a [Child].
type Work struct {
	// Words is where words for people go. What goes to os.Stderr instead is
	// taken for the last words of a process that died.
	Words   *os.File
	reports *os.File
}

// Started reports whether this process is a [Child], and if so limits what it
// may use from now on. A child calls [Work.Context] before it opens a pack and
// [Work.Done] at the end.
func Started() (*Work, bool, error) {
	said, ok := os.LookupEnv(childVariable)
	if !ok {
		return nil, false, nil
	}
	if err := os.Unsetenv(childVariable); err != nil {
		return nil, false, err
	}
	var l Limits
	if err := json.Unmarshal([]byte(said), &l); err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", childVariable, err)
	}
	l = l.filled()
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(l.Memory / 4 * 3)
	if err := bind(l); err != nil {
		return nil, false, fmt.Errorf("limiting the child: %w", err)
	}
	return &Work{Words: os.NewFile(wordsFile, "words"), reports: os.NewFile(reportFile, "reports")}, true, nil
}

// Done tells the parent how the work ended.
func (w *Work) Done(o Outcome) error { return w.report(report{Done: &o}) }

func (w *Work) report(r report) error {
	if err := json.NewEncoder(w.reports).Encode(r); err != nil {
		return fmt.Errorf("reporting to the parent: %w", err)
	}
	return nil
}

type workKey struct{}

// Context returns a context under which the parent holds each opening of a
// pack to its limit.
func (w *Work) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, workKey{}, w)
}

// opening tells the parent, if there is one, that a pack is being opened. The
// function returned says that it is open, or could not be opened.
func opening(ctx context.Context) (opened func()) {
	w, ok := ctx.Value(workKey{}).(*Work)
	if !ok {
		return func() {}
	}
	// A parent that no longer reads has ended, and this process with it.
	_ = w.report(report{Opening: true})
	return func() { _ = w.report(report{Opened: true}) }
}
