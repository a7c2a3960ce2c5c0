package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"sluss/gateway"
)

// The statement types.
const (
	typeConsent      gateway.MessageType = "exit.consent"
	typeWithdrawal   gateway.MessageType = "exit.consent_withdrawal"
	typeDecision     gateway.MessageType = "exit.assessment_decision"
	typeVetting      gateway.MessageType = "exit.provider_vetting"
	typeClosure      gateway.MessageType = "exit.case_closure"
	typeCaseState    gateway.MessageType = "exit.case_state"
	typeAttributes   gateway.MessageType = "exit.person_attributes"
	typeAssignment   gateway.MessageType = "exit.assignment"
	typeUser         gateway.MessageType = "exit.user_assignment"
	typeCountersign  gateway.MessageType = "exit.countersignature"
	providerIDPrefix                     = "provider:"
)

// statement is a signed statement as this package keeps it: who said what,
// when, and the token that proves it. Its JSON is what is encrypted at rest;
// the order of the members never changes, since digests are taken over it.
type statement struct {
	Issuer   gateway.AgencyID                  `json:"issuer"`
	Role     gateway.Role                      `json:"role"`
	ID       gateway.MessageID                 `json:"id"`
	Type     gateway.MessageType               `json:"type"`
	Subject  gateway.Ref                       `json:"subject,omitempty"`
	Issued   time.Time                         `json:"issued"`
	Admitted time.Time                         `json:"admitted"`
	Sent     gateway.Digest                    `json:"sent"`   // of the token as it was sent
	Fields   map[gateway.Field]json.RawMessage `json:"fields"` // the clear ones
	Token    string                            `json:"token"`  // sealed disclosures dropped; their digests stand
}

// said is a statement that was read: which fact it is about and what it says.
type said struct {
	statement
	state string // name of the state it belongs to
	fact  string
	seq   int64
	body  body
}

// body is what a statement of one type says.
type body interface {
	// locate names the state and, within it, the fact.
	locate(s *statement) (state, fact string)
	// check reports what no schema can: members that contradict each other.
	check(s *statement, t *Tables) error
}

// read reads what a statement says, strictly by its type: an unknown type, a
// member of another type or a second spelling of a name is [ErrStatement].
func (s *statement) read(t *Tables) (*said, error) {
	var b body
	switch s.Type {
	case typeConsent:
		b = &consentBody{}
	case typeWithdrawal:
		b = &withdrawalBody{}
	case typeDecision:
		b = &decisionBody{}
	case typeVetting:
		b = &vettingBody{}
	case typeClosure:
		b = &closureBody{}
	case typeCaseState:
		b = &caseBody{}
	case typeAttributes:
		b = &attributesBody{}
	case typeAssignment:
		b = &assignmentBody{}
	case typeUser:
		b = &userBody{}
	case typeCountersign:
		b = &countersignBody{}
	default:
		return nil, fmt.Errorf("%w: type %q states nothing", ErrStatement, s.Type)
	}
	if _, ok := t.Staters[s.Type]; !ok {
		return nil, fmt.Errorf("%w: nobody may state type %q", ErrStatement, s.Type)
	}
	seq, err := s.decode(b)
	if err != nil {
		return nil, err
	}
	if (s.Type == typeVetting) != (s.Subject == "") {
		return nil, fmt.Errorf("%w: a person where there is none, or none where there must be", ErrStatement)
	}
	if err := b.check(s, t); err != nil {
		return nil, err
	}
	out := &said{statement: *s, seq: seq, body: b}
	out.state, out.fact = b.locate(s)
	return out, nil
}

// decode fills b from the fields and returns the sequence number.
func (s *statement) decode(b body) (int64, error) {
	rest := make(map[gateway.Field]json.RawMessage, len(s.Fields))
	var seq int64
	for name, raw := range s.Fields {
		if name != "seq" {
			rest[name] = raw
			continue
		}
		if json.Unmarshal(raw, &seq) != nil {
			return 0, fmt.Errorf("%w: seq is not a number", ErrStatement)
		}
	}
	if seq < 1 {
		return 0, fmt.Errorf("%w: seq is not positive", ErrStatement)
	}
	raw, err := json.Marshal(rest)
	if err != nil || !plainNames(raw) {
		return 0, fmt.Errorf("%w: not plain JSON", ErrStatement)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(b) != nil { // the cause may quote the value
		return 0, fmt.Errorf("%w: a member does not fit %s", ErrStatement, s.Type)
	}
	return seq, nil
}

// plainNames reports whether no object has a name twice, or one with a capital
// letter: encoding/json would read "Agency" as "agency".
func plainNames(raw []byte) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	objects := []map[string]bool{} // names seen at each depth; nil in an array
	name := false                  // a name, not a value, comes next
	for {
		tok, err := d.Token()
		if err != nil {
			return err == io.EOF
		}
		text, isText := tok.(string)
		if name && isText {
			seen := objects[len(objects)-1]
			if seen[text] || strings.ToLower(text) != text {
				return false
			}
			seen[text], name = true, false
			continue
		}
		switch tok {
		case json.Delim('{'):
			objects = append(objects, map[string]bool{})
		case json.Delim('['):
			objects = append(objects, nil)
		case json.Delim('}'), json.Delim(']'):
			objects = objects[:len(objects)-1]
		}
		name = len(objects) > 0 && objects[len(objects)-1] != nil
	}
}

// stateOfPerson, stateOfProvider and stateOfUser name the rows that decisions
// rest on.
func stateOfPerson(p gateway.Ref) string        { return "person:" + string(p) }
func stateOfProvider(a gateway.AgencyID) string { return string(a) }
func stateOfUser(a gateway.AgencyID, u gateway.Ref) string {
	return "user:" + string(a) + ":" + string(u)
}

// The members of statements, each with one spelling.
type (
	ref    gateway.Ref
	agency gateway.AgencyID
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *ref) UnmarshalText(b []byte) error {
	v, err := gateway.ParseRef(string(b))
	*r = ref(v)
	return err
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *agency) UnmarshalText(b []byte) error {
	v, err := gateway.ParseAgency(string(b))
	*a = agency(v)
	return err
}

// UnmarshalText implements encoding.TextUnmarshaler: a date of the form
// 2006-01-02 that exists.
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDate(string(b))
	return err
}

func agencies(in []agency) []gateway.AgencyID {
	out := make([]gateway.AgencyID, len(in))
	for i, a := range in {
		out[i] = gateway.AgencyID(a)
	}
	return out
}

func refs(in []ref) []gateway.Ref {
	out := make([]gateway.Ref, len(in))
	for i, r := range in {
		out[i] = gateway.Ref(r)
	}
	return out
}

// oneOf reports a member that is not of its closed list.
func oneOf(member, value string, list ...string) error {
	for _, v := range list {
		if v == value {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is not on its list", ErrStatement, member)
}
