// Package facts answers what the policy may look at: a closed input, total and
// without personal data, as of one moment (domain, Sections 4, 5, 9, 10, 12
// and 16.2). It is made from statements: control messages signed by the agency
// with authority over the fact, kept as they were signed.
//
// The steps, each on those before:
//
//   - [Register.Admit] takes a verified, conforming statement in, if its stater has
//     authority over every fact in it (policies/data/statements.json)
//     and its sequence number rises. A withdrawal or an exclusion may come from
//     any party: narrowing is open, widening is not. A fact that would open data
//     to its own stater is kept, and opens nothing to it until another party has
//     countersigned.
//   - [Register.Of] reads the statements about a person, a provider and a user again,
//     each time with the version, the digest and the MAC of the row that says
//     which statements there are. What does not fit is [ErrTampered], and nothing
//     leaves.
//   - [Register.Note] prepares what the gateway itself has seen done and must
//     remember, in the same form: a request for break-glass, its confirmation, that
//     a user has read about a person. [Register.Of] recalls it.
//   - [Derive] is a pure function from what is stated, a question and a moment to
//     the [Input].
//
// What nobody has stated has the protective value: a person of unknown marking
// is protected, of unknown age can consent to nothing, of unknown security
// status is answered as one not on record.
//
// When the database was restored from a backup, nobody knows what was stated
// after it was taken: a consent withdrawn, a marking, a threat. What was stated
// before the restore therefore opens nothing any more until its stater states it
// again, and still narrows (see lapse.go).
//
// The package judges no harm and weighs no interest: people do, and record a
// decision (OSL 10:27 and others). Nor does it say which basis opens which
// field; the provisions do (package policy).
package facts

import (
	"cmp"
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sluss/gateway"
	"sluss/gateway/store"
)

// Errors of this package; test with errors.Is.
var (
	// ErrStatement: a statement does not say what its type must say.
	ErrStatement = errors.New("facts: malformed statement")
	// ErrAuthority: the stater has no authority over a fact it states.
	ErrAuthority = errors.New("facts: no authority over the fact")
	// ErrSequence: the stater has stated the fact with a number as high before.
	ErrSequence = errors.New("facts: sequence number does not rise")
	// ErrTampered: what the store holds does not fit the statements it names.
	ErrTampered = errors.New("facts: stored statements do not fit their state")
)

// Store is where states and statements lie (package store). Its methods may be
// called at once.
type Store interface {
	// States returns the rows of names, in the order asked; one never written
	// has version 0.
	States(ctx context.Context, names []string) ([]store.State, error)
	// Statements returns the statements of a state in order of admission.
	Statements(ctx context.Context, state string) ([]store.Statement, error)
}

// Ring encrypts at rest and authenticates rows (package keys).
type Ring interface {
	Encrypt(agency gateway.AgencyID, class string, at time.Time, plaintext, aad []byte) (ciphertext []byte, key string, err error)
	Decrypt(key string, ciphertext, aad []byte) ([]byte, error)
	MAC(domain string, parts ...[]byte) []byte
}

// Config configures a [Register]. Store, Ring and Tables are required; the zero
// value of any other field means its default.
type Config struct {
	Store Store
	Ring  Ring
	// Tables returns those of the active policy snapshot; it is called for each
	// question.
	Tables func() *Tables
	// Aliases returns who acts under which name, as of now; nil, or the answer
	// nil, means that there are no aliases.
	Aliases func() Aliases
	// Restored are the moments at which the database was restored from a backup,
	// the oldest first (package recovery). What was stated before the last of
	// them narrows and opens nothing ([Register.Of]).
	Restored []time.Time
	// Remembered is for how many persons, providers and users the statements
	// stay read in memory. Default 10,000.
	Remembered int
}

// Register is what the gateway knows by statements: it takes them in and
// answers questions from them. It may be used by several goroutines at once.
type Register struct {
	cfg  Config
	mu   sync.Mutex
	read map[string]reading // by name of the state
}

// reading is what the statements of a state add up to, for as long as the
// state's version and digest and the tables stand. It is not changed.
type reading struct {
	version  int64
	digest   gateway.Digest
	mac      []byte
	tables   *Tables
	aliases  gateway.Digest
	person   Person
	provider Provider
	users    map[gateway.Ref]User
	notes    []Note
}

// New returns a Register over a store.
func New(cfg Config) (*Register, error) {
	if cfg.Store == nil || cfg.Ring == nil || cfg.Tables == nil {
		return nil, errors.New("facts: Store, Ring and Tables are required")
	}
	cfg.Remembered = cmp.Or(cfg.Remembered, 10_000)
	return &Register{cfg: cfg, read: map[string]reading{}}, nil
}

// Known is what the policy may look at in one question, and the versions of
// what it was made from. Only [Register.Of] fills it.
type Known struct {
	input    *Input
	versions []store.State
	looser   bool
	locates  bool
	read     bool
	glass    *Emergency
	others   []gateway.Basis
	lapsed   bool
}

// IsZero reports whether k was never answered.
func (k Known) IsZero() bool { return k.input == nil }

// Input returns what the policy may look at. The caller does not change it.
func (k Known) Input() Input {
	if k.input == nil {
		return Input{}
	}
	return *k.input
}

// Versions returns the states the input was made from. A release holds only
// while each still has its version, 0 for one that does not exist.
func (k Known) Versions() []store.State { return k.versions }

// Read reports that the user is known to have read about the person in this
// very role, so that it need not be noted again.
func (k Known) Read() bool { return k.read }

// Lapsed reports that the database was restored and the person's case was not
// stated since, so that the person is as one not on record.
func (k Known) Lapsed() bool { return k.lapsed }

// Emergency returns the break-glass request that is asked under, with what the
// register knows of it, or nil.
func (k Known) Emergency() *Emergency { return k.glass }

// Unclaimed returns the bases on which decisions are recorded that stand in this
// question but for its not claiming them.
func (k Known) Unclaimed() []gateway.Basis { return k.others }

// MarkingLooser reports that the message claims a looser protection marking
// than is known. The stricter one was used; it is an incident.
func (k Known) MarkingLooser() bool { return k.looser }

// Of answers a question as of now. What is stored and does not fit is
// [ErrTampered]; after any error nothing may be released.
func (r *Register) Of(ctx context.Context, q Question, now time.Time) (Known, error) {
	tables := r.cfg.Tables()
	names := q.states()
	rows, err := r.rows(ctx, names)
	if err != nil {
		return Known{}, err
	}
	world, read := World{}, false
	if q.Emergency != nil {
		emergency := *q.Emergency // which the caller keeps as it is
		q.Emergency = &emergency
	}
	for i, row := range rows {
		what, err := r.reading(ctx, row, tables)
		if err != nil {
			return Known{}, err
		}
		if isNotes(names[i]) {
			q.recall(what.notes, r.restored())
			read = read || q.read(what.notes)
			continue
		}
		world.add(q, names[i], what)
	}
	in := Derive(world, q, tables, now)
	known := world.Person.Marking
	looser := q.Marking != "" && markings[q.Marking] < markings[known]
	return Known{input: &in, versions: rows, looser: looser, locates: world.Person.locatedBy(q.Discloser.Agency), read: read, glass: q.Emergency,
		lapsed: world.Person.Case.Lapsed, others: q.unclaimed(world.Person, tables, now)}, nil
}

// states names what a question rests on, the person first.
func (q Question) states() []string {
	var names []string
	if q.Subject != "" {
		names = append(names, stateOfPerson(q.Subject))
	}
	if q.Actor.Agency.Kind() == gateway.Provider {
		names = append(names, stateOfProvider(q.Actor.Agency))
	}
	if q.Actor.User != "" && q.Subject != "" {
		names = append(names, stateOfUser(q.Actor.Agency, q.Actor.User), stateOfReading(q.Actor.Agency, q.Actor.User, q.Subject))
	}
	if e := q.Emergency; e != nil && e.Request != "" {
		names = append(names, stateOfEmergencies(q.Actor.Agency, e.TakenIn))
	}
	return append(names, q.others()...)
}

// others names the states of those whom fields are declared to be about.
func (q Question) others() []string {
	var names []string
	for _, refs := range q.About {
		for _, r := range refs {
			if r != q.Subject {
				names = append(names, stateOfPerson(r))
			}
		}
	}
	return sorted(names)
}

func (w *World) add(q Question, name string, r reading) {
	switch {
	case q.Subject != "" && name == stateOfPerson(q.Subject):
		w.Person = r.person
	case name == stateOfProvider(q.Actor.Agency):
		w.Provider = r.provider
	case q.Actor.User != "" && name == stateOfUser(q.Actor.Agency, q.Actor.User):
		w.User = r.users[q.Subject]
	default:
		if w.Others == nil {
			w.Others = map[gateway.Ref]Person{}
		}
		w.Others[gateway.Ref(name[len(stateOfPerson("")):])] = r.person
	}
}

// rows reads the rows of states. Only load and reading verify them.
func (r *Register) rows(ctx context.Context, names []string) ([]store.State, error) {
	if len(names) == 0 {
		return nil, nil
	}
	rows, err := r.cfg.Store.States(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("facts: reading states: %w", err)
	}
	if len(rows) != len(names) {
		return nil, fmt.Errorf("%w: %d rows for %d names", ErrTampered, len(rows), len(names))
	}
	for i, row := range rows {
		if row.Name != names[i] || row.Version < 0 {
			return nil, fmt.Errorf("%w: not the row asked for", ErrTampered)
		}
	}
	return rows, nil
}

// reading returns what the statements of a row add up to.
func (r *Register) reading(ctx context.Context, row store.State, t *Tables) (reading, error) {
	if row.Version == 0 {
		return reading{}, nil
	}
	aliases, version := r.aliases()
	r.mu.Lock()
	known, ok := r.read[row.Name]
	r.mu.Unlock()
	// A MAC has one value: a row equal to one that was verified is verified.
	if ok && known.version == row.Version && known.digest == row.Digest && known.tables == t && known.aliases == version && hmac.Equal(known.mac, row.MAC) {
		return known, nil
	}
	known = reading{version: row.Version, digest: row.Digest, mac: slices.Clone(row.MAC), tables: t, aliases: version}
	if isNotes(row.Name) {
		notes, err := r.notes(ctx, row)
		if err != nil {
			return reading{}, err
		}
		known.notes = notes
	} else {
		l, _, err := r.load(ctx, row, t, aliases)
		if err != nil {
			return reading{}, err
		}
		known.person, known.provider, known.users = l.result(), l.provider(), l.users
	}
	r.remember(row.Name, known)
	return known, nil
}

func (r *Register) remember(name string, known reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for old := range r.read { // any one: the map is small beside the database
		if len(r.read) < r.cfg.Remembered {
			break
		}
		delete(r.read, old)
	}
	r.read[name] = known
}
