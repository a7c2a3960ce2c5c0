package gatewaytest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/keys"
)

// The load of the benchmark: rounds of a few seconds, the gateway and the floor
// in turn, so that what else the machine does falls on both alike.
const (
	rounds      = 5
	roundTime   = 2 * time.Second
	manyUsers   = 32
	sealedFirst = 3000 // messages sealed beforehand for the user who is alone in some rounds
	sealedEach  = 500  // and for each of the others; a round ends when they are used up
)

// BenchmarkExchange measures whole exchanges a second (submit, poll, acknowledge)
// over mutual TLS against the real program, at 1 and at 32 clients, and beside
// them the floor: the same number of TLS requests, ES256 verifies and signs,
// digests and group-committed writes and nothing else. It prints medians with
// their spread, the ratio of the two, taken in one run, and the processor time
// that the gateway used.
func BenchmarkExchange(b *testing.B) {
	if b.N > 1 {
		b.Fatal("run with -benchtime 1x: it has rounds of its own")
	}
	w, err := gatewaytest.NewCrowd(b.TempDir(), binary, manyUsers)
	if err == nil {
		err = w.Configure(map[string]any{"requests_per_second": 1e6})
	}
	begun := time.Now()
	if err == nil {
		err = w.Start(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	ready := time.Since(begun)
	defer w.Stop()
	idle := rss(b, w.Pid())
	users := make([]*user, manyUsers)
	for i := range users {
		n := sealedEach
		if i == 0 {
			n = sealedFirst
		}
		users[i] = newUser(b, w, gateway.AgencyID(fmt.Sprintf("municipality:%d", 9001+i)), n)
	}
	f := newFloor(b, w)
	defer f.close()
	fmt.Printf("\nstart to ready %.2f s, idle memory %.0f MB; message %d bytes, 12 sealed fields; %d rounds of %s, medians [min-max]\n",
		ready.Seconds(), idle, len(users[0].tokens[0]), rounds, roundTime)
	if out := os.Getenv("SLUSS_PROFILE"); out != "" {
		go profile(b, w, out)
	}
	fmt.Printf("%-10s %22s %22s %10s %24s %20s %14s\n", "clients", "exchanges/s", "floor/s", "ratio", "p50 of an exchange", "gateway's CPU of it", "memory")
	for _, n := range []int{1, manyUsers} {
		var ours, floors, ratios, p50s, spent []float64
		for range rounds {
			before := cpu(b, w.Pid())
			done, perSecond, p50 := rate(b, users[:n], (*user).exchange)
			spent = append(spent, (cpu(b, w.Pid())-before)/max(1, done))
			_, floorRate, _ := rate(b, users[:n], f.exchange)
			ours, floors, ratios, p50s = append(ours, perSecond), append(floors, floorRate), append(ratios, perSecond/floorRate), append(p50s, p50)
		}
		fmt.Printf("%-10d %22s %22s %10s %24s %20s %11.0f MB\n", n, spread(ours, "%.0f"), spread(floors, "%.0f"), spread(ratios, "%.2f"),
			spread(p50s, "%.1f ms"), spread(spent, "%.2f ms"), rss(b, w.Pid()))
		commits(b, w)
		b.ReportMetric(median(ours), fmt.Sprintf("exchanges/s@%d", n))
		b.ReportMetric(median(ratios), fmt.Sprintf("ratio@%d", n))
	}
}

// commits prints what the log's own metrics say of the commits so far.
func commits(b *testing.B, w *gatewaytest.World) {
	text, err := w.Metrics()
	if err != nil {
		b.Fatal(err)
	}
	value := func(name string) (v float64) {
		for line := range strings.SplitSeq(text, "\n") {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				fmt.Sscan(rest, &v)
			}
		}
		return v
	}
	n := value("gateway_disclosure_append_duration_seconds_count")
	fmt.Printf("           %.0f commits so far, %.1f writes and %.2f ms each\n", n,
		value("gateway_disclosure_batch_writes_sum")/n, 1000*value("gateway_disclosure_append_duration_seconds_sum")/n)
}

// profile keeps a CPU profile of the gateway during the first rounds with many
// users.
func profile(b *testing.B, w *gatewaytest.World, out string) {
	time.Sleep(2*rounds*roundTime + time.Second)
	resp, err := http.Get("http://" + w.Operations + "/debug/pprof/profile?seconds=8")
	if err != nil {
		b.Log(err)
		return
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil {
		err = os.WriteFile(out, raw, 0o600)
	}
	if err != nil {
		b.Log(err)
	}
}

// user is a municipality whose function collects what the police send it.
type user struct {
	url    string
	agency gateway.AgencyID
	police *http.Client
	town   *http.Client
	signer *envelope.Signer
	mu     sync.Mutex
	tokens [][]byte
	sample []byte // one of them, for the floor
}

// newUser opens a case with a consent and seals the messages.
func newUser(b *testing.B, w *gatewaytest.World, town gateway.AgencyID, messages int) *user {
	b.Helper()
	u := &user{url: "https://" + w.Agencies, agency: town, police: httpsOf(b, w, "police"), town: httpsOf(b, w, town)}
	key, err := keys.LoadEC("file:" + filepath.Join(w.Folder(town, "exit"), "message.key"))
	if err == nil {
		u.signer, err = envelope.NewSigner(key)
	}
	if err != nil {
		b.Fatal(err)
	}
	m, err := gatewaytest.NewMatter(b.Context(), w, town)
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	u.tokens = make([][]byte, messages)
	for part := range 2 {
		wg.Go(func() {
			for i := part; i < messages; i += 2 {
				token, err := m.Seal(b.Context())
				if err != nil {
					b.Error(err)
					return
				}
				u.tokens[i] = token
			}
		})
	}
	wg.Wait()
	u.sample = u.tokens[0]
	return u
}

func httpsOf(b *testing.B, w *gatewaytest.World, agency gateway.AgencyID) *http.Client {
	b.Helper()
	cfg, err := client.Load(filepath.Join(w.Folder(agency, "exit"), "client.json"))
	if err != nil {
		b.Fatal(err)
	}
	return &http.Client{Transport: cfg.HTTPS()}
}

func (u *user) token() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.tokens) == 0 {
		return nil
	}
	t := u.tokens[len(u.tokens)-1]
	u.tokens = u.tokens[:len(u.tokens)-1]
	return t
}

// exchange is one whole exchange. The message is sealed beforehand and
// acknowledged without being opened.
func (u *user) exchange(ctx context.Context) error {
	token := u.token()
	if token == nil {
		return io.EOF
	}
	if _, err := post(ctx, u.police, u.url+"/v1/messages", "application/sd-jwt", token); err != nil {
		return err
	}
	body, err := post(ctx, u.town, u.url+"/v1/poll", "application/json", []byte(`{"role":"municipality.social_worker","returnImmediately":true}`))
	if err != nil {
		return err
	}
	var answer struct {
		Messages map[string]struct {
			Token string `json:"token"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Messages) != 1 {
		return fmt.Errorf("poll gave %d messages: %w", len(answer.Messages), err)
	}
	ack, err := u.receipt(answer.Messages)
	if err != nil {
		return err
	}
	_, err = post(ctx, u.town, u.url+"/v1/poll", "application/json", ack)
	return err
}

// receipt is a poll that acknowledges, with the signed word that it is stored.
func (u *user) receipt(messages map[string]struct {
	Token string `json:"token"`
}) ([]byte, error) {
	q := map[string]any{"role": "municipality.social_worker", "maxEvents": 0, "returnImmediately": true}
	var acks []string
	received := map[string]string{}
	for id, m := range messages {
		jti, err := claimOf(m.Token, "jti")
		if err != nil {
			return nil, err
		}
		set, err := envelope.SignEvent(envelope.Event{Issuer: u.agency.URN(), Audience: gateway.AgencyID("police").URN(), ID: benchID(),
			IssuedAt: time.Now(), Message: gateway.MessageID(jti), Type: envelope.MessageReceived}, u.signer)
		if err != nil {
			return nil, err
		}
		acks, received[id] = append(acks, id), set
	}
	q["ack"], q["received"] = acks, received
	return json.Marshal(q)
}

// benchID returns a fresh identifier.
func benchID() gateway.MessageID { return gateway.MessageID(uuid.Must(uuid.NewV7()).URN()) }

// claimOf reads a claim of an SD-JWT without verifying anything.
func claimOf(token, claim string) (string, error) {
	parts := strings.SplitN(token, ".", 3)
	if len(parts) < 3 {
		return "", errors.New("no token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		return "", err
	}
	s, _ := claims[claim].(string)
	return s, nil
}

func post(ctx context.Context, c *http.Client, url, media string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", media)
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %d: %.200s", url, resp.StatusCode, answer)
	}
	return answer, err
}

// rate lets every user do one thing after another for a round and returns how
// many were done, how many in a second, and the median time of one, in
// milliseconds.
func rate(b *testing.B, users []*user, do func(*user, context.Context) error) (done, perSecond, p50 float64) {
	b.Helper()
	var n atomic.Int64
	times := make([][]float64, len(users))
	begun := time.Now()
	var wg sync.WaitGroup
	for i, u := range users {
		wg.Go(func() {
			for time.Since(begun) < roundTime {
				t := time.Now()
				if err := do(u, b.Context()); err == io.EOF {
					return
				} else if err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
				times[i] = append(times[i], float64(time.Since(t).Microseconds())/1000)
			}
		})
	}
	wg.Wait()
	done = float64(n.Load())
	return done, done / time.Since(begun).Seconds(), median(slices.Concat(times...))
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func spread(v []float64, format string) string {
	return fmt.Sprintf(format+" ["+format+"-"+format+"]", median(v), slices.Min(v), slices.Max(v))
}

// cpu is the processor time that a process has used, in milliseconds. Unlike
// rates it says nearly the same on a busy machine.
func cpu(b *testing.B, pid int) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	// Behind the name, in parentheses, that of user and system code are the 12th
	// and 13th field, in hundredths of a second (proc(5)).
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	var user, system float64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return 10 * (user + system)
}

// rss is the resident memory of a process in MB.
func rss(b *testing.B, pid int) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(raw), &size, &resident); err != nil {
		b.Fatal(err)
	}
	return resident * float64(os.Getpagesize()) / 1e6
}
