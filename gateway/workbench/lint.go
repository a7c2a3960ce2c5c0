package workbench

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"sluss/gateway/policy"
)

// Finding is one thing that is wrong with a draft or, as a warning, that
// whoever signs it should know.
type Finding struct {
	policy.Finding
	Warning bool `json:"warning,omitempty"`
	// SubjectSV is the subject in Swedish, where it has words of its own.
	SubjectSV string `json:"subject_sv,omitempty"`
}

// The codes of findings that a gateway would live with and a legal officer
// should not. Those of package policy are refused by a gateway.
const (
	UnusedHelper  = "unused-helper"  // a named condition that no provision uses
	Untested      = "untested"       // a provision that no test names
	NotUndefined  = "not-undefined"  // "not" before what may have no value
	Impossible    = "impossible"     // conditions that never hold together
	Constant      = "constant"       // a condition that always holds
	Duplicate     = "duplicate"      // a rule that says what another says
	Format        = "format"         // not as opa fmt writes it
	NoFlow        = "no-flow"        // a basis in no flow: it opens nothing
	NotConfirmed  = "not-confirmed"  // a point that a lawyer must confirm
	NoTestFile    = "no-test-file"   // a file without tests beside it
	SlowPattern   = "slow-pattern"   // a pattern that other systems may take for ever to match
	NotCompatible = "not-compatible" // what only a gateway finds when it opens the pack
)

// Lint checks the draft at path, a directory or a bundle, and returns all that
// it finds, errors before warnings, by file and line. An error is returned
// only if the draft cannot be looked at ([ErrPack]).
func Lint(ctx context.Context, path string) ([]Finding, error) {
	defer opening(ctx)()
	tree, bundled, err := source(path)
	if err != nil {
		return nil, err
	}
	draft := policy.Examine(tree)
	l := &linter{tree: tree, Draft: draft}
	for _, f := range draft.Findings {
		l.findings = append(l.findings, Finding{Finding: f})
	}
	refused := len(l.findings) > 0
	if err := errors.Join(l.rules(), l.patterns()); err != nil {
		return nil, err
	}
	if bundled.IsZero() {
		if err := l.tests(); err != nil {
			return nil, err
		}
	}
	if !refused {
		if _, err := Read(ctx, tree); err != nil {
			l.add("", 0, NotCompatible, strings.TrimPrefix(err.Error(), ErrPack.Error()+": "), "")
		}
	}
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		if a.Warning != b.Warning {
			return map[bool]int{false: -1, true: 1}[a.Warning]
		}
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Code, b.Code), strings.Compare(a.Subject, b.Subject))
	})
	return l.findings, nil
}

// linter is the work of looking at one draft.
type linter struct {
	*policy.Draft
	tree     fs.FS
	findings []Finding
}

func (l *linter) add(file string, line int, code, subject, place string) {
	l.findings = append(l.findings, Finding{Finding: policy.Finding{File: file, Line: line, Code: code, Subject: subject, Place: place}})
}

func (l *linter) warn(file string, line int, code, subject, place string) {
	l.add(file, line, code, subject, place)
	l.findings[len(l.findings)-1].Warning = true
}
