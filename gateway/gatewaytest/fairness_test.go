package gatewaytest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/gatewaytest"
)

// The load of the benchmark of fairness.
const (
	fairRounds   = 5
	fairTime     = 2 * time.Second
	fairUsers    = 4
	fairPause    = 20 * time.Millisecond // of each user between two exchanges
	floodClients = 64
	floodTokens  = 50 // of each; then they come again
)

// BenchmarkFairness measures what a flood of one agency costs the others: the
// 99th percentile of steady exchanges between other agencies, alone and while
// one agency floods in different ways, with the gateway's limits on rates and
// without, when the shares alone hold. Alone and flooded take turns, round by
// round, so that what else the machine does falls on both alike.
//
// The flood comes from a process of its own at the lowest priority (nice 19), so
// that on few processors it takes little from the steady clients and the gateway.
// What it takes nevertheless is shown by the flood "elsewhere", which goes to a
// TLS server that only reads instead of the gateway. It can only be weaker than a
// flood from other machines; its answers a second are printed.
func BenchmarkFairness(b *testing.B) {
	for name, rate := range map[string]float64{"unlimited": 1e6, "limited": 500} {
		b.Run(name, func(b *testing.B) {
			if b.N > 1 {
				b.Fatal("run with -benchtime 1x: it has rounds of its own")
			}
			w, err := gatewaytest.NewCrowd(b.TempDir(), binary, fairUsers+1)
			if err == nil {
				err = w.Configure(map[string]any{"requests_per_second": rate})
			}
			if err == nil {
				err = w.Start(b.Context())
			}
			if err != nil {
				b.Fatal(err)
			}
			defer w.Stop()
			f, other := newFair(b, w), elsewhere(b, w)
			fmt.Printf("\n%s: %d users with %s between two exchanges; flood of %d clients; %d rounds of %s; medians [min-max]\n",
				name, fairUsers, fairPause, floodClients, fairRounds, fairTime)
			fmt.Printf("%-12s %28s %28s %22s %10s\n", "flood", "p99 alone", "p99 flooded", "ratio", "answers/s")
			for _, kind := range []string{"fresh", "replay", "bad", "polls", "handshakes"} {
				b.Run(kind, func(b *testing.B) { f.measure(b, kind, "https://"+w.Agencies) })
			}
			b.Run("elsewhere", func(b *testing.B) { f.measure(b, "elsewhere", other) })
		})
	}
}

// fair is the steady load, and what the flooding agency needs.
type fair struct {
	w      *gatewaytest.World
	users  []fairUser
	tokens string // file with the flood's statements, a client's on each line
}

// fairUser is a municipality that the police send messages to.
type fairUser struct {
	matter       *gatewaytest.Matter
	police, town *client.Client
}

// exchange is one whole exchange with the SDK.
func (u fairUser) exchange(ctx context.Context, token []byte) error {
	if _, err := u.police.Send(ctx, token); err != nil {
		return err
	}
	got, err := u.town.Poll(ctx, social, client.PollOptions{NoWait: true})
	if err != nil || len(got.Messages) != 1 {
		return fmt.Errorf("poll gave %d messages: %w", len(got.Messages), err)
	}
	return u.town.Ack(ctx, social, got.Messages[0])
}

// elsewhere is a TLS server that only reads.
func elsewhere(b *testing.B, w *gatewaytest.World) (url string) {
	b.Helper()
	cert, err := tls.LoadX509KeyPair(filepath.Join(w.Dir, "gateway", "tls.pem"), filepath.Join(w.Dir, "gateway", "tls.key"))
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	b.Cleanup(s.Close)
	return s.URL
}

// flooder is the agency that floods.
const flooder = gateway.AgencyID("municipality:9005")

func newFair(b *testing.B, w *gatewaytest.World) *fair {
	b.Helper()
	f := &fair{w: w, tokens: filepath.Join(b.TempDir(), "tokens")}
	for i := range fairUsers {
		town := gateway.AgencyID(fmt.Sprintf("municipality:%d", 9001+i))
		var u fairUser
		var errs [3]error
		u.matter, errs[0] = gatewaytest.NewMatter(b.Context(), w, town)
		u.police, errs[1] = w.Client(b.Context(), "police", "exit")
		u.town, errs[2] = w.Client(b.Context(), town, "exit")
		if err := errors.Join(errs[:]...); err != nil {
			b.Fatal(err)
		}
		f.users = append(f.users, u)
	}
	var lines bytes.Buffer
	for range floodClients {
		m, err := gatewaytest.NewMatter(b.Context(), w, flooder)
		if err != nil {
			b.Fatal(err)
		}
		for n := range floodTokens {
			token, err := m.StateHome(b.Context(), int64(100+n))
			if err != nil {
				b.Fatal(err)
			}
			lines.Write(append(token, ' '))
		}
		lines.WriteByte('\n')
	}
	if err := os.WriteFile(f.tokens, lines.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	return f
}

// measure prints what one kind of flood of the server at url costs the users.
func (f *fair) measure(b *testing.B, kind, url string) {
	b.Helper()
	var alone, flooded, ratios, answers []float64
	for i := range fairRounds {
		before := f.steady(b)
		n, stop := f.flood(b, kind, url, i)
		time.Sleep(500 * time.Millisecond) // until it is at its height
		during := f.steady(b)
		stop()
		alone, flooded, ratios = append(alone, before), append(flooded, during), append(ratios, during/before)
		answers = append(answers, n()/(fairTime+500*time.Millisecond).Seconds())
		time.Sleep(500 * time.Millisecond)
	}
	fmt.Printf("%-12s %28s %28s %22s %10.0f\n", kind, spread(alone, "%.1f ms"), spread(flooded, "%.1f ms"), spread(ratios, "%.2f"), median(answers))
	b.ReportMetric(median(ratios), "ratio")
}

// steady returns the 99th percentile of the users' exchanges over a round, in
// milliseconds. A message is sealed while its exchange is not timed.
func (f *fair) steady(b *testing.B) float64 {
	b.Helper()
	times := make([][]float64, len(f.users))
	var wg sync.WaitGroup
	begun := time.Now()
	for i, u := range f.users {
		wg.Go(func() {
			for time.Since(begun) < fairTime {
				token, err := u.matter.Seal(b.Context())
				if err != nil {
					b.Error(err)
					return
				}
				t := time.Now()
				if err := u.exchange(b.Context(), token); err != nil {
					b.Error(err)
					return
				}
				times[i] = append(times[i], float64(time.Since(t).Microseconds())/1000)
				time.Sleep(fairPause)
			}
		})
	}
	wg.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	if len(all) == 0 {
		b.Fatal("no exchange")
	}
	return all[len(all)*99/100]
}

// flood starts a flood in a process of its own; after stop, answered says how
// many answers it got.
func (f *fair) flood(b *testing.B, kind, url string, round int) (answered func() float64, stop func()) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("nice", "-n", "19", self)
	cmd.Env = append(os.Environ(), floodVariable+"="+strings.Join([]string{kind, url, f.w.Folder(flooder, "exit"), f.tokens, fmt.Sprint(round)}, " "))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	var n float64
	return func() float64 { return n }, func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error("flood:", err)
		}
		fmt.Sscan(out.String(), &n)
	}
}

// floodVariable is the environment variable that makes of this program a
// client that floods: kind, url, the system's folder, the file of its tokens, and
// which part of them to begin with.
const floodVariable = "SLUSS_FLOOD"

// floodFrom floods until standard input ends and prints how many answers came.
func floodFrom(spec string) int {
	part := strings.Fields(spec)
	cfg, err := client.Load(filepath.Join(part[2], "client.json"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	raw, err := os.ReadFile(part[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var round int
	fmt.Sscan(part[4], &round)
	ctx, cancel := context.WithCancel(context.Background())
	var n atomic.Int64
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		tokens := strings.Fields(line)
		go func() {
			one := floodClient(cfg, part[1])
			for i := round * len(tokens) / fairRounds; ctx.Err() == nil; i++ {
				if part[0] == "replay" {
					i = 0
				}
				if one(ctx, part[0], tokens[i%len(tokens)]) {
					n.Add(1)
				}
			}
		}()
	}
	io.Copy(io.Discard, os.Stdin)
	cancel()
	fmt.Println(n.Load())
	return 0
}

// floodClient returns what one client of a flood does again and again, over a
// connection of its own, from another address than the others'.
func floodClient(cfg client.Config, url string) func(ctx context.Context, kind, token string) (answered bool) {
	config := &tls.Config{RootCAs: cfg.Authorities, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cfg.Certificate(), nil }}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DialContext: dialer.DialContext}}
	var acks strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&acks, `,"urn:uuid:01890a5d-ac96-774b-bcce-b3020990%04d"`, i)
	}
	return func(ctx context.Context, kind, token string) bool {
		path, media, body := "/v1/messages", "application/sd-jwt", token
		switch kind {
		case "bad":
			body = strings.Repeat("CANARY~", 5000)
		case "polls":
			path, media = "/v1/poll", "application/json"
			body = `{"role":"municipality.social_worker","maxEvents":256,"returnImmediately":true,"ack":[` + acks.String()[1:] + `]}`
		case "handshakes":
			conn, err := (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", strings.TrimPrefix(url, "https://"))
			if err == nil {
				conn.Close()
			}
			return err == nil
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, strings.NewReader(body))
		if err != nil {
			return false
		}
		r.Header.Set("Content-Type", media)
		resp, err := c.Do(r)
		if err != nil {
			return false
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return true
	}
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(v))[len(v)/2]
}

func spread(v []float64, format string) string {
	return fmt.Sprintf(format+" ["+format+"-"+format+"]", median(v), slices.Min(v), slices.Max(v))
}
