package disclosure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway"
	"sluss/gateway/store"
)

// ErrStalled is that what a log shows is older than it may be: it is held back
// from whoever looks, or its witnesses are.
var ErrStalled = errors.New("disclosure: the cosignatures are too old")

// MonitorConfig configures a [Monitor]. Source, Witnesses and Dir are required;
// the zero value of any other field means its default.
type MonitorConfig struct {
	Source Source
	// Witnesses is the trust policy, with one "log" line.
	Witnesses *Witnesses
	// Dir keeps what was seen, between rounds and runs.
	Dir string
	// Stall is how old the cosignatures may be. Default 10 min.
	Stall time.Duration
	// Progress is told how many of the log's entries are done.
	Progress func(done, total uint64)
	Now      func() time.Time // default time.Now
}

// Monitor follows a log on the machine of somebody who does not trust its
// operator: an auditor. Each round reads what has come since the last one, makes
// the tree again from the leaves and holds it, and every tile, against what the
// log publishes and the witnesses have cosigned. One goroutine uses it.
type Monitor struct {
	cfg    MonitorConfig
	policy Policy
	seen   Tip   // verified
	tree   *tree // of what was seen, or further while a round reads
	every  uint64
}

// Round is what a round of a [Monitor] has found in order.
type Round struct {
	Tip  Tip
	New  uint64    // entries since the last round
	Last time.Time // of the oldest cosignature that the quorum needs; zero without one
}

// memory is the file in which a monitor keeps what it has seen: the last
// checkpoint verified, and the right edge of a tree as far as it was read.
type memory struct {
	Checkpoint string       `json:"checkpoint"`
	Size       uint64       `json:"size"`
	Tiles      []store.Tile `json:"tiles"`
}

// memorised is how many leaves are read before it is written down that they were.
const memorised = 256 * tileWidth

// NewMonitor returns a monitor that goes on from what the directory has.
func NewMonitor(cfg MonitorConfig) (*Monitor, error) {
	if cfg.Source == nil || cfg.Witnesses == nil || cfg.Dir == "" || len(cfg.Witnesses.Logs) != 1 {
		return nil, fmt.Errorf("%w: a monitor wants a source, a directory and a policy with one log", ErrWitnesses)
	}
	if cfg.Stall == 0 {
		cfg.Stall = 10 * time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Monitor{cfg: cfg, policy: Policy{Log: cfg.Witnesses.Logs[0]}, tree: &tree{}, every: memorised}
	m.seen = m.tree.tip()
	return m, m.recall()
}

func (m *Monitor) path() string { return filepath.Join(m.cfg.Dir, "seen.json") }

// recall reads the memory. One that does not hold together is no memory: what
// was lost would pass for what never was.
func (m *Monitor) recall() error {
	raw, err := os.ReadFile(m.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what was seen: %w", err)
	}
	var was memory
	if err := json.Unmarshal(raw, &was); err != nil {
		return fmt.Errorf("reading what was seen: %w", err)
	}
	if was.Checkpoint != "" {
		if m.seen, err = OpenCheckpoint([]byte(was.Checkpoint), m.policy); err != nil {
			return fmt.Errorf("reading what was seen: %w", err)
		}
	}
	want := edge(was.Size)
	same := func(a, b store.Tile) bool { return a.Level == b.Level && a.Index == b.Index }
	if !slices.EqualFunc(want, was.Tiles, same) {
		return fmt.Errorf("reading what was seen: %w: not the right edge of a tree", ErrProof)
	}
	if m.tree, err = newTree(was.Size, was.Tiles); err != nil {
		return fmt.Errorf("reading what was seen: %w", err)
	}
	if m.tree.size < m.seen.Size || m.tree.size == m.seen.Size && m.tree.tip() != m.seen {
		return fmt.Errorf("reading what was seen: %w: tree and checkpoint disagree", ErrProof)
	}
	return nil
}

// remember writes the memory, durably.
func (m *Monitor) remember(checkpoint []byte) error {
	was := memory{Checkpoint: string(checkpoint), Size: m.tree.size}
	for level, b := range m.tree.open {
		if len(b) > 0 {
			was.Tiles = append(was.Tiles, store.Tile{Level: uint64(level), Index: openIndex(m.tree.size, level), Hashes: b})
		}
	}
	raw, err := json.Marshal(was)
	if err != nil {
		return err
	}
	return writeAnchor(m.path(), raw)
}

// Round looks at the log once. It reports [ErrRollback] and [ErrFork], for which
// it leaves both checkpoints in its directory as evidence; [ErrProof] when
// the log does not hold together; [ErrQuorum] and [ErrStalled], after all else was
// verified and remembered. Any other error means that it could not look.
func (m *Monitor) Round(ctx context.Context) (Round, error) {
	cp, err := m.cfg.Source.Checkpoint(ctx)
	if err != nil {
		return Round{}, fmt.Errorf("reading checkpoint: %w", err)
	}
	tip, err := OpenCheckpoint(cp, m.policy)
	if err != nil {
		return Round{}, err
	}
	r := Round{Tip: tip, New: tip.Size - min(tip.Size, m.seen.Size)}
	if err := m.extend(ctx, tip, cp); err != nil {
		return r, m.testify(err, cp)
	}
	m.seen = tip
	if err := m.remember(cp); err != nil {
		return r, err
	}
	if !m.cfg.Witnesses.Required() {
		return r, nil
	}
	last, ok := m.cfg.Witnesses.Since(cp)
	if !ok {
		return r, ErrQuorum
	}
	if r.Last = last; m.cfg.Now().Sub(last) > m.cfg.Stall {
		return r, fmt.Errorf("%w: %s", ErrStalled, m.cfg.Now().Sub(last).Round(time.Second))
	}
	return r, nil
}

// extend holds the log against what was seen, and reads what came since.
func (m *Monitor) extend(ctx context.Context, tip Tip, cp []byte) error {
	switch {
	case tip.Size < m.seen.Size:
		return fmt.Errorf("%w: %d entries, %d were seen", ErrRollback, tip.Size, m.seen.Size)
	case tip.Size == m.seen.Size && tip.Root != m.seen.Root:
		return fmt.Errorf("%w: other root at size %d", ErrFork, tip.Size)
	case tip.Size < m.tree.size: // what was read without a checkpoint counts for nothing
		return m.restart(ctx, tip, cp)
	}
	v := &verification{seen: m.seen, tree: m.tree, tile: func(t store.Tile, width int) ([]byte, error) {
		return m.cfg.Source.Tile(ctx, t.Level, t.Index, width)
	}}
	for kept := m.tree.size; v.tree.size < tip.Size; {
		if err := m.read(ctx, v, tip.Size); err != nil {
			return err
		}
		m.tree = v.tree
		if m.tree.size-kept >= m.every && m.tree.size < tip.Size {
			kept = m.tree.size
			if err := m.keepReading(); err != nil {
				return err
			}
		}
		if m.cfg.Progress != nil {
			m.cfg.Progress(m.tree.size, tip.Size)
		}
	}
	if m.tree.tip() == tip {
		return nil
	}
	return m.disagreement(ctx, tip)
}

// keepReading writes down how far the reading has come, beside the checkpoint
// that was verified last.
func (m *Monitor) keepReading() error {
	raw, err := os.ReadFile(m.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var was memory
	if err == nil {
		if err := json.Unmarshal(raw, &was); err != nil {
			return err
		}
	}
	return m.remember([]byte(was.Checkpoint))
}

// read reads one bundle. Its first leaves may be known, and must then be those.
func (m *Monitor) read(ctx context.Context, v *verification, size uint64) error {
	n, known := v.tree.size/tileWidth, int(v.tree.size%tileWidth)
	width := int(min(tileWidth, size-n*tileWidth))
	raw, err := m.cfg.Source.Bundle(ctx, n, width)
	if err != nil {
		return fmt.Errorf("reading bundle %d: %w", n, err)
	}
	leaves, err := parseBundle(raw, width)
	if err != nil {
		return fmt.Errorf("reading bundle %d: %w", n, err)
	}
	for i, leaf := range leaves[:known] {
		if h := recordHash(leaf); !bytes.Equal(h[:], v.tree.open[0][i*tlog.HashSize:(i+1)*tlog.HashSize]) {
			return fmt.Errorf("%w: entry %d is not the one that was seen", ErrFork, n*tileWidth+uint64(i))
		}
	}
	return v.add(leaves[known:])
}

// disagreement says whether entries that do not make the checkpoint's root come
// after the tree that was seen, or in its place.
func (m *Monitor) disagreement(ctx context.Context, tip Tip) error {
	if m.seen.Size > 0 {
		n := sourceNodes(ctx, m.cfg.Source, tip.Size)
		if root, err := tlog.TreeHash(int64(m.seen.Size), n); err == nil && gateway.Digest(root) != m.seen.Root {
			return fmt.Errorf("%w: other root at size %d", ErrFork, m.seen.Size)
		}
	}
	return fmt.Errorf("%w: the entries do not make the root of the checkpoint", ErrProof)
}

// restart reads the whole log again, after a reading that was cut off went
// further than the checkpoint now shown.
func (m *Monitor) restart(ctx context.Context, tip Tip, cp []byte) error {
	m.tree = &tree{}
	return m.extend(ctx, tip, cp)
}

// testify keeps a checkpoint that contradicts the one seen: with the log's
// signature under both, it is proof.
func (m *Monitor) testify(why error, cp []byte) error {
	m.tree = &tree{}
	if err := m.recall(); err != nil || !distrusts(why) {
		return errors.Join(why, err)
	}
	name := filepath.Join(m.cfg.Dir, "evidence-"+gateway.DigestOf(cp).String()[:16])
	raw, err := os.ReadFile(m.path())
	if err == nil {
		var was memory
		err = errors.Join(json.Unmarshal(raw, &was), writeAnchor(name, []byte(was.Checkpoint+"\n"+string(cp))))
	}
	return errors.Join(why, err)
}
