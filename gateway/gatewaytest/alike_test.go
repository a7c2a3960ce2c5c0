package gatewaytest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// How many pairs of answers are compared, and how many callers ask at a time:
// an answer takes a tick of 250 ms, so that the pairs would otherwise take half
// an hour. alpha is how often a comparison may fail although there is nothing to
// find; there are six.
const (
	alikePairs = 2000
	lanes      = 64
	alpha      = 1e-4
	fixedTick  = 250 * time.Millisecond
)

// twins are two questions that must be answered alike: one about a person or
// message that is there, one about what is not.
type twins struct {
	name  string
	by    party
	pairs int
	ask   func(there bool) envelope.Access
}

// sample is one answer: how long it took, and what it looked like.
type sample struct {
	took  time.Duration
	shape string
	size  int
}

// TestNothingTellsThatSomebodyIsThere asks the gateway, over its socket, about
// a person on record of whom the caller may not know and about one who is not,
// in random order, 2,000 times each, and the same for messages. Status, header
// fields and bodies are the same, but for identifiers, times and MACs; sizes and
// times come from one distribution as far as the two-sample test of Kolmogorov
// and Smirnov can see, at alpha = 1e-4. What it can see is tested with a delay
// that is planted into one half of the very same times: a millisecond or, where the
// machine is too noisy for that, a quarter of their interquartile range, which
// this many pairs show in more than 99 of 100 runs.
func TestNothingTellsThatSomebodyIsThere(t *testing.T) {
	s := newStage(t)
	all := s.twins(t)
	begun := time.Now()
	got := s.collectSamples(t, all)
	for i, w := range all {
		there, absent := got[i][0], got[i][1]
		sameShape(t, w.name, there, absent)
		sizes := func(x sample) float64 { return float64(x.size) }
		times := func(x sample) float64 { return x.took.Seconds() }
		if d, limit := ks(values(there, sizes), values(absent, sizes)); d > limit {
			t.Errorf("%s: sizes differ: D = %.4f, limit %.4f", w.name, d, limit)
		}
		a, b := values(there, times), values(absent, times)
		d, limit := ks(a, b)
		t.Logf("%s: %d pairs, times: D = %.4f, limit %.4f, medians %.2f and %.2f ms", w.name, w.pairs, d, limit, 1e3*quantile(a, .5), 1e3*quantile(b, .5))
		if d > limit {
			t.Errorf("%s: times differ: D = %.4f, limit %.4f", w.name, d, limit)
		}
		control(t, w.name, a, b, limit)
		onTick(t, w.name, append(a, b...))
	}
	t.Logf("%d answers in %v over %d lanes", 4*alikePairs+2*alikePairs/2, time.Since(begun).Round(time.Second), lanes)
}

// twins returns what is compared.
func (s *stage) twins(t *testing.T) []twins {
	id := firstMessage(s.request(t, policeExit))
	person := s.cast.Person()
	base := func(by party) envelope.Access {
		return envelope.Access{Gateway: "urn:sluss:gateway:dev", Certificate: thumbprint(s.tls(t, by)), Agency: by.agency,
			Role: "municipality.social_worker", Purpose: "PROTECTION", Subject: person, Fields: []string{"risk_level"},
			BasisClaimed: []gateway.Basis{"OSL-12-2"}, Reason: &envelope.Reason{Code: "safety_planning", Length: 40}}
	}
	return []twins{
		{"request about a person: on record, unknown", neighbour, alikePairs, func(there bool) envelope.Access {
			a := base(neighbour)
			a.Type, a.Discloser = "exit.info_request", "police"
			if !there {
				a.Subject = gateway.NewRef()
			}
			return a
		}},
		{"message: of a matter the user is not assigned to, of none", townExit, alikePairs, func(there bool) envelope.Access {
			a := base(townExit)
			a.Type, a.Message = "exit.threat_assessment", id
			if !there {
				a.Message = freshID()
			}
			return a
		}},
		{"message: another agency's, nobody's", neighbour, alikePairs / 2, func(there bool) envelope.Access {
			a := base(neighbour)
			a.Type, a.Message = "exit.threat_assessment", id
			if !there {
				a.Message = freshID()
			}
			return a
		}},
	}
}

// collectSamples asks everything, the pairs of all twins mixed and either of a
// pair first by chance.
func (s *stage) collectSamples(t *testing.T, all []twins) [][2][]sample {
	t.Helper()
	type job struct{ twins, first int }
	var jobs []job
	out := make([][2][]sample, len(all))
	for i, w := range all {
		for range w.pairs {
			jobs = append(jobs, job{i, rand.IntN(2)})
		}
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	queue := make(chan job)
	var mu sync.Mutex
	var wg sync.WaitGroup
	callers := s.callers(t, all)
	for lane := range lanes {
		wg.Go(func() {
			for j := range queue {
				for _, which := range []int{j.first, 1 - j.first} {
					got, err := callers[j.twins].ask(ctx, lane, all[j.twins].ask(which == 0))
					if err != nil {
						t.Error(err)
						cancel()
						return
					}
					mu.Lock()
					out[j.twins][which] = append(out[j.twins][which], got)
					mu.Unlock()
				}
			}
		})
	}
	for _, j := range jobs {
		select {
		case queue <- j:
		case <-ctx.Done():
			close(queue)
			wg.Wait()
			t.Fatal("the answers took too long, or one failed")
		}
	}
	close(queue)
	wg.Wait()
	return out
}

// caller asks over connections of its own, of which several lanes share one.
type caller struct {
	base    string
	signer  *envelope.Signer
	clients []*http.Client
}

func (s *stage) callers(t *testing.T, all []twins) []*caller {
	t.Helper()
	known := map[party]*caller{}
	out := make([]*caller, len(all))
	for i, w := range all {
		if known[w.by] == nil {
			signer, err := envelope.NewSigner(s.key(t, w.by, envelope.UseAccess))
			if err != nil {
				t.Fatal(err)
			}
			c := &caller{base: "https://" + s.Agencies, signer: signer}
			for range 8 {
				tr := &http.Transport{TLSClientConfig: s.tls(t, w.by), ForceAttemptHTTP2: true}
				t.Cleanup(tr.CloseIdleConnections)
				c.clients = append(c.clients, &http.Client{Transport: tr})
			}
			known[w.by] = c
		}
		out[i] = known[w.by]
	}
	return out
}

// ask makes one request and measures its answer.
func (c *caller) ask(ctx context.Context, lane int, a envelope.Access) (sample, error) {
	a.ID, a.User, a.IssuedAt = freshID(), gateway.NewRef(), time.Now()
	signed, err := envelope.SignAccess(a, c.signer)
	if err != nil {
		return sample{}, err
	}
	method, path, body := http.MethodPost, "/v1/requests", signed
	if a.Message != "" {
		method, path, body = http.MethodGet, "/v1/messages/"+string(a.Message), ""
	}
	q, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return sample{}, err
	}
	if body == "" {
		q.Body, q.ContentLength = nil, 0
		q.Header.Set("Access-Request", signed)
	} else {
		q.Header.Set("Content-Type", "application/jwt")
	}
	start := time.Now()
	resp, err := c.clients[lane%len(c.clients)].Do(q)
	if err != nil {
		return sample{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	took := time.Since(start)
	return sample{took, shapeOf(resp, raw), len(raw)}, err
}

// freshID is an identifier that nothing has.
func freshID() gateway.MessageID { return gateway.MessageID(uuid.Must(uuid.NewV7()).URN()) }

// shapeOf is what an answer looks like apart from identifiers, times and MACs:
// all of a problem document; of a receipt the members, and those of its entry.
func shapeOf(resp *http.Response, raw []byte) string {
	header := resp.Header.Clone()
	header.Del("Date")
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Sprint(resp.Status, header, string(raw))
	}
	header.Del("Content-Length") // compared as the size
	var receipt struct {
		ID    string `json:"jti"`
		Entry uint64 `json:"entry"`
		E1    []byte `json:"e1"`
		Leaf  []byte `json:"leaf"`
		Proof string `json:"proof"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	entry := map[string]any{}
	if err := d.Decode(&receipt); err != nil || json.Unmarshal(receipt.E1, &entry) != nil {
		return "malformed"
	}
	for _, own := range []string{"salt", "time", "message", "request", "digest"} {
		entry[own] = entry[own] != nil
	}
	return fmt.Sprint(resp.Status, header, len(receipt.ID), len(receipt.Leaf), entry)
}

// sameShape wants all answers to look alike, and as they must.
func sameShape(t *testing.T, name string, there, absent []sample) {
	t.Helper()
	shapes := map[string][2]int{}
	for i, list := range [][]sample{there, absent} {
		for _, x := range list {
			n := shapes[x.shape]
			n[i]++
			shapes[x.shape] = n
		}
	}
	if len(shapes) != 1 {
		t.Errorf("%s: %d shapes of answers, want 1", name, len(shapes))
		for shape, n := range shapes {
			t.Logf("%v: %s", n, shape)
		}
	}
	for shape := range maps.Keys(shapes) {
		if !strings.HasPrefix(shape, "202 ") && !(strings.HasPrefix(shape, "404 ") && strings.Contains(shape, `"no-record"`)) {
			t.Errorf("%s: answered %s", name, shape)
		}
	}
}

// control plants a delay into one half of all times and wants it to be seen.
func control(t *testing.T, name string, a, b []float64, limit float64) {
	t.Helper()
	all := slices.Concat(a, b)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	one, two := all[:len(a)], all[len(a):]
	noise := (quantile(all, .75) - quantile(all, .25)) / 4
	for _, delay := range []float64{1e-3, max(1e-3, noise)} {
		late := slices.Clone(one)
		for i := range late {
			late[i] += delay
		}
		d, _ := ks(late, two)
		t.Logf("%s: control: a delay of %.2f ms gives D = %.4f", name, 1e3*delay, d)
		if d > limit {
			return
		}
	}
	t.Errorf("%s: a delay of a millisecond, or of %.2f, would not be seen", name, 1e3*noise)
}

// onTick wants no answer before the tick, and most soon after one.
func onTick(t *testing.T, name string, times []float64) {
	t.Helper()
	tick := fixedTick.Seconds()
	if first := slices.Min(times); first < tick {
		t.Errorf("%s: an answer after %.1f ms, want none before %v", name, 1e3*first, fixedTick)
	}
	after := make([]float64, len(times))
	for i, x := range times {
		after[i] = math.Mod(x, tick)
	}
	if m := quantile(after, .5); m > tick/2 {
		t.Errorf("%s: half of the answers came more than %.0f ms after a tick", name, 1e3*m)
	}
}

func values(list []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(list))
	for i, x := range list {
		out[i] = of(x)
	}
	return out
}

func quantile(list []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[int(q*float64(len(sorted)-1))]
}

// ks is the statistic of the two-sample test of Kolmogorov and Smirnov: the
// largest distance between the empirical distributions, with the limit that it
// exceeds with probability alpha if both are samples of one.
func ks(a, b []float64) (d, limit float64) {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	n, m := float64(len(a)), float64(len(b))
	for i, j := 0, 0; i < len(a) && j < len(b); {
		x := min(a[i], b[j])
		for i < len(a) && a[i] <= x {
			i++
		}
		for j < len(b) && b[j] <= x {
			j++
		}
		d = max(d, math.Abs(float64(i)/n-float64(j)/m))
	}
	return d, math.Sqrt(-math.Log(alpha/2)/2) * math.Sqrt((n+m)/(n*m))
}
