package policy

import (
	"maps"
	"slices"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// The reasons that the join itself gives (domain, Section 16.5). All other
// reasons come from provisions.
const (
	NotHeld    gateway.Reason = "NOT-HELD"
	Forbidden  gateway.Reason = "FORBIDDEN"
	Stale      gateway.Reason = "BLK-STALE"
	Public     gateway.Reason = "BLK-PUB"
	Ceiling    gateway.Reason = "CEILING"
	ByHand     gateway.Reason = "MANUAL"
	NoDecision gateway.Reason = "NO-DECISION"
	Private    gateway.Reason = "BLK-PRIV"
	Excluded   gateway.Reason = "BLK-EXCL"
	NoBasis    gateway.Reason = "NO-BASIS"
	NotNamed   gateway.Reason = "NOT-NAMED"
)

// Decision is the answer to one question: which fields may be released, each
// with its basis, and why the others are withheld. Only [Policy.Decide] and
// [Policy.DecideInput] fill it; the zero Decision releases nothing and is
// refused by every step that takes one.
type Decision struct {
	snapshot    gateway.Digest
	input       facts.Input
	outcome     gateway.Outcome
	reason      gateway.Reason
	stage       string
	number      int // of the stage
	released    []released
	withheld    []Withheld
	suppressed  []string
	obligations []gateway.Obligation
}

// released is a field with the provision that opened it. There is no way to
// write one without a provision.
type released struct {
	field *fieldPlan
	by    *Provision
}

// Allowed is a field that may be released and the basis it rests on.
type Allowed struct {
	Field gateway.Field
	Basis gateway.Basis
}

// Withheld is a field that may not be released. Reason is the true one, which
// only the disclosure log holds; Shown is what the recipient is told.
type Withheld struct {
	Field  gateway.Field
	Reason gateway.Reason
	Shown  gateway.Reason
}

// IsZero reports whether d was never decided.
func (d Decision) IsZero() bool { return d.outcome == "" }

// Outcome returns the result.
func (d Decision) Outcome() gateway.Outcome { return d.outcome }

// Reason returns the code of a REVIEW, DENY or NO_RECORD, else "".
func (d Decision) Reason() gateway.Reason { return d.reason }

// Stage returns the id of the provision that ended the decision before any
// field was decided, or "".
func (d Decision) Stage() string { return d.stage }

// StageNumber returns the number of the stage that ended the decision before
// any field was decided (domain, Section 16.2), or 0.
func (d Decision) StageNumber() int { return d.number }

// Type returns the message type that was decided on.
func (d Decision) Type() gateway.MessageType { return d.input.Type }

// Allowed returns the fields that may be released, in the order of the type.
func (d Decision) Allowed() []Allowed {
	out := make([]Allowed, len(d.released))
	for i, r := range d.released {
		out[i] = Allowed{r.field.Name, r.by.Basis}
	}
	return out
}

// Withheld returns the other fields of the type, or of those named where
// fields must be named, in the order of the type. It is empty when a stage
// ended the decision.
func (d Decision) Withheld() []Withheld { return slices.Clone(d.withheld) }

// Allows returns the basis on which a field may be released, and whether it
// may be.
func (d Decision) Allows(f gateway.Field) (gateway.Basis, bool) {
	for _, r := range d.released {
		if r.field.Name == f {
			return r.by.Basis, true
		}
	}
	return "", false
}

// SuppressedCells returns the ids of the cells of a released table that are
// blanked, in order.
func (d Decision) SuppressedCells() []string { return slices.Clone(d.suppressed) }

// Obligations returns what must follow, sorted; "log" is always among them.
func (d Decision) Obligations() []gateway.Obligation { return slices.Clone(d.obligations) }

// Snapshot returns the digest of the policy that decided.
func (d Decision) Snapshot() gateway.Digest { return d.snapshot }

// Input returns what the policy looked at. With [Decision.Snapshot] it is all
// that is needed to take the decision again.
func (d Decision) Input() facts.Input { return cloneInput(d.input) }

// cloneInput copies an input with everything it points to, so that nobody can
// change what a decision says it was taken on.
func cloneInput(in facts.Input) facts.Input {
	in.Claimed, in.Named = slices.Clone(in.Claimed), slices.Clone(in.Named)
	in.Consent, in.About = maps.Clone(in.Consent), maps.Clone(in.About)
	in.Decision, in.FieldRelease = cloneStandings(in.Decision), cloneStandings(in.FieldRelease)
	in.Table.Blanked = slices.Clone(in.Table.Blanked)
	return in
}

func cloneStandings(m map[gateway.Basis]map[gateway.Field]facts.Standing) map[gateway.Basis]map[gateway.Field]facts.Standing {
	out := maps.Clone(m)
	for b, fields := range out {
		out[b] = maps.Clone(fields)
	}
	return out
}
