package workbench_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/workbench"
)

// draftPack is the law as it stands with one file changed.
func draftPack(t testing.TB, p *workbench.Pack, name, old, new string) *workbench.Pack {
	t.Helper()
	tree := fstest.MapFS{}
	for _, f := range p.Snapshot.Files() {
		raw, err := fs.ReadFile(p.Snapshot.FS(), f)
		if err != nil {
			t.Fatal(err)
		}
		if f == name {
			if !strings.Contains(string(raw), old) {
				t.Fatalf("%s does not say %q", name, old)
			}
			raw = []byte(strings.Replace(string(raw), old, new, 1))
		}
		tree[f] = &fstest.MapFile{Data: raw}
	}
	draft, err := workbench.Read(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

// past turns inputs into decisions that a law has taken.
func past(t testing.TB, law *workbench.Pack, inputs ...facts.Input) []workbench.Past {
	t.Helper()
	var out []workbench.Past
	for i, in := range inputs {
		d, err := law.Policy.DecideInput(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		a := workbench.Answered{Outcome: d.Outcome(), Reason: d.Reason(), Suppressed: d.SuppressedCells(), Obligations: d.Obligations(),
			Allowed: map[gateway.Field]gateway.Basis{}, Withheld: map[gateway.Field]gateway.Reason{}}
		for _, f := range d.Allowed() {
			a.Allowed[f.Field] = f.Basis
		}
		for _, f := range d.Withheld() {
			a.Withheld[f.Field] = f.Reason
		}
		out = append(out, workbench.Past{Index: uint64(i), Snapshot: law.Snapshot.Digest(), Input: raw, Answer: &a})
	}
	return out
}

func sequence(list []workbench.Past) iter.Seq2[workbench.Past, error] {
	return func(yield func(workbench.Past, error) bool) {
		for _, p := range list {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func goldenList(t testing.TB, p *workbench.Pack) []facts.Input {
	t.Helper()
	all := goldenInputs(t, p)
	var out []facts.Input
	for _, id := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[id])
	}
	return out
}

// TestReplayReproduces takes the decisions of the golden cases again under the
// law that took them: each comes out as it did, exactly.
func TestReplayReproduces(t *testing.T) {
	p := builtInPack(t)
	list := past(t, p, goldenList(t, p)...)
	r, err := p.Replay(t.Context(), sequence(slices.Concat(list, list)), workbench.ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Decisions != 2*len(list) || r.Reproduced != r.Decisions || r.Same != r.Decisions || len(r.Groups) != 0 || r.Inputs > len(list) {
		t.Errorf("%d decisions, %d inputs, %d the same, %d reproduced, %d groups", r.Decisions, r.Inputs, r.Same, r.Reproduced, len(r.Groups))
	}
	list[3].Answer.Obligations = append(list[3].Answer.Obligations, "watermark")
	if r, err = p.Replay(t.Context(), sequence(list), workbench.ReplayOptions{}); err != nil || r.NotReproduced != 1 || r.OnlyReasons != 1 {
		t.Errorf("one answer is another: %d not reproduced, %d in reasons only, %v", r.NotReproduced, r.OnlyReasons, err)
	}
}

// The general clause as it stands, and opening by itself when it is claimed.
const (
	generalClause      = "en: \"General clause (generalklausulen)\"}\n#   way: decision\n"
	generalClauseAlone = "en: \"General clause (generalklausulen)\"}\n#   way: automatic\n"
)

// TestReplayDraft replays under drafts that open, close and rest on another basis.
func TestReplayDraft(t *testing.T) {
	p := builtInPack(t)
	inputs := goldenInputs(t, p)
	tests := []struct {
		name, of, file, old, new string
		check                    func(workbench.Replayed) bool
	}{
		{"the general clause without a decision", "G02", "provisions/osl_10_own_task.rego", generalClause, generalClauseAlone,
			func(r workbench.Replayed) bool { return r.Opened == 3 && r.Closed == 0 }},
		{"no consent for protection", "G01", "provisions/consent_and_self.rego", "data.catalogue.purposes[input.purpose].consentable\n",
			"data.catalogue.purposes[input.purpose].consentable\n\tinput.purpose != \"PROTECTION\"\n",
			func(r workbench.Replayed) bool { return r.Closed == 3 && r.Opened == 0 && r.OutcomeChanged == 3 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			draft := draftPack(t, p, tt.file, tt.old, tt.new)
			in := inputs[tt.of]
			list := past(t, p, in, in, in)
			r, err := draft.Replay(t.Context(), sequence(list), workbench.ReplayOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !tt.check(r) || len(r.Groups) != 1 || r.Groups[0].Count != 3 || r.Groups[0].Inputs != 1 || r.Reproduced+r.NotReproduced != 0 {
				t.Errorf("%+v", r)
			}
			for i := range list {
				list[i].Answer = nil
			}
			again, err := draft.Replay(t.Context(), sequence(list), workbench.ReplayOptions{Base: p})
			if err != nil || !tt.check(again) {
				t.Errorf("decided under the law as it stands: %+v, %v", again, err)
			}
		})
	}
}

// TestReplayLeavesNothingOut: what cannot be read or decided ends a replay.
func TestReplayLeavesNothingOut(t *testing.T) {
	p := builtInPack(t)
	good := past(t, p, goldenList(t, p)[0])[0]
	tests := []struct {
		name  string
		spoil func(*workbench.Past)
	}{
		{"an unknown member", func(o *workbench.Past) { o.Input = []byte(strings.Replace(string(o.Input), `"bulk"`, `"bulky"`, 1)) }},
		{"half an input", func(o *workbench.Past) { o.Input = o.Input[:100] }},
		{"no input", func(o *workbench.Past) { o.Input = nil }},
		{"no answer and no law to ask", func(o *workbench.Past) { o.Answer = nil }},
		{"an input that nobody can have had", func(o *workbench.Past) { o.Input = []byte(`{}`) }},
	}
	for _, tt := range tests {
		bad := good
		tt.spoil(&bad)
		if _, err := p.Replay(t.Context(), sequence([]workbench.Past{good, bad}), workbench.ReplayOptions{}); !errors.Is(err, workbench.ErrReplay) {
			t.Errorf("%s: %v, want ErrReplay", tt.name, err)
		}
	}
	broken := errors.New("disk")
	source := func(yield func(workbench.Past, error) bool) { _ = yield(good, nil) && yield(workbench.Past{}, broken) }
	if _, err := p.Replay(t.Context(), source, workbench.ReplayOptions{}); !errors.Is(err, broken) {
		t.Errorf("a source that fails: %v", err)
	}
}

// BenchmarkReplay replays 100,000 decisions: with 2,000 different inputs, as many
// as a year of real work has, and with each different from all others. The
// inputs are those of the golden cases with facts changed at random (seed 1).
func BenchmarkReplay(b *testing.B) {
	p := builtInPack(b)
	draft := draftPack(b, p, "provisions/osl_10_own_task.rego", generalClause, generalClauseAlone)
	for name, n := range map[string]int{"2000 different": 2000, "all different": 100_000} {
		list := generated(b, p, n)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r, err := draft.Replay(b.Context(), sequence(list), workbench.ReplayOptions{})
				if err != nil || r.Decisions != 100_000 || r.Inputs != n || r.Opened == 0 {
					b.Fatalf("%d decisions, %d inputs, %d opened, %v", r.Decisions, r.Inputs, r.Opened, err)
				}
			}
		})
	}
}

// generated makes 100,000 past decisions of n different inputs.
func generated(b *testing.B, p *workbench.Pack, n int) []workbench.Past {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	golden := goldenList(b, p)
	seen := map[string]bool{}
	var some []workbench.Past
	for len(some) < n {
		in := golden[random.IntN(len(golden))]
		raw, err := json.Marshal(in.Facts)
		if err != nil {
			b.Fatal(err)
		}
		var known map[string]bool
		if err := json.Unmarshal(raw, &known); err != nil {
			b.Fatal(err)
		}
		for range 5 {
			if f := slices.Sorted(maps.Keys(known))[random.IntN(len(known))]; f != "asked" && f != "log_available" && f != "on_record" {
				known[f] = !known[f]
			}
		}
		if raw, err = json.Marshal(known); err != nil {
			b.Fatal(err)
		}
		if err := json.Unmarshal(raw, &in.Facts); err != nil {
			b.Fatal(err)
		}
		if one := past(b, p, in)[0]; !seen[string(one.Input)] {
			seen[string(one.Input)] = true
			some = append(some, one)
		}
	}
	out := make([]workbench.Past, 100_000)
	for i := range out {
		out[i] = some[i%n]
	}
	return out
}
