package ingress_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"sluss/gateway/ingress"
)

// TestPublicLog walks all routes without a client certificate. At the listener for
// anyone the published log is all there is; at that of the agencies there is not
// even a handshake.
func TestPublicLog(t *testing.T) {
	var public string
	r := run(t, &parties{}, func(c *ingress.Config) {
		c.Public = listen(t)
		public = "https://" + c.Public.Addr().String()
		c.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	})
	path := strings.NewReplacer("{jti}", "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057").Replace
	for _, rt := range ingress.Table() {
		at := path(rt.Path)
		if strings.HasPrefix(at, "/log/tile/") {
			at = "/log/tile/0/000"
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			want := http.StatusNotFound
			if strings.HasPrefix(at, "/log/") {
				want = http.StatusMethodNotAllowed
				if method == http.MethodGet {
					want = http.StatusOK
				}
			}
			req, err := http.NewRequest(method, public+at, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := r.client.Do(req)
			if err != nil {
				t.Fatalf("%s %s: %v", method, rt.Name, err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s %s for anyone: %d, want %d", method, rt.Name, resp.StatusCode, want)
			}
		}
		if status, said := r.get(r.api + at); status != 0 || !strings.Contains(said, "certificate required") {
			t.Errorf("%s at the agencies' listener without a certificate: %d %s", rt.Name, status, said)
		}
	}
	for _, other := range []string{"/", "/metrics", "/readyz", "/reload", "/debug/pprof/", "/log", "/log/", "/log/entries/0", "/log/../v1/snapshot", "/log/tile/entries/000?x=1"} {
		if status, _ := r.get(public + other); status == http.StatusOK || status == 0 {
			t.Errorf("%s for anyone: %d", other, status)
		}
	}
}

// TestPublicLogRate: anyone has a rate, and places of their own.
func TestPublicLogRate(t *testing.T) {
	var public string
	r := run(t, &parties{}, func(c *ingress.Config) {
		c.Public = listen(t)
		public = "https://" + c.Public.Addr().String()
		c.Limits.Rate, c.Limits.Burst = 0.001, 3
	})
	var got []int
	for range 5 {
		status, _ := r.get(public + "/log/checkpoint")
		got = append(got, status)
	}
	if got[2] != http.StatusOK || got[3] != http.StatusTooManyRequests || got[4] != http.StatusTooManyRequests {
		t.Errorf("answers %v, want the fourth refused", got)
	}
}
