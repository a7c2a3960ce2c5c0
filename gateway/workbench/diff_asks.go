package workbench

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
)

// AskChange is a change of what must have happened before something leaves. It
// is told apart because it changes no release that is compared: in those,
// claims are made, consents cover and decisions are in force. What the words
// "in force" take is what has changed.
type AskChange struct {
	Provision string `json:"provision,omitempty"` // its id, or
	File      string `json:"file,omitempty"`
	What      string `json:"what"`  // claim_needed, third_party, decision; changed, added, removed
	Wider     bool   `json:"wider"` // less is asked for, or it may be
	SV        string `json:"sv"`
	EN        string `json:"en"`
}

// asks compares what two laws ask for besides what their releases say.
func asks(a, b *Space) []AskChange {
	out := []AskChange{}
	for _, p := range b.policy.Provisions() {
		if old := counterpartOf(p, a.policy); old != nil {
			out = append(out, asksOf(old, p)...)
		}
	}
	return append(out, factTables(a.pack.Snapshot, b.pack.Snapshot)...)
}

// counterpartOf returns the grant of another law that a grant stands for: of its
// id or, if that is new, of its basis.
func counterpartOf(p *policy.Provision, in *policy.Policy) *policy.Provision {
	var same *policy.Provision
	for _, o := range in.Provisions() {
		if o.Set != "grant" || p.Set != "grant" {
			continue
		}
		if o.ID == p.ID {
			return o
		}
		if same == nil && o.Basis == p.Basis {
			same = o
		}
	}
	return same
}

func asksOf(old, now *policy.Provision) []AskChange {
	var out []AskChange
	note := func(what string, wider bool, sv, en string) {
		out = append(out, AskChange{Provision: now.ID, What: what, Wider: wider, SV: now.ID + ": " + sv, EN: now.ID + ": " + en})
	}
	switch {
	case old.ClaimNeeded && !now.ClaimNeeded:
		note("claim_needed", true, "grunden behöver inte längre åberopas", "the basis need not be claimed any more")
	case !old.ClaimNeeded && now.ClaimNeeded:
		note("claim_needed", false, "grunden måste åberopas", "the basis must be claimed")
	}
	switch {
	case old.ThirdParty != "" && now.ThirdParty == "":
		note("third_party", true, "andra personer som uppgiften rör behöver inte längre samtycka", "other persons whom a field is about need not consent any more")
	case old.ThirdParty == "" && now.ThirdParty != "":
		note("third_party", false, "andra personer som uppgiften rör måste samtycka", "other persons whom a field is about must consent")
	}
	if !reflect.DeepEqual(old.Decision, now.Decision) {
		note("decision", true, "beslutet ska ange något annat än förut", "the decision must state something else than before")
	}
	return out
}

// comparedTables are the tables that releases are compared by; the others say
// what facts, consents and decisions are made of, or only what things are called.
var comparedTables = []string{"ceilings", "routes", "flows", "catalogue", "rules", "classes", "blockers", "reasons", "obligations",
	"words", "reason_codes", "facts"}

// factTables lists the tables that differ and that no release is compared by.
func factTables(a, b snapshot.Snapshot) []AskChange {
	var out []AskChange
	for _, c := range Changes(a, b) {
		name, table := strings.CutPrefix(strings.TrimSuffix(c.File, ".json"), "data/")
		if !table || slices.Contains(comparedTables, name) {
			continue
		}
		out = append(out, AskChange{File: c.File, What: c.What, Wider: true,
			SV: fmt.Sprintf("%s: tabellen säger hur sakförhållanden, samtycken och beslut blir till; vad ändringen öppnar visas inte här", c.File),
			EN: fmt.Sprintf("%s: the table says how facts, consents and decisions come about; what its change opens is not shown here", c.File)})
	}
	return out
}

// printAsks writes what is asked for in another way.
func (d AccessDiff) printAsks(w io.Writer, lang Language) {
	for _, a := range d.Asks {
		title := lang.pick("VILLKOR ÄNDRAT", "ASKS DIFFERENTLY")
		if a.Wider {
			title = lang.pick("KAN ÖPPNA", "MAY OPEN")
		}
		fmt.Fprintf(w, "%s  %s\n", title, lang.pick(a.SV, a.EN))
	}
}

// printBroken writes the never-rules that do not hold of B.
func (d AccessDiff) printBroken(w io.Writer, lang Language) {
	for _, r := range d.Broken {
		fmt.Fprintf(w, "%s  %s: %s (%s)\n", lang.pick("BRYTER MOT VAD SOM ALDRIG FÅR HÄNDA", "BREAKS WHAT MUST NEVER HAPPEN"), r.ID,
			lang.pick(r.Titles.SV, r.Titles.EN), r.Statute)
		if c := r.Counter; c != nil {
			fmt.Fprintf(w, "    %s\n", lang.pick(c.SV, c.EN))
		}
	}
}
