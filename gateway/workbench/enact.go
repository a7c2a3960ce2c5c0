package workbench

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
)

// Errors of enacting; test with errors.Is.
var (
	ErrOfficer  = errors.New("workbench: the key is not that of a pinned legal officer")
	ErrTwice    = errors.New("workbench: this officer has signed already; the second signature is another officer's")
	ErrOneSign  = errors.New("workbench: only one legal officer has signed; a change needs two (gatewayctl policy approve)")
	ErrOther    = errors.New("workbench: what was signed is not this content")
	ErrEngine   = errors.New("workbench: made for another version of the policy engine than this program's")
	ErrProposal = errors.New("workbench: not a proposal")
)

// Authority is who may enact for which gateway, as pinned out of band.
type Authority struct {
	Gateway  gateway.ID
	Officers []envelope.PublicKey
}

// Officer returns the place of a key among the pinned officers, from 1, or 0.
func (a Authority) Officer(thumbprint string) int {
	return 1 + slices.IndexFunc(a.Officers, func(k envelope.PublicKey) bool { return k.Thumbprint() == thumbprint })
}

// Successor returns what two officers have to sign so that a gateway that runs
// current runs the snapshot next, from a time on until another.
func (a Authority) Successor(current snapshot.Active, next gateway.Digest, from, until time.Time) envelope.Approval {
	return envelope.Approval{Gateway: a.Gateway, Snapshot: next, Previous: current.Snapshot, Seq: current.Seq + 1,
		NotBefore: from.Truncate(time.Second), Expires: until.Truncate(time.Second)}
}

// Stop returns what one officer has to sign so that a gateway that runs current
// releases nothing more.
func (a Authority) Stop(current snapshot.Active, from, until time.Time) envelope.Approval {
	p := a.Successor(current, gateway.Digest{}, from, until)
	p.WithholdAll = true
	return p
}

// A Proposal is a bundle on its way from the first officer to the gateway:
// content, and what has been signed about it so far. Only [Authority.Propose]
// and [Authority.Open] fill it.
type Proposal struct {
	Snapshot snapshot.Snapshot
	Approval envelope.Approval
	Signed   []string // thumbprints, in the order of signing
	bundle   snapshot.Bundle
}

// Encode returns the proposal as a file, which is a bundle.
func (p Proposal) Encode() ([]byte, error) { return p.bundle.Encode() }

// Propose signs an approval of s as the first officer.
func (a Authority) Propose(s snapshot.Snapshot, approval envelope.Approval, key *envelope.Signer) (Proposal, error) {
	p := Proposal{Snapshot: s, Approval: approval, bundle: snapshot.Pack(s, nil)}
	if err := p.fits(); err != nil {
		return Proposal{}, err
	}
	return p, a.sign(&p, key)
}

// Second signs the same approval as another officer.
func (a Authority) Second(p Proposal, key *envelope.Signer) (Proposal, error) {
	if len(p.Signed) == 0 {
		return Proposal{}, fmt.Errorf("%w: nobody has signed it yet", ErrProposal)
	}
	p.Signed, p.bundle.Approvals = slices.Clone(p.Signed), slices.Clone(p.bundle.Approvals)
	return p, a.sign(&p, key)
}

func (a Authority) sign(p *Proposal, key *envelope.Signer) error {
	kid := key.Public().Thumbprint()
	switch {
	case a.Officer(kid) == 0:
		return ErrOfficer
	case slices.Contains(p.Signed, kid):
		return ErrTwice
	case p.Approval.Gateway != a.Gateway:
		return snapshot.ErrGateway
	}
	signed, err := envelope.SignApproval(p.Approval, key)
	if err != nil {
		return fmt.Errorf("signing the approval: %w", err)
	}
	p.Signed, p.bundle.Approvals = append(p.Signed, kid), append(p.bundle.Approvals, signed)
	return nil
}

// fits reports whether the approval is one of the content.
func (p Proposal) fits() error {
	content := p.Approval.Snapshot
	if p.Approval.WithholdAll {
		content = p.Approval.Previous
	}
	switch {
	case content != p.Snapshot.Digest():
		return ErrOther
	case p.Snapshot.Engine() != policy.Engine() && !p.Approval.WithholdAll: // a stop must always be possible
		return fmt.Errorf("%w: %s, this is %s", ErrEngine, p.Snapshot.Engine(), policy.Engine())
	}
	return p.Snapshot.Complete("")
}

// Open reads a proposal, or a bundle that is or was in force. Every signature in
// it must be that of a pinned officer over the same approval, and the content
// what was approved. Whether its time has come and whether there are signatures
// enough is not judged.
func (a Authority) Open(raw []byte) (Proposal, error) {
	b, err := snapshot.ParseBundle(raw)
	if err != nil {
		return Proposal{}, fmt.Errorf("%w: %w", ErrProposal, err)
	}
	p := Proposal{bundle: b}
	if p.Snapshot, err = b.Snapshot(); err != nil {
		return Proposal{}, fmt.Errorf("%w: %w", ErrProposal, err)
	}
	if len(b.Approvals) == 0 {
		return Proposal{}, fmt.Errorf("%w: nobody has signed it", ErrProposal)
	}
	for _, raw := range b.Approvals {
		if err := a.add(&p, raw); err != nil {
			return Proposal{}, err
		}
	}
	return p, p.fits()
}

// add takes one signature of a proposal.
func (a Authority) add(p *Proposal, raw string) error {
	h, err := envelope.PeekJWT(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProposal, err)
	}
	n := a.Officer(h.KeyID)
	if n == 0 {
		return ErrOfficer
	}
	approval, err := envelope.VerifyApproval(raw, a.Officers[n-1])
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrProposal, err)
	case slices.Contains(p.Signed, h.KeyID):
		return ErrTwice
	case len(p.Signed) > 0 && !same(approval, p.Approval):
		return fmt.Errorf("%w: the officers signed different things", ErrProposal)
	}
	p.Approval, p.Signed = approval, append(p.Signed, h.KeyID)
	return nil
}

func same(a, b envelope.Approval) bool {
	times := a.NotBefore.Equal(b.NotBefore) && a.Expires.Equal(b.Expires)
	a.NotBefore, a.Expires = b.NotBefore, b.Expires
	return times && a == b
}

// Ready reports what a gateway that runs current will run when it is handed the
// proposal, from Approval.NotBefore on, or why it will refuse. It is what the
// gateway checks, before it is asked.
func (a Authority) Ready(p Proposal, current snapshot.Active, now time.Time) (snapshot.Active, error) {
	if len(p.Signed) == 1 && !p.Approval.WithholdAll {
		return snapshot.Active{}, ErrOneSign
	}
	approved, _, err := snapshot.VerifyFrom(p.bundle.Approvals, a.Officers, a.Gateway, now)
	if err != nil {
		return snapshot.Active{}, err
	}
	return approved.Activate(current)
}

// Change is what becomes of one file from one snapshot to another.
type Change struct {
	File string `json:"file"`
	What string `json:"what"` // added, removed, changed
}

// Changes lists the files in which two snapshots differ, by the digests that
// their manifests list: also of files that are not here.
func Changes(from, to snapshot.Snapshot) []Change {
	old, now := listed(from), listed(to)
	out := []Change{}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		switch was, ok := old[name]; {
		case !ok:
			out = append(out, Change{name, "added"})
		case was != now[name]:
			out = append(out, Change{name, "changed"})
		}
		delete(old, name)
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		out = append(out, Change{name, "removed"})
	}
	return out
}

// listed reads the lines of a manifest after the first.
func listed(s snapshot.Snapshot) map[string]string {
	out := map[string]string{}
	for i, line := range strings.Split(strings.TrimSuffix(string(s.Manifest()), "\n"), "\n") {
		if sum, name, ok := strings.Cut(line, "  "); ok && i > 0 {
			out[name] = sum
		}
	}
	return out
}
