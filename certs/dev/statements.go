package dev

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

// stated is a statement that the directory has already.
type stated struct {
	envelope.Statement
	entry directory.Entry
}

// recall reads the directory that was made before.
func (w *world) recall() error {
	raw, err := os.ReadFile(w.path("directory.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// Verified, so that a directory of other registrars is not added to.
	if _, _, err := directory.Parse(raw, w.pins.Registrars, nil, w.now); err != nil {
		return fmt.Errorf("reading directory.json: %w", err)
	}
	entries, err := directory.Decode(raw)
	if err != nil {
		return err
	}
	for _, e := range entries {
		st, _, err := envelope.PeekStatement(e.Statement)
		if err != nil {
			return err
		}
		w.stated[about(st)] = stated{st, e}
	}
	return nil
}

// about names what a statement is about.
func about(st envelope.Statement) string {
	switch {
	case st.Key != nil:
		return "key " + st.Key.Key.Thumbprint()
	case st.System != nil:
		return "system " + st.System.URI
	}
	return "alias " + string(st.Alias)
}

// state adds a statement of iss to the directory: the one that is there, if it
// says the same and is not due, or a new one with a higher number.
func (w *world) state(iss string, control *envelope.Signer, st envelope.Statement) error {
	st.Issuer, st.Seq, st.Status = iss, 1, envelope.Active
	st.IssuedAt, st.NotBefore, st.Since, st.Expires = w.now, w.now.Add(-backdate), w.now.Add(-backdate), w.now.Add(w.cfg.Life)
	if old, ok := w.stated[about(st)]; ok {
		delete(w.stated, about(st))
		if old.Issuer == iss && old.Status == envelope.Active && !w.due(old.Expires) && sameRoles(old.Statement, st) {
			w.entries = append(w.entries, old.entry)
			return nil
		}
		// What holds already goes on holding: messages on their way were signed
		// under it.
		st.Seq, st.NotBefore, st.Since = old.Seq+1, old.NotBefore, old.Since
	}
	e, err := directory.State(st, control, w.registrars...)
	if err != nil {
		return err
	}
	w.entries = append(w.entries, e)
	return nil
}

func sameRoles(a, b envelope.Statement) bool {
	roles := func(st envelope.Statement) []gateway.Role {
		switch {
		case st.Key != nil:
			return st.Key.Roles
		case st.System != nil:
			return st.System.Roles
		}
		return nil
	}
	return slices.Equal(roles(a), roles(b))
}

// stateKey makes a key and states it.
func (w *world) stateKey(iss string, control *envelope.Signer, name string, use envelope.Use, roles ...gateway.Role) error {
	s, err := w.signer(name)
	if err != nil {
		return err
	}
	return w.state(iss, control, envelope.Statement{Key: &envelope.KeyItem{Use: use, Key: s.Public(), Roles: roles}})
}

// publish writes the directory. What was stated of things that are no longer
// made stays: nothing leaves a directory.
func (w *world) publish() error {
	for _, name := range slices.Sorted(maps.Keys(w.stated)) {
		w.entries = append(w.entries, w.stated[name].entry)
	}
	raw := directory.Encode(w.entries)
	if _, _, err := directory.Parse(raw, w.pins.Registrars, nil, w.now); err != nil {
		return fmt.Errorf("checking directory.json: %w", err)
	}
	return w.write("directory.json", raw)
}
