package facts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// NoteKind says what a [Note] is of.
type NoteKind string

// The kinds of note.
const (
	NoteEmergency NoteKind = "emergency" // break-glass was requested
	NoteConfirmed NoteKind = "confirmed" // and confirmed by a second person
	NoteRead      NoteKind = "read"      // a user has read about a person in a role
)

// A Note is what the gateway itself saw done and later questions rest on: that
// break-glass was requested and when (domain, Section 18), who confirmed it,
// that a user has read about a person in a role (Section 16.2, stage 9). It is
// kept like a statement, under a state with a version and a MAC.
type Note struct {
	ID      gateway.MessageID   `json:"id"` // of the access request; of a reading a fresh one
	Kind    NoteKind            `json:"kind"`
	At      time.Time           `json:"at"` // as in the entry, the gateway's clock
	Agency  gateway.AgencyID    `json:"agency"`
	Role    gateway.Role        `json:"role"`
	User    gateway.Ref         `json:"user"`
	Subject gateway.Ref         `json:"subject"`
	Type    gateway.MessageType `json:"type"`
	// Of break-glass: whom it asks for which fields; the first request, also in
	// the note of its confirmation; and the access request as it was signed.
	Discloser gateway.AgencyID  `json:"discloser,omitempty"`
	Fields    []string          `json:"fields,omitempty"`
	Request   gateway.MessageID `json:"request,omitempty"`
	Opened    time.Time         `json:"opened,omitzero"` // when the first request was taken in
	// Chained says that an earlier request of the agency about the person was
	// not confirmed: on this one nobody reads before a second person confirms.
	Chained bool   `json:"chained,omitempty"`
	Token   string `json:"token,omitempty"`
}

// state names the row that a note belongs to. Those of break-glass lie under the
// asking agency and the day on which the first request was taken in, so that one
// row says who may not ask again.
func (n Note) state() string {
	if n.Kind == NoteRead {
		return stateOfReading(n.Agency, n.User, n.Subject)
	}
	return stateOfEmergencies(n.Agency, n.Opened)
}

const (
	readingPrefix   = "read:"
	emergencyPrefix = "emergency:"
)

func stateOfReading(a gateway.AgencyID, user, person gateway.Ref) string {
	return readingPrefix + string(a) + ":" + string(user) + ":" + string(person)
}

func stateOfEmergencies(a gateway.AgencyID, day time.Time) string {
	return emergencyPrefix + string(a) + ":" + day.UTC().Format(time.DateOnly)
}

// isNotes reports whether a state is one of notes.
func isNotes(state string) bool {
	return strings.HasPrefix(state, readingPrefix) || strings.HasPrefix(state, emergencyPrefix)
}

// Note prepares a note to be written in the transaction of its entry, which
// holds the digest of the row as "kept". It holds while the state it was made
// against stands.
func (r *Register) Note(ctx context.Context, n Note) (Admission, error) {
	rows, err := r.rows(ctx, []string{n.state()})
	if err != nil {
		return Admission{}, err
	}
	var digests []gateway.Digest
	if rows[0].Version > 0 {
		if _, digests, err = r.named(ctx, rows[0]); err != nil {
			return Admission{}, err
		}
	}
	plain, err := json.Marshal(n)
	if err != nil {
		return Admission{}, fmt.Errorf("facts: keeping a note: %w", err)
	}
	a := Admission{before: rows[0], row: store.Statement{State: rows[0].Name, Issuer: n.Agency, ID: n.ID, Type: n.Type,
		Fact: string(n.Kind), Seq: rows[0].Version + 1, Digest: gateway.DigestOf(plain)}}
	if a.row.Body, a.row.Key, err = r.cfg.Ring.Encrypt(n.Agency, "facts", n.At, plain, additional(a.row)); err != nil {
		return Admission{}, fmt.Errorf("facts: keeping a note: %w", err)
	}
	a.after = store.State{Name: rows[0].Name, Version: rows[0].Version + 1, Digest: digestOf(rows[0].Name, append(digests, a.row.Digest))}
	a.after.MAC = r.mac(a.after)
	return a, nil
}

// notes reads the notes of a row again, each under its digest.
func (r *Register) notes(ctx context.Context, row store.State) ([]Note, error) {
	kept, _, err := r.named(ctx, row)
	if err != nil {
		return nil, err
	}
	out := make([]Note, len(kept))
	for i, k := range kept {
		plain, err := r.cfg.Ring.Decrypt(k.Key, k.Body, additional(k))
		if err != nil {
			return nil, fmt.Errorf("facts: decrypting a note: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(plain))
		d.DisallowUnknownFields()
		if gateway.DigestOf(plain) != k.Digest || d.Decode(&out[i]) != nil || out[i].state() != row.Name || out[i].ID != k.ID {
			return nil, fmt.Errorf("%w: a note", ErrTampered)
		}
	}
	return out, nil
}

// recall fills in what notes say about the question. Break-glass that was
// requested or confirmed before the database was restored opens nothing.
func (q *Question) recall(notes []Note, restored time.Time) {
	for _, n := range notes {
		switch e := q.Emergency; {
		case n.Kind == NoteRead:
			q.ReadElsewhere = q.ReadElsewhere || n.Role != q.Actor.Role
		case !n.At.After(restored):
		case e == nil || e.Request == "" || n.Request != e.Request || n.Subject != q.Subject || n.Agency != q.Actor.Agency:
		case n.Kind == NoteEmergency && n.User == q.Actor.User && n.Role == q.Actor.Role:
			e.RequestedAt, e.Chained = n.At, n.Chained
		case n.Kind == NoteConfirmed && n.User != q.Actor.User:
			e.ConfirmedBy = n.User
		}
	}
}

// read reports whether notes say that the user has read about the person in
// this very role.
func (q Question) read(notes []Note) bool {
	return slices.ContainsFunc(notes, func(n Note) bool { return n.Kind == NoteRead && n.Role == q.Actor.Role })
}

// Emergencies is an agency's break-glass requests of today and yesterday. Only
// [Register.Emergencies] fills it.
type Emergencies struct {
	notes    []Note
	versions []store.State
	barred   time.Duration
}

// Emergencies returns what an agency has requested by break-glass lately.
func (r *Register) Emergencies(ctx context.Context, a gateway.AgencyID, now time.Time) (Emergencies, error) {
	t := r.cfg.Tables()
	rows, err := r.rows(ctx, []string{stateOfEmergencies(a, now.AddDate(0, 0, -1)), stateOfEmergencies(a, now)})
	if err != nil {
		return Emergencies{}, err
	}
	out := Emergencies{versions: rows, barred: time.Duration(t.Limits.BreakGlass.BarredHours) * time.Hour}
	for _, row := range rows {
		what, err := r.reading(ctx, row, t)
		if err != nil {
			return Emergencies{}, err
		}
		out.notes = append(out.notes, what.notes...)
	}
	return out, nil
}

// Versions returns the states that e was read from.
func (e Emergencies) Versions() []store.State { return e.versions }

// First returns the note of a first request, and whether there is one that
// nobody has confirmed.
func (e Emergencies) First(id gateway.MessageID) (Note, bool) {
	for _, n := range e.notes {
		if n.Kind == NoteEmergency && n.ID == id {
			return n, !e.confirmed(id)
		}
	}
	return Note{}, false
}

func (e Emergencies) confirmed(id gateway.MessageID) bool {
	return slices.ContainsFunc(e.notes, func(n Note) bool { return n.Kind == NoteConfirmed && n.Request == id })
}

// Bars reports whether an earlier request that nobody has confirmed keeps the
// user from another.
func (e Emergencies) Bars(user gateway.Ref, now time.Time) bool {
	return e.unconfirmed(now, func(n Note) bool { return n.User == user })
}

// Chains reports whether the agency has an earlier request about the person
// that nobody has confirmed. A colleague may ask again, for a life may hang on
// it; but what is asked for is not read before a second person confirms, or two
// who take turns would need nobody.
func (e Emergencies) Chains(subject gateway.Ref, now time.Time) bool {
	return e.unconfirmed(now, func(n Note) bool { return n.Subject == subject })
}

func (e Emergencies) unconfirmed(now time.Time, is func(Note) bool) bool {
	return slices.ContainsFunc(e.notes, func(n Note) bool {
		return n.Kind == NoteEmergency && is(n) && now.Sub(n.At) < e.barred && !e.confirmed(n.ID)
	})
}
