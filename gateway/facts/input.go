package facts

import "sluss/gateway"

// Input is all that the policy may look at: closed, total, without personal
// data and without clocks. Every member is always present; what is not known
// has the protective value. The disclosure log holds it, so that a decision
// can be taken again, exactly, years later.
//
// It is made by this package only, from statements as of one moment; its JSON
// form (fixed member order, sorted lists) is the policy's "input" document.
type Input struct {
	Actor      Party               `json:"actor"`     // who would see the values
	Discloser  Party               `json:"discloser"` // whose data it is
	SameAgency bool                `json:"same_agency"`
	Purpose    gateway.Purpose     `json:"purpose"`
	Type       gateway.MessageType `json:"type"`
	Initiative gateway.Initiative  `json:"initiative"`
	Claimed    []gateway.Basis     `json:"claimed"` // sorted, unique
	Default    bool                `json:"default"` // the default set is asked for
	Named      []gateway.Field     `json:"named"`   // fields named, sorted, unique, without "default"
	Reason     bool                `json:"reason"`  // a reason code of the register is given
	Bulk       bool                `json:"bulk"`
	Acute      bool                `json:"acute"` // urgency = acute
	Values     Values              `json:"values"`
	Facts      Facts               `json:"facts"`
	// Maturity is the guardian's entry in "guardians": "none" when there is no
	// maturity decision, "not_asked" when the actor is no guardian.
	Maturity string `json:"maturity"`
	// Consent says for each class that a consent may name (and for
	// "HLT.functional") whether a consent covers it in this request.
	Consent map[gateway.Class]Standing `json:"consent"`
	// Decision says for each claimed or claim-free basis and each field that a
	// recorded decision of the basis's own kind names, how that decision
	// stands; FieldRelease the same for decisions of kind "field_release".
	// What is missing has no decision.
	Decision     map[gateway.Basis]map[gateway.Field]Standing `json:"decision"`
	FieldRelease map[gateway.Basis]map[gateway.Field]Standing `json:"field_release"`
	// About says for each field declared to hold data on other protected
	// persons whether each of them has a consent that covers it.
	About map[gateway.Field]bool `json:"about"`
	// Table is what the small-cell guard found in a table of sums. It stands
	// here because the guard's answer, unlike the numbers it read, is enough to
	// take the decision again.
	Table Table `json:"table"`
}

// Table says what may be shown of an exit.followup_report (domain, Section 17).
// The zero value is a table that nobody has looked at: nothing of it is shown.
type Table struct {
	Checked    bool     `json:"checked"`     // the guard has run
	Refused    bool     `json:"refused"`     // the table as a whole would give somebody away
	MoneyShown bool     `json:"money_shown"` // the sums do not show what one payee was paid
	Blanked    []string `json:"blanked"`     // ids of the cells that are blanked, in table order
}

// Party is one side of a disclosure, as far as the policy may know it.
type Party struct {
	Kind gateway.Kind `json:"kind"`
	Role gateway.Role `json:"role"`
}

// Standing says how a consent or a recorded decision stands at the moment of
// the decision (domain: consent, Section 10; decisions, Section 12).
type Standing string

// The standings.
const (
	InForce   Standing = "in_force"
	OutOfDate Standing = "out_of_date" // only its last day, or the age of its ground, has passed
	None      Standing = "none"
)

// Values are the unsealed values of a message that the policy may read; "" where
// the type has no such field.
type Values struct {
	TransferStatus string `json:"transfer_status"` // exit.relocation
	RequestKind    string `json:"request_kind"`    // exit.health_coordination
	ReportKind     string `json:"report_kind"`     // exit.child_concern
}

// Facts are the named facts of policies/data/facts.json, which says in a
// sentence what each means and whose statements it is made from. A test holds
// the two equal.
type Facts struct {
	// The request and the parties.
	LogAvailable     bool `json:"log_available"`
	AgenciesKnown    bool `json:"agencies_known"`
	SubjectNamed     bool `json:"subject_named"`
	Asked            bool `json:"asked"` // the recipient took the initiative
	OnScene          bool `json:"on_scene"`
	ProviderApproved bool `json:"provider_approved"`   // the actor's provider, today; false when the actor is none
	ProviderContract bool `json:"provider_contracted"` // with the disclosing municipality
	ProviderRevoked  bool `json:"provider_revoked"`    // revoked, or past its approval

	// The user.
	Assigned           bool `json:"assigned"`
	ConflictOfInterest bool `json:"conflict_of_interest"` // declared, or another role of the user has read about the person

	// The person and the case.
	OnRecord          bool `json:"on_record"`
	PersonalSecurity  bool `json:"psw"`
	MayKnow           bool `json:"may_know"` // domain 16.2, stage 10 d
	CaseOpen          bool `json:"case_open"`
	Contested         bool `json:"responsibility_contested"` // several municipalities claim with source "case"
	ClaimsByRegister  bool `json:"claims_by_register"`       // the actor claims by population_register, another is responsible
	Protected         bool `json:"protected"`                // marked or hidden
	PlaceHidden       bool `json:"place_hidden"`
	ElevatedThreat    bool `json:"elevated_threat"`
	Under18           bool `json:"under_18"`
	Under21           bool `json:"under_21"`
	InSisCare         bool `json:"in_sis_care"`
	Moved             bool `json:"moved"` // has a previous municipality
	ActorResponsible  bool `json:"actor_responsible"`
	ActorReceiving    bool `json:"actor_receiving"`
	ActorPrevious     bool `json:"actor_previous"`
	ActorInvestigates bool `json:"actor_investigates_child"` // open child investigation at the actor
	HousingAssignment bool `json:"housing_assignment"`       // this person, this municipality, this provider, housing
	GuardianBlocked   bool `json:"guardian_blocked"`
	GuardianListed    bool `json:"guardian_listed"` // a listed guardian of a person under 18

	// The message and its consent.
	AssessmentValid  bool `json:"assessment_valid"` // M04: valid_until is today or later; true for other types
	SipConsent       bool `json:"sip_consent"`      // an in-force consent names discloser, actor and CARE
	ConsentWithdrawn bool `json:"consent_withdrawn_since_queued"`

	// Break-glass (domain, Section 18).
	ThreatToLife    bool `json:"threat_to_life"`
	ReasonLong      bool `json:"reason_long"` // at least 30 characters
	DiaryNumber     bool `json:"diary_number"`
	Reauthenticated bool `json:"reauthenticated"`
	WindowOpen      bool `json:"window_open"` // within 60 minutes, or 15 while unconfirmed
	Confirmed       bool `json:"confirmed"`
	OperationNamed  bool `json:"operation_named"`
}
