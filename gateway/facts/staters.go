package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"sluss/gateway"
)

// Staters says of each statement type what it is about and who may state it:
// the table statements.json. A type that is not in it states nothing.
type Staters map[gateway.MessageType]Rule

// Rule is the entry of one statement type.
type Rule struct {
	About       string                      `json:"about"` // "person", "provider"
	Key         string                      `json:"key"`   // the member that tells one fact of the type from another
	NarrowsOnly bool                        `json:"narrows_only"`
	Authority   map[gateway.Field]Authority `json:"authority"` // by member; "*" for all others
}

// Authority is who may state one member.
type Authority struct {
	Standing    []Footing      `json:"standing"` // any of these
	Roles       []gateway.Role `json:"roles"`    // in any of these; empty for all
	Kinds       []gateway.Kind `json:"kinds"`
	Decides     bool           `json:"decides"`   // the decider named must be a role that decides
	Narrowing   *Narrowing     `json:"narrowing"` // who else may state a value that opens less
	Countersign *Countersign   `json:"countersign"`
}

// Narrowing is who may state a value that opens less than the one known.
type Narrowing struct {
	Standing []Footing         `json:"standing"`
	Roles    []gateway.Role    `json:"roles"`
	Value    []json.RawMessage `json:"value"` // empty: any that opens less
}

// Countersign is when a statement waits, and whose agreement ends the wait.
type Countersign struct {
	When Occasion  `json:"when"`
	By   []Footing `json:"by"`
}

// Footing is how an agency stands to a fact: the table standings.json.
type Footing string

// The footings.
const (
	anyone          Footing = "any"
	own             Footing = "own"
	lead            Footing = "lead"
	newMunicipality Footing = "new_municipality"
	oldMunicipality Footing = "old_municipality"
	party           Footing = "party"
	discloser       Footing = "discloser"
	self            Footing = "self"
)

// Occasion names when a statement waits for a countersignature.
type Occasion string

// The occasions: always that the fact would open something to its own stater,
// or protect the person less.
const (
	staterIsRecipient   Occasion = "stater_is_recipient"
	addsStater          Occasion = "adds_stater"
	responsibilityMoves Occasion = "responsibility_moves"
	opensToStater       Occasion = "opens_to_stater"
	lowers              Occasion = "lowers"
)

var (
	footings  = []Footing{anyone, own, lead, newMunicipality, oldMunicipality, party, discloser, self}
	occasions = []Occasion{staterIsRecipient, addsStater, responsibilityMoves, opensToStater, lowers}
)

// readStaters reads the table strictly: a member, footing or occasion that
// this package does not know cannot be left out of account.
func (t *Tables) readStaters(fsys fs.FS) error {
	raw, err := fs.ReadFile(fsys, "data/statements.json")
	if err != nil {
		return fmt.Errorf("facts: reading table statements: %w", err)
	}
	var doc struct {
		Statements Staters `json:"statements"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("facts: reading table statements: %w", err)
	}
	for typ, rule := range doc.Statements {
		for member, a := range rule.Authority {
			if !a.known() {
				return fmt.Errorf("facts: table statements: %s, member %s: unknown footing or occasion", typ, member)
			}
		}
	}
	t.Staters = doc.Statements
	return nil
}

func (a Authority) known() bool {
	all := slices.Clone(a.Standing)
	if a.Narrowing != nil {
		all = append(all, a.Narrowing.Standing...)
	}
	if a.Countersign != nil {
		all = append(all, a.Countersign.By...)
		if !slices.Contains(occasions, a.Countersign.When) {
			return false
		}
	}
	return !slices.ContainsFunc(all, func(f Footing) bool { return !slices.Contains(footings, f) })
}
