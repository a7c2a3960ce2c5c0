package client_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/client/clienttest"
)

// TestMalformedAcknowledgement sets aside what the gateway refuses to hear, says
// so once, and goes on collecting and acknowledging the rest.
func TestMalformedAcknowledgement(t *testing.T) {
	g, c, _ := sent(t)
	b, err := c.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 1 {
		t.Fatalf("got %+v, error %v", b, err)
	}
	bad, ill := "bad", false
	g.Lies.Respond = func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.URL.Path != "/v1/poll" || !ill && !bytes.Contains(body, []byte(`"`+bad+`"`)) {
			return false
		}
		clienttest.Refuse(w, http.StatusBadRequest, gateway.CodeMalformedRequest, "why")
		return true
	}
	// A poll that is refused whatever it says is no reason to set anything aside.
	ill = true
	item := client.Refused{ID: bad, Err: client.ErrProof}
	if err := c.Ack(t.Context(), worker, item, b.Messages[0]); err == nil || errors.Is(err, client.ErrUnheard) {
		t.Fatalf("a gateway that refuses every poll: %v", err)
	}
	ill = false
	b, err = c.Poll(t.Context(), worker, noWait)
	if err != nil || len(b.Messages) != 0 || len(b.Unheard) != 1 || b.Unheard[0].ID != bad || !errors.Is(b.Unheard[0].Err, client.ErrUnheard) {
		t.Fatalf("got %+v, error %v; want the message acknowledged and the other set aside", b, err)
	}
	if b, err = c.Poll(t.Context(), worker, noWait); err != nil || len(b.Messages)+len(b.Unheard) != 0 {
		t.Errorf("reported again: %+v, error %v", b, err)
	}
	if kept, err := c.Unheard(worker); err != nil || len(kept) != 1 || kept[0].ID != bad {
		t.Errorf("kept %+v, %v", kept, err)
	}
	// Said anew, and taken, it is settled; refused anew, it is reported anew.
	if err := c.Ack(t.Context(), worker, item); !errors.Is(err, client.ErrUnheard) || !strings.Contains(err.Error(), bad) {
		t.Errorf("acknowledged anew: %v", err)
	}
	bad = "nothing"
	if err := c.Ack(t.Context(), worker, item); err != nil {
		t.Error(err)
	}
	if kept, err := c.Unheard(worker); err != nil || len(kept) != 0 {
		t.Errorf("kept %+v, %v", kept, err)
	}
}
