package policy

import "sync"

// memoSize is how many keys each of the two generations of a memo holds. Most
// memos have a few dozen: all that their members can be.
const memoSize = 1024

// memo remembers which of a few provisions hold, by what they read. Two
// generations bound it: when the young one is full it becomes the old one, and
// what was not asked for since is forgotten.
type memo struct {
	mu         sync.Mutex
	young, old map[string][]bool
}

// get returns what holds under a key, if it is remembered.
func (m *memo) get(key []byte) ([]bool, bool) {
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

// put remembers what holds, which nobody may change afterwards.
func (m *memo) put(key []byte, v []bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(string(key), v)
}

// add adds to the young generation. The caller holds mu.
func (m *memo) add(key string, v []bool) {
	if m.young == nil || len(m.young) >= memoSize {
		m.old, m.young = m.young, make(map[string][]bool, memoSize/8)
	}
	m.young[key] = v
}
