package policy

import "sync"

// memoSize is how many verdicts each of the two generations of a memo holds.
// A verdict takes about half a kilobyte.
const memoSize = 4096

// memo remembers verdicts by the input document that they were given on. That
// is sound by construction: the document is built from the key's own members,
// so what is not in the key does not exist for the provisions, and they read
// nothing else (no clock, no network, no randomness). It belongs to one
// compiled policy and ends with it.
//
// Two generations bound it: when the young one is full it becomes the old one,
// and what was not asked for since is forgotten.
type memo struct {
	mu         sync.Mutex
	young, old map[string]verdict
}

// get returns the verdict on a key, if it is remembered.
func (m *memo) get(key []byte) (verdict, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.young[string(key)]; ok {
		return v, true
	}
	v, ok := m.old[string(key)]
	if ok {
		m.add(string(key), v)
	}
	return v, ok
}

// put remembers a verdict, which nobody may change afterwards.
func (m *memo) put(key []byte, v verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(string(key), v)
}

// add adds to the young generation. The caller holds mu.
func (m *memo) add(key string, v verdict) {
	if m.young == nil || len(m.young) >= memoSize {
		m.old, m.young = m.young, make(map[string]verdict, memoSize/8)
	}
	m.young[key] = v
}
