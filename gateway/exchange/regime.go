package exchange

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/directory"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
	"sluss/gateway/store"
)

// ErrState says that the stored version of the directory or the policy was not
// written by this gateway.
var ErrState = errors.New("exchange: stored version of directory or policy is not authentic")

// The states that every decision rests on.
const (
	DirectoryInForce = "directory"
	PolicyInForce    = "policy"
)

// Regime is what is in force: who is registered, and by which policy it is
// decided. It never changes.
type Regime struct {
	Directory *directory.Directory
	Law
	Active snapshot.Active

	directory, policy store.State
	published         []byte // the snapshot as clients get it
}

// Law is one policy snapshot, compiled: what may be sent, what facts count and
// how is decided. Only [ReadLaw] makes one.
type Law struct {
	Snapshot  snapshot.Snapshot
	Catalogue *catalogue.Catalogue
	Policy    *policy.Policy
	Tables    *facts.Tables
}

// ReadLaw compiles a snapshot. What does not hold together is an error.
func ReadLaw(ctx context.Context, s snapshot.Snapshot) (Law, error) {
	c, err := catalogue.Load(s)
	if err != nil {
		return Law{}, fmt.Errorf("reading catalogue: %w", err)
	}
	p, err := policy.Read(ctx, s.FS(), s.Digest())
	if err != nil {
		return Law{}, fmt.Errorf("compiling provisions: %w", err)
	}
	t, err := facts.ReadTables(s.FS(), p.Needs())
	if err != nil {
		return Law{}, fmt.Errorf("reading tables of facts: %w", err)
	}
	return Law{s, c, p, t}, nil
}

// states returns the versions to compare when a decision is committed.
func (r *Regime) states() []store.State { return []store.State{r.directory, r.policy} }

// Tables returns what the policy in force lays down about facts, nil before
// there is one.
func (x *Exchange) Tables() *facts.Tables {
	if r := x.regime.Load(); r != nil {
		return r.Tables
	}
	return nil
}

// Registry returns the directory in force as a source of keys; before there is
// one it knows no key.
func (x *Exchange) Registry() envelope.Keys {
	if r := x.regime.Load(); r != nil && r.Directory != nil {
		return r.Directory
	}
	return noKeys{}
}

type noKeys struct{}

// Key implements [envelope.Keys].
func (noKeys) Key(string, string, envelope.Use, time.Time) (envelope.PublicKey, error) {
	return envelope.PublicKey{}, envelope.ErrKey
}

// Kept lists the types that named officials read, whose messages stay until
// they expire.
func (x *Exchange) Kept() []gateway.MessageType {
	var out []gateway.MessageType
	if r := x.regime.Load(); r != nil && r.Catalogue != nil {
		for _, t := range r.Catalogue.Types() {
			if t.Officials {
				out = append(out, t.Name)
			}
		}
	}
	return out
}

// InForce returns the regime in force, or a refusal while there is none.
func (x *Exchange) InForce() (*Regime, error) {
	r := x.regime.Load()
	if r == nil || r.Directory == nil || r.Policy == nil {
		return nil, unavailable(errors.New("no directory or no policy in force"))
	}
	return r, nil
}

// releasing returns the regime in force if anything may be released under it.
func (x *Exchange) releasing(now time.Time) (*Regime, error) {
	r, err := x.InForce()
	switch {
	case err != nil:
		return nil, err
	case r.Active.WithholdAll:
		return nil, gateway.Refuse(gateway.CodeWithholdAll, "A legal officer has stopped all release.", nil)
	case !r.Active.Releases(now):
		return nil, unavailable(errors.New("approval of the policy has expired"))
	}
	return r, nil
}

// Elsewhere returns what another gateway on the database has put in force since
// this one did: the file of the directory (of [DirectoryInForce]) or of the policy
// ([PolicyInForce]), nil if nothing. Whoever gets it verifies it like a file, and
// gives it to Register or Enact without its bytes. What a restore brought back from a
// backup was put in force by nobody.
func (x *Exchange) Elsewhere(ctx context.Context, name string) ([]byte, error) {
	states, err := x.cfg.Store.States(ctx, []string{name})
	if err != nil {
		return nil, err
	}
	st := states[0]
	if st.Version <= x.cfg.Restored[name] || x.holds(st) {
		return nil, nil
	}
	if !hmac.Equal(st.MAC, x.mac(st)) {
		return nil, fmt.Errorf("%w: %s", ErrState, name)
	}
	d, err := x.cfg.Store.Document(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading what is in force: %w", err)
	}
	if d.Version != st.Version {
		return nil, store.ErrMoved // entered in between
	}
	return d.Body, nil
}

// holds reports whether the state is the one that is in force here.
func (x *Exchange) holds(st store.State) bool {
	r := x.regime.Load()
	return r != nil && slices.ContainsFunc(r.states(), func(s store.State) bool {
		return s.Name == st.Name && s.Version == st.Version && s.Digest == st.Digest
	})
}

// append appends to the log. When what the write relied on has moved because
// another gateway has put something in force, that is taken over, so that the
// next attempt relies on it.
func (x *Exchange) append(ctx context.Context, w store.Write) (disclosure.Committed, error) {
	c, err := x.cfg.Log.Append(ctx, w)
	if x.cfg.Refresh == nil || !errors.Is(err, store.ErrMoved) {
		return c, err
	}
	states, look := x.cfg.Store.States(ctx, []string{DirectoryInForce, PolicyInForce})
	if look == nil && !(x.holds(states[0]) && x.holds(states[1])) {
		x.cfg.Refresh(ctx)
	}
	return c, err
}

// Register puts a directory in force, with an entry for each change. It is
// called with one directory at a time, and the file it was read from, which is
// nil when Elsewhere gave it.
func (x *Exchange) Register(ctx context.Context, d *directory.Directory, raw []byte, changes []directory.Change) error {
	now := x.cfg.Now()
	var entries []store.Entry
	for _, c := range changes {
		e1 := disclosure.E1{Kind: disclosure.DirectoryChanged, Time: disclosure.At(now), Digest: &c.Digest, Count: c.Seq}
		entry, err := disclosure.NewEntry(e1, disclosure.E2{Retention: disclosure.Long,
			Detail: c.Item + " " + string(c.Use) + " " + string(c.Status) + " of " + c.Issuer}, x.cfg.AtRest)
		if err != nil {
			return err
		}
		entries = append(entries, entry)
	}
	st, err := x.enter(ctx, DirectoryInForce, d.Digest(), raw, entries, func() (store.Entry, error) {
		digest := d.Digest()
		return disclosure.NewEntry(disclosure.E1{Kind: disclosure.DirectoryChanged, Time: disclosure.At(now), Digest: &digest},
			disclosure.E2{Retention: disclosure.Long, Detail: "directory as a whole"}, x.cfg.AtRest)
	})
	if err != nil {
		return err
	}
	x.swap(func(r *Regime) { r.Directory, r.directory = d, st })
	return nil
}

// Enact puts a policy in force, with an entry that names the approval. What
// active says must follow from approved, which the approvals say, and from what
// was in force before. raw is the bundle, nil when Elsewhere gave it.
func (x *Exchange) Enact(ctx context.Context, law Law, raw []byte, approvals []string, active snapshot.Active, approved snapshot.Approved) error {
	digest, a := law.Policy.Digest(), approved.Approval()
	if law.Catalogue.Snapshot() != digest || active.Snapshot != digest || active.Seq != a.Seq || active.Gateway != x.cfg.Gateway {
		return fmt.Errorf("%w: catalogue, policy and approval do not belong together", ErrConfig)
	}
	e1 := disclosure.E1{Kind: disclosure.PolicyActivated, Time: disclosure.At(x.cfg.Now()), Count: a.Seq, Snapshot: &digest}
	if !a.Previous.IsZero() {
		e1.Previous = &a.Previous
	}
	published, err := snapshot.Pack(law.Snapshot, approvals, "data", "message_types").Encode()
	if err != nil {
		return fmt.Errorf("packing the snapshot: %w", err)
	}
	what := "snapshot in force, approved with "
	if active.WithholdAll {
		what, e1.Code = "release stopped with ", gateway.CodeWithholdAll
	}
	st, err := x.enter(ctx, PolicyInForce, activeDigest(active), raw, nil, func() (store.Entry, error) {
		return disclosure.NewEntry(e1, disclosure.E2{Retention: disclosure.Long, Detail: what + strings.Join(approved.Officers(), " and ")}, x.cfg.AtRest)
	})
	if err != nil {
		return err
	}
	x.swap(func(r *Regime) { r.Law, r.Active, r.policy, r.published = law, active, st, published })
	return nil
}

// activeDigest covers what is in force: the snapshot, the number of its
// approval and whether release is stopped.
func activeDigest(a snapshot.Active) gateway.Digest {
	b := binary.BigEndian.AppendUint64(a.Snapshot[:], uint64(a.Seq))
	if a.WithholdAll {
		b = append(b, 1)
	}
	return gateway.DigestOf(b)
}

// enter makes digest the stored version of name, with raw as its document and
// with the entries, or with the one that whole makes if there are none. A version
// that is there already is left as it is; without raw it must be.
func (x *Exchange) enter(ctx context.Context, name string, digest gateway.Digest, raw []byte, entries []store.Entry, whole func() (store.Entry, error)) (store.State, error) {
	states, err := x.cfg.Store.States(ctx, []string{name})
	if err != nil {
		return store.State{}, err
	}
	old := states[0]
	if old.Version > 0 && !hmac.Equal(old.MAC, x.mac(old)) {
		return store.State{}, fmt.Errorf("%w: %s", ErrState, name)
	}
	if old.Version > 0 && old.Digest == digest {
		return old, nil
	}
	if raw == nil {
		return store.State{}, fmt.Errorf("%w: %s", ErrState, name)
	}
	if len(entries) == 0 {
		e, err := whole()
		if err != nil {
			return store.State{}, err
		}
		entries = []store.Entry{e}
	}
	st := store.State{Name: name, Version: old.Version + 1, Digest: digest}
	st.MAC = x.mac(st)
	_, err = x.cfg.Log.Append(ctx, store.Write{Expect: []store.State{old}, Set: []store.State{st},
		Documents: []store.Document{{Name: name, Version: st.Version, Body: raw}}, Entries: entries})
	return st, err
}

func (x *Exchange) mac(s store.State) []byte {
	return x.cfg.AtRest.MAC("regime", []byte(s.Name), binary.BigEndian.AppendUint64(nil, uint64(s.Version)), s.Digest[:])
}

// swap changes the regime in force.
func (x *Exchange) swap(change func(*Regime)) {
	for {
		old := x.regime.Load()
		next := Regime{}
		if old != nil {
			next = *old
		}
		change(&next)
		if x.regime.CompareAndSwap(old, &next) {
			return
		}
	}
}
