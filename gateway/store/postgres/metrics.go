package postgres

import "github.com/prometheus/client_golang/prometheus"

// metrics count what an operator may have to act on.
type metrics struct {
	unknown, again, barriers prometheus.Counter
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &metrics{
		unknown:  counter("store_unknown_total", "Commits whose result is unknown: the connection was lost, or the standby was not waited for."),
		again:    counter("store_again_total", "Transactions that were begun again, because nothing of them had been written."),
		barriers: counter("store_barriers_total", "Commits made to be sure that what can be read is durable."),
	}
}

// Metrics returns the store's metrics, to be registered by main.
func (s *Store) Metrics() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	return []prometheus.Collector{
		s.metrics.unknown, s.metrics.again, s.metrics.barriers,
		gauge("store_full_info", "1 while the database's disk is full: nothing is taken in, released or recorded.", func() float64 {
			if s.Room() != nil {
				return 1
			}
			return 0
		}),
		gauge("store_unsure_info", "1 while what can be read may not be durable yet.", func() float64 {
			if s.doubtful() {
				return 1
			}
			return 0
		}),
		gauge("store_connections", "Connections to the database.", func() float64 {
			return float64(s.read.Stat().TotalConns() + s.write.Stat().TotalConns())
		}),
	}
}
