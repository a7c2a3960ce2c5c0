package disclosure_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
	"sluss/gateway/store/sqlite"
)

// crashDir is the environment variable that makes the test binary the gateway
// that is killed.
const crashDir = "SLUSS_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := appendUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// appendUntilKilled appends messages from many callers and prints a line for
// each that was committed, once it was.
func appendUntilKilled(dir string) error {
	s, err := sqlite.Open(context.Background(), sqlite.Config{Dir: dir, Reserve: -1})
	if err != nil {
		return err
	}
	l, err := disclosure.New(disclosure.Config{
		Store: s, Key: key, Origin: origin, Anchor: filepath.Join(dir, "anchor"), Interval: 10 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	ids.Store(time.Now().UnixNano())
	var t fatal
	for range 16 {
		go func() {
			for {
				w := submission(t, time.Now())
				c, err := l.Append(context.Background(), w)
				if err != nil {
					t.Fatal(err)
				}
				leaf := c.Leaf()
				fmt.Printf("%d %s %s\n", c.Index(), hex.EncodeToString(leaf[:]), w.Message.ID)
			}
		}()
	}
	return l.Run(context.Background())
}

// fatal is a testing.TB for a process that is no test.
type fatal struct{ testing.TB }

func (fatal) Helper() {}
func (fatal) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

// TestCrash kills a gateway that appends, again and again, and holds each time
// that what was acknowledged is there, whole, and that log and mailboxes agree.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	for round := range 6 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashDir+"="+dir)
		var stderr bytes.Buffer
		child.Stderr = &stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var lines []string
		in := bufio.NewScanner(out)
		// Killed in the middle of whatever it is doing after so many lines.
		for n := 20 + 137*round; len(lines) < n && in.Scan(); {
			lines = append(lines, in.Text())
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for in.Scan() { // what it had still written
			lines = append(lines, in.Text())
		}
		child.Wait()
		if stderr.Len() > 0 {
			t.Fatalf("round %d: %s", round, stderr.String())
		}
		acknowledged += len(lines)
		recovered(t, dir, lines)
	}
	if acknowledged < 1000 {
		t.Errorf("only %d acknowledged", acknowledged)
	}
}

func recovered(t *testing.T, dir string, lines []string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, line := range lines {
		var index uint64
		var leaf, id string
		if n, err := fmt.Sscan(line, &index, &leaf, &id); n != 3 {
			if strings.HasPrefix(id, "urn:uuid:") && err == nil {
				t.Errorf("line %q", line)
			}
			continue // the kill cut it off
		}
		e, err := s.Entry(t.Context(), index)
		if err != nil || hex.EncodeToString(e.Leaf[:]) != leaf {
			t.Fatalf("acknowledged entry %d is not there: %v", index, err)
		}
		if _, at, err := s.Message(t.Context(), "police", gateway.MessageID(id)); err != nil || at != index {
			t.Fatalf("acknowledged message of entry %d is not there: %d, %v", index, at, err)
		}
	}
	messages := uint64(0)
	if err := s.ScanMessages(t.Context(), func(store.Message, uint64) error { messages++; return nil }); err != nil {
		t.Fatal(err)
	}
	if h, err := s.Head(t.Context()); err != nil || h.Size != messages {
		t.Errorf("%d entries, %d messages, %v", h.Size, messages, err)
	}
	sound(t, s, dir)
}
