// Package facts answers what the policy may look at: a closed input, total and
// without personal data, as of one moment (domain, Sections 4, 5, 9, 10, 12
// and 16.2). It is made from statements: control messages signed by the agency
// with authority over the fact, kept as they were signed.
//
// Three steps, each on the one before:
//
//   - [Facts.Admit] takes a verified, conforming statement in, if its stater has
//     authority over every fact in it (the register policies/data/statements.json)
//     and its sequence number rises. A withdrawal or an exclusion may come from
//     any party: narrowing is open, widening is not. A fact that would open data
//     to its own stater is kept, and opens nothing to it until another party has
//     countersigned.
//   - [Facts.Of] reads the statements about a person, a provider and a user again,
//     each time with the version, the digest and the MAC of the row that says
//     which statements there are. What does not fit is [ErrTampered], and nothing
//     leaves.
//   - [Derive] is a pure function from what is stated, a question and a moment to
//     the [Input].
//
// What nobody has stated has the protective value: a person of unknown marking
// is protected, of unknown age can consent to nothing, of unknown security
// status is answered as one not on record.
//
// The package judges no harm and weighs no interest: people do, and record a
// decision (OSL 10:27 and others). Nor does it say which basis opens which
// field; the provisions do (package policy).
package facts

import "errors"

// Errors of this package; test with errors.Is.
var (
	// ErrStatement: a statement does not say what its type must say.
	ErrStatement = errors.New("facts: malformed statement")
	// ErrTampered: what the store holds does not fit the statements it names.
	ErrTampered = errors.New("facts: stored statements do not fit their state")
)
