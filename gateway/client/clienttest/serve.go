package clienttest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/directory"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
)

// Handed is one release as sent.
type Handed struct {
	Delivery string `json:"delivery"`
	Token    string `json:"token"`
	E1       []byte `json:"e1"`
	Proof    string `json:"proof"`
}

// Accepted answers a message or a request, and is one of the disclosures.
type Accepted struct {
	ID    gateway.MessageID `json:"jti,omitempty"`
	Entry uint64            `json:"entry"`
	E1    []byte            `json:"e1"`
	Leaf  []byte            `json:"leaf"`
	Proof string            `json:"proof"`
}

// Heard is what a client has said in a poll.
type Heard struct {
	Role     gateway.Role      `json:"role"`
	Ack      []string          `json:"ack"`
	SetErrs  map[string]SetErr `json:"setErrs"`
	Received map[string]string `json:"received"`
}

// SetErr is RFC 8936, Section 2.6.
type SetErr struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

type box struct {
	agency gateway.AgencyID
	role   gateway.Role
}

// mail is one item of a mailbox; handed is what it was handed out as.
type mail struct {
	message *stored
	id, set string // of a notice
	handed  *Handed
	done    bool
}

type stored struct {
	message     envelope.Message
	t           *catalogue.Type
	disclosures []Accepted
}

// Heard returns what the clients have said so far.
func (g *Gateway) Heard() []Heard {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.heard)
}

// Notify puts a signed notice of the gateway into a mailbox.
func (g *Gateway) Notify(agency gateway.AgencyID, role gateway.Role, e envelope.Event) {
	g.t.Helper()
	set, err := envelope.SignEvent(e, g.release)
	check(g.t, err)
	g.mu.Lock()
	defer g.mu.Unlock()
	b := box{agency, role}
	g.boxes[b] = append(g.boxes[b], &mail{id: string(e.ID), set: set})
}

// Redeliver makes everything acknowledged come again, as it was.
func (g *Gateway) Redeliver() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.boxes {
		for _, m := range b {
			m.done = false
		}
	}
}

// must ends a request that the kit itself cannot carry out, and the test with
// it; a handler's goroutine must not end the test's.
func (g *Gateway) must(err error) {
	if err != nil {
		g.t.Error(err)
		panic(http.ErrAbortHandler)
	}
}

func (g *Gateway) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /v1/messages", g.submit)
	m.HandleFunc("POST /v1/poll", g.poll)
	m.HandleFunc("GET /v1/messages/{jti}", g.read)
	m.HandleFunc("POST /v1/requests", g.request)
	m.HandleFunc("GET /v1/messages/{jti}/disclosures", g.disclosures)
	m.HandleFunc("GET /v1/directory", func(w http.ResponseWriter, r *http.Request) {
		routes := slices.Collect(maps.Keys(g.agencies))
		g.publish(w, g.current.For(g.peer(r), routes), g.Lies.Directory)
	})
	m.HandleFunc("GET /v1/snapshot", func(w http.ResponseWriter, _ *http.Request) {
		raw, err := g.bundle.Encode()
		g.must(err)
		g.publish(w, raw, g.Lies.Snapshot)
	})
	m.HandleFunc("GET /log/{path...}", func(w http.ResponseWriter, r *http.Request) {
		raw, err := g.log.publish(r.PathValue("path"), g.Cosigners)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(raw)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Lies.Respond != nil && g.Lies.Respond(w, r) {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		m.ServeHTTP(w, r)
	})
}

func (g *Gateway) publish(w http.ResponseWriter, raw []byte, lie func([]byte) []byte) {
	if lie != nil {
		raw = lie(raw)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(raw)
}

// peer is the agency in the caller's certificate.
func (g *Gateway) peer(r *http.Request) gateway.AgencyID {
	uri, err := directory.ParseSystemURI(r.TLS.PeerCertificates[0].URIs[0].String())
	g.must(err)
	return uri.Agency
}

// Refuse answers with a problem document.
func Refuse(w http.ResponseWriter, status int, code gateway.Code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "urn:sluss:problem:" + string(code), "title": string(code), "status": status, "detail": detail, "code": code})
}

// refuse answers with the refusal that err is.
func refuse(w http.ResponseWriter, err error) {
	code, detail := gateway.CodeInternal, ""
	if r, ok := err.(*gateway.Refusal); ok {
		code, detail = r.Code, r.Detail
	}
	Refuse(w, http.StatusUnprocessableEntity, code, detail)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func (g *Gateway) accept(id gateway.MessageID, e disclosure.E1) Accepted {
	if g.Lies.Entry != nil {
		g.Lies.Entry(&e)
	}
	made := entry(g.t, e)
	index, proof := g.log.append(g.t, made, g.Lies.Log)
	a := Accepted{ID: id, Entry: index, E1: made.E1, Leaf: made.Leaf[:], Proof: proof}
	if g.Lies.Accepted != nil {
		g.Lies.Accepted(&a)
	}
	return a
}

func (g *Gateway) submit(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	g.must(err)
	m, err := envelope.Open(raw, g.current, time.Now())
	if err != nil {
		refuse(w, err)
		return
	}
	c, err := g.cat.Conform(m)
	if err != nil {
		refuse(w, err)
		return
	}
	claims, digest := m.Claims(), m.Digest()
	if g.messages[claims.ID] == nil {
		s := &stored{message: m, t: c.Type()}
		g.messages[claims.ID] = s
		for _, role := range claims.ToRoles {
			b := box{claims.Recipient(), role}
			g.boxes[b] = append(g.boxes[b], &mail{message: s})
		}
	}
	kind, kept := disclosure.MessageAccepted, (*gateway.Digest)(nil)
	if claims.Recipient() == "" {
		kind, kept = disclosure.StatementAdmitted, &digest
	}
	answer(w, http.StatusAccepted, g.accept(claims.ID, disclosure.E1{
		Kind: kind, Kept: kept, Message: claims.ID, Discloser: claims.Issuer, Recipient: claims.Recipient(), Type: claims.Type,
		Digest: &digest, Issued: claims.IssuedAt.Unix(), Expires: claims.Expires.Unix(),
	}))
}

func (g *Gateway) poll(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Heard
		MaxEvents *int `json:"maxEvents"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		Refuse(w, http.StatusBadRequest, gateway.CodeMalformedRequest, "")
		return
	}
	b := box{g.peer(r), q.Role}
	g.heard = append(g.heard, q.Heard)
	for _, id := range slices.Concat(q.Ack, slices.Collect(maps.Keys(q.SetErrs))) {
		i := slices.IndexFunc(g.boxes[b], func(m *mail) bool { return m.id == id || m.handed != nil && m.handed.Delivery == id })
		if i < 0 {
			Refuse(w, http.StatusConflict, gateway.CodeUnknownDelivery, "ack names a delivery that was not made")
			return
		}
		g.boxes[b][i].done = true
	}
	sets, messages := map[string]string{}, map[string]Handed{}
	for _, m := range g.boxes[b] {
		if m.done || q.MaxEvents != nil && len(sets)+len(messages) >= *q.MaxEvents {
			continue
		}
		if m.set != "" {
			sets[m.id] = m.set
			continue
		}
		if m.handed == nil {
			h := g.hand(m.message, b, m.message.message.Claims().Purpose, nil, nil)
			m.handed = &h
		}
		messages[m.handed.Delivery] = *m.handed
	}
	if g.Lies.Notices != nil {
		g.Lies.Notices(sets)
	}
	answer(w, http.StatusOK, map[string]any{"sets": sets, "messages": messages})
}

func (g *Gateway) read(w http.ResponseWriter, r *http.Request) {
	raw := r.Header.Get("Access-Request")
	a, err := envelope.OpenAccess(raw, g.current, time.Now())
	if err != nil {
		refuse(w, err)
		return
	}
	if a.Certificate != gateway.DigestOf(r.TLS.PeerCertificates[0].Raw) {
		Refuse(w, http.StatusForbidden, gateway.CodeWrongCertificate, "")
		return
	}
	s := g.messages[a.Message]
	if s == nil || string(a.Message) != r.PathValue("jti") {
		Refuse(w, http.StatusNotFound, gateway.CodeNoRecord, "There is no such record, or none that the caller may know of.")
		return
	}
	digest := gateway.DigestOf([]byte(raw))
	answer(w, http.StatusOK, g.hand(s, box{a.Agency, a.Role}, a.Purpose, &digest, a.Fields))
}

func (g *Gateway) request(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	g.must(err)
	a, err := envelope.OpenAccess(string(raw), g.current, time.Now())
	if err != nil {
		refuse(w, err)
		return
	}
	digest := gateway.DigestOf(raw)
	answer(w, http.StatusAccepted, g.accept(a.ID, disclosure.E1{Kind: disclosure.RequestReceived, Discloser: a.Discloser,
		Recipient: a.Agency, Request: &digest, Role: a.Role, Purpose: a.Purpose, Type: a.Type}))
}

func (g *Gateway) disclosures(w http.ResponseWriter, r *http.Request) {
	s := g.messages[gateway.MessageID(r.PathValue("jti"))]
	if s == nil || s.message.Claims().Issuer != g.peer(r) {
		Refuse(w, http.StatusNotFound, gateway.CodeNoRecord, "")
		return
	}
	list := s.disclosures
	if list == nil {
		list = []Accepted{}
	}
	if g.Lies.Accepted != nil {
		list = slices.Clone(list) // a lie is told, not remembered
		for i := range list {
			g.Lies.Accepted(&list[i])
		}
	}
	answer(w, http.StatusOK, list)
}

// Unavailable answers the first n requests with 503 and the given Retry-After,
// and then lets them through.
func Unavailable(n int, seconds int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			return false
		}
		n--
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		Refuse(w, http.StatusServiceUnavailable, gateway.CodeUnavailable, "")
		return true
	}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	check(t, err)
	return raw
}

// Forget makes everything in the mailboxes new: it is handed out again under a
// new delivery id.
func (g *Gateway) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.boxes {
		for _, m := range b {
			m.done, m.handed = false, nil
		}
	}
}

// Forward moves a mailbox of an alias to its owner.
func (g *Gateway) Forward(alias, owner gateway.AgencyID, role gateway.Role) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.boxes[box{owner, role}] = append(g.boxes[box{owner, role}], g.boxes[box{alias, role}]...)
	delete(g.boxes, box{alias, role})
}

// Message returns a message as it was taken in.
func (g *Gateway) Message(id gateway.MessageID) envelope.Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.messages[id].message
}

// Event opens what a client has signed for another agency.
func (g *Gateway) Event(raw string, audience gateway.AgencyID) (envelope.Event, error) {
	return envelope.OpenEvent(raw, g.current, audience.URN(), time.Now())
}
