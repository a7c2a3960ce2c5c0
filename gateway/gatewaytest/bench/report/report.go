// Package report keeps what the benchmarks measured and makes the report of it:
// tables in a README and plots, from one file of results, so that the report can
// be made again without measuring again.
//
// [Results] is that file, results.json. Its parts are measured by runs of their
// own (exchanges, growth, soak), each with the machine, the versions and the command
// it was measured with; a run replaces its part and leaves the others.
//
// The plots are SVG, drawn by gonum.org/v1/plot. Every figure of a plot stands in a
// table as well. What was aimed at and not reached is said beside what was.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sluss/gateway/gatewaytest/bench/load"
)

// Results is everything that was measured.
type Results struct {
	Exchange *Exchange `json:"exchange,omitempty"`
	Growth   *Growth   `json:"growth,omitempty"`
	Soak     *Soak     `json:"soak,omitempty"`
}

// Run says where and how a part was measured.
type Run struct {
	Machine  Machine           `json:"machine"`
	Versions map[string]string `json:"versions"`
	Command  string            `json:"command"`
	Begun    time.Time         `json:"begun"`
	Seconds  float64           `json:"seconds"`
}

// Machine is what was measured on.
type Machine struct {
	CPU    string      `json:"cpu"`
	Cores  int         `json:"cores"`
	Memory float64     `json:"memory_gb"`
	Kernel string      `json:"kernel"`
	Disk   string      `json:"disk"` // file system
	Sync   load.Spread `json:"sync"` // ms to append 4 KiB and fdatasync: median; least; 99 of 100
	Load   float64     `json:"load"` // load average when the run began
}

// Exchange is whole exchanges at several numbers of clients.
type Exchange struct {
	Run
	Message int        `json:"message_bytes"`
	Rounds  int        `json:"rounds"`
	Round   float64    `json:"round_seconds"`
	Started []Started  `json:"started"`
	Points  []Point    `json:"points"`
	Profile []Profiled `json:"profile"`
}

// Started is how a gateway began.
type Started struct {
	System string  `json:"system"`
	Ready  float64 `json:"ready_s"`
	Idle   float64 `json:"idle_mb"`
}

// Point is one system at one number of clients: medians of the rounds with their
// spread. CPU is milliseconds for each exchange, memory MB under load.
type Point struct {
	System    string      `json:"system"`
	Clients   int         `json:"clients"`
	Rate      load.Spread `json:"rate"`
	P50       load.Spread `json:"p50_ms"`
	P99       load.Spread `json:"p99_ms"`
	CPU       load.Spread `json:"cpu_ms"`
	DBCPU     load.Spread `json:"database_cpu_ms"`
	Memory    float64     `json:"memory_mb"`
	DBMemory  float64     `json:"database_memory_mb"`
	OfFloor   load.Spread `json:"of_floor"`    // rate as a share of the floor's on the same store, round by round
	OfPeer    load.Spread `json:"of_baseline"` // and as a multiple of the baseline's
	Completed int         `json:"completed"`
}

// Profiled is where the processor time of a gateway went, by the step of the path
// that asked for it.
type Profiled struct {
	System string             `json:"system"`
	Share  map[string]float64 `json:"share"` // of 1
	File   string             `json:"file"`  // the top of the profile, text
}

// Growth is exchanges and searches by the size of the log.
type Growth struct {
	Run
	EntryBytes int      `json:"entry_bytes"` // mean of both parts
	Subjects   int      `json:"subjects"`
	Levels     []Level  `json:"levels"`
	Searches   []Search `json:"searches"`
}

// Level is one size of one log.
type Level struct {
	Store   string  `json:"store"`
	Entries uint64  `json:"entries"`
	Open    int     `json:"open_messages"`
	Filled  float64 `json:"filled_per_s"`
	Bytes   int64   `json:"database_bytes"`
	Checked string  `json:"checked,omitempty"` // what fsck said
	Points  []Point `json:"points"`
}

// Search is one kind of audit search on one log, milliseconds.
type Search struct {
	Store   string  `json:"store"`
	Entries uint64  `json:"entries"`
	Kind    string  `json:"kind"`
	Queries int     `json:"queries"`
	Found   float64 `json:"found"` // entries in an answer, mean
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

// Soak is a steady load over a long time.
type Soak struct {
	Run
	System  string   `json:"system"`
	Maximum float64  `json:"maximum"` // exchanges a second, measured before
	Share   float64  `json:"share"`
	Rate    float64  `json:"rate"`
	Clients int      `json:"clients"`
	Samples []Sample `json:"samples"`
	Failed  string   `json:"failed,omitempty"`
	Checked string   `json:"checked"`
}

// Sample is one interval of a soak.
type Sample struct {
	Minute     float64 `json:"minute"`
	Rate       float64 `json:"rate"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	Errors     int     `json:"errors"`
	Memory     float64 `json:"memory_mb"`
	Heap       float64 `json:"heap_mb"`
	Goroutines int     `json:"goroutines"`
	Files      int     `json:"open_files"`
	Database   float64 `json:"database_mb"`
}

// name of the results in their directory.
const name = "results.json"

// Load reads the results in dir; none are no error.
func Load(dir string) (Results, error) {
	var r Results
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	return r, err
}

// Save writes the results, the README and the plots into dir.
func (r Results) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name), append(raw, '\n'), 0o644); err != nil {
		return err
	}
	plots, err := r.plot(dir)
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	return r.write(filepath.Join(dir, "README.md"), plots)
}
