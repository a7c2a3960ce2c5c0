package peer

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"sluss/gateway/gatewaytest/bench/load"
)

// policy says yes or no by who sends what to whom, for what: the least that
// anybody would ask of it.
//
//go:embed allow.rego
var policy []byte

// OPA is a stock OPA server in a process of its own.
type OPA struct {
	URL string // of the decision
	cmd *exec.Cmd
}

// StartOPA runs the program opa with the policy, in dir.
func StartOPA(ctx context.Context, opa, dir string) (*OPA, error) {
	file := filepath.Join(dir, "allow.rego")
	if err := os.WriteFile(file, policy, 0o600); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(opa, "run", "--server", "--addr", addr, "--log-level", "error", "--skip-version-check", file)
	var said bytes.Buffer // told only when it does not start
	cmd.Env, cmd.Stderr = append(os.Environ(), load.GarbageCollection...), &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // gone with who started it
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &OPA{URL: "http://" + addr + "/v1/data/exchange/allow", cmd: cmd}
	for range 600 {
		if resp, err := http.Get("http://" + addr + "/health"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return o, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), o.Close())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil, errors.Join(o.Close(), fmt.Errorf("OPA at %s did not answer: %s", addr, said.String()))
}

// Pid is the process id.
func (o *OPA) Pid() int { return o.cmd.Process.Pid }

// Close ends the server.
func (o *OPA) Close() error {
	if err := o.cmd.Process.Kill(); err != nil {
		return err
	}
	o.cmd.Wait() // killed
	return nil
}
