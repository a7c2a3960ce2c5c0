package policy

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The codes of findings. Package workbench has a sentence for each.
const (
	TooLarge       = "too-large"       // a file, or all of them
	TooMany        = "too-many"        // rules
	TooDeep        = "too-deep"        // terms in terms
	TooCostly      = "too-costly"      // to evaluate
	Syntax         = "syntax"          // the parser refuses it
	OtherPackage   = "other-package"   // not package provisions
	OutsideHead    = "outside-head"    // a rule that is neither a provision nor a helper
	OutsideBody    = "outside-body"    // a condition that has none of the registered forms
	OutsideBuiltin = "outside-builtin" // a function that provisions may not use
	UnknownMember  = "unknown-member"  // of the input
	UnknownLiteral = "unknown-literal" // a value that a member of the input never has
	UnknownName    = "unknown-name"    // in METADATA
	NoMetadata     = "no-metadata"     // a provision without
	BadMetadata    = "bad-metadata"    // METADATA that cannot be read or lacks something
	SameID         = "same-id"         // an id used twice
	NoProvision    = "no-provision"    // a flow names a basis that no provision gives
	BadConstants   = "bad-constants"   // the constants are not complete
	BadTable       = "bad-table"       // a table cannot be read
	Compiler       = "compiler"        // the compiler refuses it
)

// The limits of a draft: what is within them is parsed and compiled in a
// second or two.
const (
	maxModule     = 512 << 10 // bytes of one file
	maxProvisions = 1 << 20   // bytes of all files
	maxRules      = 4000      // of all files
	maxDepth      = 8         // terms in terms; the constants need 5
)

// Finding is one thing about a draft for which a gateway refuses it.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 0 for the file as a whole
	Code    string `json:"code"`
	Subject string `json:"subject"`         // what it is about, as written
	Place   string `json:"place,omitempty"` // the member or list that it stands in
	Near    string `json:"near,omitempty"`  // the registered name that it resembles
}

// String returns the finding for an operator; package workbench has sentences
// for legal officers.
func (f Finding) String() string {
	s := fmt.Sprintf("%s:%d: %s %q", f.File, f.Line, f.Code, f.Subject)
	if f.Place != "" {
		s += " in " + f.Place
	}
	if f.Near != "" {
		s += "; did you mean " + f.Near + "?"
	}
	return s
}

// refused returns the first of findings as an error, nil if there are none.
func refused(findings []Finding) error {
	if len(findings) == 0 {
		return nil
	}
	sortFindings(findings)
	kind := ErrProvision
	if f := findings[0]; strings.HasPrefix(f.File, "data/") || strings.HasPrefix(f.File, "message_types/") {
		kind = ErrTable
	}
	if more := len(findings) - 1; more > 0 {
		return fmt.Errorf("%w: %s (and %d more)", kind, findings[0], more)
	}
	return fmt.Errorf("%w: %s", kind, findings[0])
}

func sortFindings(l []Finding) {
	slices.SortStableFunc(l, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Code, b.Code), strings.Compare(a.Subject, b.Subject))
	})
}

// Draft is what a tree like policies/ says, as far as it can be read.
type Draft struct {
	// Modules are the provisions by file, parsed and not compiled. Nobody may
	// change them. They are nil when the tables cannot be read.
	Modules map[string]*ast.Module
	// Provisions are those whose METADATA can be read, by their rule.
	Provisions map[*ast.Rule]*Provision
	// Findings is everything that [Read] would refuse, sorted by file and line.
	Findings []Finding

	tables *tables
	at     map[*Provision]place
}

// Examine reads a draft and finds everything for which a gateway would refuse
// it, where [Read] stops at the first. A draft is not compiled while it is
// outside the fragment of the language that provisions are written in: that
// the compiler ends soon is only known of what is inside.
func Examine(tree fs.FS) *Draft {
	d := &Draft{Provisions: map[*ast.Rule]*Provision{}, at: map[*Provision]place{}}
	d.examine(tree)
	sortFindings(d.Findings)
	return d
}

func (d *Draft) examine(tree fs.FS) {
	var findings []Finding
	d.Modules, findings = parseAll(tree)
	t, err := readTables(tree)
	if err != nil {
		d.Findings = append(findings, Finding{File: "data/", Code: BadTable, Subject: words(err)})
		return
	}
	d.tables = t
	outside := append(fragment(d.Modules), costly(d.Modules)...)
	d.Findings = slices.Concat(findings, outside, languageFindings(d.Modules, t))
	read := d.readMetadata()
	if len(findings)+len(read) == 0 { // else names are missing that stand there
		read = d.references()
	}
	d.Findings = append(d.Findings, read...)
	if len(findings)+len(outside) > 0 {
		return
	}
	d.Findings = append(d.Findings, d.compile(tree)...)
}

// compile compiles a copy, and looks at what only compiled provisions say.
func (d *Draft) compile(tree fs.FS) []Finding {
	modules, findings := parseAll(tree)
	if len(findings) > 0 {
		return findings
	}
	c := newCompiler()
	if c.Compile(modules); !c.Failed() {
		return nil
	}
	said := map[place]bool{}
	for _, f := range d.Findings {
		said[place{f.File, f.Line}] = true
	}
	return slices.DeleteFunc(errorFindings(Compiler, "", c.Errors), func(f Finding) bool { return said[place{f.File, f.Line}] })
}

// readMetadata reads the METADATA of every provision and finds what is wrong
// with it.
func (d *Draft) readMetadata() []Finding {
	annotations, errs := ast.BuildAnnotationSet(modulesOf(d.Modules))
	findings := errorFindings(BadMetadata, "", errs)
	if annotations == nil {
		return findings
	}
	ids := map[string]bool{}
	for name, m := range d.Modules {
		for _, r := range m.Rules {
			set := r.Head.Name.String()
			if !provisionSet(set) {
				continue
			}
			found := annotations.GetRuleScope(r)
			if len(found) != 1 || found[0].Custom == nil {
				findings = append(findings, Finding{File: name, Line: r.Location.Row, Code: NoMetadata, Subject: set})
				continue
			}
			here := place{name, found[0].Location.Row}
			p, err := parseProvision(set, found[0].Description, found[0].Custom)
			if err != nil {
				findings = append(findings, here.finding(BadMetadata, words(err), "", nearestMember(err)))
				continue
			}
			if ids[p.ID] {
				findings = append(findings, here.finding(SameID, p.ID, "", ""))
				continue
			}
			ids[p.ID] = true
			d.Provisions[r], d.at[p] = p, here
		}
	}
	return findings
}

// references finds names in METADATA and flows that nothing has, each name of
// the flows once.
func (d *Draft) references() []Finding {
	raw, stands := d.constants()
	c, err := parseConstants(raw)
	if err != nil {
		return []Finding{stands.finding(BadConstants, words(err), "", "")}
	}
	var findings []Finding
	said := map[string]bool{}
	for _, u := range unknownNames(d.tables, collect(slices.Collect(maps.Keys(d.at))), c) {
		here, ok := d.at[u.by]
		if !ok {
			here = place{"data/flows.json", 0}
		}
		if !ok && said[u.name] {
			continue
		} else if !ok {
			said[u.name] = true
		}
		findings = append(findings, here.finding(u.code(), u.name, u.place, nearest(u.name, u.among)))
	}
	return findings
}

// constants returns the document of constants as it is written.
func (d *Draft) constants() (any, place) {
	for name, m := range d.Modules {
		for _, r := range m.Rules {
			if r.Head.Name != ruleConstants || r.Head.Value == nil {
				continue
			}
			if v, err := ast.JSON(r.Head.Value.Value); err == nil {
				return v, place{name, r.Location.Row}
			}
			return nil, place{name, r.Location.Row}
		}
	}
	return nil, place{"provisions/", 0}
}

// place is where a provision stands.
type place struct {
	file string
	line int
}

func (at place) finding(code, subject, list, near string) Finding {
	return Finding{at.file, at.line, code, subject, list, near}
}

func modulesOf(m map[string]*ast.Module) []*ast.Module {
	out := make([]*ast.Module, 0, len(m))
	for _, module := range m {
		out = append(out, module)
	}
	return out
}

// errorFindings makes a finding of each of the engine's errors.
func errorFindings(code, file string, errs ast.Errors) []Finding {
	var out []Finding
	for _, e := range errs {
		f := Finding{File: file, Code: code, Subject: e.Message}
		if e.Location != nil {
			f.File, f.Line = cmp.Or(e.Location.File, file), e.Location.Row
		}
		out = append(out, f)
	}
	return out
}

// words returns what an error of this package says without the name of its kind.
func words(err error) string {
	s := err.Error()
	for _, kind := range []error{ErrTable, ErrProvision} {
		if errors.Is(err, kind) {
			s = strings.TrimPrefix(s, kind.Error()+": ")
		}
	}
	return s
}
