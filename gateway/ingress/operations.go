package ingress

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds one answer of /readyz.
const readyTimeout = 3 * time.Second

// reloadTimeout bounds one reload.
const reloadTimeout = time.Minute

// Operations returns the handler for the machine's own supervision: /livez,
// /readyz, /metrics, POST /reload, and profiles of the process under
// /debug/pprof/ (which hold addresses and function names, no data). It asks nobody who they are and must be
// reachable from the machine only.
func (s *Server) Operations() http.Handler {
	m := mux.NewRouter()
	m.Path("/livez").Methods(http.MethodGet).HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "live\n") })
	m.Path("/readyz").Methods(http.MethodGet).HandlerFunc(s.readyz)
	m.Path("/reload").Methods(http.MethodPost).HandlerFunc(s.reload)
	m.Path("/debug/pprof/profile").Methods(http.MethodGet).HandlerFunc(pprof.Profile)
	m.PathPrefix("/debug/pprof/").Methods(http.MethodGet).HandlerFunc(pprof.Index)
	if s.cfg.Gatherer != nil {
		m.Path("/metrics").Methods(http.MethodGet).Handler(promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	}
	// A page in a browser on this machine must not be able to reload.
	return http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(m, 0))
}

// readyz says whether new connections should be sent here. Why not is in the
// log: the answer is read by machines.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		say(w, http.StatusServiceUnavailable, "draining\n")
		return
	}
	if s.cfg.Ready != nil {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := s.cfg.Ready(ctx); err != nil {
			s.cfg.Log.WarnContext(ctx, "not ready", "err", err)
			say(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
	}
	say(w, http.StatusOK, "ready\n")
}

// reload reads the configured files again. On an error everything stays as it
// was.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Reload == nil {
		say(w, http.StatusNotImplemented, "nothing to reload\n")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), reloadTimeout)
	defer cancel()
	if err := s.cfg.Reload(ctx); err != nil {
		s.cfg.Log.ErrorContext(ctx, "not reloaded", "err", err)
		say(w, http.StatusInternalServerError, "not reloaded; the log says why\n")
		return
	}
	s.cfg.Log.InfoContext(ctx, "reloaded")
	say(w, http.StatusOK, "reloaded\n")
}

func say(w http.ResponseWriter, status int, text string) {
	secure(w.Header())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text))
}
