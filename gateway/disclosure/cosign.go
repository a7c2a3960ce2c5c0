package disclosure

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	cosig "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway/store"
)

// How witnesses are asked.
const (
	witnessTimeout = 10 * time.Second // of one call
	lateness       = 2 * time.Second  // what those get that the quorum does not need
	backoffFirst   = time.Second
	backoffMost    = time.Minute
	maxCosigned    = 32 << 10 // of an answer
)

// circle is the witnesses of a log, as the gateway that publishes sees them.
// One round at a time uses it.
type circle struct {
	log       *Log
	endpoints []*endpoint
	last      *signed // of the last round with a quorum
	at        time.Time
	doubt     atomic.Pointer[error] // what a call found out after its round had ended
}

// endpoint is one witness's place, and what is known of it. While a call is
// outstanding, only the call uses it.
type endpoint struct {
	address
	number int           // in the order of the trust policy, by which it is named in the process log
	busy   chan struct{} // holds a token while a call is outstanding

	size   uint64 // of the tree it cosigned last, as far as known
	wait   time.Duration
	notYet time.Time
}

func newCircle(l *Log) *circle {
	c := &circle{log: l}
	for i, p := range l.cfg.Witnesses.places {
		c.endpoints = append(c.endpoints, &endpoint{address: p, number: i + 1, busy: make(chan struct{}, 1)})
	}
	return c
}

// cosigned is what one call brought: signatures, verified, or an error.
type cosigned struct {
	sigs []note.Signature
	err  error
}

// cosign asks every witness that is not busy and returns the checkpoint with
// what was collected, the log's signature first, when all have answered, or when
// the quorum is satisfied and the others have had their time. An answer that says
// that the stored log is not the one that was witnessed is [ErrRollback] or
// [ErrFork]; no quorum is [ErrQuorum].
func (c *circle) cosign(ctx context.Context, s *signed) ([]byte, error) {
	n, err := note.Open(s.checkpoint, note.VerifierList(c.log.verifier))
	if err != nil {
		return nil, fmt.Errorf("opening own checkpoint: %w", err)
	}
	results, asked := make(chan cosigned, len(c.endpoints)), 0
	for _, e := range c.endpoints {
		if c.ask(ctx, e, s, results) {
			asked++
		}
	}
	merged := s.checkpoint
	late := time.NewTimer(lateness)
	defer late.Stop()
	for waits := true; asked > 0 && (waits || !c.log.cfg.Witnesses.Quorum.Satisfied(merged)); {
		select {
		case r := <-results:
			asked--
			n.Sigs = append(n.Sigs, r.sigs...)
			if merged, err = note.Sign(n); err != nil {
				return nil, fmt.Errorf("merging cosignatures: %w", err)
			}
		case <-late.C:
			waits = false
		}
	}
	if err := c.doubt.Load(); err != nil {
		return nil, *err
	}
	if !c.log.cfg.Witnesses.Quorum.Satisfied(merged) {
		return nil, ErrQuorum
	}
	return merged, nil
}

// ask starts a call, unless one is outstanding or the witness has just failed.
func (c *circle) ask(ctx context.Context, e *endpoint, s *signed, results chan<- cosigned) bool {
	select {
	case e.busy <- struct{}{}:
	default:
		return false
	}
	if time.Now().Before(e.notYet) {
		<-e.busy
		return false
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, witnessTimeout)
		defer cancel()
		var r cosigned
		if r.sigs, r.err = c.call(ctx, e, s); r.err == nil {
			e.wait = 0
		} else {
			e.wait = min(max(2*e.wait, backoffFirst), backoffMost)
			c.failed(e, r.err)
		}
		e.notYet = time.Now().Add(e.wait)
		<-e.busy
		results <- r
	}()
	return true
}

// failed counts and logs what went wrong. Neither says at whose witness: hosts
// have the names of agencies.
func (c *circle) failed(e *endpoint, err error) {
	reason := reasonOf(err)
	c.log.metrics.witnessFailures.WithLabelValues(reason).Inc()
	if distrusts(err) {
		c.doubt.CompareAndSwap(nil, &err)
		return
	}
	c.log.cfg.Log.Warn("witness has not cosigned", "witness", e.number, "reason", reason)
}

// call sends a checkpoint to a witness. When the witness knows another size
// than was thought, it is told to prove from there.
func (c *circle) call(ctx context.Context, e *endpoint, s *signed) ([]note.Signature, error) {
	for range 3 {
		if e.size > s.head.Size { // by another replica, perhaps, in the meantime
			return nil, c.beyond(ctx, e.size)
		}
		body, err := c.request(ctx, e.size, s)
		if err != nil {
			return nil, err
		}
		status, answer, err := c.post(ctx, e.url, body)
		if err != nil {
			return nil, err
		}
		switch status {
		case http.StatusOK:
			e.size = s.head.Size
			return verifyCosignatures(s.checkpoint, answer, e.keys)
		case http.StatusUnprocessableEntity:
			return nil, fmt.Errorf("%w: a witness refuses the consistency proof from %d entries to %d", ErrFork, e.size, s.head.Size)
		case http.StatusConflict:
			size, err := strconv.ParseUint(strings.TrimSuffix(string(answer), "\n"), 10, 62)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%w: conflict without a size", errWitness)
			case size == e.size && size == s.head.Size:
				return nil, fmt.Errorf("%w: a witness has seen another root at size %d", ErrFork, size)
			case size == e.size:
				return nil, fmt.Errorf("%w: conflict about the size it has named", errWitness)
			}
			e.size = size
		default:
			return nil, fmt.Errorf("%w: status %d", errWitness, status)
		}
	}
	return nil, fmt.Errorf("%w: another size each time", errWitness)
}

// beyond says what it means that a witness knows a larger tree than the one it
// was to cosign: that another replica was faster, or that the store went back.
func (c *circle) beyond(ctx context.Context, size uint64) error {
	head, err := c.log.cfg.Store.Head(ctx)
	if err != nil {
		return err
	}
	if head.Size < size {
		return fmt.Errorf("%w: %d entries, a witness has seen %d", ErrRollback, head.Size, size)
	}
	return errOvertaken
}

// request writes the body of add-checkpoint (c2sp.org/tlog-witness).
func (c *circle) request(ctx context.Context, old uint64, s *signed) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	if old > 0 && old < s.head.Size {
		p, err := tlog.ProveTree(int64(s.head.Size), int64(old), storedNodes(ctx, c.log.cfg.Store))
		if err != nil {
			return nil, fmt.Errorf("proving consistency: %w", err)
		}
		for _, h := range p {
			b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
		}
	}
	b.WriteByte('\n')
	b.Write(s.checkpoint)
	return b.Bytes(), nil
}

func (c *circle) post(ctx context.Context, url string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	res, err := c.log.cfg.WitnessClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxCosigned+1))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	if len(answer) > maxCosigned {
		return 0, nil, fmt.Errorf("%w: answer of more than %d bytes", errWitness, maxCosigned)
	}
	return res.StatusCode, answer, nil
}

// What went wrong with one witness, without making the log doubtful.
var (
	errWitness     = errors.New("disclosure: witness gives an answer that means nothing")
	errUnreachable = errors.New("disclosure: witness does not answer")
	errUnsigned    = errors.New("disclosure: witness gives no valid cosignature")
	errOvertaken   = errors.New("disclosure: witness has seen a newer checkpoint already")
)

// verifyCosignatures returns the cosignatures in an answer that verify under the
// keys that are configured for the witness. All others are left out
// (c2sp.org/tlog-witness).
func verifyCosignatures(checkpoint, lines []byte, keys []note.Verifier) ([]note.Signature, error) {
	if len(lines) == 0 || lines[len(lines)-1] != '\n' {
		return nil, fmt.Errorf("%w: no signature lines", errUnsigned)
	}
	n, err := note.Open(append(bytes.Clone(checkpoint), lines...), note.VerifierList(keys...))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsigned, err)
	}
	now := time.Now()
	for _, sig := range n.Sigs {
		// A time that is not now makes what the auditors see worthless.
		if at, err := cosig.CoSigV1Timestamp(sig); err != nil || at.Before(now.Add(-skew-witnessTimeout)) || at.After(now.Add(skew)) {
			return nil, fmt.Errorf("%w: its time is not now", errUnsigned)
		}
	}
	return n.Sigs, nil
}

// reasonOf is the label under which a failure is counted.
func reasonOf(err error) string {
	for reason, kind := range map[string]error{
		"rollback": ErrRollback, "fork": ErrFork, "unreachable": errUnreachable, "unsigned": errUnsigned, "overtaken": errOvertaken,
		"store": store.ErrNotFound,
	} {
		if errors.Is(err, kind) {
			return reason
		}
	}
	return "answer"
}
