package workbench

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"
)

// patterns looks at the patterns of the message types. A gateway matches any
// pattern in linear time; the agencies' systems, which check the same schemas,
// may try every way in which a repetition of repetitions could fit.
func (l *linter) patterns() error {
	files, err := fs.Glob(l.tree, "message_types/*.schema.json")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPack, err)
	}
	for _, name := range files {
		raw, err := fs.ReadFile(l.tree, name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrPack, err)
		}
		var schema any
		if err := json.Unmarshal(raw, &schema); err != nil {
			continue // a finding of its own
		}
		for _, p := range patternsIn(schema) {
			if re, err := syntax.Parse(p, syntax.Perl); err == nil && repeats(re, false) {
				l.add(name, lineOf(raw, p), SlowPattern, p, "")
			}
		}
	}
	return nil
}

// patternsIn lists the values of "pattern" in a schema.
func patternsIn(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if s, ok := v[k].(string); ok && k == "pattern" {
				out = append(out, s)
			} else {
				out = append(out, patternsIn(v[k])...)
			}
		}
	case []any:
		for _, e := range v {
			out = append(out, patternsIn(e)...)
		}
	}
	return out
}

// repeats reports whether an unbounded repetition stands in another.
func repeats(re *syntax.Regexp, within bool) bool {
	unbounded := re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Max < 0
	return unbounded && within || slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool {
		return repeats(sub, within || unbounded)
	})
}

// lineOf returns the line on which a string stands in a JSON text, 0 if it is
// written differently there.
func lineOf(raw []byte, s string) int {
	written, err := json.Marshal(s)
	if err != nil {
		return 0
	}
	before, _, found := strings.Cut(string(raw), string(written))
	if !found {
		return 0
	}
	return strings.Count(before, "\n") + 1
}
