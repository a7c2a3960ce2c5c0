package disclosure

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	cosig "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
)

// Witnesses is a trust policy (c2sp.org/tlog-policy): whose logs are believed,
// which witnesses there are, where they are asked, and how many of them must
// have cosigned a checkpoint.
type Witnesses struct {
	// Logs are the verifiers of the "log" lines. They may be missing.
	Logs []note.Verifier
	// Quorum says which cosignatures are enough. It is the Quorum of a [Policy].
	Quorum witness.Group
	places []address // where witnesses are asked, in the order of their lines
	all    []note.Verifier
}

// address is where the witness with these keys is asked.
type address struct {
	url  string // of its add-checkpoint
	keys []note.Verifier
}

// Required reports whether the quorum wants any cosignature at all: "quorum
// none" wants none, and is satisfied by everything.
func (w *Witnesses) Required() bool { return w != nil && w.Quorum.N > 0 }

// Policy returns the policy for the log of this origin, whose key is one of the
// "log" lines.
func (w *Witnesses) Policy(origin string) (Policy, error) {
	for _, v := range w.Logs {
		if v.Name() == origin {
			return Policy{Log: v, Quorum: w.Quorum}, nil
		}
	}
	return Policy{}, fmt.Errorf("%w: trust policy names no key of the log %q", ErrWitnesses, origin)
}

// ParseWitnesses reads a trust policy. It makes the quorum of package witness in
// formats, and reads more strictly than that package, which takes groups that
// nobody has to satisfy and counts a member that is listed twice as two: what
// the specification forbids is [ErrWitnesses].
func ParseWitnesses(policy []byte) (*Witnesses, error) {
	p := policyParser{out: &Witnesses{}, named: map[string]witness.Group{}, used: map[string]bool{}}
	for i, line := range strings.Split(string(policy), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, fmt.Errorf("%w: trust policy, line %d: control character", ErrWitnesses, i+1)
		}
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := p.line(words[0], words[1:]); err != nil {
			return nil, fmt.Errorf("%w: trust policy, line %d: %w", ErrWitnesses, i+1, err)
		}
	}
	if !p.quorum {
		return nil, fmt.Errorf("%w: trust policy without a quorum", ErrWitnesses)
	}
	return p.out, nil
}

type policyParser struct {
	out    *Witnesses
	named  map[string]witness.Group // a witness is a group of itself
	used   map[string]bool          // names that are members of a group
	keys   []string                 // public keys
	quorum bool
}

func (p *policyParser) line(keyword string, words []string) error {
	switch {
	case keyword == "log" && (len(words) == 1 || len(words) == 2):
		return p.log(words[0])
	case keyword == "witness" && len(words) == 2:
		return p.witness(words[0], words[1], "")
	case keyword == "witness" && len(words) == 3:
		return p.witness(words[0], words[1], words[2])
	case keyword == "group" && len(words) >= 3:
		return p.group(words[0], words[1], words[2:])
	case keyword == "quorum" && len(words) == 1 && !p.quorum:
		p.quorum = true
		if words[0] == "none" {
			return nil
		}
		g, ok := p.named[words[0]]
		if !ok {
			return fmt.Errorf("quorum %q is not defined", words[0])
		}
		p.out.Quorum = g
		return nil
	}
	return fmt.Errorf("%q line of a wrong form, or a second one", keyword)
}

func (p *policyParser) log(vkey string) error {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("key of a log: %w", err)
	}
	p.out.Logs = append(p.out.Logs, v)
	return p.key(vkey)
}

// key refuses a public key that was there before, under whatever name or
// signature type. The verifier key was parsed: "<name>+<hash>+<type and key>".
func (p *policyParser) key(vkey string) error {
	typed, err := base64.StdEncoding.DecodeString(strings.SplitN(vkey, "+", 3)[2])
	if err != nil || len(typed) == 0 {
		return fmt.Errorf("key is not base64")
	}
	key := string(typed[1:])
	if slices.Contains(p.keys, key) {
		return fmt.Errorf("the key is there twice")
	}
	p.keys = append(p.keys, key)
	return nil
}

func (p *policyParser) witness(name, vkey, at string) error {
	v, err := cosig.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return fmt.Errorf("key of a witness: %w", err)
	}
	if err := p.key(vkey); err != nil {
		return err
	}
	w := witness.Witness{Key: v}
	if at != "" {
		u, err := url.Parse(at)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("URL of a witness is not of the form https://host/path")
		}
		w.URL = u.JoinPath("add-checkpoint").String()
		p.out.ask(w.URL, v)
	}
	p.out.all = append(p.out.all, v)
	g := witness.NewGroup(1, w)
	return p.define(name, g)
}

// ask adds a key to those of the witness at a URL.
func (w *Witnesses) ask(url string, v note.Verifier) {
	i := slices.IndexFunc(w.places, func(a address) bool { return a.url == url })
	if i < 0 {
		i, w.places = len(w.places), append(w.places, address{url: url})
	}
	w.places[i].keys = append(w.places[i].keys, v)
}

func (p *policyParser) group(name, threshold string, members []string) error {
	n, err := strconv.Atoi(threshold)
	switch {
	case threshold == "any":
		n = 1
	case threshold == "all":
		n = len(members)
	case err != nil || threshold != strconv.Itoa(n):
		return fmt.Errorf("threshold %q", threshold)
	}
	if n < 1 || n > len(members) {
		return fmt.Errorf("threshold of %d for %d members", n, len(members))
	}
	g := witness.Group{N: n}
	for _, m := range members {
		member, ok := p.named[m]
		if !ok || p.used[m] {
			return fmt.Errorf("member %q is not defined, or is a member already", m)
		}
		p.used[m] = true
		g.Components = append(g.Components, member)
	}
	return p.define(name, g)
}

func (p *policyParser) define(name string, g witness.Group) error {
	if _, ok := p.named[name]; ok || name == "none" {
		return fmt.Errorf("name %q is taken", name)
	}
	p.named[name] = g
	return nil
}

// Since returns the time of the oldest cosignature that the quorum over a
// checkpoint needs, when the newest are counted first; false without a quorum.
// A log whose Since stands still is held back, or its witnesses are.
func (w *Witnesses) Since(checkpoint []byte) (time.Time, bool) {
	n, err := note.Open(checkpoint, note.VerifierList(w.all...))
	if err != nil {
		return time.Time{}, false
	}
	type timed struct {
		sig note.Signature
		at  time.Time
	}
	var sigs []timed
	for _, sig := range n.Sigs {
		if at, err := cosig.CoSigV1Timestamp(sig); err == nil {
			sigs = append(sigs, timed{sig, at})
		}
	}
	slices.SortFunc(sigs, func(a, b timed) int { return b.at.Compare(a.at) })
	some := &note.Note{Text: n.Text}
	for _, s := range sigs {
		some.Sigs = append(some.Sigs, s.sig)
		if cp, err := note.Sign(some); err == nil && w.Quorum.Satisfied(cp) {
			return s.at, true
		}
	}
	return time.Time{}, false
}
