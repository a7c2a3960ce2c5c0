package disclosure

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// format is the version of the entry format, the first member of both parts.
const format = 1

// E1 is the part of an entry that its parties see. The order of the members is
// part of the format; what is absent is left out. Nothing in it is a value of
// a field or refers to a person.
type E1 struct {
	Format int         `json:"v"`
	Salt   gateway.Ref `json:"salt"` // 128 random bits
	Kind   Kind        `json:"kind"`
	Time   Time        `json:"time"`
	// Delivery is the id of one hand-out: the nonce of the key binding.
	Delivery string `json:"delivery,omitempty"`
	// Message is what the entry is about, by its "jti"; Discloser is the agency,
	// or its alias, that sent it or that is asked.
	Message   gateway.MessageID `json:"message,omitempty"`
	Discloser gateway.AgencyID  `json:"discloser,omitempty"`
	// Recipient is the agency that was to receive something; "" is the gateway.
	Recipient gateway.AgencyID    `json:"recipient,omitempty"`
	Type      gateway.MessageType `json:"type,omitempty"`
	Digest    *gateway.Digest     `json:"digest,omitempty"` // of what was taken in, as sent
	Issued    int64               `json:"iat,omitempty"`    // seconds, as in the message
	Expires   int64               `json:"exp,omitempty"`
	SDHash    *gateway.Digest     `json:"sd_hash,omitempty"` // of the view (RFC 9901, Section 4.3)
	Kept      *gateway.Digest     `json:"kept,omitempty"`    // of a statement as the register keeps it
	Request   *gateway.Digest     `json:"request,omitempty"` // of the access request, as sent
	Role      gateway.Role        `json:"role,omitempty"`
	Purpose   gateway.Purpose     `json:"purpose,omitempty"`
	Outcome   gateway.Outcome     `json:"outcome,omitempty"`
	// Allowed says on which basis each field was allowed, Withheld which reason
	// was shown for each that was not.
	Allowed     map[gateway.Field]gateway.Basis  `json:"allowed,omitempty"`
	Withheld    map[gateway.Field]gateway.Reason `json:"withheld,omitempty"`
	Suppressed  []string                         `json:"suppressed_cells,omitempty"`
	Obligations []gateway.Obligation             `json:"obligations,omitempty"`
	Snapshot    *gateway.Digest                  `json:"snapshot,omitempty"`   // the policy that decided, or was activated
	Previous    *gateway.Digest                  `json:"previous,omitempty"`   // what it replaces
	Event       gateway.MessageID                `json:"event,omitempty"`      // "jti" of the signed event that reported this
	Code        gateway.Code                     `json:"code,omitempty"`       // of a refusal, failure or incident
	Count       int64                            `json:"count,omitempty"`      // refusals counted, rows purged
	Follows     []uint64                         `json:"follows,omitempty"`    // indexes of the entries this one is about
	Checkpoint  string                           `json:"checkpoint,omitempty"` // the last that is known of the log before a restore, as signed
}

// E2 is the part of an entry that only auditors of the owning agency see.
type E2 struct {
	Format    int             `json:"v"`
	Salt      gateway.Ref     `json:"salt"`
	Local     string          `json:"local,omitempty"` // E1.Time with the gateway's offset
	Retention Retention       `json:"retention"`
	Subject   gateway.Ref     `json:"subject,omitempty"`
	Case      gateway.Ref     `json:"case,omitempty"`
	Actor     *Actor          `json:"actor,omitempty"`
	Reason    *Reason         `json:"reason,omitempty"`
	Claimed   []gateway.Basis `json:"claimed,omitempty"`
	Fields    []gateway.Field `json:"fields,omitempty"` // asked for by name
	// Withheld are the true reasons. E1 may show others.
	Withheld map[gateway.Field]gateway.Reason `json:"withheld,omitempty"`
	// Denied is the true reason of an outcome without data.
	Denied     gateway.Reason                   `json:"denied,omitempty"`
	Origin     map[gateway.Field][]gateway.Rule `json:"origin,omitempty"` // secrecy rules of each field
	Citations  map[gateway.Basis]Citation       `json:"citations,omitempty"`
	Consent    *Evidence                        `json:"consent,omitempty"`
	Assessment *Evidence                        `json:"assessment,omitempty"`
	Marking    string                           `json:"marking,omitempty"`
	Child      bool                             `json:"child,omitempty"`
	BreakGlass *BreakGlass                      `json:"break_glass,omitempty"`
	Diary      string                           `json:"diary_no,omitempty"`
	// States are the versions that the decision rested on.
	States map[string]int64 `json:"states,omitempty"`
	// Input is the closed policy input, from which the decision can be taken
	// again.
	Input json.RawMessage `json:"input,omitempty"`
	// Evidence are digests of signed documents that the entry rests on: key
	// statements, approvals.
	Evidence []gateway.Digest `json:"evidence,omitempty"`
	Detail   string           `json:"detail,omitempty"` // fixed words for an operator; never from a payload
}

// Actor is who would see, or saw, the values.
type Actor struct {
	Agency   gateway.AgencyID `json:"agency"`
	System   string           `json:"system,omitempty"`
	Role     gateway.Role     `json:"role,omitempty"`
	User     gateway.Ref      `json:"user,omitempty"` // "" is the function
	Unit     string           `json:"unit,omitempty"`
	Session  string           `json:"session,omitempty"`
	Strength string           `json:"strength,omitempty"` // of the user's authentication
	OnBehalf gateway.AgencyID `json:"on_behalf_of,omitempty"`
}

// Reason is why an official asks: the code, and the text only by its length
// and digest.
type Reason struct {
	Code   string          `json:"code"`
	Length int             `json:"length"`
	Digest *gateway.Digest `json:"digest,omitempty"`
}

// Citation names a provision in the wording in force.
type Citation struct {
	Text    string `json:"text"`    // "OSL 12 kap. 2 §"
	Version string `json:"version"` // date
}

// Evidence is a consent or a recorded decision.
type Evidence struct {
	Ref     gateway.Ref    `json:"ref"`
	Digest  gateway.Digest `json:"digest"`
	Kind    string         `json:"kind,omitempty"`
	Decider gateway.Ref    `json:"decider,omitempty"`
}

// BreakGlass is what an emergency access rested on.
type BreakGlass struct {
	Reason    gateway.Digest `json:"reason"` // of the signed request that states it
	Diary     string         `json:"diary_no"`
	Confirmer gateway.Ref    `json:"confirmer,omitempty"`
}

// Retention is how long an entry's content is kept (domain, Section 21). It is
// part of the class under which E2 is encrypted, so that a key can be
// destroyed when its time has come.
type Retention string

// The classes of retention.
const (
	Ordinary Retention = "log-5y"
	Long     Retention = "log-10y" // protected persons, hidden children, break-glass, police and prison flows
	Child    Retention = "log-30y" // child protection
	Short    Retention = "log-2y"  // DENY and NO_RECORD
)

var retentions = map[Retention]bool{Ordinary: true, Long: true, Child: true, Short: true}

// Time is a moment in UTC with milliseconds, in one spelling.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// At returns t as entries have it.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.UTC().Format(timeLayout)), nil }

// MarshalJSON implements json.Marshaler; that of time.Time would be promoted.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.UTC().Format(timeLayout)) }

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := time.Parse(timeLayout, s)
	t.Time = parsed.UTC()
	return err
}

// Sealer encrypts the second part of entries at rest. Package keys has one.
type Sealer interface {
	// Encrypt encrypts plaintext, bound to aad, under the key of an agency ("" is
	// the gateway itself), a retention class and a period, and names the key.
	Encrypt(agency gateway.AgencyID, class string, at time.Time, plaintext, aad []byte) (ciphertext []byte, key string, err error)
}

// Opener decrypts what a [Sealer] has encrypted.
type Opener interface {
	Decrypt(key string, ciphertext, aad []byte) ([]byte, error)
}

// NewEntry makes an entry of e1 and e2, as a row for [Log.Append]. It fills
// format and salts, and the local time; E1.Time must be set ([At]). An entry
// that lacks what its kind must tell is [ErrMalformed].
func NewEntry(e1 E1, e2 E2, s Sealer) (store.Entry, error) {
	e1.Format, e2.Format = format, format
	if e1.Salt == "" {
		e1.Salt = gateway.NewRef()
	}
	if e2.Salt == "" {
		e2.Salt = gateway.NewRef()
	}
	if e2.Retention == "" {
		e2.Retention = Ordinary
	}
	if e2.Local == "" {
		e2.Local = e1.Time.In(time.Local).Format("2006-01-02T15:04:05.000Z07:00")
	}
	_, bad1 := gateway.ParseRef(string(e1.Salt))
	_, bad2 := gateway.ParseRef(string(e2.Salt))
	if e1.Salt == e2.Salt || bad1 != nil || bad2 != nil {
		return store.Entry{}, fmt.Errorf("%w: salts are not 128 bits each", ErrMalformed)
	}
	if e1.Time.IsZero() || e1.Time.Year() > 9999 || !retentions[e2.Retention] {
		return store.Entry{}, fmt.Errorf("%w: no time or unknown retention", ErrMalformed)
	}
	if err := e1.complete(); err != nil {
		return store.Entry{}, err
	}
	public, err := encode(e1)
	if err != nil {
		return store.Entry{}, err
	}
	private, err := encode(e2)
	if err != nil {
		return store.Entry{}, err
	}
	owner := e1.Discloser
	if owner == "" {
		owner = e1.Recipient
	}
	sealed, key, err := s.Encrypt(owner, string(e2.Retention), e1.Time.Time, private, aad(public))
	if err != nil {
		return store.Entry{}, fmt.Errorf("encrypting entry: %w", err)
	}
	return store.Entry{
		Leaf: leafOf(public, private), E1: public, E2: sealed, Key: key,
		Kind: string(e1.Kind), Time: e1.Time.Time,
		Discloser: e1.Discloser, Recipient: e1.Recipient, Subject: e2.Subject, Case: e2.Case,
	}, nil
}

// aad binds the second part to the first.
func aad(e1 []byte) []byte {
	h := sha256.Sum256(e1)
	return append([]byte("sluss entry E2\x00"), h[:]...)
}

// leafOf returns SHA-256(E1) followed by SHA-256(E2).
func leafOf(e1, e2 []byte) (leaf [64]byte) {
	h1, h2 := sha256.Sum256(e1), sha256.Sum256(e2)
	copy(leaf[:32], h1[:])
	copy(leaf[32:], h2[:])
	return leaf
}

// encode returns the one encoding of a part: members in the order of the
// struct, maps by key, no white space, no HTML escapes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// maxPart is more than any part of an entry needs.
const maxPart = 1 << 20

// ParseE1 reads the first part of an entry, or reports [ErrMalformed]. It
// accepts exactly what [NewEntry] can have written.
func ParseE1(raw []byte) (E1, error) {
	var e E1
	if err := decode(raw, &e); err != nil {
		return E1{}, err
	}
	if _, err := gateway.ParseRef(string(e.Salt)); err != nil || e.Format != format {
		return E1{}, fmt.Errorf("%w: format or salt", ErrMalformed)
	}
	if err := e.complete(); err != nil {
		return E1{}, err
	}
	return e, nil
}

// ParseE2 reads the second part of an entry, or reports [ErrMalformed].
func ParseE2(raw []byte) (E2, error) {
	var e E2
	if err := decode(raw, &e); err != nil {
		return E2{}, err
	}
	if _, err := gateway.ParseRef(string(e.Salt)); err != nil || e.Format != format || !retentions[e.Retention] {
		return E2{}, fmt.Errorf("%w: format, salt or retention", ErrMalformed)
	}
	return e, nil
}

// decode reads a part and holds it to its one encoding.
func decode[T any](raw []byte, v *T) error {
	if len(raw) > maxPart {
		return fmt.Errorf("%w: %d bytes", ErrMalformed, len(raw))
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: not of the form of an entry", ErrMalformed)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one value", ErrMalformed)
	}
	again, err := encode(*v)
	if err != nil || !bytes.Equal(again, raw) {
		return fmt.Errorf("%w: not in its one encoding", ErrMalformed)
	}
	return nil
}

// CheckE1 compares a first part with the leaf it belongs to, or reports
// [ErrProof], and returns it read. Recipients and senders use it: they have
// half of what the leaf was made from.
func CheckE1(raw []byte, leaf [64]byte) (E1, error) {
	if sha256.Sum256(raw) != [32]byte(leaf[:32]) {
		return E1{}, fmt.Errorf("%w: entry is not what the leaf was made from", ErrProof)
	}
	return ParseE1(raw)
}

// Open decrypts the second part of a stored entry and compares both parts with
// the leaf, or reports [ErrProof].
func Open(e store.Entry, o Opener) (E1, E2, error) {
	private, err := o.Decrypt(e.Key, e.E2, aad(e.E1))
	if err != nil {
		return E1{}, E2{}, fmt.Errorf("decrypting entry: %w", err)
	}
	if leafOf(e.E1, private) != e.Leaf {
		return E1{}, E2{}, fmt.Errorf("%w: entry is not what the leaf was made from", ErrProof)
	}
	e1, err := ParseE1(e.E1)
	if err != nil {
		return E1{}, E2{}, err
	}
	e2, err := ParseE2(private)
	return e1, e2, err
}
