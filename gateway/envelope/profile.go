package envelope

import (
	"fmt"
	"strconv"
	"strings"

	"sluss/gateway"
)

// parseMessage reads a message as submitted, its signature not verified. The
// digest is of raw.
func parseMessage(raw []byte, digest gateway.Digest) (Message, error) {
	if len(raw) > MaxMessage {
		return Message{}, fmt.Errorf("%w: %d bytes of message", ErrTooLarge, len(raw))
	}
	t, err := Parse(string(raw))
	if err != nil {
		return Message{}, err
	}
	if t.binding != nil {
		return Message{}, fmt.Errorf("%w: text after the last tilde", ErrMalformed)
	}
	m := Message{raw: raw, digest: digest, token: t}
	if err := m.read(); err != nil {
		return Message{}, err
	}
	var gate []*disclosure
	for _, d := range t.disclosures {
		if t.gateway(d) {
			gate = append(gate, d)
		}
	}
	if m.gate, err = readGate(gate); err != nil {
		return Message{}, err
	}
	return m, nil
}

// gateway reports whether d lies directly in "gate"; all others that do not
// lie within a disclosure lie in "data", because nothing else has digests.
func (t *SDJWT) gateway(d *disclosure) bool {
	return d.parent == nil && strings.HasPrefix(d.pointer, "/gate/")
}

// read reads what message and release have in common.
func (m *Message) read() (err error) {
	if m.token.jws.header.Type != TypMessage {
		return fmt.Errorf("%w: want %s", ErrType, TypMessage)
	}
	if m.token.jws.header.KeyID == "" {
		return fmt.Errorf("%w: no kid", ErrMalformed)
	}
	o := m.token.jws.claims.object("payload")
	m.claims = readClaims(o)
	gate, data := o.digests("gate"), o.digests("data")
	keys := o.get("keys")
	if o.str("_sd_alg"); o.err == nil && gate != gateMembers {
		o.fail("gate", "has not one digest per member")
	}
	if err := o.done(); err != nil {
		return err
	}
	m.digests = data
	if m.bundles, err = readBundles(keys, m.claims); err != nil {
		return err
	}
	m.fields, err = m.token.fields(m.claims)
	return err
}

func readClaims(o *object) Claims {
	c := Claims{
		Issuer:   parsed(o, "iss", gateway.ParseAgencyURN),
		Audience: parsed(o, "aud", party),
		ID:       parsed(o, "jti", gateway.ParseMessageID),
		IssuedAt: o.time("iat"),
		Expires:  o.time("exp"),
		Case:     parsed(o, "txn", gateway.ParseRef),
		Purpose:  gateway.Purpose(o.word("purpose")),
		FromRole: gateway.Role(o.word("from_role")),
		ToRoles:  typed[gateway.Role](o.words("to_roles")),
	}
	if ref := parsedOrNull(o, "sub_ref", gateway.ParseRef); ref != nil {
		c.Subject = *ref
	}
	if o.v.index("reply_to") >= 0 {
		c.ReplyTo = parsed(o, "reply_to", gateway.ParseMessageID)
	}
	if len(c.ToRoles) == 0 {
		o.fail("to_roles", "is empty")
	}
	schema := o.object("schema")
	c.Type, c.Version = gateway.MessageType(schema.word("type")), int(schema.integer("version"))
	if c.Version == 0 {
		schema.fail("version", "is 0")
	}
	o.join(schema)
	cnf := o.object("cnf")
	c.Gateway = parsed(cnf, "kid", gateway.ParseID)
	o.join(cnf)
	return c
}

// digests reads a member that is exactly {"_sd": [...]} and returns how many.
func (o *object) digests(name string) int {
	c := o.object(name)
	list := c.get("_sd")
	if list.kind != '[' {
		c.fail("_sd", "is not an array")
	}
	o.join(c)
	return len(list.elems)
}

// gateMembers is how many members readGate reads.
const gateMembers = 9

// readGate reads the gate out of its disclosures, of which none may be missing.
func readGate(list []*disclosure) (Gate, error) {
	v := &value{kind: '{'}
	for _, d := range list {
		v.add(d.name, d.value)
	}
	o := v.object("gate")
	g := Gate{
		Fields:        o.words("fields"),
		BasisClaimed:  typed[gateway.Basis](o.words("basis_claimed")),
		ConsentRef:    parsedOrNull(o, "consent_ref", gateway.ParseRef),
		AssessmentRef: parsedOrNull(o, "assessment_ref", gateway.ParseRef),
		Marking:       o.word("marking"),
		Child:         o.boolean("child"),
		Urgency:       o.word("urgency"),
		Reason:        readReason(o),
		About:         readAbout(o),
	}
	if g.Urgency != "normal" && g.Urgency != "acute" {
		o.fail("urgency", "is neither normal nor acute")
	}
	return g, o.done()
}

// readReason reads {code, length} or null.
func readReason(o *object) *Reason {
	if o.null("reason") {
		return nil
	}
	c := o.object("reason")
	r := &Reason{Code: c.word("code"), Length: int(c.integer("length"))}
	o.join(c)
	return r
}

// readAbout reads field → references of other protected persons.
func readAbout(o *object) map[gateway.Field][]gateway.Ref {
	c := o.object("about")
	about := make(map[gateway.Field][]gateway.Ref, len(c.v.names))
	for name, v := range c.each() {
		if !fieldName.matches(name) {
			c.fail("", "names no field")
			break
		}
		refs := c.isList(name, v, &refForm)
		for _, ref := range refs {
			if _, err := gateway.ParseRef(ref); err != nil {
				c.fail(name, "holds something else than references")
			}
		}
		about[gateway.Field(name)] = typed[gateway.Ref](refs)
	}
	o.join(c)
	return about
}

// isSalt reports whether s is 128 bits in canonical base64url.
func isSalt(s string) bool {
	n, ok := canonical(s)
	return ok && n == 16
}

// fields reads the disclosures of "data".
func (t *SDJWT) fields(c Claims) ([]field, error) {
	fields, n := make([]field, 0, len(t.disclosures)), &nursery{}
	at := make(map[*disclosure]int)
	for _, d := range t.disclosures {
		switch {
		case !isSalt(d.salt):
			return nil, fmt.Errorf("%w: salt", ErrMalformed)
		case d.parent != nil || t.gateway(d):
			continue
		case !fieldName.matches(d.name):
			return nil, fmt.Errorf("%w: field name", ErrMalformed)
		}
		f := field{outer: d, MessageField: MessageField{Name: gateway.Field(d.name)}}
		if err := f.read(c, n); err != nil {
			return nil, err
		}
		at[d] = len(fields)
		fields = append(fields, f)
	}
	for _, d := range t.disclosures {
		if d.parent == nil {
			continue
		}
		i, ok := at[d.parent]
		if !ok {
			return nil, fmt.Errorf("%w: disclosure too deep", ErrMalformed)
		}
		if err := fields[i].inside(d); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func (f *field) read(c Claims, n *nursery) error {
	if f.outer.value.index("jwe") >= 0 {
		o := f.outer.value.object("data." + string(f.Name))
		f.Sealed, f.jwe = true, o.str("jwe")
		digests := o.get("_sd")
		if err := o.done(); err != nil {
			return fmt.Errorf("%w: %w", ErrSealing, err)
		}
		if digests.kind != '[' || len(digests.elems) != 1 {
			return fmt.Errorf("%w: not one inner digest", ErrSealing)
		}
		f.inner = digests.elems[0].text
		var err error
		f.CiphertextSize, err = readFieldJWE(f.jwe, c, f.Name, n)
		return err
	}
	if !plain(f.outer.value) {
		return fmt.Errorf("%w: disclosures within a clear field", ErrMalformed)
	}
	f.Value = f.outer.filled.appendJSON(nil)
	return nil
}

// inside takes a disclosure that lies within f: the number of a cell. Within a
// sealed field there is none but the one that is sealed.
func (f *field) inside(d *disclosure) error {
	if f.Sealed {
		return ErrUnsealed
	}
	at, ok := strings.CutPrefix(d.pointer, pointer("data", string(f.Name))+"/")
	at, ok2 := strings.CutSuffix(at, "/n")
	i, err := strconv.Atoi(at)
	if !ok || !ok2 || err != nil { // else it is the index of an element: plain has seen to the rest
		return fmt.Errorf("%w: disclosure within a clear field", ErrMalformed)
	}
	f.Cells = append(f.Cells, f.outer.value.elems[i].member("id").text)
	f.cells = append(f.cells, d)
	return nil
}

// plain reports whether v holds no digests, or is a list of cells: objects
// with an id each its own, without n, and with one digest where n would stand.
func plain(v *value) bool {
	if v.kind != '[' || len(v.elems) == 0 || v.elems[0].index("_sd") < 0 {
		return !digested(v)
	}
	seen := make(map[string]bool)
	for _, e := range v.elems {
		id, list := e.member("id"), e.member("_sd")
		if id == nil || id.kind != '"' || !cellID.matches(id.text) || seen[id.text] {
			return false
		}
		seen[id.text] = true
		if list == nil || list.kind != '[' || len(list.elems) != 1 || e.index("n") >= 0 {
			return false
		}
		for i, name := range e.names {
			if name != "_sd" && digested(e.elems[i]) {
				return false
			}
		}
	}
	return true
}

// digested reports whether v has digests anywhere.
func digested(v *value) bool {
	if v.index("_sd") >= 0 || v.index("...") >= 0 {
		return true
	}
	for _, e := range v.elems {
		if digested(e) {
			return true
		}
	}
	return false
}
