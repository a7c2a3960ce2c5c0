package ingress_test

import (
	"net/http"
	"strings"
	"testing"

	"sluss/gateway/ingress"
)

// TestTags wants documents tagged by their digest, and not sent again to a
// caller that has them (RFC 9110, Section 13.1.2).
func TestTags(t *testing.T) {
	e := newEdge(t, &parties{}, ingress.Limits{}, true)
	for _, endpoint := range []string{"getDirectory", "getSnapshot", "getOpenAPI", "getAsyncAPI"} {
		resp, body := e.do(t, e.request(t, endpoint))
		tag := resp.Header.Get("Etag")
		if !strings.HasPrefix(tag, `"`) || len(tag) != 45 || len(body) == 0 {
			t.Errorf("%s: Etag %s", endpoint, tag)
		}
		for have, want := range map[string]int{tag: 304, `"x", W/` + tag: 304, "*": 304, `"x"`: 200, "": 200} {
			r := e.request(t, endpoint)
			r.Header.Set("If-None-Match", have)
			resp, again := e.do(t, r)
			if resp.StatusCode != want || (want == http.StatusNotModified) != (len(again) == 0) || resp.Header.Get("Etag") != tag {
				t.Errorf("%s with %s: %d, %d bytes, want %d", endpoint, have, resp.StatusCode, len(again), want)
			}
		}
	}
}

// TestCaching wants only what never changes cached, and only tiles do not.
func TestCaching(t *testing.T) {
	e := newEdge(t, &parties{}, ingress.Limits{}, true)
	for endpoint, want := range map[string]string{
		"getTile":       "public, max-age=31536000, immutable",
		"getCheckpoint": "no-cache",
		"getSnapshot":   "private, no-cache",
		"poll":          "no-store",
		"getMessage":    "no-store",
	} {
		resp, _ := e.do(t, e.request(t, endpoint))
		if got := resp.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", endpoint, got, want)
		}
	}
}

// TestNothingDisclosed wants a message of which nothing has left answered with
// an empty list.
func TestNothingDisclosed(t *testing.T) {
	e := newEdge(t, &parties{kept: true}, ingress.Limits{}, true)
	if resp, body := e.do(t, e.request(t, "getDisclosures")); resp.StatusCode != http.StatusOK || string(body) != "[]" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
