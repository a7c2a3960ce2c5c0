package facts

import (
	"time"

	"sluss/gateway"
)

// World is what statements say, as of one moment, about everyone whom a
// question concerns. It holds no free text and nothing from the content of a
// message (domain, Section 9). The zero value of every type below is what
// nothing is known about, and gives the protective answer.
type World struct {
	Person   Person                 // the person asked about
	Others   map[gateway.Ref]Person // those whom fields are declared to be about
	Provider Provider               // the actor's, when the actor is one
	User     User                   // the actor's user, in respect of Person
}

// Stated is a fact that somebody with authority over it affirmed or denied, or
// nobody did.
type Stated int8

// What a statement says of a fact; the zero value is that none speaks of it.
const (
	Unstated Stated = iota
	No
	Yes
)

// Say returns Yes or No.
func Say(yes bool) Stated {
	if yes {
		return Yes
	}
	return No
}

// Marking is a person's protection marking; one that is not listed, "" among
// them, protects.
type Marking string

// The protection markings (domain, Section 4), from the loosest.
const (
	Unmarked      Marking = "none"
	Flagged       Marking = "sekretessmarkering"
	HiddenAddress Marking = "skyddad_folkbokforing"
	NewIdentity   Marking = "fingerade"
)

// Person is what is stated about one person and the person's exit case.
type Person struct {
	Birth            Date // zero when not stated, or when Adult says enough
	Adult            bool // 21 or older
	Marking          Marking
	PlaceHidden      Stated
	ElevatedThreat   Stated
	PersonalSecurity Stated // särskilt personsäkerhetsarbete
	InSisCare        Stated
	Investigations   []Investigation
	Guardians        map[gateway.Ref]Guardian
	Case             Case
	Consents         []Consent
	Decisions        []Decision
	Assignments      []Assignment
}

// Guardian is one guardian of a child.
type Guardian struct {
	Blocked  bool
	Maturity string // "child_alone", "joint", "guardian_alone"; "" without a decision
}

// Investigation is a decided, open child investigation. One that Waits rests on
// the municipality's own word: it opens the data of those in ConfirmedBy only.
type Investigation struct {
	Municipality gateway.AgencyID
	Waits        bool
	ConfirmedBy  []gateway.AgencyID
}

// Case is the exit case of a person: the case of a person not on record has no
// state.
type Case struct {
	State       string // "open", "closed"
	Parties     []gateway.AgencyID
	Responsible gateway.AgencyID
	Receiving   gateway.AgencyID
	AcuteStay   gateway.AgencyID
	Previous    []gateway.AgencyID
	Claims      []Claim
	// Waits is the municipality that opened the case by its own word, until
	// another party has countersigned: the case gives it no relation.
	Waits gateway.AgencyID
	// Lapsed says that the database was restored and the responsible municipality
	// has not stated the case since: the person is as one not on record.
	Lapsed bool
}

// onRecord reports whether there is a case that counts.
func (c Case) onRecord() bool { return c.State != "" && !c.Lapsed }

// Claim is what a municipality rests its responsibility on.
type Claim struct {
	Municipality gateway.AgencyID
	Source       string // "case", "population_register"
	Pending      bool   // nobody else has confirmed it: it makes responsibility contested, and opens nothing
}

// Consent is a recorded consent (domain, Section 10).
type Consent struct {
	ID          gateway.Ref
	GivenBy     string // "subject", "subject_and_guardian", "guardian", "representative"
	Guardians   []gateway.Ref
	Maturity    bool // names a maturity decision
	Disclosers  []Side
	Recipients  []Side
	Classes     []gateway.Class
	Purposes    []gateway.Purpose
	From, To    Date // both included
	Excluded    []gateway.AgencyID
	WithdrawnAt time.Time // zero when it is not withdrawn
	// Waits is the agency that recorded the consent and would itself receive
	// under it, until the person has countersigned. It opens to that agency only
	// the data of those in ConfirmedBy.
	Waits       gateway.AgencyID
	ConfirmedBy []gateway.AgencyID
	Lapsed      bool // not stated since the database was restored
}

// Side is an agency named in a consent or a decision, if Roles is not nil only
// in these roles, if User is not empty only that user. A list of roles that
// names none admits none: what was meant to limit never widens.
type Side struct {
	Agency gateway.AgencyID
	Roles  []gateway.Role
	User   gateway.Ref
}

// Decision is a recorded individual judgment (bedömning; domain, Section 12).
type Decision struct {
	ID          gateway.Ref
	Basis       gateway.Basis
	Kind        string
	Release     bool
	Discloser   gateway.AgencyID
	Recipient   Side
	Purpose     gateway.Purpose
	Fields      []gateway.Field
	From, To    Date // both included
	By          Decider
	Ground      int // numbered ground; 0 for none
	GroundDated Date
	Facts       map[string]any // bool, string or int64
	Lapsed      bool           // not stated since the database was restored
	Waits       bool           // opens the decider's agency's own access, and nobody else has confirmed it
}

// Decider is who took a decision.
type Decider struct {
	User   gateway.Ref
	Role   gateway.Role
	Agency gateway.AgencyID
}

// Assignment is a person placed with a provider by a municipality.
type Assignment struct {
	ID           gateway.Ref
	Municipality gateway.AgencyID
	Provider     gateway.AgencyID
	Housing      bool
}

// Provider is what vetting says about a provider.
type Provider struct {
	Status    string             // "pending", "approved", "rejected", "revoked"
	ValidTo   Date               // last day of the approval
	Contracts []gateway.AgencyID // municipalities
}

// User is what is stated about one user in respect of one person.
type User struct {
	Assigned      bool
	Conflict      bool // of interest
	ReadElsewhere bool // another role of the same user has read about the person
}
