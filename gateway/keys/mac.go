package keys

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
)

// macs derives a key for each domain from one master key.
type macs struct {
	master []byte
	keys   sync.Map // domain → []byte
}

// MAC returns HMAC-SHA-256 (RFC 2104) over parts, under a key of its own for
// each domain (HKDF, RFC 5869), so that a MAC made for one use is worth nothing
// in another. The lengths of the parts are covered: no two lists of parts give
// the same MAC. domain is a constant of the program, "person state". Compare
// MACs with hmac.Equal.
func (r *Ring) MAC(domain string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, r.mac.key(domain))
	var n [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

func (m *macs) key(domain string) []byte {
	if key, ok := m.keys.Load(domain); ok {
		return key.([]byte)
	}
	key, err := hkdf.Key(sha256.New, m.master, nil, "sluss mac v1\x00"+domain, keySize)
	if err != nil {
		// Only a length above 255 hashes is an error, and ours is constant.
		panic(fmt.Sprintf("keys: deriving a MAC key: %v", err))
	}
	m.keys.Store(domain, key)
	return key
}
