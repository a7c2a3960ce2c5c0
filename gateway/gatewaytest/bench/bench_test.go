package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

// TestShares attributes samples to the package of the gateway nearest to where the
// time went, and the others to what they are.
func TestShares(t *testing.T) {
	stack := func(functions ...string) *profile.Sample {
		s := &profile.Sample{Value: []int64{1, 10}}
		for _, f := range functions {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: f}}}})
		}
		return s
	}
	got := shares(&profile.Profile{Sample: []*profile.Sample{
		stack("crypto/ecdsa.Verify", "sluss/gateway/envelope.(*Keys).verify", "sluss/gateway/exchange.(*Exchange).Submit"),
		stack("runtime.memmove", "sluss/gateway/store/sqlite.list[go.shape.struct { Issuer sluss/gateway.AgencyID }]", "sluss/gateway/exchange.(*Exchange).Poll"),
		stack("runtime.futex", "crypto/tls.(*Conn).Write", "net/http.(*conn).serve"),
		stack("runtime.scanobject", "runtime.gcBgMarkWorker"),
	}})
	want := map[string]float64{"envelope": 0.25, "store/sqlite": 0.25, "TLS and HTTP": 0.25, "garbage collection": 0.25}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestList reads flags of several values, also as people write large numbers.
func TestList(t *testing.T) {
	var sizes list[uint64]
	if err := sizes.Set("1e4,250"); err != nil || sizes.String() != "10000,250" {
		t.Errorf("%v, %v", sizes, err)
	}
	var clients list[int]
	if err := clients.Set("1,x"); err == nil {
		t.Error("x is no number")
	}
}
