package client_test

import (
	"errors"
	"testing"

	"sluss/gateway/client"
	"sluss/gateway/disclosure"
	"sluss/gateway/witness"
)

// TestRenew holds that a receipt, which no witness has seen when it is given,
// verifies offline under a quorum once it was renewed, and not before; and that
// nothing but the log's signature and theirs is believed.
func TestRenew(t *testing.T) {
	g := newGateway(t)
	cfg := g.Config(police)
	c := newClient(t, cfg)
	var receipts []client.Receipt
	for range 3 {
		token, err := c.Seal(t.Context(), draft(t))
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Send(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	keys, err := witness.NewKeys("witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	ed, ml := keys.Verifiers()
	trust, err := disclosure.ParseWitnesses([]byte("witness a " + ed + "\nwitness b " + ml + "\ngroup w all a b\nquorum w\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := disclosure.Policy{Log: cfg.Log, Quorum: trust.Quorum}
	if _, err := receipts[0].Check(p); !errors.Is(err, client.ErrProof) {
		t.Errorf("as it was given, under the quorum: %v, want ErrProof", err)
	}
	if _, err := c.Renew(t.Context(), receipts[0], p); !errors.Is(err, client.ErrProof) {
		t.Errorf("renewed where nobody has cosigned: %v, want ErrProof", err)
	}
	if g.Cosigners, err = keys.Signers(); err != nil {
		t.Fatal(err)
	}
	for i, r := range receipts {
		renewed, err := c.Renew(t.Context(), r, p)
		if err != nil {
			t.Fatal(err)
		}
		if proven, err := renewed.Check(p); err != nil || proven.Index != r.Entry || proven.Tip.Size != 3 {
			t.Errorf("receipt %d renewed: %+v, %v", i, proven, err)
		}
	}
	other := receipts[0]
	other.Entry = receipts[1].Entry
	if _, err := c.Renew(t.Context(), other, p); !errors.Is(err, client.ErrProof) {
		t.Errorf("a receipt that names another entry: %v, want ErrProof", err)
	}
	// The same entries in another log, under the same address.
	forged := newGateway(t)
	forged.Cosigners = g.Cosigners
	cfg = forged.Config(police)
	if _, err := newClient(t, cfg).Renew(t.Context(), receipts[0], disclosure.Policy{Quorum: trust.Quorum}); !errors.Is(err, client.ErrProof) {
		t.Errorf("a receipt of another log: %v, want ErrProof", err)
	}
}
