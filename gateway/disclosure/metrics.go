package disclosure

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	batches     *prometheus.CounterVec
	entries     prometheus.Histogram
	duration    prometheus.Histogram
	unpublished prometheus.Counter
	size        prometheus.Gauge

	witnessFailures *prometheus.CounterVec
}

func newMetrics() metrics {
	return metrics{
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "disclosure_batches_total", Help: "Batches committed, by result.",
		}, []string{"result"}),
		entries: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "disclosure_batch_writes", Help: "Writes in a batch.", Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "disclosure_append_duration_seconds", Help: "Time from taking a batch to its signed checkpoint.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12),
		}),
		unpublished: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "disclosure_publications_failed_total", Help: "Checkpoints that could not be published.",
		}),
		size: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "disclosure_published_entries", Help: "Size of the published tree.",
		}),
		witnessFailures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "disclosure_witness_failures_total", Help: "Calls to witnesses that brought no cosignature, by reason.",
		}, []string{"reason"}),
	}
}

func (m metrics) batch(writes int, took time.Duration, err error) {
	result := "committed"
	if err != nil {
		result = "failed"
	}
	m.batches.WithLabelValues(result).Inc()
	m.entries.Observe(float64(writes))
	m.duration.Observe(took.Seconds())
}

// Metrics returns the log's metrics, to be registered by main.
func (l *Log) Metrics() []prometheus.Collector {
	all := []prometheus.Collector{l.metrics.batches, l.metrics.entries, l.metrics.duration, l.metrics.unpublished, l.metrics.size}
	if l.circle == nil {
		return all
	}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "disclosure_cosignature_age_seconds", Help: "Age of the cosignatures that the published checkpoint rests on; infinite without a quorum.",
	}, l.cosignatureAge)
	return append(all, l.metrics.witnessFailures, age)
}
