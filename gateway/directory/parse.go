package directory

import (
	"fmt"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// Limits on a directory file.
const (
	maxBytes = 64 << 20
	needed   = 2 // registrars behind each statement
)

// mark is what is remembered of a statement, so that an older one is known.
type mark struct {
	seq    int64
	digest gateway.Digest
	status envelope.Status
	holder string // issuer, and the use of a key
}

// Change is what one statement changed.
type Change struct {
	Issuer string          // URN
	Item   string          // "key:<thumbprint>", "system:<SPIFFE ID>" or "alias:<name>"
	Use    envelope.Use    // of a key
	Status envelope.Status // now
	Seq    int64
	Digest gateway.Digest // of the statement
}

// Parse reads a directory file as it stands at now and returns it with what it
// changes against previous, which is nil for the first one. registrars are the
// pinned keys. The errors are those of this package; nothing of a file that
// has one is used.
func Parse(raw []byte, registrars []envelope.PublicKey, previous *Directory, now time.Time) (*Directory, []Change, error) {
	d, err := parse(raw, registrars, previous, now)
	if err != nil {
		return nil, nil, err
	}
	if len(d.items) == 0 {
		return nil, nil, fmt.Errorf("%w: no statement", ErrMalformed)
	}
	if previous != nil {
		for name, old := range previous.seen {
			if _, ok := d.seen[name]; !ok {
				return nil, nil, fmt.Errorf("%w: digest %s", ErrDropped, old.digest)
			}
		}
	}
	return d, d.changes(previous), nil
}

// ParseView reads what [Directory.For] gave: as Parse, but what is not in it
// may still be in the directory. A later view cannot bring back what an
// earlier one has replaced.
func ParseView(raw []byte, registrars []envelope.PublicKey, previous *Directory, now time.Time) (*Directory, error) {
	d, err := parse(raw, registrars, previous, now)
	if err != nil {
		return nil, err
	}
	if previous != nil {
		for name, m := range previous.seen {
			if _, ok := d.seen[name]; !ok {
				d.seen[name] = m
			}
		}
	}
	return d, nil
}

func parse(raw []byte, registrars []envelope.PublicKey, previous *Directory, now time.Time) (*Directory, error) {
	entries, err := Decode(raw)
	if err != nil {
		return nil, err
	}
	d := &Directory{
		digest:  gateway.DigestOf(raw),
		items:   make([]item, 0, len(entries)),
		keys:    map[string]*item{},
		systems: map[string]*item{},
		aliases: map[gateway.AgencyID]*item{},
		seen:    map[string]mark{},
		proved:  map[gateway.Digest]*item{},
		pins:    thumbprints(registrars),
	}
	for i, e := range entries {
		var err error
		it := previous.again(e, d.pins)
		if it == nil {
			it, err = read(e, registrars, now)
		}
		if err == nil {
			err = it.follows(previous, now)
		}
		if err == nil {
			err = d.add(*it)
		}
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	// Only now is every control key known, in whatever order they stand.
	for i := range d.items {
		if err := d.verify(&d.items[i], registrars); err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return d, nil
}

// again returns the statement of an entry whose signatures were verified when d
// was read, with the same registrars, or nil: most of a directory is what it was
// a minute ago, and a revocation should not wait for it.
func (d *Directory) again(e Entry, pins string) *item {
	if d == nil || d.pins != pins {
		return nil
	}
	old, ok := d.proved[e.digest()]
	if !ok {
		return nil
	}
	it := *old
	it.proved = true
	return &it
}

// digest is over all signatures of an entry. A JWS has no line feed.
func (e Entry) digest() gateway.Digest {
	return gateway.DigestOf([]byte(e.Statement + "\n" + strings.Join(e.Countersignatures, "\n")))
}

func thumbprints(keys []envelope.PublicKey) string {
	var all strings.Builder
	for _, k := range keys {
		all.WriteString(k.Thumbprint() + "\n")
	}
	return all.String()
}

// read takes a statement out of its JWS and checks what it says on its own and
// who countersigned it. Its own signature is left to verify.
func read(e Entry, registrars []envelope.PublicKey, now time.Time) (*item, error) {
	st, header, err := envelope.PeekStatement(e.Statement)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	it, err := newItem(st, e)
	if err != nil {
		return nil, err
	}
	it.signer = header.KeyID
	if st.IssuedAt.After(now.Add(envelope.Skew)) {
		return nil, fmt.Errorf("%w: issued in the future", ErrStatement)
	}
	it.last, err = countersigned(e, it, registrars, now)
	return &it, err
}

// countersigned checks that two registrars stand behind the statement and
// returns when the later of them signed. Every countersignature given must
// hold: one that does not is no accident.
func countersigned(e Entry, it item, registrars []envelope.PublicKey, now time.Time) (last time.Time, err error) {
	by := map[string]bool{}
	for _, raw := range e.Countersignatures {
		registrar, err := pinned(raw, registrars)
		if err != nil {
			return last, err
		}
		c, err := envelope.VerifyCountersignature(raw, registrar)
		if err != nil {
			return last, fmt.Errorf("%w: %w", ErrCountersigned, err)
		}
		if c.Digest != it.digest {
			return last, fmt.Errorf("%w: another statement was countersigned", ErrCountersigned)
		}
		if c.IssuedAt.Before(it.IssuedAt) || c.IssuedAt.After(now.Add(envelope.Skew)) {
			return last, fmt.Errorf("%w: before the statement, or in the future", ErrCountersigned)
		}
		if by[registrar.Thumbprint()] {
			return last, fmt.Errorf("%w: one registrar twice", ErrCountersigned)
		}
		by[registrar.Thumbprint()] = true
		if c.IssuedAt.After(last) {
			last = c.IssuedAt
		}
	}
	if len(by) < needed {
		return last, fmt.Errorf("%w: %d of %d", ErrCountersigned, len(by), needed)
	}
	return last, nil
}

func pinned(raw string, registrars []envelope.PublicKey) (envelope.PublicKey, error) {
	header, err := envelope.PeekJWT(raw)
	if err != nil {
		return envelope.PublicKey{}, fmt.Errorf("%w: %w", ErrCountersigned, err)
	}
	for _, r := range registrars {
		if r.Thumbprint() == header.KeyID {
			return r, nil
		}
	}
	return envelope.PublicKey{}, fmt.Errorf("%w: registrar is not known", ErrCountersigned)
}

// follows compares a statement with what was known of the same thing.
func (it *item) follows(previous *Directory, now time.Time) error {
	if previous == nil {
		return nil
	}
	old, known := previous.seen[it.name]
	if known && old.digest == it.digest {
		return nil
	}
	if known && old.holder != it.holder() {
		return fmt.Errorf("%w: it had another holder or use", ErrReused)
	}
	if known && old.seq >= it.Seq {
		return fmt.Errorf("%w: number %d after %d", ErrSequence, it.Seq, old.seq)
	}
	if known && it.Key != nil && old.status != envelope.Active && it.Status != old.status && it.Status != envelope.Compromised {
		return fmt.Errorf("%w: %s after %s", ErrFinal, it.Status, old.status)
	}
	if !now.Before(it.Expires) {
		return ErrExpired
	}
	return nil
}

// add files a statement under its name.
func (d *Directory) add(it item) error {
	if _, taken := d.seen[it.name]; taken {
		return fmt.Errorf("%w: stated twice", ErrReused)
	}
	d.seen[it.name] = mark{it.Seq, it.digest, it.Status, it.holder()}
	d.items = append(d.items, it) // capacity was made; pointers stay good
	p := &d.items[len(d.items)-1]
	d.proved[it.entry.digest()] = p // used only once all of d is
	switch {
	case it.Key != nil:
		d.keys[it.Key.Key.Thumbprint()] = p
	case it.System != nil:
		d.systems[it.System.URI] = p
	default:
		d.aliases[it.Alias] = p
	}
	return nil
}

// verify checks a statement's own signature, and what only the whole file
// tells. A control key may sign its own statement; every other key must be a
// control key of the same issuer that stood until the registrars had signed.
func (d *Directory) verify(it *item, registrars []envelope.PublicKey) error {
	signer, ok := d.keys[it.signer]
	if !ok || signer.Issuer != it.Issuer || signer.Key.Use != envelope.UseControl {
		return fmt.Errorf("%w: kid is none", ErrStatement)
	}
	if signer != it && (!signer.stands(it.IssuedAt) || !signer.stands(it.last)) {
		return fmt.Errorf("%w: the key did not stand when it signed", ErrStatement)
	}
	if !it.proved {
		if _, err := envelope.VerifyStatement(it.entry.Statement, signer.Key.Key); err != nil {
			return fmt.Errorf("%w: %w", ErrStatement, err)
		}
	}
	if _, alias := d.aliases[it.agency]; alias && it.Key == nil {
		return fmt.Errorf("%w: an alias has keys and nothing else", ErrIssuer)
	}
	if it.Key != nil {
		for _, r := range registrars {
			if r.Equal(it.Key.Key) {
				return fmt.Errorf("%w: it is a registrar's", ErrReused)
			}
		}
	}
	return nil
}

// changes lists what d says otherwise than previous, in the order of the file.
func (d *Directory) changes(previous *Directory) []Change {
	var list []Change
	for i := range d.items {
		it := &d.items[i]
		if previous != nil && previous.seen[it.name].digest == it.digest {
			continue
		}
		c := Change{Issuer: it.Issuer, Item: it.name, Status: it.Status, Seq: it.Seq, Digest: it.digest}
		if it.Key != nil {
			c.Use = it.Key.Use
		}
		list = append(list, c)
	}
	return list
}
