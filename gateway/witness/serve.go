package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// ServeHTTP implements the HTTP interface of c2sp.org/tlog-witness:
// "POST /add-checkpoint" below whatever prefix it is mounted at, and nothing
// else.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/add-checkpoint":
		http.Error(rw, "not found", http.StatusNotFound)
		return
	case r.Method != http.MethodPost:
		rw.Header().Set("Allow", http.MethodPost)
		http.Error(rw, "only POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRequest))
	if err != nil {
		http.Error(rw, "request too large or cut off", http.StatusBadRequest)
		return
	}
	select {
	case w.calls <- struct{}{}:
		defer func() { <-w.calls }()
	default:
		rw.Header().Set("Retry-After", "1")
		http.Error(rw, "too many requests at a time", http.StatusServiceUnavailable)
		return
	}
	lines, err := w.Add(body)
	if err != nil {
		w.refuse(rw, err)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Write(lines)
}

// refuse answers with the status that c2sp.org/tlog-witness gives to err.
func (w *Witness) refuse(rw http.ResponseWriter, err error) {
	if conflict, ok := errors.AsType[*Conflict](err); ok {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", conflict.Size)
		return
	}
	for _, known := range []struct {
		err    error
		status int
	}{
		{ErrMalformed, http.StatusBadRequest},
		{ErrSizes, http.StatusBadRequest},
		{ErrUnknown, http.StatusNotFound},
		{ErrForbidden, http.StatusForbidden},
		{ErrProof, http.StatusUnprocessableEntity},
	} {
		if errors.Is(err, known.err) {
			http.Error(rw, known.err.Error(), known.status)
			return
		}
	}
	w.cfg.Log.Error("checkpoint not cosigned", "err", err)
	http.Error(rw, "internal error", http.StatusInternalServerError)
}

// Serve answers at a listener, over TLS if the listener is one of package tls,
// until ctx is done and the requests that were begun are answered.
func (w *Witness) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: w, MaxHeaderBytes: 8 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return srv.Shutdown(last)
}
