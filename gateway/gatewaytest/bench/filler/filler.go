// Package filler makes a log of millions of entries, as years of use would leave
// it, in an empty database: so that what grows with the log can be measured.
//
// The log is a valid one. Entries are made by the package that makes all entries,
// encrypted under the keys of the world's ring, and appended by the gateway's own
// log code under a clock that runs through the years, so that tree, tiles, anchor
// and checksums are what they must be, and fsck finds nothing. What a fill leaves
// out is what it fills the database without: the indexes that audit searches use
// are dropped before and made again afterwards, which is how databases are filled.
//
// What is in the entries is made up from a seed: persons, cases and agencies are
// drawn at random, three entries for each exchange (taken in, released,
// acknowledged). A query for one of them can be drawn from the same seed
// ([Made.Subject] and its likes).
package filler

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/store"
)

// Sealer encrypts what is stored; package keys has one.
type Sealer = disclosure.Sealer

// Config configures a fill. Store, Sealer, Key, Origin and Anchor are required.
type Config struct {
	Store  store.Store
	Sealer Sealer
	Key    ed25519.PrivateKey // signs checkpoints
	Origin string
	Anchor string

	Entries uint64
	Open    int // messages that wait in mailboxes, among the entries
	// Detail is the size of what the second part of an entry holds beside what it
	// must, in bytes.
	Detail int
	// Message is the size of a message that waits, in bytes.
	Message  int
	Seed     uint64
	Progress func(done, total uint64)
}

// Span is the time that a log covers, up to a minute ago.
const Span = 2 * 365 * 24 * time.Hour

// Made is what a fill was made of.
type Made struct {
	Begin, End time.Time
	Subjects   int
	Bytes      uint64 // of both parts of all entries
	seed       uint64
}

// The agencies of a filled log: so many that disclose, and that receive.
const (
	disclosers = 40
	recipients = 290
)

// perSubject is how many entries a person has in the mean.
const perSubject = 50

// Subject is one of the persons.
func (m Made) Subject(i int) gateway.Ref { return ref(m.seed, "subject", i) }

// Case is the case of a person.
func (m Made) Case(i int) gateway.Ref { return ref(m.seed, "case", i) }

// Discloser is one of the agencies that disclose.
func (m Made) Discloser(i int) gateway.AgencyID {
	return gateway.AgencyID(fmt.Sprintf("municipality:%04d", 1000+i%disclosers))
}

// Recipient is one of the agencies that receive.
func (m Made) Recipient(i int) gateway.AgencyID {
	return gateway.AgencyID(fmt.Sprintf("municipality:%04d", 2000+i%recipients))
}

// ref derives a reference, which in earnest is random.
func ref(seed uint64, use string, i int) gateway.Ref {
	b := binary.BigEndian.AppendUint64(nil, seed)
	b = binary.BigEndian.AppendUint64(append(b, use...), uint64(i))
	sum := sha256.Sum256(b)
	return gateway.Ref(base64.RawURLEncoding.EncodeToString(sum[:16]))
}

// group is what is appended at once; perWrite entries are one write.
const (
	group    = 1536
	perWrite = 48
)

// Fill fills the log of a database that has none.
func Fill(ctx context.Context, cfg Config) (Made, error) {
	end := time.Now().Add(-time.Minute)
	m := Made{Begin: end.Add(-Span), End: end, Subjects: int(max(10, cfg.Entries/perSubject)), seed: cfg.Seed}
	var clock atomic.Int64
	clock.Store(m.Begin.UnixMilli())
	log, err := disclosure.New(disclosure.Config{Store: cfg.Store, Key: cfg.Key, Origin: cfg.Origin, Anchor: cfg.Anchor,
		Now: func() time.Time { return time.UnixMilli(clock.Load()) }})
	if err != nil {
		return m, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ran := make(chan error, 1)
	go func() { ran <- log.Run(ctx) }()
	f := &fill{cfg: cfg, made: m, log: log, clock: &clock}
	err = f.run(ctx)
	m.Bytes = f.bytes
	cancel()
	if stopped := <-ran; err == nil {
		err = stopped
	}
	return m, err
}

type fill struct {
	cfg   Config
	made  Made
	log   *disclosure.Log
	clock *atomic.Int64
	bytes uint64
}

// run makes groups of entries ahead of what is appended, each on a goroutine of its
// own, and appends them in order.
func (f *fill) run(ctx context.Context) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	from := uint64(1 + f.cfg.Open)
	type made struct {
		writes []store.Write
		err    error
	}
	ahead := make(chan chan made, 4)
	go func() {
		defer close(ahead)
		for at := from; at < f.cfg.Entries; at += group {
			done := make(chan made, 1)
			select {
			case ahead <- done:
			case <-ctx.Done():
				return
			}
			go func() {
				w, err := f.group(at, min(f.cfg.Entries, at+group))
				done <- made{w, err}
			}()
		}
	}()
	appended := from
	for done := range ahead {
		g := <-done
		if g.err != nil {
			return g.err
		}
		if err := f.append(ctx, g.writes); err != nil {
			return err
		}
		for _, w := range g.writes {
			appended += uint64(len(w.Entries))
		}
		if f.cfg.Progress != nil {
			f.cfg.Progress(appended, f.cfg.Entries)
		}
	}
	return ctx.Err()
}

// append moves the clock to the last entry and appends.
func (f *fill) append(ctx context.Context, writes []store.Write) error {
	last := writes[len(writes)-1].Entries
	f.clock.Store(last[len(last)-1].Time.UnixMilli())
	_, errs := f.log.AppendAll(ctx, writes)
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("filling: %w", err)
		}
		for _, e := range writes[i].Entries {
			f.bytes += uint64(len(e.E1) + len(e.E2))
		}
	}
	return nil
}

// at is the time of an entry.
func (f *fill) at(i uint64) time.Time {
	return f.made.Begin.Add(time.Duration(float64(Span) * float64(i) / float64(f.cfg.Entries)))
}

// group makes the writes for the entries from to to.
func (f *fill) group(from, to uint64) ([]store.Write, error) {
	random := rand.New(rand.NewPCG(f.cfg.Seed, from))
	var writes []store.Write
	var entries []store.Entry
	for at := from; at < to; {
		x := f.draw(random)
		for step := range 3 {
			if at == to {
				break
			}
			e, err := f.entry(x, step, at)
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
			at++
		}
		if len(entries) >= perWrite || at == to {
			writes = append(writes, store.Write{Entries: entries})
			entries = nil
		}
	}
	return writes, nil
}

// drawn is one exchange.
type drawn struct {
	subject, discloser, recipient int
	message                       gateway.MessageID
	delivery                      gateway.Ref
	digest                        gateway.Digest
	detail                        json.RawMessage
}

func (f *fill) draw(random *rand.Rand) drawn {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], random.Uint64())
	binary.BigEndian.PutUint64(id[8:], random.Uint64())
	id[6], id[8] = 0x70|id[6]&0xf, 0x80|id[8]&0x3f
	detail, _ := json.Marshal(map[string]string{"input": base64.RawURLEncoding.EncodeToString(make([]byte, f.cfg.Detail*3/4))})
	return drawn{subject: random.IntN(f.made.Subjects), discloser: random.IntN(disclosers), recipient: random.IntN(recipients),
		message:  gateway.MessageID(fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])),
		delivery: gateway.Ref(base64.RawURLEncoding.EncodeToString(id[:])), digest: gateway.DigestOf(id[:]), detail: detail}
}
