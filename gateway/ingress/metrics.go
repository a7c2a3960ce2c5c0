package ingress

import "github.com/prometheus/client_golang/prometheus"

// metrics count requests by endpoint and by how they ended, never by who
// called. The values of both labels are fixed: the names of the routes, and
// "ok", "gone" or a code.
type metrics struct {
	requests    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	polls       prometheus.Gauge
	panics      prometheus.Counter
	connections prometheus.Counter
	draining    prometheus.Gauge
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ingress_requests_total", Help: "Requests answered, by endpoint and by code of the problem (ok, gone)."},
			[]string{"endpoint", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ingress_request_duration_seconds", Help: "From the header of a request to its answer, polls not included.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15)},
			[]string{"endpoint"}),
		polls: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ingress_polls_waiting", Help: "Polls that wait for something to hand out."}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ingress_panics_total", Help: "Handlers that panicked."}),
		connections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ingress_connection_errors_total", Help: "Connections that ended before a request: handshakes, malformed or too large headers."}),
		draining: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ingress_draining_info", Help: "1 from the beginning of the shutdown."}),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.duration, m.polls, m.panics, m.connections, m.draining}
}
