package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Child is a server in a process of its own: this program, run again to serve one
// part of a system, so that its processor time can be told from that of the
// clients.
type Child struct {
	Addr  string // where it listens
	cmd   *exec.Cmd
	stdin io.Closer
}

// GarbageCollection is how Go programs beside the gateway collect garbage: as
// rarely as the gateway does.
var GarbageCollection = []string{"GOGC=600", "GOMEMLIMIT=220MiB"}

// StartChild runs this program with the command word and a configuration, JSON on
// its first argument, until Close. The child says where it listens on a line of
// its standard output, and ends with its standard input, so that none is left
// behind.
func StartChild(word string, config any) (*Child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, word, string(raw))
	cmd.Env, cmd.Stderr = append(os.Environ(), GarbageCollection...), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &Child{cmd: cmd, stdin: in}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", word, err), c.Close())
	}
	c.Addr = strings.TrimSpace(line)
	return c, nil
}

// Pid is the process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Close ends the process.
func (c *Child) Close() error {
	c.stdin.Close()
	return c.cmd.Wait()
}

// Serving is what a child calls when it listens: it says where, and returns when
// it is told to end.
func Serving(addr string) {
	fmt.Println(addr)
	io.Copy(io.Discard, os.Stdin)
}
