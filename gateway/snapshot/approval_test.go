package snapshot_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/snapshot"
)

const self gateway.ID = "urn:sluss:gateway:test"

var (
	now   = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	first = gateway.DigestOf([]byte("first"))
	next  = gateway.DigestOf([]byte("next"))
)

func officer(t testing.TB) *envelope.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func approval() envelope.Approval {
	return envelope.Approval{
		Gateway: self, Snapshot: next, Previous: first, Seq: 2,
		NotBefore: now.Add(-time.Hour), Expires: now.Add(365 * 24 * time.Hour),
	}
}

func sign(t testing.TB, a envelope.Approval, by *envelope.Signer) string {
	t.Helper()
	raw, err := envelope.SignApproval(a, by)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func withhold(a envelope.Approval) envelope.Approval {
	a.WithholdAll, a.Snapshot = true, gateway.Digest{}
	return a
}

func TestVerify(t *testing.T) {
	one, two, stranger := officer(t), officer(t), officer(t)
	pinned := []envelope.PublicKey{one.Public(), two.Public()}
	good := approval()
	later := func(a envelope.Approval) envelope.Approval { a.Seq++; return a }
	tests := []struct {
		name      string
		approvals func() []string
		gateway   gateway.ID
		at        time.Time
		want      error
	}{
		{name: "two officers", approvals: func() []string { return []string{sign(t, good, one), sign(t, good, two)} }},
		{name: "one withholds", approvals: func() []string { return []string{sign(t, withhold(good), two)} }},
		{name: "nobody", approvals: func() []string { return nil }, want: snapshot.ErrOfficers},
		{name: "one alone", approvals: func() []string { return []string{sign(t, good, one)} }, want: snapshot.ErrOfficers},
		{name: "one twice", approvals: func() []string { return []string{sign(t, good, one), sign(t, good, one)} }, want: snapshot.ErrOfficers},
		{name: "a stranger", approvals: func() []string { return []string{sign(t, good, one), sign(t, good, stranger)} }, want: snapshot.ErrOfficers},
		{name: "a stranger withholds", approvals: func() []string { return []string{sign(t, withhold(good), stranger)} }, want: snapshot.ErrOfficers},
		{name: "different claims", approvals: func() []string { return []string{sign(t, good, one), sign(t, later(good), two)} }, want: snapshot.ErrOfficers},
		{name: "one withholds, one does not", approvals: func() []string { return []string{sign(t, withhold(good), one), sign(t, good, two)} }, want: snapshot.ErrOfficers},
		{name: "spoilt signature", approvals: func() []string {
			return []string{sign(t, good, one), sign(t, good, two)[:40] + strings.Repeat("A", 40)}
		}, want: snapshot.ErrApproval},
		{name: "another type of token", approvals: func() []string {
			raw, err := envelope.SignCountersignature(envelope.Countersignature{Digest: next, IssuedAt: now}, two)
			if err != nil {
				t.Fatal(err)
			}
			return []string{sign(t, good, one), raw}
		}, want: snapshot.ErrApproval},
		{name: "another gateway", approvals: func() []string { return []string{sign(t, good, one), sign(t, good, two)} },
			gateway: "urn:sluss:gateway:other", want: snapshot.ErrGateway},
		{name: "too early", approvals: func() []string { return []string{sign(t, good, one), sign(t, good, two)} },
			at: good.NotBefore.Add(-time.Second), want: snapshot.ErrNotYet},
		{name: "first second", approvals: func() []string { return []string{sign(t, good, one), sign(t, good, two)} }, at: good.NotBefore},
		{name: "too late", approvals: func() []string { return []string{sign(t, good, one), sign(t, good, two)} },
			at: good.Expires, want: snapshot.ErrExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gw, at := self, now
			if tt.gateway != "" {
				gw = tt.gateway
			}
			if !tt.at.IsZero() {
				at = tt.at
			}
			a, err := snapshot.Verify(tt.approvals(), pinned, gw, at)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got error %v, want %v", err, tt.want)
			}
			if (err == nil) != (len(a.Officers()) > 0) {
				t.Errorf("officers %q with error %v", a.Officers(), err)
			}
		})
	}
}

// approved is an approval by two officers.
func approved(t testing.TB, a envelope.Approval) snapshot.Approved {
	t.Helper()
	one, two := officer(t), officer(t)
	v, err := snapshot.Verify([]string{sign(t, a, one), sign(t, a, two)},
		[]envelope.PublicKey{two.Public(), one.Public()}, a.Gateway, now)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestActivate(t *testing.T) {
	running := snapshot.Active{Gateway: self, Snapshot: first, Seq: 1, Expires: now.Add(time.Hour)}
	stopped := running
	stopped.Seq, stopped.WithholdAll = 2, true
	tests := []struct {
		name    string
		current snapshot.Active
		change  func(*envelope.Approval)
		want    error
	}{
		{"next", running, func(*envelope.Approval) {}, nil},
		{"numbers may be left out", running, func(a *envelope.Approval) { a.Seq = 9 }, nil},
		{"first of all", snapshot.Active{}, func(a *envelope.Approval) { a.Previous = gateway.Digest{}; a.Seq = 1 }, nil},
		{"rollback", running, func(a *envelope.Approval) { a.Snapshot = first }, nil},
		{"withhold", running, func(a *envelope.Approval) { *a = withhold(*a) }, nil},
		{"release again", stopped, func(a *envelope.Approval) { a.Seq = 3 }, nil},
		{"same number", running, func(a *envelope.Approval) { a.Seq = 1 }, snapshot.ErrSequence},
		{"old signatures", stopped, func(*envelope.Approval) {}, snapshot.ErrSequence},
		{"does not follow", running, func(a *envelope.Approval) { a.Previous = next }, snapshot.ErrPrevious},
		{"names no predecessor", running, func(a *envelope.Approval) { a.Previous = gateway.Digest{} }, snapshot.ErrPrevious},
		{"nothing to withhold", snapshot.Active{}, func(a *envelope.Approval) { *a = withhold(*a); a.Previous = gateway.Digest{} }, snapshot.ErrPrevious},
		{"another gateway", running, func(a *envelope.Approval) { a.Gateway = "urn:sluss:gateway:other" }, snapshot.ErrGateway},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := approval()
			tt.change(&a)
			got, err := approved(t, a).Activate(tt.current)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got error %v, want %v", err, tt.want)
			}
			if err != nil {
				return
			}
			if got.Seq != a.Seq || got.Releases(now) == a.WithholdAll {
				t.Errorf("active is %+v", got)
			}
			if want := a.Snapshot; !a.WithholdAll && got.Snapshot != want || a.WithholdAll && got.Snapshot != tt.current.Snapshot {
				t.Errorf("snapshot is %s", got.Snapshot)
			}
		})
	}
	if _, err := (snapshot.Approved{}).Activate(running); !errors.Is(err, snapshot.ErrUnchecked) {
		t.Errorf("the zero approval: %v", err)
	}
}

func TestReleases(t *testing.T) {
	a := snapshot.Active{Gateway: self, Snapshot: first, Seq: 1, Expires: now}
	if !a.Releases(now.Add(-time.Second)) {
		t.Error("nothing is released under a snapshot in force")
	}
	if a.Releases(now) {
		t.Error("released when the approval has expired")
	}
	if (snapshot.Active{}).Releases(now) {
		t.Error("released without a snapshot")
	}
}

func TestObserve(t *testing.T) {
	seen := snapshot.Active{Gateway: self, Snapshot: next, Seq: 2, Expires: approval().Expires}
	tests := []struct {
		name   string
		seen   snapshot.Active
		change func(*envelope.Approval)
		want   error
	}{
		{"first seen", snapshot.Active{}, func(*envelope.Approval) {}, nil},
		{"same again", seen, func(*envelope.Approval) {}, nil},
		{"newer, one missed", seen, func(a *envelope.Approval) { a.Seq = 4; a.Previous = gateway.DigestOf(nil) }, nil},
		{"withheld", seen, func(a *envelope.Approval) { *a = withhold(*a); a.Seq = 3; a.Previous = next }, nil},
		{"older", seen, func(a *envelope.Approval) { a.Seq = 1 }, snapshot.ErrSequence},
		{"two of one number", seen, func(a *envelope.Approval) { a.Snapshot = first }, snapshot.ErrSequence},
		{"another gateway", seen, func(a *envelope.Approval) { a.Gateway = "urn:sluss:gateway:other" }, snapshot.ErrGateway},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := approval()
			tt.change(&a)
			v := approved(t, a)
			got, err := v.Observe(tt.seen)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got error %v, want %v", err, tt.want)
			}
			if err != nil {
				return
			}
			if again, err := v.Observe(got); err != nil || again != got {
				t.Errorf("the same approval again: %+v, %v", again, err)
			}
		})
	}
	if _, err := (snapshot.Approved{}).Observe(seen); !errors.Is(err, snapshot.ErrUnchecked) {
		t.Errorf("the zero approval: %v", err)
	}
}
