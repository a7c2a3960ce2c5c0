package workbench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// ErrLimit says that the work on a draft was stopped because it went beyond
// what a draft may use. Its words are for whoever wrote the draft.
var ErrLimit = errors.New("the draft was stopped")

// Limits bound what the work on a draft may use. The zero value of a field
// means its default.
type Limits struct {
	Opening time.Duration // opening one pack: reading, checking, compiling. Default 4s
	Time    time.Duration // everything. Default 10 minutes
	Memory  int64         // bytes of memory. Default 2 GiB
	Output  int64         // bytes on standard output. Default 256 MiB
}

func (l Limits) filled() Limits {
	return Limits{
		Opening: cmp.Or(l.Opening, 4*time.Second),
		Time:    cmp.Or(l.Time, 10*time.Minute),
		Memory:  cmp.Or(l.Memory, 2<<30),
		Output:  cmp.Or(l.Output, 256<<20),
	}
}

// Child is the work on a draft in a process of its own: the running program
// once more, with limits that the operating system holds it to. Whatever the
// draft does there, this process only copies what the other prints.
//
// The program must call [Started] in the child and do the work there.
type Child struct {
	Name   string   // what the program is called, the first word of its command line
	Args   []string // the rest of it
	Limits Limits
	Stdout io.Writer // what the work shows
	Stderr io.Writer // words for people; a file is handed on, so that the child sees a terminal
}

// Outcome is how the work in a child ended: without a message it went well.
type Outcome struct {
	Message string // the error
	Usage   bool   // the error is in the command line
}

// The environment variable by which a program knows that it is the child, and
// the files that it then has: reports to the parent, words for people.
const (
	childVariable = "SLUSS_WORKBENCH_CHILD"
	reportFile    = 3
	wordsFile     = 4
)

// report is one message from the child to its parent, a line of JSON.
type report struct {
	Opening bool     `json:"opening,omitempty"` // a pack is being opened
	Opened  bool     `json:"opened,omitempty"`
	Done    *Outcome `json:"done,omitempty"`
}

// Run does the work and waits for it. Work that went beyond a limit, or that
// the Go runtime gave up, is [ErrLimit]; when ctx is done the child is killed
// and the error is that of ctx.
func (c Child) Run(ctx context.Context) (Outcome, error) {
	// The child is killed with the thread that started it (parent-death signal).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l := c.Limits.filled()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.AfterFunc(l.Time, func() { stop(limit("it took longer than %v", l.Time)) })
	defer timer.Stop()

	cmd, err := c.command(ctx, l)
	if err != nil {
		return Outcome{}, err
	}
	var died tail // what the Go runtime says when it gives up
	cmd.Stdout = &bounded{w: c.Stdout, left: l.Output, over: func() { stop(limit("it printed more than %d bytes", l.Output)) }}
	cmd.Stderr = &died
	reports, toReport, err := os.Pipe()
	if err != nil {
		return Outcome{}, fmt.Errorf("starting the child: %w", err)
	}
	defer reports.Close()
	words, wait, err := wordsTo(c.Stderr)
	if err != nil {
		return Outcome{}, errors.Join(err, toReport.Close())
	}
	cmd.ExtraFiles = []*os.File{toReport, words}
	err = cmd.Start()
	toReport.Close() // the child has its own
	if err != nil {
		return Outcome{}, errors.Join(fmt.Errorf("starting the child: %w", err), wait())
	}
	done := make(chan *Outcome, 1)
	go func() { done <- follow(reports, &openingWatch{pid: cmd.Process.Pid, most: l.Opening, stop: stop}) }()
	err = errors.Join(cmd.Wait(), wait())
	return ended(ctx, <-done, err, died.String(), l)
}

// command is the program once more.
func (c Child) command(ctx context.Context, l Limits) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the child: %w", err)
	}
	limits, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("starting the child: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, c.Args...)
	cmd.Args[0] = cmp.Or(c.Name, program)
	cmd.Env = append(os.Environ(), childVariable+"="+string(limits), "GOTRACEBACK=none")
	cmd.SysProcAttr = dieWithParent()
	cmd.WaitDelay = 5 * time.Second
	return cmd, nil
}

// wordsTo returns the file that the child writes words for people to, and what
// waits until they are copied.
func wordsTo(w io.Writer) (*os.File, func() error, error) {
	if f, ok := w.(*os.File); ok {
		return f, func() error { return nil }, nil
	}
	r, to, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("starting the child: %w", err)
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, r)
		copied <- err
	}()
	return to, func() error {
		defer r.Close()
		return errors.Join(to.Close(), <-copied)
	}, nil
}

// follow reads the child's reports until it ends, holds each opening to its
// limit and returns how the work ended, nil if the child did not say.
func follow(reports io.Reader, w *openingWatch) *Outcome {
	defer w.end()
	for d := json.NewDecoder(reports); ; {
		var r report
		if err := d.Decode(&r); err != nil {
			return nil
		}
		switch {
		case r.Done != nil:
			return r.Done
		case r.Opening:
			w.begin()
		case r.Opened:
			w.end()
		}
	}
}

// openingWatch stops a child that opens a pack for too long. On a machine that
// is busy with other things a child gets more time than its limit, up to five
// times as much, as long as it has not worked for most of the limit itself.
type openingWatch struct {
	pid  int
	most time.Duration
	stop context.CancelCauseFunc

	mu     sync.Mutex
	begun  time.Time
	worked time.Duration // by the child until then
	timer  *time.Timer   // nil while nothing is being opened
}

func (w *openingWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil { // else an opening within an opening
		w.begun, w.worked = time.Now(), workedBy(w.pid)
		w.timer = time.AfterFunc(w.most, w.check)
	}
}

func (w *openingWatch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

func (w *openingWatch) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		return
	}
	if workedBy(w.pid)-w.worked < w.most/2 && time.Since(w.begun) < 5*w.most {
		w.timer.Reset(w.most / 4)
		return
	}
	w.stop(limit("opening it took longer than %v. A provision that nests deeply, repeats itself or is very long does that", w.most))
}

// ended says how a child ended.
func ended(ctx context.Context, done *Outcome, err error, died string, l Limits) (Outcome, error) {
	switch cause := context.Cause(ctx); {
	case done != nil && err == nil:
		done.Message = string(printable([]byte(done.Message)))
		return *done, nil
	case cause != nil:
		return Outcome{}, cause
	case done != nil:
		return Outcome{}, fmt.Errorf("copying what the child printed: %w", err)
	case strings.Contains(died, "out of memory") || strings.Contains(died, "cannot allocate memory") || strings.Contains(died, "errno=12"):
		return Outcome{}, limit("it needed more than %d MiB of memory. Values that are built of other values grow very fast", l.Memory>>20)
	case strings.Contains(died, "stack"):
		return Outcome{}, limit("something in it is nested too deeply")
	}
	line, _, _ := strings.Cut(strings.TrimSpace(died), "\n")
	return Outcome{}, fmt.Errorf("%w: its process ended unexpectedly (%w) %s", ErrLimit, err, line)
}

func limit(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrLimit}, args...)...)
}

// bounded passes on so many bytes and no more.
type bounded struct {
	w    io.Writer
	left int64
	over func()
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		b.over()
		return 0, ErrLimit
	}
	return b.w.Write(printable(p))
}

// printable replaces control characters, which could move the cursor of a
// terminal or change what it shows: the words of a draft are shown as they are,
// and may be hostile. It goes by bytes, for a write may end within a character.
func printable(p []byte) []byte {
	out := bytes.Clone(p)
	for i, c := range out {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			out[i] = '?'
		}
	}
	return out
}

// tail keeps the beginning of what the runtime says, and drops the rest.
type tail struct{ bytes.Buffer }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	if room := 8<<10 - t.Len(); room > 0 {
		t.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
