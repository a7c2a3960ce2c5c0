package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"sluss/gateway"
)

// constants are what the join reads from the law and not from the request:
// the document "constants" of policies/provisions/decision.rego.
type constants struct {
	Cells          map[string]cell                   `json:"cells"`
	ProtectedClass map[gateway.Class]gateway.Class   `json:"protected_class"`
	LocatingClass  gateway.Class                     `json:"locating_class"`
	Curable        []gateway.Reason                  `json:"curable"`
	DenyOrder      []gateway.Reason                  `json:"deny_order"`
	Shown          map[gateway.Reason]gateway.Reason `json:"shown"`
}

// cell is what one letter of the ceilings admits.
type cell struct {
	Admits     string   `json:"admits"` // any, subclass, own, none
	Subclasses []string `json:"subclasses"`
	Named      bool     `json:"named"`
	Decision   bool     `json:"decision"`
}

// admits reports whether a cell admits a field of a sub-class. A cell that is
// not known admits nothing.
func (c cell) admits(subclass string, own bool) bool {
	switch c.Admits {
	case "any":
		return true
	case "subclass":
		return slices.Contains(c.Subclasses, subclass)
	case "own":
		return own
	}
	return false
}

func parseConstants(v any) (constants, error) {
	var c constants
	raw, err := json.Marshal(v)
	if err != nil {
		return c, fmt.Errorf("%w: constants: %w", ErrProvision, err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("%w: constants: %w", ErrProvision, err)
	}
	if len(c.Cells) == 0 || len(c.Curable) == 0 || len(c.DenyOrder) == 0 || len(c.Shown) == 0 ||
		len(c.ProtectedClass) == 0 || c.LocatingClass == "" {
		return c, fmt.Errorf("%w: constants are not complete", ErrProvision)
	}
	return c, nil
}
