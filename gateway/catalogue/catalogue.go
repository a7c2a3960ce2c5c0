// Package catalogue is step 3 of an exchange: it knows the message types and
// holds every message to its type before it is taken in.
//
// [Load] reads the types and tables of a policy snapshot: JSON Schemas (draft
// 2020-12) whose annotations say of each field its data class, who may hold it
// under which secrecy rules, and whether and in which size it is sealed; the
// roles, purposes and classes there are; who may send which type to whom
// (routes); and the most that each role may ever get of a class (ceilings). It
// is strict: an unknown annotation, a keyword outside the small part of JSON
// Schema in use, a clear value that could be free text, a field without class
// is an error, and a gateway with such a catalogue does not start.
//
// [Catalogue.Conform] decides, without looking at anything about the person,
// whether a verified message is one that its sender may send: type and
// version, route, names, sealing, sizes, required members, key bundles, clear
// values, in this order. Only Conform can fill a [Conforming]; whoever holds
// one need not check again. What it refuses is a [gateway.Refusal] whose words
// name fields of the catalogue, never anything that the sender wrote.
//
// [Catalogue.MayOpen] tells a sender which field keys a role may get at all
// (domain, section 16.3, steps 1–3 and 7), so that even a gateway in league with a
// recipient cannot pass that recipient's ceiling.
//
// What may be released in a given case is not decided here (package policy).
package catalogue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sluss/gateway"
	"sluss/gateway/snapshot"
)

// Errors of loading and validating; test with errors.Is. None of their texts
// holds a value from a message.
var (
	ErrTable    = errors.New("catalogue: table does not hold")
	ErrType     = errors.New("catalogue: message type does not hold")
	ErrValue    = errors.New("catalogue: value does not fit its schema")
	ErrUnsealed = errors.New("catalogue: field of a type in use would be less protected")
)

// Directories of a snapshot that a catalogue needs in full.
const (
	tableDir = "data"
	typeDir  = "message_types"
)

// typeKey names one version of a message type.
type typeKey struct {
	name    gateway.MessageType
	version int
}

// Catalogue is the message types and tables of one snapshot. Only [Load]
// makes one. It never changes and may be used at once.
type Catalogue struct {
	snapshot gateway.Digest
	tables   Tables
	types    map[typeKey]*Type
	newest   map[gateway.MessageType]*Type
	routes   map[gateway.MessageType][]*Leg
	legs     map[legKey][]*Leg
}

// Load reads the catalogue of a snapshot, of which the tables and message
// types must be complete.
func Load(s snapshot.Snapshot) (*Catalogue, error) {
	if err := s.Complete(tableDir, typeDir); err != nil {
		return nil, fmt.Errorf("loading the catalogue: %w", err)
	}
	c, raw, err := load(s.FS(), s.Digest())
	if err != nil {
		return nil, err
	}
	return c, c.checkDocument(raw[documentTable])
}

// DocumentOf returns the document of a tree of policy files, whose table
// data/catalogue.json may be out of date or missing: what a legal officer's
// tools write there after a change of a message type.
func DocumentOf(fsys fs.FS) (Document, error) {
	c, _, err := load(fsys, gateway.Digest{})
	if err != nil {
		return Document{}, err
	}
	return c.Document(), nil
}

// load reads the catalogue of a tree of files and returns its tables as well.
func load(fsys fs.FS, digest gateway.Digest) (*Catalogue, map[string]json.RawMessage, error) {
	raw, err := readTables(fsys)
	if err != nil {
		return nil, nil, err
	}
	c := &Catalogue{
		snapshot: digest,
		types:    make(map[typeKey]*Type),
		newest:   make(map[gateway.MessageType]*Type),
		legs:     make(map[legKey][]*Leg),
	}
	if c.tables, err = parseTables(raw); err != nil {
		return nil, nil, err
	}
	if err := c.loadTypes(fsys); err != nil {
		return nil, nil, err
	}
	if err := c.loadRoutes(raw["routes"]); err != nil {
		return nil, nil, err
	}
	return c, raw, c.checkTypes()
}

func (c *Catalogue) loadTypes(fsys fs.FS) error {
	names, err := fs.Glob(fsys, typeDir+"/*.schema.json")
	if err != nil {
		return fmt.Errorf("listing message types: %w", err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		t, err := parseType(b, &c.tables)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrType, name, err)
		}
		if stem := strings.TrimSuffix(path.Base(name), ".schema.json"); stem != t.fileStem() {
			return fmt.Errorf("%w: %s holds type %s", ErrType, name, t.fileStem())
		}
		c.types[typeKey{t.Name, t.Version}] = t
		if old := c.newest[t.Name]; old == nil || old.Version < t.Version {
			c.newest[t.Name] = t
		}
	}
	return nil
}

// Snapshot returns the digest of the snapshot that c was loaded from.
func (c *Catalogue) Snapshot() gateway.Digest { return c.snapshot }

// Tables returns the tables; the caller must not change them.
func (c *Catalogue) Tables() *Tables { return &c.tables }

// Type returns one version of a message type.
func (c *Catalogue) Type(name gateway.MessageType, version int) (*Type, bool) {
	t, ok := c.types[typeKey{name, version}]
	return t, ok
}

// Newest returns the newest version of a message type.
func (c *Catalogue) Newest(name gateway.MessageType) (*Type, bool) {
	t, ok := c.newest[name]
	return t, ok
}

// Types returns every version of every type, by name and version.
func (c *Catalogue) Types() []*Type { return sortedTypes(c.types) }

// Follows reports whether c may replace previous: within a version of a type
// no sealed field becomes clear, no forbidden one allowed, no locating one
// ordinary. Otherwise it is [ErrUnsealed]: senders seal by the catalogue, and a
// message that waits must not change its meaning.
func (c *Catalogue) Follows(previous *Catalogue) error {
	for key, old := range previous.types {
		t, ok := c.types[key]
		if !ok {
			continue
		}
		for i := range old.Fields {
			was := &old.Fields[i]
			is, ok := t.Field(was.Name)
			if ok && (was.Sealed && !is.Sealed || was.Forbidden && !is.Forbidden || was.Locating && !is.Locating) {
				return fmt.Errorf("%w: %s version %d, %s", ErrUnsealed, t.Name, t.Version, was.Name)
			}
		}
	}
	return nil
}
