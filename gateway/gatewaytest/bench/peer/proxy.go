package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// proxy is the reverse proxy of one end.
type proxy struct {
	ask  string
	opa  *http.Client
	rows *pgxpool.Pool
	pass *httputil.ReverseProxy
}

// About is what a message is about, in headers, as there is nothing signed to read
// it from.
type About struct {
	Sender    string `json:"sender"` // the name in the client certificate
	Recipient string `json:"recipient"`
	Role      string `json:"role"`
	Purpose   string `json:"purpose"`
	Type      string `json:"type"`
}

// Set puts it into the headers of a request.
func (a About) Set(h http.Header) {
	h.Set("X-Recipient", a.Recipient)
	h.Set("X-Role", a.Role)
	h.Set("X-Purpose", a.Purpose)
	h.Set("X-Type", a.Type)
}

func aboutOf(r *http.Request) About {
	a := About{Recipient: r.Header.Get("X-Recipient"), Role: r.Header.Get("X-Role"), Purpose: r.Header.Get("X-Purpose"), Type: r.Header.Get("X-Type")}
	if uris := r.TLS.PeerCertificates[0].URIs; len(uris) == 1 {
		a.Sender = uris[0].String()
	}
	return a
}

// ServeHTTP asks, writes the row and passes the request on.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := aboutOf(r)
	if p.ask != "" {
		ok, err := p.allowed(r.Context(), a)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if !ok {
			http.Error(w, "not allowed", http.StatusForbidden)
			return
		}
	}
	// One statement is a transaction: it is committed, and synced, when it returns.
	if _, err := p.rows.Exec(r.Context(), "INSERT INTO exchanged (sender, recipient, role, purpose, type, bytes) VALUES ($1, $2, $3, $4, $5, $6)",
		a.Sender, a.Recipient, a.Role, a.Purpose, a.Type, r.ContentLength); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	p.pass.ServeHTTP(w, r)
}

// allowed asks OPA for one boolean.
func (p *proxy) allowed(ctx context.Context, a About) (bool, error) {
	body, err := json.Marshal(map[string]About{"input": a})
	if err != nil {
		return false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.ask, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := p.opa.Do(r)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, err
	}
	var answer struct {
		Result bool `json:"result"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("asking OPA: %d: %w", resp.StatusCode, err)
	}
	return answer.Result, nil
}

// buffers saves the proxy an allocation for each body.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// Get implements [httputil.BufferPool].
func (buffers) Get() []byte { return *bufferPool.Get().(*[]byte) }

// Put implements [httputil.BufferPool].
func (buffers) Put(b []byte) { bufferPool.Put(&b) }
