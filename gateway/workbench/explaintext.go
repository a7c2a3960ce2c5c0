package workbench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sluss/gateway/facts"
	"sluss/gateway/facts/fixtures"
	"sluss/gateway/policy"
)

// followUp is the type whose table the small-cell guard looks at.
const followUp = "exit.followup_report"

// CaseInput returns what the policy may look at in a case, the small-cell guard
// included.
func (p *Pack) CaseInput(w *fixtures.World, c fixtures.Case) (facts.Input, error) {
	in, released, err := w.Input(c, p.Tables)
	if err != nil || c.Request.Type != followUp {
		return in, err
	}
	var earlier []json.RawMessage
	for _, r := range released {
		earlier = append(earlier, r)
	}
	in.Table = p.Policy.Guard(c.Request.Values, earlier)
	return in, nil
}

// Text writes an explanation for people.
func (x Explanation) Text(w io.Writer, l Language) {
	say := func(sv, en string, args ...any) { fmt.Fprintf(w, l.pick(sv, en)+"\n", args...) }
	say("Vem:        %s", "Who:        %s", x.Asked.Actor)
	say("Från:       %s", "From:       %s", x.Asked.Discloser)
	say("Vad:        %s", "What:       %s", x.Asked.Type)
	say("Ändamål:    %s", "Purpose:    %s", x.Asked.Purpose)
	if len(x.Asked.Claimed) > 0 {
		say("Åberopar:   %s", "Claims:     %s", strings.Join(x.Asked.Claimed, ", "))
	}
	if len(x.Asked.Named) > 0 {
		say("Nämner:     %s", "Names:      %s", strings.Join(x.Asked.Named, ", "))
	}
	say("\nUtfall:     %s. %s", "\nOutcome:    %s. %s", x.Outcome, x.Means)
	if x.Reason != "" {
		say("Skäl:       %s: %s", "Reason:     %s: %s", x.Reason, x.ReasonMeans)
	}
	for _, o := range x.Obligations {
		say("Följer:     %s: %s", "Follows:    %s: %s", o.Code, o.Means)
	}
	for i, s := range x.Stops {
		if i == 0 {
			say("\nBeslutet stannade här:", "\nThe decision ended here:")
		} else {
			say("\nOckså detta hade stoppat:", "\nThis would have ended it as well:")
		}
		s.text(w, l, "  ")
	}
	alternatives(w, l, x.Change, "", true)
	for _, f := range x.Fields {
		f.text(w, l)
	}
}

func (s Speaks) text(w io.Writer, l Language, indent string) {
	fmt.Fprintf(w, "%s%s  %s, %s", indent, s.ID, s.Statute, s.Title)
	if s.Why != "" {
		fmt.Fprintf(w, ": %s", s.Why)
	}
	fmt.Fprintln(w)
	for _, c := range s.Conditions {
		fmt.Fprintf(w, "%s    - %s\n", indent, c)
	}
}

func (f FieldAnswer) text(w io.Writer, l Language) {
	say := func(sv, en string, args ...any) { fmt.Fprintf(w, "  "+l.pick(sv, en)+"\n", args...) }
	if f.Released {
		fmt.Fprintf(w, "\n+ %s: %s %s, %s, %s\n", f.Field, l.pick("lämnas ut på", "released on"), cmp.Or(f.On.Basis, f.On.ID), f.On.Statute, f.On.Title)
	} else {
		fmt.Fprintf(w, "\n- %s: %s, %s: %s\n", f.Field, l.pick("hålls tillbaka", "withheld"), f.Reason, f.Means)
	}
	covered := strings.Join(f.Rules, ", ")
	if covered == "" {
		covered = l.pick("ingen sekretess", "no secrecy")
	}
	say("klass %s; skyddas av %s; taket %s", "class %s; covered by %s; ceiling %s", f.Class, covered, f.Ceiling)
	for _, s := range f.Against {
		say("emot talar:", "against it:")
		s.text(w, l, "    ")
	}
	if f.Released {
		return
	}
	if len(f.Tried) > 0 {
		say("grunderna, i den ordning de prövas:", "the bases, in the order in which they are tried:")
	}
	var unclaimed []string
	for _, s := range f.Tried {
		if s.Answer == string(policy.Unclaimed) {
			unclaimed = append(unclaimed, s.ID)
			continue
		}
		s.text(w, l, "    ")
	}
	if len(unclaimed) > 0 {
		say("  åberopas inte: %s", "  not claimed: %s", strings.Join(unclaimed, ", "))
	}
	alternatives(w, l, f.Nearest, "  ", false)
}

// alternatives says what would have to be otherwise.
func alternatives(w io.Writer, l Language, list []Alternative, indent string, whole bool) {
	if len(list) == 0 && !whole {
		fmt.Fprintf(w, "%s%s\n", indent, l.pick("ingen grund öppnar uppgiften, vad som än begärs, samtycks till och beslutas, och vilket enda sakförhållande som än vore annorlunda",
			"no basis opens the field, whatever is asked, consented to and decided, and whichever single fact were otherwise"))
	}
	for i, a := range list {
		head := l.pick("närmast saknas", "nearest missing")
		if i > 0 {
			head = l.pick("eller", "or")
		}
		result := ""
		if a.Basis != "" {
			result = l.pick(": då lämnas den ut på ", ": it would then be released on ") + a.Basis
		} else if whole {
			result = l.pick(": utfallet blir då ", ": the outcome would then be ") + a.Outcome
		}
		fmt.Fprintf(w, "%s%s: %s%s\n", indent, head, strings.Join(a.Changes, " + "), result)
	}
}
