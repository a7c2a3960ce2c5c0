package ingress

import "github.com/prometheus/client_golang/prometheus"

// metrics count requests by endpoint and by how they ended, never by who
// called. The values of all labels are fixed: the names of the routes, "ok",
// "gone" or a code, and the kinds of bounds.
type metrics struct {
	requests    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	polls       prometheus.Gauge
	panics      prometheus.Counter
	connections prometheus.Counter
	draining    prometheus.Gauge
	shed        *prometheus.CounterVec
	waiting     prometheus.Gauge
	waited      prometheus.Histogram
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
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ingress_shed_total", Help: "Requests turned away unworked and connections reset, by whose bound they were over (address, network, system, agency, gateway, line)."},
			[]string{"bound"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ingress_line_waiting", Help: "Requests that wait for their agency's turn to work."}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ingress_line_wait_seconds", Help: "How long requests waited for their agency's turn.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8)}),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.duration, m.polls, m.panics, m.connections, m.draining,
		m.shed, m.waiting, m.waited}
}
