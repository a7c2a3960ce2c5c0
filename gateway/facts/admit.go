package facts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/store"
)

// Admission is a statement or a note that may be taken in: the rows that the
// exchange writes in the transaction of its entry. Only [Register.Admit] and
// [Register.Note] fill it. It holds while the state it was checked against
// stands.
type Admission struct {
	before, after store.State
	row           store.Statement
}

// IsZero reports whether a was never admitted.
func (a Admission) IsZero() bool { return a.after.Version == 0 }

// Expect returns the version that must still stand.
func (a Admission) Expect() store.State { return a.before }

// Set returns the state with the statement.
func (a Admission) Set() store.State { return a.after }

// Statement returns the row of the statement.
func (a Admission) Statement() store.Statement { return a.row }

// Admit checks whether a statement may be taken in at now. One whose stater
// has no authority, or whose sequence number does not rise, is a
// [*gateway.Refusal] with [gateway.CodeAuthority] or [gateway.CodeSequence];
// one that contradicts itself has [gateway.CodeSchema].
func (r *Register) Admit(ctx context.Context, m catalogue.Conforming, now time.Time) (Admission, error) {
	if m.IsZero() || !m.Type().Statement || m.Message().Claims().Recipient() != "" {
		return Admission{}, fmt.Errorf("%w: no statement to this gateway", ErrStatement)
	}
	s, err := statementOf(m, now)
	if err != nil {
		return Admission{}, err
	}
	return r.admit(ctx, s)
}

// statementOf takes what is kept from a message: the clear fields, and the
// token without what is sealed to others.
func statementOf(m catalogue.Conforming, now time.Time) (*statement, error) {
	msg := m.Message()
	c := msg.Claims()
	s := &statement{
		Issuer: c.Issuer, Role: c.FromRole, ID: c.ID, Type: c.Type, Subject: c.Subject, Issued: c.IssuedAt.UTC(),
		Admitted: now.UTC(), Sent: msg.Digest(), Fields: map[gateway.Field]json.RawMessage{},
	}
	clearOnly := map[gateway.Field]bool{}
	for _, f := range msg.Fields() {
		if !f.Sealed {
			s.Fields[f.Name], clearOnly[f.Name] = f.Value, true
		}
	}
	kept, err := msg.Filter(clearOnly, nil)
	if err != nil {
		return nil, fmt.Errorf("keeping a statement: %w", err)
	}
	s.Token = string(kept.Token())
	return s, nil
}

func (r *Register) admit(ctx context.Context, s *statement) (Admission, error) {
	tables := r.cfg.Tables()
	what, err := s.read(tables)
	if err != nil {
		return Admission{}, refusal(err)
	}
	rows, err := r.rows(ctx, []string{what.state})
	if err != nil {
		return Admission{}, err
	}
	aliases, _ := r.aliases()
	l, digests, err := r.load(ctx, rows[0], tables, aliases)
	if err != nil {
		return Admission{}, err
	}
	if err := l.apply(what); err != nil {
		return Admission{}, refusal(err)
	}
	a := Admission{before: rows[0]}
	if a.row, err = r.encrypt(what); err != nil {
		return Admission{}, err
	}
	a.after = store.State{Name: what.state, Version: a.before.Version + 1}
	a.after.Digest = digestOf(what.state, append(digests, a.row.Digest))
	a.after.MAC = r.mac(a.after)
	return a, nil
}

// refusal gives what a stater did wrong its code.
func refusal(err error) error {
	switch {
	case errors.Is(err, ErrSequence):
		return gateway.Refuse(gateway.CodeSequence, "the sequence number of this fact does not rise", err)
	case errors.Is(err, ErrAuthority):
		return gateway.Refuse(gateway.CodeAuthority, "no authority over a fact that is stated", err)
	case errors.Is(err, ErrStatement):
		return gateway.Refuse(gateway.CodeSchema, "the statement does not say what its type must say", err)
	}
	return err
}

// encrypt makes the row of a statement.
func (r *Register) encrypt(s *said) (store.Statement, error) {
	plain, err := json.Marshal(s.statement)
	if err != nil {
		return store.Statement{}, fmt.Errorf("keeping a statement: %w", err)
	}
	row := store.Statement{State: s.state, Issuer: s.Issuer, ID: s.ID, Type: s.Type, Fact: s.fact, Seq: s.seq, Digest: gateway.DigestOf(plain)}
	row.Body, row.Key, err = r.cfg.Ring.Encrypt(s.Issuer, "facts", s.Admitted, plain, additional(row))
	if err != nil {
		return store.Statement{}, fmt.Errorf("keeping a statement: %w", err)
	}
	return row, nil
}

// additional binds a ciphertext to its row: to every column that says what it is.
func additional(row store.Statement) []byte {
	return fmt.Appendf(nil, "sluss fact\n%s\n%s\n%s\n%s\n%s\n%d", row.State, row.Issuer, row.ID, row.Type, row.Fact, row.Seq)
}

// load checks that this gateway wrote a row, reads its statements again, each
// under its digest, and adds them up. It also returns the digests.
func (r *Register) load(ctx context.Context, row store.State, t *Tables, aliases Aliases) (*ledger, []gateway.Digest, error) {
	l := newLedger(t, aliases)
	if row.Version == 0 {
		return l, nil, nil
	}
	kept, digests, err := r.named(ctx, row)
	if err != nil {
		return nil, nil, err
	}
	restored := r.cfg.Restored
	for _, k := range kept {
		what, err := r.decrypt(k, t)
		if err != nil {
			return nil, nil, err
		}
		for len(restored) > 0 && what.Admitted.After(restored[0]) {
			l.lapse()
			restored = restored[1:]
		}
		if err := l.apply(what); err != nil {
			return nil, nil, fmt.Errorf("%w: reading a statement again: %w", ErrTampered, err)
		}
	}
	if len(restored) > 0 {
		l.lapse()
	}
	return l, digests, nil
}

// named returns the statements that a row names, in order of admission, and
// their digests, if this gateway wrote the row.
func (r *Register) named(ctx context.Context, row store.State) ([]store.Statement, []gateway.Digest, error) {
	if !hmac.Equal(row.MAC, r.mac(row)) {
		return nil, nil, fmt.Errorf("%w: a row was not written by this gateway", ErrTampered)
	}
	kept, err := r.cfg.Store.Statements(ctx, row.Name)
	if err != nil {
		return nil, nil, fmt.Errorf("facts: reading statements: %w", err)
	}
	// Statements taken in since the row was read are another version's.
	if int64(len(kept)) > row.Version {
		kept = kept[:row.Version]
	}
	digests := make([]gateway.Digest, len(kept), len(kept)+1)
	for i := range kept {
		digests[i] = kept[i].Digest
	}
	if int64(len(kept)) != row.Version || digestOf(row.Name, digests) != row.Digest {
		return nil, nil, fmt.Errorf("%w: not the statements the row names", ErrTampered)
	}
	return kept, digests, nil
}

// Authentic checks a row that is not version 0, without asking what its
// statements mean: this gateway wrote it, the statements it names are there, and
// each opens to what its digest covers. Otherwise it is [ErrTampered].
func (r *Register) Authentic(ctx context.Context, row store.State) error {
	kept, _, err := r.named(ctx, row)
	if err != nil {
		return err
	}
	for _, k := range kept {
		plain, err := r.cfg.Ring.Decrypt(k.Key, k.Body, additional(k))
		if err != nil || gateway.DigestOf(plain) != k.Digest {
			return fmt.Errorf("%w: digest of a statement", ErrTampered)
		}
	}
	return nil
}

// decrypt reads a row's statement, and holds the row to it.
func (r *Register) decrypt(row store.Statement, t *Tables) (*said, error) {
	plain, err := r.cfg.Ring.Decrypt(row.Key, row.Body, additional(row))
	if err != nil {
		return nil, fmt.Errorf("facts: decrypting a statement: %w", err)
	}
	if gateway.DigestOf(plain) != row.Digest {
		return nil, fmt.Errorf("%w: digest of a statement", ErrTampered)
	}
	var s statement
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if d.Decode(&s) != nil {
		return nil, fmt.Errorf("%w: form of a statement", ErrTampered)
	}
	what, err := s.read(t)
	if err != nil {
		return nil, fmt.Errorf("%w: reading a statement again: %w", ErrTampered, err)
	}
	if what.state != row.State || what.fact != row.Fact || what.seq != row.Seq || s.Issuer != row.Issuer || s.ID != row.ID || s.Type != row.Type {
		return nil, fmt.Errorf("%w: a row says otherwise than its statement", ErrTampered)
	}
	return what, nil
}

// digestOf is the digest of a state: its name and the digests of its
// statements in order of admission.
func digestOf(name string, digests []gateway.Digest) gateway.Digest {
	b := append(make([]byte, 0, len(name)+32*len(digests)+16), "sluss facts 1\n"+name+"\n"...)
	for _, d := range digests {
		b = append(b, d[:]...)
	}
	return gateway.DigestOf(b)
}

// mac authenticates a row under a key outside the database.
func (r *Register) mac(s store.State) []byte {
	version := binary.BigEndian.AppendUint64(nil, uint64(s.Version))
	return r.cfg.Ring.MAC("facts state", []byte(s.Name), version, s.Digest[:])
}
