package facts

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sluss/gateway"
)

// The bodies below are what the schemas in policies/message_types leave in the
// clear, and how each names its fact.

// sideBody is an agency, perhaps in certain roles, perhaps one user.
type sideBody struct {
	Agency agency         `json:"agency"`
	Roles  []gateway.Role `json:"roles"`
	User   ref            `json:"user"`
}

func (b sideBody) side() Side {
	return Side{Agency: gateway.AgencyID(b.Agency), Roles: b.Roles, User: gateway.Ref(b.User)}
}

func (l *ledger) sides(in []sideBody) ([]Side, error) {
	out := make([]Side, len(in))
	for i, b := range in {
		if b.Agency == "" || b.User != "" {
			return nil, fmt.Errorf("%w: a party of a consent is an agency, perhaps in certain roles", ErrStatement)
		}
		out[i] = b.side()
		out[i].Agency = l.owner(out[i].Agency)
	}
	return out, nil
}

type consentBody struct {
	ConsentID  ref               `json:"consent_id"`
	GivenBy    string            `json:"given_by"`
	Guardians  []ref             `json:"guardian_refs"`
	Maturity   ref               `json:"maturity_decision_ref"`
	Disclosers []sideBody        `json:"disclosers"`
	Recipients []sideBody        `json:"recipients"`
	Classes    []gateway.Class   `json:"classes"`
	Purposes   []gateway.Purpose `json:"purposes"`
	From       Date              `json:"valid_from"`
	To         Date              `json:"valid_to"`
	Form       string            `json:"form"`
	InfoText   string            `json:"info_text_version"`
	Excluded   []agency          `json:"exclusions"`
	Withdrawn  *time.Time        `json:"withdrawn_at"`
	RecordedBy ref               `json:"recorded_by"`
	Evidence   gateway.Digest    `json:"evidence_hash"`
}

func (b *consentBody) locate(s *statement) (string, string) {
	return stateOfPerson(s.Subject), "consent_id:" + string(b.ConsentID)
}

func (b *consentBody) check(_ *statement, t *Tables) error {
	switch {
	case b.ConsentID == "" || b.RecordedBy == "" || len(b.Disclosers) == 0 || len(b.Recipients) == 0 ||
		len(b.Classes) == 0 || len(b.Purposes) == 0 || b.Evidence.IsZero():
		return fmt.Errorf("%w: a consent without a required member", ErrStatement)
	case b.From == 0 || b.To < b.From:
		return fmt.Errorf("%w: a consent that ends before it begins", ErrStatement)
	case b.To >= b.From.AddMonths(t.Limits.Consent.MaxMonths):
		return fmt.Errorf("%w: a consent longer than it may be", ErrStatement)
	}
	return errors.Join(
		oneOf("given_by", b.GivenBy, "subject", "subject_and_guardian", "guardian", "representative"),
		oneOf("form", b.Form, "written", "e_signed", "oral_documented"))
}

type withdrawalBody struct {
	ConsentID ref      `json:"consent_id"`
	Withdrawn bool     `json:"withdrawn"`
	Excluded  []agency `json:"exclusions"`
}

func (b *withdrawalBody) locate(s *statement) (string, string) {
	return stateOfPerson(s.Subject), "consent_id:" + string(b.ConsentID)
}

func (b *withdrawalBody) check(*statement, *Tables) error {
	if b.ConsentID == "" || !b.Withdrawn && len(b.Excluded) == 0 {
		return fmt.Errorf("%w: a withdrawal that withdraws nothing", ErrStatement)
	}
	return nil
}

type decisionBody struct {
	ID        ref             `json:"assessment_id"`
	Basis     gateway.Basis   `json:"basis"`
	Kind      string          `json:"kind"`
	Outcome   string          `json:"outcome"`
	Recipient sideBody        `json:"recipient"`
	Purpose   gateway.Purpose `json:"purpose"`
	Fields    []gateway.Field `json:"fields"`
	From      Date            `json:"valid_from"`
	To        Date            `json:"valid_to"`
	By        struct {
		User   ref          `json:"user"`
		Role   gateway.Role `json:"role"`
		Agency agency       `json:"agency"`
	} `json:"decided_by"`
	Ground      int                        `json:"ground"`
	GroundDated Date                       `json:"ground_dated"`
	Facts       map[string]json.RawMessage `json:"facts"`
}

func (b *decisionBody) locate(s *statement) (string, string) {
	return stateOfPerson(s.Subject), "assessment_id:" + string(b.ID)
}

func (b *decisionBody) check(*statement, *Tables) error {
	if b.ID == "" || b.Basis == "" || b.Kind == "" || b.Recipient.Agency == "" || b.Purpose == "" || len(b.Fields) == 0 ||
		b.By.User == "" || b.By.Role == "" || b.By.Agency == "" || b.Ground < 0 {
		return fmt.Errorf("%w: a decision without a required member", ErrStatement)
	}
	if b.From == 0 || b.To < b.From {
		return fmt.Errorf("%w: a decision that ends before it begins", ErrStatement)
	}
	return oneOf("outcome", b.Outcome, "release", "refuse")
}

// decision reads the decision that the body records.
func (b *decisionBody) decision(discloser gateway.AgencyID) (Decision, error) {
	d := Decision{
		ID: gateway.Ref(b.ID), Basis: b.Basis, Kind: b.Kind, Release: b.Outcome == "release", Discloser: discloser,
		Recipient: b.Recipient.side(), Purpose: b.Purpose, Fields: b.Fields, From: b.From, To: b.To,
		By:     Decider{User: gateway.Ref(b.By.User), Role: b.By.Role, Agency: gateway.AgencyID(b.By.Agency)},
		Ground: b.Ground, GroundDated: b.GroundDated, Facts: make(map[string]any, len(b.Facts)),
	}
	for name, raw := range b.Facts {
		var yes bool
		var n int64
		var text string
		switch {
		case json.Unmarshal(raw, &yes) == nil && string(raw) != "null":
			d.Facts[name] = yes
		case json.Unmarshal(raw, &n) == nil && string(raw) != "null":
			d.Facts[name] = n
		case json.Unmarshal(raw, &text) == nil && string(raw) != "null":
			d.Facts[name] = text
		default:
			return d, fmt.Errorf("%w: fact %q of a decision", ErrStatement, name)
		}
	}
	return d, nil
}

type vettingBody struct {
	OrgNo     string `json:"org_no"`
	Permit    *bool  `json:"permit_ivo"`
	Contracts []struct {
		Municipality agency `json:"municipality"`
		Ref          ref    `json:"ref"`
	} `json:"contract_refs"`
	Checks  []string `json:"checks"`
	Outcome string   `json:"outcome"`
	ValidTo Date     `json:"valid_to"`
}

func (b *vettingBody) locate(*statement) (string, string) {
	return stateOfProvider(providerIDPrefix + gateway.AgencyID(b.OrgNo)), "org_no:" + b.OrgNo
}

func (b *vettingBody) check(*statement, *Tables) error {
	if _, err := gateway.ParseAgency(providerIDPrefix + b.OrgNo); err != nil || b.Permit == nil || b.ValidTo == 0 {
		return fmt.Errorf("%w: a vetting without a required member", ErrStatement)
	}
	for _, c := range b.Contracts {
		if gateway.AgencyID(c.Municipality).Kind() != gateway.Municipality || c.Ref == "" {
			return fmt.Errorf("%w: a contract with no municipality", ErrStatement)
		}
	}
	return oneOf("outcome", b.Outcome, "pending", "approved", "rejected", "revoked")
}

type closureBody struct {
	ClosedAt Date `json:"closed_at"`
}

func (b *closureBody) locate(s *statement) (string, string) { return stateOfPerson(s.Subject), "case" }

func (b *closureBody) check(*statement, *Tables) error {
	if b.ClosedAt == 0 {
		return fmt.Errorf("%w: a closure without its day", ErrStatement)
	}
	return nil
}

// caseBody is a case in full: what is left out is not so.
type caseBody struct {
	State       string   `json:"state"`
	Parties     []agency `json:"parties"`
	Responsible agency   `json:"responsible_municipality"`
	Receiving   agency   `json:"receiving_municipality"`
	Previous    []agency `json:"previous_municipalities"`
	AcuteStay   agency   `json:"acute_stay_municipality"`
	Claim       string   `json:"claim_source"`
}

func (b *caseBody) locate(s *statement) (string, string) { return stateOfPerson(s.Subject), "case" }

func (b *caseBody) check(*statement, *Tables) error {
	for _, a := range append([]agency{b.Responsible, b.Receiving, b.AcuteStay}, b.Previous...) {
		if a != "" && gateway.AgencyID(a).Kind() != gateway.Municipality {
			return fmt.Errorf("%w: a municipality is one", ErrStatement)
		}
	}
	if b.Responsible == "" || len(b.Parties) == 0 {
		return fmt.Errorf("%w: a case without a required member", ErrStatement)
	}
	return errors.Join(
		oneOf("state", b.State, "open", "closed"),
		oneOf("claim_source", b.Claim, "case", "population_register", ""))
}

type attributesBody struct {
	Birth         Date      `json:"birth_date"`
	Adult         *bool     `json:"adult"`
	Marking       *Marking  `json:"protection_marking"`
	Hidden        *bool     `json:"place_hidden"`
	Threat        *bool     `json:"elevated_threat"`
	Security      *bool     `json:"psw"`
	SisCare       *bool     `json:"in_sis_care"`
	Investigating *[]agency `json:"child_investigations"`
	Guardians     *[]struct {
		Guardian ref    `json:"guardian"`
		Blocked  *bool  `json:"blocked"`
		Maturity string `json:"maturity_decision"`
	} `json:"guardians"`
}

func (b *attributesBody) locate(s *statement) (string, string) {
	return stateOfPerson(s.Subject), "attributes"
}

func (b *attributesBody) check(s *statement, t *Tables) error {
	var errs []error
	if b.Adult != nil && (!*b.Adult || b.Birth != 0) {
		errs = append(errs, fmt.Errorf("%w: adult beside a birth date, or denied", ErrStatement))
	}
	if b.Birth != 0 && Today(s.Admitted).reached(b.Birth, t.Limits.Age.YoungUnder) {
		errs = append(errs, fmt.Errorf("%w: the birth date of an adult is not stated", ErrStatement))
	}
	if b.Marking != nil && markings[*b.Marking] == 0 {
		errs = append(errs, fmt.Errorf("%w: protection_marking is not on its list", ErrStatement))
	}
	if b.Guardians != nil {
		for _, g := range *b.Guardians {
			if g.Guardian == "" || g.Blocked == nil {
				errs = append(errs, fmt.Errorf("%w: a guardian without a required member", ErrStatement))
			}
			errs = append(errs, oneOf("maturity_decision", g.Maturity, "child_alone", "joint", "guardian_alone", ""))
		}
	}
	return errors.Join(errs...)
}

// markings orders the protection markings from the loosest; 0 is none of them.
var markings = map[Marking]int{Unmarked: 1, Flagged: 2, HiddenAddress: 3, NewIdentity: 4}

type assignmentBody struct {
	ID       ref    `json:"assignment_id"`
	Provider agency `json:"provider"`
	Contract ref    `json:"contract_ref"`
	Housing  *bool  `json:"housing"`
	Status   string `json:"status"`
}

func (b *assignmentBody) locate(s *statement) (string, string) {
	return stateOfPerson(s.Subject), "assignment_id:" + string(b.ID)
}

func (b *assignmentBody) check(*statement, *Tables) error {
	if b.ID == "" || b.Contract == "" || b.Housing == nil || gateway.AgencyID(b.Provider).Kind() != gateway.Provider {
		return fmt.Errorf("%w: an assignment without a required member", ErrStatement)
	}
	return oneOf("status", b.Status, "active", "ended")
}

type userBody struct {
	User          ref    `json:"user"`
	Agency        agency `json:"agency"` // of the user; "" for the stater
	Assigned      *bool  `json:"assigned"`
	Conflict      *bool  `json:"coi"`
	ReadElsewhere *bool  `json:"read_elsewhere"`
}

func (b *userBody) locate(s *statement) (string, string) {
	of := cmp.Or(gateway.AgencyID(b.Agency), s.Issuer)
	return stateOfUser(of, gateway.Ref(b.User)), "person:" + string(s.Subject)
}

func (b *userBody) check(*statement, *Tables) error {
	if b.User == "" || b.Assigned == nil || b.Conflict == nil || b.ReadElsewhere == nil {
		return fmt.Errorf("%w: an assignment of a user without a required member", ErrStatement)
	}
	return nil
}

type countersignBody struct {
	Statement string         `json:"statement"`
	Digest    gateway.Digest `json:"digest"`
}

func (b *countersignBody) locate(s *statement) (string, string) {
	return stateOfPerson(s.Subject), "statement:" + b.Statement
}

func (b *countersignBody) check(*statement, *Tables) error {
	if _, err := gateway.ParseMessageID(b.Statement); err != nil || b.Digest.IsZero() {
		return fmt.Errorf("%w: a countersignature under nothing", ErrStatement)
	}
	return nil
}
