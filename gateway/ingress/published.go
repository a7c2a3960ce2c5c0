package ingress

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/disclosure"
)

// The documents of the API: OpenAPI 3.1 for the endpoints, AsyncAPI 3 for what
// is delivered through them.
var (
	//go:embed openapi.json
	openAPI []byte
	//go:embed asyncapi.json
	asyncAPI []byte
)

// OpenAPI returns the OpenAPI 3.1 document of the agency API.
func OpenAPI() []byte { return bytes.Clone(openAPI) }

// AsyncAPI returns the AsyncAPI 3 document of what the gateway delivers.
func AsyncAPI() []byte { return bytes.Clone(asyncAPI) }

// document handles GET of one of the API's own documents.
func (s *Server) document(body []byte) handler {
	return func(w http.ResponseWriter, r *http.Request) error { return s.writeTagged(w, r, body) }
}

// getDirectory handles GET /v1/directory.
func (s *Server) getDirectory(w http.ResponseWriter, r *http.Request, p authn.Peer) error {
	body, err := inTurn(s, r, p, func(ctx context.Context) ([]byte, error) { return s.cfg.Published.Directory(ctx, p) })
	if err != nil {
		return err
	}
	return s.writeTagged(w, r, body)
}

// getSnapshot handles GET /v1/snapshot.
func (s *Server) getSnapshot(w http.ResponseWriter, r *http.Request, p authn.Peer) error {
	body, err := inTurn(s, r, p, s.cfg.Published.Snapshot)
	if err != nil {
		return err
	}
	return s.writeTagged(w, r, body)
}

// writeTagged answers with a JSON document under the digest of its bytes, or
// with 304 when the caller has these bytes already (RFC 9110, Section 13.1.2).
func (s *Server) writeTagged(w http.ResponseWriter, r *http.Request, body []byte) error {
	tag := `"` + gateway.DigestOf(body).String() + `"`
	w.Header().Set("Etag", tag)
	w.Header().Set("Cache-Control", "private, no-cache")
	for field := range strings.SplitSeq(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		if field = strings.TrimSpace(field); field == tag || field == "W/"+tag || field == "*" {
			return s.write(w, http.StatusNotModified, nil)
		}
	}
	w.Header().Set("Content-Type", jsonType)
	return s.write(w, http.StatusOK, body)
}

// getCheckpoint handles GET /log/checkpoint (C2SP tlog-checkpoint).
func (s *Server) getCheckpoint(w http.ResponseWriter, r *http.Request) error {
	got, err := s.cfg.Tree.Resource(r.Context(), "checkpoint")
	if errors.Is(err, disclosure.ErrNotYet) {
		return gateway.Refuse(gateway.CodeUnavailable, "no checkpoint is published yet", err)
	}
	if err != nil {
		return err
	}
	return s.writeResource(w, got)
}

// getTile handles GET /log/tile/… (C2SP tlog-tiles).
func (s *Server) getTile(w http.ResponseWriter, r *http.Request) error {
	got, err := s.cfg.Tree.Resource(r.Context(), "tile/"+mux.Vars(r)["tile"])
	if errors.Is(err, disclosure.ErrNotYet) {
		return gateway.Refuse(gateway.CodeNotFound, "no such tile is published", err)
	}
	if err != nil {
		return err
	}
	return s.writeResource(w, got)
}

// writeResource answers with a piece of the published log. What a tile's path
// names never changes, unlike the checkpoint.
func (s *Server) writeResource(w http.ResponseWriter, got disclosure.Resource) error {
	w.Header().Set("Cache-Control", "no-cache")
	if got.Immutable {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("Content-Type", got.Type)
	return s.write(w, http.StatusOK, got.Body)
}
