package client_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway/client"
)

// FuzzAnswer gives a client whatever bytes for an answer: it never takes them
// for a message, a notice or a receipt, and never panics.
func FuzzAnswer(f *testing.F) {
	cfg, token, receipt := offline(f)
	cfg.Attempts = 1
	f.Add([]byte(`{"sets":{"a":"b"},"messages":{"a":{"delivery":"a","token":"b","e1":"","proof":""}}}`))
	f.Add([]byte(`[{"entry":1,"e1":"","leaf":"","proof":""}]`))
	f.Add([]byte(receipt))
	s := &script{}
	cfg.Transport = s
	c, err := client.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	s.lines = list(says(http.StatusAccepted, "application/json", receipt))
	want, err := c.Send(f.Context(), token)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s.sent, s.at = nil, nil
		s.lines = list(says(http.StatusOK, "application/json", string(raw)))
		if b, err := c.Poll(t.Context(), officer, noWait); err == nil && len(b.Messages)+len(b.Notices) > 0 {
			t.Error("shown")
		}
		if err := c.Refresh(t.Context()); err == nil {
			t.Error("a directory and a snapshot in the same bytes")
		}
		s.lines = list(says(http.StatusAccepted, "application/json", string(raw)))
		if got, err := c.Send(t.Context(), token); err == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("a receipt that the gateway did not give:\n%s", diff)
			}
		}
	})
}
