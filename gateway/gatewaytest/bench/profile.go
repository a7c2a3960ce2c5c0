package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/gatewaytest/bench/report"
)

// profiled takes a CPU profile of a gateway under load.
func profiled(ctx context.Context, g *ours, out string, clients int, d time.Duration) (report.Profiled, error) {
	var guess load.Guess
	for try := 0; ; try++ {
		r, raw, err := g.profileRound(ctx, &guess, clients, d)
		if errors.Is(err, load.ErrShort) && try < 5 {
			continue
		}
		if err != nil {
			return report.Profiled{}, fmt.Errorf("taking a profile: %w", err)
		}
		say("%s: profile at %d clients, %.0f/s", g.Name(), clients, r.Rate)
		return profileOf(ctx, g, raw, out)
	}
}

// profileRound takes a round, and a profile of most of it.
func (o *ours) profileRound(ctx context.Context, guess *load.Guess, clients int, d time.Duration) (load.Round, []byte, error) {
	if err := o.Prepare(ctx, clients, guess.For(d)); err != nil {
		return load.Round{}, nil, err
	}
	var raw []byte
	got := make(chan error, 1)
	go func() {
		var err error
		raw, err = fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", o.w.Operations, max(1, int(d.Seconds())-1)))
		got <- err
	}()
	r, err := load.Take(ctx, o, clients, d)
	return r, raw, errors.Join(err, <-got)
}

// profileOf keeps the top of a profile and sums it up.
func profileOf(ctx context.Context, g *ours, raw []byte, out string) (report.Profiled, error) {
	p := report.Profiled{System: g.Name(), File: "profile-" + g.db.kind + ".txt"}
	parsed, err := profile.ParseData(raw)
	if err != nil {
		return p, err
	}
	p.Share = shares(parsed)
	return p, writeTop(ctx, raw, g.w.Binary, filepath.Join(out, p.File))
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d", url, resp.StatusCode)
	}
	return raw, err
}

// writeTop keeps what takes most time by itself, and with what it calls.
func writeTop(ctx context.Context, raw []byte, binary, file string) error {
	tmp, err := os.CreateTemp("", "cpu-*.pprof")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(raw); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	var text bytes.Buffer
	for _, flags := range [][]string{{"-top", "-nodecount=60"}, {"-top", "-cum", "-nodecount=120"}} {
		cmd := exec.CommandContext(ctx, "go", append(append([]string{"tool", "pprof"}, flags...), binary, tmp.Name())...)
		outcome, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("reading the profile: %w", err)
		}
		for line := range strings.Lines(string(outcome)) {
			if !strings.HasPrefix(line, "File:") && !strings.HasPrefix(line, "Build ID:") {
				text.WriteString(line)
			}
		}
		text.WriteByte('\n')
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// kinds are where a sample belongs that no step of the path asked for, by a
// function in its stack.
var kinds = []struct{ function, kind string }{
	{"runtime.gcBgMarkWorker", "garbage collection"}, {"runtime.bgsweep", "garbage collection"}, {"runtime.bgscavenge", "garbage collection"},
	{"crypto/tls.", "TLS and HTTP"}, {"net/http.", "TLS and HTTP"}, {"golang.org/x/net/http2.", "TLS and HTTP"},
	{"runtime.mcall", "scheduling"}, {"runtime.findRunnable", "scheduling"}, {"runtime.schedule", "scheduling"},
	{"github.com/jackc/pgx", "database client"}, {"modernc.org/sqlite", "database"},
}

// shares says which share of the samples each step of the path asked for: the
// package of the gateway nearest to where the time went.
func shares(p *profile.Profile) map[string]float64 {
	const own = "sluss/gateway/"
	out := map[string]float64{}
	total := 0.0
	for _, s := range p.Sample {
		v := float64(s.Value[len(s.Value)-1])
		total += v
		out[owner(s, own)] += v
	}
	for k := range out {
		out[k] /= max(1, total)
	}
	return out
}

func owner(s *profile.Sample, own string) string {
	other := "other"
	for _, l := range s.Location { // the leaf first
		for _, line := range l.Line {
			if line.Function == nil {
				continue
			}
			f := line.Function.Name
			if rest, ok := strings.CutPrefix(f, own); ok {
				return packageOf(rest)
			}
			for _, k := range kinds {
				if other == "other" && strings.HasPrefix(f, k.function) {
					other = k.kind
				}
			}
		}
	}
	return other
}

// packageOf is the package in a function's name, "store/sqlite" in
// "store/sqlite.list[go.shape.struct { … }]".
func packageOf(function string) string {
	function, _, _ = strings.Cut(function, "[") // type parameters have names with dots and slashes
	dir, name := "", function
	if slash := strings.LastIndexByte(function, '/'); slash >= 0 {
		dir, name = function[:slash+1], function[slash+1:]
	}
	name, _, _ = strings.Cut(name, ".")
	return dir + name
}
