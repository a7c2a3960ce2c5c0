package gatewaytest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/gatewaytest"
)

// tool runs gatewayctl and returns what it printed.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(filepath.Dir(binary), "gatewayctl"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("gatewayctl %v: %v: %s", args, err, out)
	}
	return string(out)
}

// newWitness makes a witness of the log of w, and returns the policy that its
// gateway is configured with, and how to run and end it.
func newWitness(t *testing.T, s *stage) (policy string, run func(), end func()) {
	t.Helper()
	var pins struct{ Log string }
	if err := json.Unmarshal(s.read(t, "pins.json"), &pins); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := l.Addr().String(), filepath.Join(t.TempDir(), "w1")
	l.Close()
	tool(t, "witness", "init", dir, "--name", "witness.example/w1", "--log", pins.Log)
	policy = "log " + pins.Log + "\n" + tool(t, "witness", "show", dir, "--url", "http://"+addr) + "quorum w1\n"
	var serving *exec.Cmd
	end = func() {
		if serving != nil {
			serving.Process.Signal(syscall.SIGTERM)
			serving.Wait()
			serving = nil
		}
	}
	run = func() {
		serving = exec.Command(filepath.Join(filepath.Dir(binary), "gatewayctl"), "witness", "serve", dir, "--listen", addr)
		serving.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := serving.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "witness", func() bool {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
	t.Cleanup(func() { end() })
	return policy, run, end
}

// TestWitnessed: what is to be witnessed leaves when a witness has cosigned its
// entry, and not while there is no witness.
func TestWitnessed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &stage{World: w}
	policy, run, end := newWitness(t, s)
	file := s.path("witnesses.policy")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Configure(map[string]any{"witnesses": "witnesses.policy", "release": map[string]string{"*": "witnessed"}, "redeliver_seconds": 1}); err != nil {
		t.Fatal(err)
	}
	run()
	start(t, w)
	s = withCast(t, w)
	s.exchange(t)

	end()
	token, err := s.cast.Assessment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent, err := s.cast.Police().Send(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	town := func() *client.Client {
		cfg, err := client.Load(filepath.Join(w.Folder("municipality:0180", "exit"), "client.json"))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Attempts = 1
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}()
	b, err := town.Poll(impatient, social, client.PollOptions{NoWait: true})
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != http.StatusServiceUnavailable || p.Code != gateway.CodeUnavailable {
		t.Errorf("without a witness: %d messages, %v; want 503", len(b.Messages), err)
	}
	run()
	eventually(t, "release", func() bool {
		b, err := s.cast.Town().Poll(t.Context(), social, client.PollOptions{NoWait: true})
		return err == nil && len(b.Messages) == 1 && b.Messages[0].Claims().ID == sent.ID
	})
}

// TestWitnessedReplicas: of several gateways one asks the witnesses, and what is
// to be witnessed leaves at any of them. When that one ends, however, another
// takes over.
func TestWitnessedReplicas(t *testing.T) {
	t.Parallel()
	var trust string
	r := newReplicas(t, 2, 0, func(r *gatewaytest.Replicas) {
		s := &stage{World: r.World}
		policy, run, _ := newWitness(t, s)
		trust = s.path("witnesses.policy")
		if err := os.WriteFile(trust, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, w := range r.All {
			if err := w.Configure(map[string]any{"witnesses": "witnesses.policy", "release": map[string]string{"*": "witnessed"}, "redeliver_seconds": 1}); err != nil {
				t.Fatal(err)
			}
		}
		run()
	})
	s := withCast(t, r.World)
	exchange := func(here, there *gatewaytest.World) {
		t.Helper()
		token, err := s.cast.Assessment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sent, err := at(t, here, policeExit.agency).Send(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		town := at(t, there, townExit.agency)
		var got []client.Message
		eventually(t, "release", func() bool {
			b, err := town.Poll(t.Context(), social, client.PollOptions{NoWait: true})
			got = b.Messages
			return err == nil && len(got) > 0
		})
		if len(got) != 1 || got[0].Claims().ID != sent.ID {
			t.Fatalf("%d messages, want %s alone", len(got), sent.ID)
		}
		// The checkpoint that is published there is cosigned, and of a tree with the
		// release in it.
		var log struct{ Entries uint64 }
		raw := operator(t, "log", "verify", "--json", "--trust", trust, "--client", s.file(policeExit, "client.json"), "https://"+there.Agencies)
		if err := json.Unmarshal(raw, &log); err != nil {
			t.Fatal(err)
		}
		if entry := got[0].Receipt().Entry; entry >= log.Entries {
			t.Errorf("entry %d was released when %d entries were witnessed", entry, log.Entries)
		}
		if err := town.Ack(t.Context(), social, got[0]); err != nil {
			t.Fatal(err)
		}
	}
	first, second := r.All[0], r.All[1]
	exchange(first, second)
	exchange(second, first)
	// Either may be the one that publishes; when the other has been alone, it is.
	stop(t, first)
	exchange(second, second)
	start(t, first)
	exchange(first, second)
	if err := second.Kill(); err != nil {
		t.Fatal(err)
	}
	exchange(first, first)
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	sound(t, r)
}

// TestReleasePolicy: a policy that cannot be kept stops the start.
func TestReleasePolicy(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"witnessed", "replicated", "believed"} {
		w := newWorld(t)
		if err := w.Configure(map[string]any{"release": map[string]string{"EXIT_SUPPORT": how}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Start(t.Context()); err == nil {
			t.Errorf("started with release %q", how)
		}
	}
}
