package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxDepth is how deep a value may nest.
const maxDepth = 6

// checkShape holds the schema of a value to the part of JSON Schema in use: a
// closed description of a bounded value. Everything else, references to other
// schemas above all, is refused.
func (f *Field) checkShape(shape []member) error {
	if f.Forbidden {
		if i := slices.IndexFunc(shape, func(m member) bool { return m.name != "description" }); i < 0 ||
			shape[i].name != "not" || string(shape[i].value) != "{}" || len(shape) > 2 {
			return fmt.Errorf("a forbidden field has no schema but \"not\": {}")
		}
		return nil
	}
	return checkValue(shape, f.Sealed, 0)
}

// valueShape is what checkValue learns of one schema.
type valueShape struct {
	kind  string
	has   map[string]bool
	parts []json.RawMessage // schemas inside
}

func checkValue(shape []member, sealed bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested too deep")
	}
	v := valueShape{has: make(map[string]bool)}
	for _, m := range shape {
		v.has[m.name] = true
		if err := v.keyword(m); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := v.bounded(sealed); err != nil {
		return err
	}
	for _, raw := range v.parts {
		ms, err := members(raw)
		if err != nil {
			return err
		}
		if err := checkValue(ms, sealed, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (v *valueShape) keyword(m member) error {
	switch m.name {
	case "description", "enum", "const", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
		"uniqueItems", "required":
		return nil // the compiler checks their values
	case "type":
		return decodeStrict(m.value, &v.kind)
	case "pattern":
		var p string
		if err := decodeStrict(m.value, &p); err != nil {
			return err
		}
		if !strings.HasPrefix(p, "^") || !strings.HasSuffix(p, "$") {
			return fmt.Errorf("not anchored at both ends")
		}
		return nil
	case "format":
		if s := string(m.value); s != `"date"` && s != `"date-time"` {
			return fmt.Errorf("only date and date-time are checked")
		}
		return nil
	case "additionalProperties":
		if string(m.value) != "false" {
			return fmt.Errorf("must be false")
		}
		return nil
	case "items":
		v.parts = append(v.parts, m.value)
		return nil
	case "properties":
		ms, err := members(m.value)
		for _, p := range ms {
			v.parts = append(v.parts, p.value)
		}
		return err
	}
	return fmt.Errorf("keyword not in use")
}

// bounded demands that a value has an end, and that a clear string is no free
// text.
func (v *valueShape) bounded(sealed bool) error {
	switch v.kind {
	case "boolean":
		return nil
	case "integer", "number":
		if !v.has["minimum"] || !v.has["maximum"] {
			return fmt.Errorf("a number needs minimum and maximum")
		}
	case "string":
		fixed := v.has["enum"] || v.has["const"] || v.has["pattern"] || v.has["format"]
		if !fixed && (!sealed || !v.has["maxLength"]) {
			return fmt.Errorf("a string needs enum, const, pattern or format; if sealed, at least maxLength")
		}
	case "array":
		if !v.has["items"] || !v.has["maxItems"] {
			return fmt.Errorf("an array needs items and maxItems")
		}
	case "object":
		if !v.has["properties"] || !v.has["additionalProperties"] {
			return fmt.Errorf("an object needs properties and additionalProperties: false")
		}
	default:
		return fmt.Errorf("type %q", v.kind)
	}
	return nil
}
