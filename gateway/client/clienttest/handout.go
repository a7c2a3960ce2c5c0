package clienttest

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

// Lies are what the gateway does wrong; nil is the truth. Each is called with
// what is about to leave, and changes it.
type Lies struct {
	Directory func([]byte) []byte
	Snapshot  func([]byte) []byte
	Keep      func(map[gateway.Field]bool)                  // of the message's fields
	Drop      []gateway.Field                               // taken out although allowed
	Audience  gateway.AgencyID                              // of the key binding
	Entry     func(*disclosure.E1)                          // before it is hashed
	Binding   func(*envelope.KeyBinding)                    // before it is signed
	Handed    func(*Handed)                                 // as sent
	Accepted  func(*Accepted)                               // as sent
	Notices   func(map[string]string)                       // as sent
	Release   *envelope.Signer                              // signs releases instead
	Log       note.Signer                                   // signs checkpoints instead
	Respond   func(http.ResponseWriter, *http.Request) bool // answers itself if true
	Withheld  map[gateway.Field]gateway.Reason
	Ceiling   bool // release past what the role may ever get
}

// hand releases a message: every field that the role may get at all, but those
// that Lies.Withheld names and those that were not asked for.
func (g *Gateway) hand(s *stored, b box, purpose gateway.Purpose, request *gateway.Digest, fields []string) Handed {
	claims := s.message.Claims()
	allowed, withheld := map[gateway.Field]gateway.Basis{}, map[gateway.Field]gateway.Reason{}
	keep := map[gateway.Field]bool{}
	trip := catalogue.Trip{Type: claims.Type, Sender: claims.FromRole, Recipient: b.role}
	opens := g.cat.MayOpen(s.t, trip, claims.Issuer.Kind(), false)
	for i := range s.t.Fields {
		f := &s.t.Fields[i]
		if f.Register || s.t.NamedOnly && !slices.Contains(s.message.Gate().Fields, string(f.Name)) {
			continue
		}
		reason, hidden := g.Lies.Withheld[f.Name]
		asked := fields == nil || slices.Contains(fields, catalogue.DefaultSet) || slices.Contains(fields, string(f.Name))
		switch {
		case hidden:
			withheld[f.Name] = reason
		case !f.HeldBy(claims.Issuer.Kind()) || f.Forbidden:
			withheld[f.Name] = "NOT-HELD"
		case f.Sealed && !slices.Contains(opens, f.Name) && !g.Lies.Ceiling:
			withheld[f.Name] = "CEILING"
		case !asked:
			withheld[f.Name] = "NOT-NAMED"
		default:
			allowed[f.Name], keep[f.Name] = "OSL-10-2", true
		}
	}
	if g.Lies.Keep != nil {
		g.Lies.Keep(keep)
	}
	filtered, err := s.message.Filter(keep, nil)
	g.must(err)
	bare := g.drop(filtered.Token())
	snapshot, sdHash := g.cat.Snapshot(), gateway.DigestOf([]byte(bare.String()))
	delivery := string(gateway.NewRef())
	e := disclosure.E1{
		Kind: disclosure.Release, Delivery: delivery, Message: claims.ID, Discloser: claims.Issuer, Recipient: claims.Recipient(), Type: claims.Type,
		SDHash: &sdHash, Request: request, Role: b.role, Purpose: purpose, Outcome: gateway.Permit, Allowed: allowed, Withheld: withheld,
		Snapshot: &snapshot,
	}
	if g.Lies.Entry != nil {
		g.Lies.Entry(&e)
	}
	made := entry(g.t, e)
	index, proof := g.log.append(g.t, made, g.Lies.Log)
	s.disclosures = append(s.disclosures, Accepted{Entry: index, E1: made.E1, Leaf: made.Leaf[:], Proof: proof})
	kb := envelope.KeyBinding{IssuedAt: time.Now().Truncate(time.Second), Audience: claims.Recipient(), Nonce: delivery, Release: envelope.Release{
		Leaf: made.Leaf[:], Snapshot: snapshot, Role: b.role, Purpose: purpose, Request: request, Allowed: allowed, Withheld: withheld,
	}}
	if g.Lies.Binding != nil {
		g.Lies.Binding(&kb)
	}
	by := g.release
	if g.Lies.Release != nil {
		by = g.Lies.Release
	}
	token, err := envelope.Bind(filtered, kb, by)
	g.must(err)
	if g.Lies.Drop != nil || g.Lies.Audience != "" {
		token = g.rebind(bare, token, kb, by)
	}
	h := Handed{Delivery: delivery, Token: string(token), E1: made.E1, Proof: proof}
	if g.Lies.Handed != nil {
		g.Lies.Handed(&h)
	}
	return h
}

// drop takes the fields of Lies.Drop out of a filtered message.
func (g *Gateway) drop(filtered []byte) *envelope.SDJWT {
	t, err := envelope.Parse(string(filtered))
	g.must(err)
	var pointers []string
	for _, name := range g.Lies.Drop {
		pointers = append(pointers, "/data/"+string(name))
	}
	t, err = t.Drop(pointers...)
	g.must(err)
	return t
}

// rebind signs what package envelope would not: the release of an honest token
// over a message that has been cut further, or for another agency.
func (g *Gateway) rebind(bare *envelope.SDJWT, honest []byte, kb envelope.KeyBinding, by *envelope.Signer) []byte {
	t, err := envelope.Parse(string(honest))
	g.must(err)
	var claims struct {
		Release json.RawMessage `json:"release"`
	}
	g.must(json.Unmarshal(t.KeyBinding(), &claims))
	audience := kb.Audience
	if g.Lies.Audience != "" {
		audience = g.Lies.Audience
	}
	bound, err := bare.BindKey(audience.URN(), kb.Nonce, kb.IssuedAt, map[string]any{"release": claims.Release}, by)
	g.must(err)
	return []byte(bound.String())
}
