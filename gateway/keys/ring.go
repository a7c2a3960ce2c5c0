package keys

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sluss/gateway"
)

// Errors of a [Ring].
var (
	ErrKEK       = errors.New("keys: key-encryption key does not open the ring")
	ErrName      = errors.New("keys: malformed name of an at-rest key")
	ErrNoKey     = errors.New("keys: no such at-rest key")
	ErrDestroyed = errors.New("keys: at-rest key was destroyed")
	ErrDecrypt   = errors.New("keys: ciphertext does not open")
	ErrRing      = errors.New("keys: ring is damaged")
	ErrFile      = errors.New("keys: file of an at-rest key cannot be read or written")
)

// Ring holds the keys that the store is encrypted under: AES-256-GCM, one key
// for each agency, class and calendar month (UTC), named
// "municipality:0180/message/2026-11". A key is made when it is first needed
// and is on the disk before anything is encrypted under it, because a
// ciphertext whose key was lost is lost too.
//
// Each key is a file of its own, wrapped by the key-encryption key (KEK). Ring
// and KEK lie apart from the database and from each other, and neither goes
// into the database's backups: then destroying a key's file purges every copy
// of what was stored under it. Over storage that keeps what was overwritten,
// change the KEK as well ([Rewrap]) and destroy the old one.
//
// Errors of Encrypt and Decrypt name no key, since that names an agency.
//
// A Ring may be used by several goroutines at once, and several processes may
// share its directory. A process keeps keys it has used in memory, and looks
// once a second whether another has destroyed one that it uses.
type Ring struct {
	dir string
	kek cipher.AEAD
	mac macs

	mu   sync.RWMutex
	open map[string]*opened // unwrapped keys by name
}

// opened is a key in memory.
type opened struct {
	cipher.AEAD
	looked atomic.Int64 // when it was last seen not to be destroyed
}

// lookEvery is how long a key is used without looking whether it was destroyed
// by another process.
const lookEvery = time.Second

// OpenRing opens the ring in dir, or starts a new one if dir is empty. kek
// must be 32 bytes; one that is not the ring's is [ErrKEK]. A ring that has
// keys but has lost its MAC key is [ErrRing]: it must be restored, since a new
// MAC key would make every stored state look forged.
func OpenRing(dir string, kek []byte) (*Ring, error) {
	if len(kek) != keySize {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrKEK, len(kek))
	}
	wrap, err := newGCM(kek)
	if err != nil {
		return nil, err
	}
	r := &Ring{dir: dir, kek: wrap, open: map[string]*opened{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening ring: %w", err)
	}
	master, err := r.masterMAC()
	if err != nil {
		return nil, fmt.Errorf("opening ring: %w", err)
	}
	r.mac.master = master
	return r, nil
}

// Encrypt returns plaintext encrypted under the key of the agency (""
// is the gateway itself), the class
// ("message", "facts", …) and the month of at, and that key's name. aad is
// bound to the ciphertext but not part of it: give what identifies the row, so
// that a ciphertext moved to another row does not open. It is at most 28 bytes
// longer than the plaintext.
func (r *Ring) Encrypt(agency gateway.AgencyID, class string, at time.Time, plaintext, aad []byte) (ciphertext []byte, key string, err error) {
	name := keyName{cmp.Or(agency, ownName), class, at.UTC().Format(monthLayout)}
	key = name.String()
	if name, err = parseKeyName(key); err != nil {
		return nil, "", err
	}
	aead, err := r.key(name, true)
	if err != nil {
		return nil, "", err
	}
	return aead.Seal(nil, nil, plaintext, aad), key, nil
}

// Decrypt opens what [Ring.Encrypt] made under the named key with the same
// aad. [ErrDestroyed] and [ErrNoKey] say that the key is gone or was never
// here; anything else that does not open is [ErrDecrypt].
func (r *Ring) Decrypt(key string, ciphertext, aad []byte) ([]byte, error) {
	name, err := parseKeyName(key)
	if err != nil {
		return nil, err
	}
	aead, err := r.key(name, false)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nil, ciphertext, aad)
	if err != nil {
		return nil, ErrDecrypt
	}
	return plaintext, nil
}

// Destroy makes everything encrypted under the named key unreadable, and the
// key's month closed for good. It returns when that is on the disk. To destroy
// a key again is no error.
func (r *Ring) Destroy(key string) error {
	name, err := parseKeyName(key)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !exists(r.path(name)) && !exists(r.mark(name)) {
		return fmt.Errorf("%w: %s", ErrNoKey, key)
	}
	// The mark comes first: a crash in between leaves a key that nobody may
	// use, never a month that silently starts anew.
	if err := createSecret(r.mark(name), nil); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("destroying key %s: %w", key, err)
	}
	delete(r.open, key)
	if err := shred(r.path(name)); err != nil {
		return fmt.Errorf("destroying key %s: %w", key, err)
	}
	return nil
}

// Keys returns the names of the keys that exist and are not destroyed, sorted.
func (r *Ring) Keys() ([]string, error) {
	names, err := r.names(keySuffix)
	return slices.DeleteFunc(names, func(s string) bool {
		name, err := parseKeyName(s)
		return err == nil && exists(r.mark(name))
	}), err
}

// names lists the keys that have a file with a suffix.
func (r *Ring) names(suffix string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(r.dir, "*", "*", "*"+suffix))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range paths {
		rel, err := filepath.Rel(r.dir, strings.TrimSuffix(path, suffix))
		if err == nil {
			_, err = parseKeyName(rel)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s is not a key of a ring", ErrRing, path)
		}
		names = append(names, rel)
	}
	slices.Sort(names)
	return names, nil
}

// Destroyed returns the names of the keys that were destroyed, sorted.
func (r *Ring) Destroyed() ([]string, error) { return r.names(markSuffix) }

// key returns the named key from memory, from the disk or, if create, new.
func (r *Ring) key(name keyName, create bool) (cipher.AEAD, error) {
	id := name.String()
	r.mu.RLock()
	known, ok := r.open[id]
	r.mu.RUnlock()
	now := time.Now().UnixNano()
	if ok && now-known.looked.Load() < int64(lookEvery) {
		return known, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok = r.open[id]
	delete(r.open, id) // unless it is seen to be in use still
	switch _, err := os.Lstat(r.mark(name)); {
	case err == nil:
		return nil, ErrDestroyed
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nameless(err)
	}
	if !ok {
		aead, err := r.load(name, create)
		if err != nil {
			return nil, err
		}
		known = &opened{AEAD: aead}
	}
	known.looked.Store(now)
	r.open[id] = known
	return known, nil
}

// load reads a key that is not destroyed from the disk or, if create, makes it.
func (r *Ring) load(name keyName, create bool) (cipher.AEAD, error) {
	raw, err := r.unwrap(r.path(name), name.String())
	if create && errors.Is(err, fs.ErrNotExist) {
		raw, err = r.create(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, nameless(err)
	}
	return newGCM(raw)
}

// nameless is an error of a key's file without the path, which names the
// agency: errors of a Ring that works end in the process log.
func nameless(err error) error {
	if cause, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("%w: %w", ErrFile, cause)
	}
	for _, known := range []error{ErrKEK, ErrRing, ErrMode} {
		if errors.Is(err, known) {
			return known
		}
	}
	return ErrFile
}

// create makes the directories of a key and the key.
func (r *Ring) create(name keyName) ([]byte, error) {
	path := r.path(name)
	class := filepath.Dir(path)
	if err := os.MkdirAll(class, 0o700); err != nil {
		return nil, err
	}
	// A name is durable when the directory it stands in is synced.
	if err := errors.Join(syncDir(filepath.Dir(class)), syncDir(r.dir)); err != nil {
		return nil, err
	}
	return r.wrapNew(path, name.String())
}

// newGCM returns AES-256-GCM that draws a random nonce for each message and
// puts it before the ciphertext. Random nonces are good for 2^32 messages
// under one key (NIST SP 800-38D, Section 8.3), far above what one agency has
// of one class in a month.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
