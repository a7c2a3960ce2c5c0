package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/tlog"
)

// The limits of a request: a consistency proof of 63 hashes
// (c2sp.org/tlog-witness), and a checkpoint with a few signatures.
const (
	maxProof   = 63
	maxRequest = 64 << 10
)

// maxSize is the largest tree: what package tlog can count.
const maxSize = 1 << 62

// request is the body of add-checkpoint. The checkpoint's signatures are not
// verified yet.
type request struct {
	old        uint64
	proof      tlog.TreeProof
	checkpoint []byte
	origin     string
	next       tree
}

// parseRequest reads a request, which has one spelling, or reports
// [ErrMalformed].
func parseRequest(body []byte) (r request, err error) {
	if len(body) > maxRequest {
		return r, fmt.Errorf("%w: %d bytes", ErrMalformed, len(body))
	}
	line, rest, ok := bytes.Cut(body, []byte("\n"))
	number, old := bytes.CutPrefix(line, []byte("old "))
	if !ok || !old {
		return r, fmt.Errorf("%w: no old size", ErrMalformed)
	}
	if r.old, err = parseSize(string(number)); err != nil {
		return r, err
	}
	for {
		if line, rest, ok = bytes.Cut(rest, []byte("\n")); !ok {
			return r, fmt.Errorf("%w: no empty line", ErrMalformed)
		}
		if len(line) == 0 {
			break
		}
		h, err := parseHash(string(line))
		if err != nil {
			return r, err
		}
		if r.proof = append(r.proof, h); len(r.proof) > maxProof {
			return r, fmt.Errorf("%w: more than %d hashes", ErrMalformed, maxProof)
		}
	}
	r.checkpoint = rest
	r.origin, r.next, err = parseCheckpoint(rest)
	return r, err
}

// parseCheckpoint reads what a checkpoint says, without its signatures.
// Extension lines may follow.
func parseCheckpoint(raw []byte) (origin string, t tree, err error) {
	var cp log.Checkpoint
	rest, err := cp.Unmarshal(raw)
	if err != nil {
		return "", t, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	// The library reads sizes with leading zeros and hashes of any length.
	said := raw[:len(raw)-len(rest)]
	if cp.Size > maxSize || len(cp.Hash) != sha256.Size || !bytes.Equal(cp.Marshal(), said) {
		return "", t, fmt.Errorf("%w: not in canonical form", ErrMalformed)
	}
	t = tree{size: cp.Size, root: tlog.Hash(cp.Hash)}
	if t.size == 0 && t.root != emptyRoot() {
		return "", t, fmt.Errorf("%w: an empty tree with another root", ErrMalformed)
	}
	return cp.Origin, t, nil
}

// emptyRoot is the root of the empty tree (RFC 9162, Section 2.1.1).
func emptyRoot() tlog.Hash { return sha256.Sum256(nil) }

func parseSize(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > maxSize || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%w: not a size", ErrMalformed)
	}
	return n, nil
}

func parseHash(s string) (h tlog.Hash, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || base64.StdEncoding.EncodeToString(b) != s {
		return h, fmt.Errorf("%w: not a hash", ErrMalformed)
	}
	return tlog.Hash(b), nil
}
