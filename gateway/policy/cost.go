package policy

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The limit of what one rule may take to evaluate, in conditions. The engine
// remembers what a condition without arguments gave; one with arguments it
// tries anew each time, so that 24 conditions of which each asks the one before
// twice are 16 million.
const (
	maxCost  = 10_000
	someCost = 16 // what "some x in …" multiplies the rest of a body by
)

// costly finds rules that take too long to evaluate.
func costly(modules map[string]*ast.Module) []Finding {
	c := costs{rules: map[string][]*ast.Rule{}, known: map[string]int{}}
	for _, m := range modules {
		for _, r := range m.Rules {
			name := r.Head.Name.String()
			c.rules[name] = append(c.rules[name], r)
		}
	}
	var findings []Finding
	for file, m := range modules {
		for _, r := range m.Rules {
			if n := c.rule(r); n > maxCost {
				text, _, _ := strings.Cut(string(r.Location.Text), "\n")
				findings = append(findings, Finding{File: file, Line: r.Location.Row, Code: TooCostly, Subject: text, Place: fmt.Sprint(maxCost)})
			}
		}
	}
	return findings
}

type costs struct {
	rules map[string][]*ast.Rule
	known map[string]int
}

// call returns what a condition with arguments takes.
func (c costs) call(name string) int {
	if n, ok := c.known[name]; ok {
		return n
	}
	c.known[name] = 1 // one that leads back to itself is the compiler's finding
	n := 0
	for _, r := range c.rules[name] {
		n = min(n+c.rule(r), maxCost+1)
	}
	c.known[name] = n
	return n
}

func (c costs) rule(r *ast.Rule) int {
	n, times := 0, 1
	for _, e := range r.Body {
		switch t := e.Terms.(type) {
		case *ast.SomeDecl:
			times = min(times*someCost, maxCost+1)
		case []*ast.Term:
			if name := t[0].String(); len(c.rules[name]) > 0 {
				n = min(n+c.call(name), maxCost+1)
			}
		}
		n++
	}
	return min(n*times, maxCost+1)
}
