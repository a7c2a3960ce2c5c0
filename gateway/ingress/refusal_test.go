package ingress_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/exchange"
	"sluss/gateway/ingress"
)

func problemIn(body []byte) (ingress.Problem, error) {
	var p ingress.Problem
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(&p)
	return p, err
}

// TestGoodRequests sends every endpoint a request that the document allows, and
// wants success.
func TestGoodRequests(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		e := newEdge(t, &parties{}, ingress.Limits{}, h2)
		for _, rt := range ingress.Table() {
			check := e.request(t, rt.Name)
			if err := describedRequest(check); err != nil {
				t.Errorf("%s: request is not as described: %v", rt.Name, err)
			}
			resp, body := e.do(t, e.request(t, rt.Name))
			if resp.StatusCode/100 != 2 {
				t.Errorf("%s: %d %s", rt.Name, resp.StatusCode, body)
			}
			if want := map[bool]int{false: 1, true: 2}[h2]; resp.ProtoMajor != want {
				t.Errorf("%s: HTTP/%d, want %d", rt.Name, resp.ProtoMajor, want)
			}
		}
		if got := e.entries(); len(got) != 0 {
			t.Errorf("good requests were entered as refusals: %v", got)
		}
	}
}

// TestBadRequests spoils one thing per row in a good request. The refusal has
// its stable code, and each that a known system caused becomes an entry.
func TestBadRequests(t *testing.T) {
	path := func(p string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = p } }
	body := func(b string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength, r.GetBody = io.NopCloser(strings.NewReader(b)), int64(len(b)), nil
		}
	}
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	const role = `"role":"municipality.social_worker"`
	malformed := gateway.CodeMalformedRequest
	tests := []struct {
		name, endpoint string
		spoil          func(*http.Request)
		want           gateway.Code
		entered        bool
	}{
		{"other path", "poll", path("/v1/nothing"), gateway.CodeNotFound, false},
		{"path to clean", "poll", path("/v1//poll"), gateway.CodeNotFound, false},
		{"path with dots", "poll", path("/v1/x/../poll"), gateway.CodeNotFound, false},
		{"path with slash", "poll", path("/v1/poll/"), gateway.CodeNotFound, false},
		{"root", "getSnapshot", path("/"), gateway.CodeNotFound, false},
		{"other method", "poll", func(r *http.Request) { r.Method = http.MethodGet; body("")(r) }, gateway.CodeMethod, false},
		{"head", "getCheckpoint", func(r *http.Request) { r.Method = http.MethodDelete }, gateway.CodeMethod, false},
		{"query", "postMessage", func(r *http.Request) { r.URL.RawQuery = "a=b" }, malformed, true},
		{"query for anyone", "getCheckpoint", func(r *http.Request) { r.URL.RawQuery = "a=b" }, malformed, false},
		{"body on a get", "getSnapshot", body("CANARY"), malformed, true},

		{"no media type", "postMessage", func(r *http.Request) { r.Header.Del("Content-Type") }, gateway.CodeUnsupportedMedia, true},
		{"media type of JSON", "postMessage", header("Content-Type", "application/json"), gateway.CodeUnsupportedMedia, true},
		{"two media types", "postMessage", header("Content-Type", "application/sd-jwt", "application/sd-jwt"), gateway.CodeUnsupportedMedia, true},
		{"media type with parameter", "postMessage", header("Content-Type", "application/sd-jwt; charset=utf-8"), gateway.CodeUnsupportedMedia, true},
		{"JSON in Latin 1", "poll", header("Content-Type", "application/json; charset=latin1"), gateway.CodeUnsupportedMedia, true},
		{"JSON suffix", "poll", header("Content-Type", "application/problem+json"), gateway.CodeUnsupportedMedia, true},
		{"request as text", "postRequest", header("Content-Type", "text/plain"), gateway.CodeUnsupportedMedia, true},
		{"content coding", "postMessage", header("Content-Encoding", "gzip"), gateway.CodeUnsupportedMedia, true},
		{"one byte too much", "postMessage", body(strings.Repeat("A", 1<<20+1)), gateway.CodeTooLarge, true},

		{"no JSON", "poll", body(""), malformed, true},
		{"array", "poll", body(`[]`), malformed, true},
		{"null", "poll", body(`null`), malformed, true},
		{"text before", "poll", body(`x{` + role + `}`), malformed, true},
		{"cut short", "poll", body(`{` + role), malformed, true},
		{"trailing bytes", "poll", body(`{` + role + `} {}`), malformed, true},
		{"trailing NUL", "poll", body(`{` + role + "}\x00"), malformed, true},
		{"no UTF-8", "poll", body("{" + role + `,"ack":["` + "\xff" + `"]}`), malformed, true},
		{"unknown member", "poll", body(`{` + role + `,"CANARY":1}`), malformed, true},
		{"member in other case", "poll", body(`{` + role + `,"MaxEvents":1}`), malformed, true},
		{"member twice", "poll", body(`{` + role + `,"maxEvents":1,"maxEvents":2}`), malformed, true},
		{"member twice, one escaped", "poll", body(`{` + role + `,"ack":[],"\u0061ck":[]}`), malformed, true},
		{"member null", "poll", body(`{` + role + `,"maxEvents":null}`), malformed, true},
		{"no role", "poll", body(`{}`), malformed, true},
		{"role that cannot be", "poll", body(`{"role":"CANARY CANARY"}`), malformed, true},
		{"too few events", "poll", body(`{` + role + `,"maxEvents":-1}`), malformed, true},
		{"too many events", "poll", body(`{` + role + `,"maxEvents":257}`), malformed, true},
		{"part of an event", "poll", body(`{` + role + `,"maxEvents":1.5}`), malformed, true},
		{"empty ack", "poll", body(`{` + role + `,"ack":[""]}`), malformed, true},
		{"ack twice", "poll", body(`{` + role + `,"ack":["a","a"]}`), malformed, true},
		{"long ack", "poll", body(`{` + role + `,"ack":["` + strings.Repeat("a", 129) + `"]}`), malformed, true},
		{"too many acks", "poll", body(`{` + role + `,"ack":[` + numbered(1025) + `]}`), malformed, true},
		{"receipt twice", "poll", body(`{` + role + `,"received":{"a":"b","a":"c"}}`), malformed, true},
		{"receipt too long", "poll", body(`{` + role + `,"received":{"a":"` + strings.Repeat("a", 16<<10+1) + `"}}`), malformed, true},
		{"receipt is a number", "poll", body(`{` + role + `,"received":{"a":1}}`), malformed, true},
		{"error with other member", "poll", body(`{` + role + `,"setErrs":{"a":{"err":"invalid_key","CANARY":""}}}`), malformed, true},
		{"error without err", "poll", body(`{` + role + `,"setErrs":{"a":{}}}`), malformed, true},
		{"error with long text", "poll", body(`{` + role + `,"setErrs":{"a":{"err":"invalid_key","description":"` + strings.Repeat("a", 257) + `"}}}`), malformed, true},

		{"no identifier", "getMessage", path("/v1/messages/CANARY"), malformed, true},
		{"identifier in upper case", "getDisclosures", path("/v1/messages/" + strings.ToUpper(jti) + "/disclosures"), malformed, true},
		{"no access request", "getMessage", func(r *http.Request) { r.Header.Del("Access-Request") }, malformed, true},
		{"two access requests", "getMessage", header("Access-Request", jwt, jwt), malformed, true},
		{"long access request", "getMessage", header("Access-Request", strings.Repeat("a", 16<<10+1)), malformed, true},
		{"no such tile", "getTile", path("/log/tile/0/001"), gateway.CodeNotFound, false},
		{"tile level", "getTile", path("/log/tile/8/000"), gateway.CodeNotFound, false},
		{"tile index", "getTile", path("/log/tile/0/x000/000"), gateway.CodeNotFound, false},
		{"tile width", "getTile", path("/log/tile/0/000.p/256"), gateway.CodeNotFound, false},
	}
	for _, h2 := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s/h2=%v", tt.name, h2), func(t *testing.T) {
				e := newEdge(t, &parties{}, ingress.Limits{}, h2)
				r := e.request(t, tt.endpoint)
				tt.spoil(r)
				resp, body := e.do(t, r)
				checkProblem(t, resp, body, tt.want)
				var want []gateway.Code
				if tt.entered {
					want = []gateway.Code{tt.want}
				}
				if diff := cmp.Diff(want, e.entries(), cmp.Comparer(func(a, b []gateway.Code) bool { return slices.Equal(a, b) })); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
				e.checkQuiet(t, body)
			})
		}
	}
}

func numbered(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%q", fmt.Sprint(i))
	}
	return strings.Join(ids, ",")
}

func checkProblem(t *testing.T, resp *http.Response, body []byte, want gateway.Code) {
	t.Helper()
	p, err := problemIn(body)
	if err != nil {
		t.Fatalf("not a problem document: %v: %s", err, body)
	}
	status := ingress.Status(want)
	if p.Code != want || p.Status != status || resp.StatusCode != status || p.Type != "urn:sluss:problem:"+string(want) || p.Title == "" {
		t.Errorf("got status %d with %+v, want %d with code %s", resp.StatusCode, p, status, want)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if got := resp.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if later := status == 429 || status == 503; later != (resp.Header.Get("Retry-After") != "") {
		t.Errorf("status %d with Retry-After %q", status, resp.Header.Get("Retry-After"))
	}
	if status == 405 && resp.Header.Get("Allow") == "" {
		t.Error("method not allowed, without Allow")
	}
}

// checkQuiet wants nothing of a payload, and nobody's name, in answer and log.
func (e *edge) checkQuiet(t *testing.T, body []byte) {
	t.Helper()
	for _, word := range []string{"CANARY", "municipality", "127.0.0.1", jti[9:]} {
		if strings.Contains(e.log.String(), word) {
			t.Errorf("log holds %q:\n%s", word, e.log)
		}
		if bytes.Contains(body, []byte(word)) {
			t.Errorf("answer holds %q: %s", word, body)
		}
	}
}

// TestEveryCode has what is behind each endpoint refuse with each code there
// is. The codes that the table promises reach the caller, with the detail; any
// other is an internal error. The document describes every one of these
// answers.
func TestEveryCode(t *testing.T) {
	reached := map[gateway.Code]bool{}
	for _, rt := range ingress.Table() {
		for _, code := range codes(t) {
			t.Run(rt.Name+"/"+string(code), func(t *testing.T) {
				refusal := gateway.Refuse(code, "the detail", errors.New("CANARY of municipality:0180"))
				w := serve(newServer(t, config(&parties{result: refusal})), mustRequest(t, rt.Name))
				resp, body := w.Result(), w.Body.Bytes()
				if err := described(mustRequest(t, rt.Name), resp, body); err != nil {
					t.Errorf("answer is not as described: %v", err)
				}
				want := gateway.CodeInternal
				switch {
				case !rt.Fails:
					return
				case code == gateway.CodeNotFound && slices.Contains(rt.Codes, gateway.CodeNoRecord):
					want = gateway.CodeNoRecord
				case slices.Contains(rt.Codes, code):
					want = code
				}
				reached[want] = true
				checkProblem(t, resp, body, want)
				if strings.Contains(string(body), "CANARY") || want == gateway.CodeInternal && strings.Contains(string(body), "detail") {
					t.Errorf("answer says why: %s", body)
				}
				if p, _ := problemIn(body); want == code && want != gateway.CodeNoRecord && want != gateway.CodeInternal && p.Detail != "the detail" {
					t.Errorf("detail %q", p.Detail)
				}
			})
		}
	}
	for _, code := range codes(t) {
		if !reached[code] && code != gateway.CodeMethod {
			t.Errorf("no endpoint promises %s", code)
		}
	}
}

// TestErrorsWithoutWords wants nothing of an error that is not a refusal to
// reach the caller, whichever party it comes from.
func TestErrorsWithoutWords(t *testing.T) {
	bare := errors.New("disk CANARY is full")
	for name, x := range map[string]*parties{
		"peer":   {peer: bare},
		"again":  {again: bare},
		"access": {access: bare},
		"result": {result: bare},
	} {
		endpoint := map[string]string{"access": "postRequest"}[name]
		if endpoint == "" {
			endpoint = "poll"
		}
		e := newEdge(t, x, ingress.Limits{}, true)
		resp, body := e.do(t, e.request(t, endpoint))
		checkProblem(t, resp, body, gateway.CodeInternal)
		if strings.Contains(string(body), "CANARY") || len(e.entries()) != 0 {
			t.Errorf("%s: answer %s, entries %v", name, body, e.entries())
		}
		if !strings.Contains(e.log.String(), "level=ERROR") {
			t.Errorf("%s: the operator is not told:\n%s", name, e.log)
		}
	}
}

// TestRevokedWhileWaiting wants nothing handed to a system that was revoked
// while its poll waited.
func TestRevokedWhileWaiting(t *testing.T) {
	e := newEdge(t, &parties{again: gateway.Refuse(gateway.CodeSystemRevoked, "the system is not active", nil)}, ingress.Limits{}, true)
	resp, body := e.do(t, e.request(t, "poll"))
	checkProblem(t, resp, body, gateway.CodeSystemRevoked)
	if bytes.Contains(body, []byte(delivery)) || !slices.Equal(e.entries(), []gateway.Code{gateway.CodeSystemRevoked}) {
		t.Errorf("answer %s, entries %v", body, e.entries())
	}
}

// TestPanic wants a panic to be an internal error whose value nobody sees.
func TestPanic(t *testing.T) {
	e := newEdge(t, &parties{panics: "CANARY"}, ingress.Limits{}, true)
	resp, body := e.do(t, e.request(t, "postMessage"))
	checkProblem(t, resp, body, gateway.CodeInternal)
	e.checkQuiet(t, body)
	if !strings.Contains(e.log.String(), "handler panicked") || !strings.Contains(e.log.String(), "edge_test.go") {
		t.Errorf("the operator is not told where:\n%s", e.log)
	}
	resp, _ = e.do(t, e.request(t, "getSnapshot"))
	if resp.StatusCode != http.StatusOK {
		t.Errorf("after a panic: %d", resp.StatusCode)
	}
}

// TestEntries wants an entry of each refusal that a known system caused, and
// none of those that the exchange has entered with its decision or that are
// not the system's doing.
func TestEntries(t *testing.T) {
	without := []gateway.Code{gateway.CodeInternal, gateway.CodeUnavailable, gateway.CodeWithholdAll, gateway.CodeDenied,
		gateway.CodeReview, gateway.CodeNoRecord}
	for _, code := range codes(t) {
		x := &parties{result: gateway.Refuse(code, "", nil)}
		serve(newServer(t, config(x)), mustRequest(t, "getMessage"))
		var want []gateway.Code
		if !slices.Contains(without, code) {
			want = []gateway.Code{code}
		}
		if got := x.entries(); !slices.Equal(got, want) {
			t.Errorf("%s: entries %v, want %v", code, got, want)
		}
	}
	full := &parties{result: gateway.Refuse(gateway.CodeUnavailable, "", fmt.Errorf("appending: %w", exchange.ErrFull))}
	serve(newServer(t, config(full)), mustRequest(t, "getMessage"))
	if got := full.entries(); !slices.Equal(got, []gateway.Code{gateway.CodeUnavailable}) {
		t.Errorf("full disk: entries %v", got)
	}
	x := &parties{peer: gateway.Refuse(gateway.CodeUnknownSystem, "", nil)}
	serve(newServer(t, config(x)), mustRequest(t, "getMessage"))
	if got := x.entries(); len(got) > 0 {
		t.Errorf("unknown system: entries %v", got)
	}
}
