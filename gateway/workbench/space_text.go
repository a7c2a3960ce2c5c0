package workbench

import (
	"fmt"
	"math"
	"slices"
)

// Coverage counts what was looked at.
type Coverage struct {
	Evaluations  int `json:"evaluations"`  // of single provisions, by the engine
	Stopped      int `json:"stopped"`      // partial contexts that a stage ends, with all that is in them
	Contexts     int `json:"contexts"`     // of parties, type, purpose … that pass
	Groups       int `json:"groups"`       // of contexts in which the law comes down to the same
	Combinations int `json:"combinations"` // of context and facts, every one of which was decided
	Joins        int `json:"joins"`        // of tables and verdicts
}

// Inputs returns how many different inputs the combinations stand for, as a
// power of ten: the facts that nothing depends on there, what is claimed,
// consented to and decided, and which fields are named.
func (s *Space) Inputs() string {
	most := 0.0
	for _, g := range s.groups {
		exponent := 0.0
		for i, v := range s.vars {
			if !slices.Contains(s.asked, i) {
				exponent += math.Log10(float64(len(v.domain)))
			}
		}
		fields, bases := float64(len(g.plan.Fields)), float64(len(s.policy.Needs()))
		exponent += fields*math.Log10(2) + fields*math.Log10(3)        // named; about
		exponent += bases*math.Log10(2) + 2*bases*fields*math.Log10(3) // claimed; decisions and releases
		exponent += float64(len(s.policy.Classes())) * math.Log10(3)   // consents
		most = math.Max(most, exponent+math.Log10(float64(len(g.contexts))))
	}
	return fmt.Sprintf("10^%.0f", most)
}
