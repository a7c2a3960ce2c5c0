package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// Way says how a legal basis comes to open secrecy (domain, Section 11).
type Way string

// The ways.
const (
	Automatic Way = "automatic" // when the facts hold
	Decided   Way = "decision"  // with a recorded decision that names the field
	Manual    Way = "manual"    // by a person, each time
	Never     Way = "never"     // not through a gateway
	Emergency Way = "emergency" // in break-glass only
)

// The sets that provisions belong to: the name of the Rego rule.
const (
	setStop        = "stop"
	setGrant       = "grant"
	setByHand      = "by_hand"
	setRestriction = "restriction"
	setAdjustment  = "adjustment"
	setObligation  = "obligation"
	setNever       = "never"
)

// evaluated lists the sets of the decision document, whose members hold or do
// not hold in a request. Provisions of the set "never" hold nowhere.
var evaluated = []string{setStop, setGrant, setByHand, setRestriction, setAdjustment, setObligation}

// Provision is what the METADATA block of one rule says of it: the only home
// of its code, statute and reach. Which members are used depends on the set.
type Provision struct {
	Set         string `json:"-"`
	Description string `json:"-"`

	ID      string        `json:"id"`
	Basis   gateway.Basis `json:"basis"` // the code recorded; the ID where it is not given
	Statute string        `json:"statute"`
	Titles  Titles        `json:"titles"`
	Lawyer  string        `json:"lawyer"` // the point that a lawyer must confirm
	SV      Swedish       `json:"sv"`     // what Description and Lawyer say, in Swedish

	// Of a legal basis.
	Way           Way            `json:"way"`
	ClaimNeeded   bool           `json:"claim_needed"`
	AuthorityOnly bool           `json:"authority_only"`
	Opens         []gateway.Rule `json:"opens"`
	Reach         Reach          `json:"reach"` // also of a restriction
	Decision      *Recorded      `json:"decision"`
	Consent       bool           `json:"consent"`     // opens what a consent covers, and no more
	ThirdParty    gateway.Reason `json:"third_party"` // for a field about another person whom no consent covers
	Overreach     gateway.Reason `json:"overreach"`   // when claimed for secrecy that it does not open

	// Of a stage and of a restriction.
	Code    string          `json:"code"`
	Outcome gateway.Outcome `json:"outcome"`
	Stage   int             `json:"stage"`
	Order   int             `json:"order"`
	Step    int             `json:"step"` // place in the order of Section 16.3

	// Of an adjustment.
	Change      Change           `json:"change"`
	Bases       []gateway.Basis  `json:"bases"`
	LiftsCells  []string         `json:"lifts_cells"`
	ExceptCells []string         `json:"except_cells"`
	Class       gateway.Class    `json:"class"`
	Reasons     []gateway.Reason `json:"reasons"`
	Reason      gateway.Reason   `json:"reason"`
	Otherwise   gateway.Reason   `json:"otherwise"`

	// Of an obligation.
	When []When `json:"when"`
}

// Titles are what people call a provision.
type Titles struct {
	SV string `json:"sv"`
	EN string `json:"en"`
}

// Swedish is what legal officers read of a provision in Swedish. The English
// texts are the description that OPA knows and the custom "lawyer".
type Swedish struct {
	Description string `json:"description"`
	Lawyer      string `json:"lawyer"` // there if there is one in English
}

// Reach says which fields a provision is about. A basis that lists classes or
// fields reaches what is in either list; what is excepted it never reaches.
type Reach struct {
	Classes         []gateway.Class `json:"classes"`
	Fields          []gateway.Field `json:"fields"`
	DecisionClasses []gateway.Class `json:"decision_classes"` // listed, but only with a decision
	ExceptClasses   []gateway.Class `json:"except_classes"`
	ExceptFields    []gateway.Field `json:"except_fields"`
	Locating        bool            `json:"locating"` // every field that locates, and no other
}

// covers reports whether a field of the given effective class is in reach.
func (r Reach) covers(name gateway.Field, class gateway.Class, locating bool) bool {
	if slices.Contains(r.ExceptClasses, class) || slices.Contains(r.ExceptFields, name) || r.Locating && !locating {
		return false
	}
	open := len(r.Classes)+len(r.Fields)+len(r.DecisionClasses) == 0
	return open || slices.Contains(r.Classes, class) || slices.Contains(r.Fields, name) ||
		slices.Contains(r.DecisionClasses, class)
}

// Recorded is what a basis asks of the recorded decision (bedömning) that it
// rests on (domain, Section 12).
type Recorded struct {
	Kind   string                     `json:"kind"`
	Ground facts.Ground               `json:"ground"`
	Facts  map[string]facts.Condition `json:"facts"`
}

// Change is one of the few things that an adjustment can do to a set of fields.
type Change string

// The changes (domain, Sections 16.3 and 18).
const (
	Break Change = "emergency"
	Carry Change = "carry"
	Keep  Change = "keep_together"
)

// When says after which results an obligation arises: all members given must
// fit. The zero When fits every result.
type When struct {
	Outcomes        []gateway.Outcome `json:"outcomes"`
	Reasons         []gateway.Reason  `json:"reasons"`
	ExceptReasons   []gateway.Reason  `json:"except_reasons"`
	Stages          []int             `json:"stages"`
	ByFields        bool              `json:"by_fields"` // no stage ended the decision
	ReleasedClasses []gateway.Class   `json:"released_classes"`
	ReleasedBases   []gateway.Basis   `json:"released_bases"`
	NamedCouldOpen  bool              `json:"named_could_open"`
}

// parseProvision reads the custom part of a METADATA block. An unknown member
// is an error: a misspelt "except_fields" would widen a basis.
func parseProvision(set, description string, custom map[string]any) (*Provision, error) {
	raw, err := json.Marshal(custom)
	if err != nil {
		return nil, fmt.Errorf("%w: METADATA of a %s: %w", ErrProvision, set, err)
	}
	p := &Provision{Set: set, Description: description}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("%w: METADATA of a %s %v: %w", ErrProvision, set, custom["id"], err)
	}
	if p.Basis == "" {
		p.Basis = gateway.Basis(p.ID)
	}
	if missing := p.missing(); missing != "" {
		return nil, fmt.Errorf("%w: %s %q has no %s", ErrProvision, set, p.ID, missing)
	}
	return p, nil
}

// missing names what a provision of its set must say and does not.
func (p *Provision) missing() string {
	switch {
	case p.ID == "":
		return "id"
	case p.Statute == "":
		return "statute"
	case p.Titles.SV == "" || p.Titles.EN == "":
		return "titles"
	case strings.TrimSpace(p.Description) == "":
		return "description"
	case strings.TrimSpace(p.SV.Description) == "":
		return "description in Swedish (sv)"
	case (strings.TrimSpace(p.Lawyer) == "") != (strings.TrimSpace(p.SV.Lawyer) == ""):
		return "lawyer in both languages"
	}
	switch p.Set {
	case setGrant:
		return p.missingOfGrant()
	case setStop:
		if p.Stage == 0 || p.Code == "" || !slices.Contains([]gateway.Outcome{gateway.Deny, gateway.NoRecord, gateway.Review}, p.Outcome) {
			return "stage, code or outcome"
		}
	case setRestriction:
		if p.Step == 0 || p.Code == "" {
			return "step or code"
		}
	case setAdjustment:
		if !slices.Contains([]Change{Break, Carry, Keep}, p.Change) {
			return "change that the join knows"
		}
	case setObligation:
		if p.Code == "" || len(p.When) == 0 {
			return "code or when"
		}
	}
	return ""
}

func (p *Provision) missingOfGrant() string {
	switch p.Way {
	case Automatic, Manual, Emergency:
		if len(p.Reach.DecisionClasses) > 0 && p.Decision == nil {
			return "decision for its decision_classes"
		}
	case Decided:
		if p.Decision == nil || p.Decision.Kind == "" {
			return "kind of decision"
		}
	default:
		return "way"
	}
	return ""
}

// register holds the provisions of one snapshot by their set and in the order
// of their ids.
type register struct {
	sets    map[string][]*Provision
	index   map[string]map[string]int // set → id → place
	byBasis map[gateway.Basis][]*Provision
}

func newRegister(all []*Provision) (*register, error) {
	r := collect(all)
	for i, p := range all {
		if i > 0 && all[i-1].ID == p.ID {
			return nil, fmt.Errorf("%w: id %q is used twice", ErrProvision, p.ID)
		}
	}
	for _, p := range r.sets[setByHand] {
		if len(r.byBasis[p.Basis]) == 0 {
			return nil, fmt.Errorf("%w: %s is about basis %q, which no provision gives", ErrProvision, p.ID, p.Basis)
		}
	}
	return r, nil
}

// collect sorts provisions by their ids and puts them into their sets.
func collect(all []*Provision) *register {
	r := &register{map[string][]*Provision{}, map[string]map[string]int{}, map[gateway.Basis][]*Provision{}}
	slices.SortFunc(all, func(a, b *Provision) int { return strings.Compare(a.ID, b.ID) })
	for _, p := range all {
		if r.index[p.Set] == nil {
			r.index[p.Set] = map[string]int{}
		}
		r.index[p.Set][p.ID] = len(r.sets[p.Set])
		r.sets[p.Set] = append(r.sets[p.Set], p)
		if p.Set == setGrant || p.Set == setNever {
			r.byBasis[p.Basis] = append(r.byBasis[p.Basis], p)
		}
	}
	return r
}

// basisSays reports whether any provision of a basis has a property.
func (r *register) basisSays(b gateway.Basis, has func(*Provision) bool) bool {
	return slices.ContainsFunc(r.byBasis[b], has)
}
