// Package gatewaytest is the test kit: a real gateway process over real
// sockets, with an authority, agencies and a policy of its own, and stories
// that several parties play against it.
//
// A [World] is a development world (package certs/dev) in a directory, and the
// gateway binary that serves it. It can be stopped, killed with SIGKILL and
// started again; what it wrote (database, log files, metrics) can be searched
// for the words that test payloads carry. [Play] tells the story of the demo,
// in which every step checks what it claims; [Faults] lets gateway, disk, database
// and network fail under load and compares what clients were told with what is on
// the disk. The commands "gatewayctl demo" and "gatewayctl faults" and the tests of
// this package run the same ones.
//
// The kit invents no behaviour: clients are the SDK (package client), the
// gateway is the program that operators run, and nothing is replaced by a
// double. It is for development and tests alone.
package gatewaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"sluss/certs/dev"
	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/policies"
)

// World is a development world and the gateway that serves it.
type World struct {
	Dir        string // of everything
	Binary     string // the gateway program
	Agencies   string // address of the agency API
	Operations string // address of health and metrics
	Log        string // file that the process logs to
	// User runs the gateway as another user than the caller, who must be root.
	// That user must be able to read Dir.
	User *syscall.Credential

	name    string // of the gateway among those beside it; "" of the first
	mu      sync.Mutex
	process *exec.Cmd
	done    chan error
	clients map[string]*client.Client
}

// New makes a world in dir, on free ports of the loopback interface, for the
// gateway program at binary. It starts nothing.
func New(dir, binary string) (*World, error) { return NewCrowd(dir, binary, 0) }

// NewCrowd makes a world with so many municipalities more than New's two,
// municipality:9001 and on.
func NewCrowd(dir, binary string, more int) (*World, error) {
	agency, err := freePort()
	if err != nil {
		return nil, err
	}
	return newWorld(dir, binary, agency, agency, more)
}

// newWorld makes a world whose gateway listens at an address and whose clients
// look for it at another.
func newWorld(dir, binary, agency, entrance string, more int) (*World, error) {
	operations, err := freePort()
	if err != nil {
		return nil, err
	}
	snap, err := snapshot.Read(policies.FS, policy.Engine())
	if err != nil {
		return nil, err
	}
	w := &World{Dir: dir, Binary: binary, Agencies: agency, Operations: operations, Log: filepath.Join(dir, "gateway.log"), clients: map[string]*client.Client{}}
	_, err = dev.Make(dev.Config{Dir: dir, URL: "https://" + entrance, Operations: operations, Snapshot: snap, Municipalities: more})
	if err == nil && entrance != agency {
		err = w.Configure(map[string]any{"listen": agency})
	}
	return w, err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Config is the path of the gateway's configuration.
func (w *World) Config() string { return filepath.Join(w.Dir, "gateway", "gateway"+w.name+".json") }

// Configure changes members of the gateway's configuration before it starts.
func (w *World) Configure(members map[string]any) error {
	raw, err := os.ReadFile(w.Config())
	if err != nil {
		return err
	}
	all := map[string]any{}
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	for k, v := range members {
		all[k] = v
	}
	raw, err = json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(w.Config(), raw, 0o600)
}

// Start starts the gateway and returns when it is ready, or when it has ended
// or ctx is done, with what it logged last.
func (w *World) Start(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	out, err := os.OpenFile(w.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(w.Binary, "-config", w.Config())
	cmd.Stderr, cmd.Stdout = out, out
	if w.User != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: w.User}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.process, w.done = cmd, make(chan error, 1)
	go func() { w.done <- cmd.Wait() }()
	for {
		if w.Ready() {
			return nil
		}
		select {
		case err := <-w.done:
			w.process = nil
			return fmt.Errorf("gateway ended before it was ready: %w: %s", err, w.tail())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), cmd.Process.Kill())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Ready reports whether the gateway says that it can carry out an exchange.
func (w *World) Ready() bool {
	resp, err := http.Get("http://" + w.Operations + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Pid returns the process id of the gateway, 0 if it does not run.
func (w *World) Pid() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil {
		return 0
	}
	return w.process.Process.Pid
}

// Stop drains the gateway and returns when it has ended.
func (w *World) Stop() error { return w.end(syscall.SIGTERM) }

// Kill ends the gateway at once (SIGKILL).
func (w *World) Kill() error { return w.end(syscall.SIGKILL) }

func (w *World) end(s os.Signal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil {
		return nil
	}
	if err := w.process.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := <-w.done
	w.process = nil
	if s == syscall.SIGKILL {
		return nil // it cannot have ended well
	}
	if err != nil {
		return fmt.Errorf("gateway did not drain: %w: %s", err, w.tail())
	}
	return nil
}

// exited reports whether the gateway has ended by itself.
func (w *World) exited() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case err := <-w.done:
		w.done <- err // for whoever ends it
		return true
	default:
		return false
	}
}

// data and state are the directories of the database, and of what lies outside
// it.
func (w *World) data() string  { return filepath.Join(w.Dir, "gateway", "data") }
func (w *World) state() string { return filepath.Join(w.Dir, "gateway", "state"+w.name) }

// ring is the directory of the at-rest keys, which gateways on one database share.
func (w *World) ring() string {
	if shared := filepath.Join(w.Dir, "gateway", "ring"); exists(shared) {
		return shared
	}
	return filepath.Join(w.state(), "ring")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// tail returns the end of what the gateway logged.
func (w *World) tail() string {
	raw, err := os.ReadFile(w.Log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(raw[max(0, len(raw)-500):]))
}

// Metrics returns what the gateway's metrics endpoint shows.
func (w *World) Metrics() (string, error) {
	resp, err := http.Get("http://" + w.Operations + "/metrics")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// Folder returns the folder of one system of an agency, with its client.json.
func (w *World) Folder(agency gateway.AgencyID, system string) string {
	return filepath.Join(w.Dir, "agencies", dev.Folder(agency), system)
}

// Client returns the SDK client of one system of an agency, refreshed.
func (w *World) Client(ctx context.Context, agency gateway.AgencyID, system string) (*client.Client, error) {
	folder := w.Folder(agency, system)
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.clients[folder]; c != nil {
		return c, nil
	}
	cfg, err := client.Load(filepath.Join(folder, "client.json"))
	if err != nil {
		return nil, err
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Refresh(ctx); err != nil {
		return nil, err
	}
	w.clients[folder] = c
	return c, nil
}
