package workbench

// Coverage counts what was looked at.
type Coverage struct {
	Evaluations  int `json:"evaluations"`  // of single provisions, by the engine
	Stopped      int `json:"stopped"`      // partial contexts that a stage ends, with all that is in them
	Contexts     int `json:"contexts"`     // of parties, type, purpose … that pass
	Groups       int `json:"groups"`       // of contexts in which the law comes down to the same
	Combinations int `json:"combinations"` // of context and facts, every one of which was decided
	Joins        int `json:"joins"`        // of tables and verdicts
}
