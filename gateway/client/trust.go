package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
	"sluss/gateway/snapshot"
)

// world is what the client goes by: verified documents, never changed.
type world struct {
	directory *directory.Directory
	catalogue *catalogue.Catalogue
	active    snapshot.Active
	approved  []gateway.Digest // every snapshot that was seen approved
}

// heldDirectory is what is remembered of the directory.
type heldDirectory struct {
	View string `json:"view"` // as the gateway gave it last
	// Carried are the statements of issuers that were in an earlier view and
	// are not in this one: when they come back they may not be older.
	Carried []heldStatement `json:"carried"`
}

// heldStatement is one statement as it stands in a directory file.
type heldStatement struct {
	Statement         string   `json:"statement"`
	Countersignatures []string `json:"countersignatures"`
}

// heldSnapshot is what is remembered of the policy snapshots.
type heldSnapshot struct {
	Accepted time.Time        `json:"accepted"`
	Bundle   string           `json:"bundle"` // as the gateway gave it last
	Active   snapshot.Active  `json:"active"`
	Approved []gateway.Digest `json:"approved"`
	// Sealed are the fields that were ever sealed, by type and version: a
	// field that went away may not come back clear.
	Sealed map[string][]gateway.Field `json:"sealed"`
}

// maxApproved is how many approved snapshots are remembered.
const maxApproved = 256

// Refresh fetches the directory and the policy snapshot and verifies them
// against the pinned keys and against what the client has seen before. What
// does not hold is [ErrDirectory], [ErrSnapshot] or [ErrUnsealing], and the client
// goes on with what it has. Call it at start and now and then; Poll and Read
// call it when they meet a key or a snapshot that they do not know.
func (c *Client) Refresh(ctx context.Context) error {
	return c.state.locked(trustLock, func() error {
		view, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/directory", want: http.StatusOK, body: sending(nil)})
		if err != nil {
			return fmt.Errorf("fetching the directory: %w", err)
		}
		bundle, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/snapshot", want: http.StatusOK, body: sending(nil)})
		if err != nil {
			return fmt.Errorf("fetching the policy snapshot: %w", err)
		}
		now := c.cfg.Now()
		d, err := c.takeDirectory(view, now)
		if err != nil {
			return err
		}
		w, err := c.takeSnapshot(bundle, now)
		if err != nil {
			return err
		}
		w.directory = d
		c.world.Store(w)
		return nil
	})
}

// recall makes the world of what the state directory has, if it has all. It
// needs no lock: each document is replaced whole.
func (c *Client) recall() error {
	var hd heldDirectory
	var hs heldSnapshot
	okd, errd := c.state.read(directoryFile, &hd)
	oks, errs := c.state.read(snapshotFile, &hs)
	if err := errors.Join(errd, errs); err != nil || !okd || !oks {
		return err
	}
	d, err := directory.ParseView([]byte(hd.View), c.cfg.Registrars, nil, c.cfg.Now())
	if err != nil {
		return fmt.Errorf("%w: the directory kept there does not verify under the pinned keys: %w", ErrState, err)
	}
	b, err := snapshot.ParseBundle([]byte(hs.Bundle))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	s, err := b.Snapshot()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	_, err = snapshot.Verify(b.Approvals, c.cfg.Officers, c.cfg.Gateway, hs.Accepted)
	if err != nil || hs.Active.Snapshot != s.Digest() {
		// An officer has been replaced, say. What is known to be old stays so;
		// what is to be gone by must be fetched anew.
		return nil
	}
	cat, err := catalogue.Load(s)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	c.world.Store(&world{d, cat, hs.Active, hs.Approved})
	return nil
}

// current returns the world, or why there is none to go by.
func (c *Client) current() (*world, error) {
	w := c.world.Load()
	if w == nil {
		return nil, ErrNotYet
	}
	if !c.cfg.Now().Before(w.active.Expires) {
		return nil, fmt.Errorf("%w: its approval has expired; call Refresh", ErrNotYet)
	}
	return w, nil
}

// ready returns the world, fetching it if need be.
func (c *Client) ready(ctx context.Context) (*world, error) {
	if w, err := c.current(); err == nil {
		return w, nil
	}
	if err := c.Refresh(ctx); err != nil {
		return nil, err
	}
	return c.current()
}

// takeDirectory verifies a view and remembers it.
func (c *Client) takeDirectory(raw []byte, now time.Time) (*directory.Directory, error) {
	var held heldDirectory
	known, err := c.state.read(directoryFile, &held)
	if err != nil {
		return nil, err
	}
	fresh, err := statements(raw)
	if err != nil {
		return nil, err
	}
	var previous *directory.Directory
	var before []heldStatement
	if known {
		if before, err = statements([]byte(held.View)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrState, err)
		}
		before = append(before, held.Carried...)
		if previous, err = directory.ParseView(encodeView(before), c.cfg.Registrars, nil, now); err != nil {
			return nil, fmt.Errorf("%w: the directory kept there does not verify under the pinned keys: %w", ErrState, err)
		}
	}
	d, err := directory.ParseView(raw, c.cfg.Registrars, previous, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDirectory, err)
	}
	carried, err := carry(before, fresh)
	if err != nil {
		return nil, err
	}
	if len(d.ReleaseKeys(c.cfg.Gateway, now)) == 0 {
		return nil, fmt.Errorf("%w: it has no release key of %s", ErrDirectory, c.cfg.Gateway)
	}
	return d, c.state.write(directoryFile, heldDirectory{string(raw), carried})
}

// carry returns the statements of the issuers that are not in the new view. An
// issuer that is in it must be there with everything it was known by: a
// statement is replaced, never taken back, and one left out may be the one
// that says that a key is compromised.
func carry(before, fresh []heldStatement) ([]heldStatement, error) {
	there := map[string]bool{}
	for _, s := range fresh {
		issuer, item, err := s.about()
		if err != nil {
			return nil, err
		}
		there[issuer], there[issuer+" "+item] = true, true
	}
	var carried []heldStatement
	for _, s := range before {
		issuer, item, err := s.about()
		switch {
		case err != nil:
			return nil, err
		case !there[issuer]:
			carried = append(carried, s)
		case !there[issuer+" "+item]:
			return nil, fmt.Errorf("%w: a statement of %s known before is left out", ErrDirectory, issuer)
		}
	}
	return carried, nil
}

// about returns who says something, and of what.
func (s heldStatement) about() (issuer, item string, err error) {
	st, _, err := envelope.PeekStatement(s.Statement)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("%w: %w", ErrDirectory, err)
	case st.Key != nil:
		return st.Issuer, "key " + st.Key.Key.Thumbprint(), nil
	case st.System != nil:
		return st.Issuer, "system " + st.System.URI, nil
	}
	return st.Issuer, "alias " + string(st.Alias), nil
}

// statements reads the JSON around the statements of a view.
func statements(raw []byte) ([]heldStatement, error) {
	var doc struct {
		Statements []heldStatement `json:"statements"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("%w: not a directory in JSON", ErrDirectory)
	}
	return doc.Statements, nil
}

func encodeView(list []heldStatement) []byte {
	raw, err := json.Marshal(map[string][]heldStatement{"statements": list})
	if err != nil {
		return nil // strings always marshal; nothing is no directory
	}
	return raw
}

// takeSnapshot verifies a snapshot and remembers it. The world it returns has
// no directory yet.
func (c *Client) takeSnapshot(raw []byte, now time.Time) (*world, error) {
	var held heldSnapshot
	if _, err := c.state.read(snapshotFile, &held); err != nil {
		return nil, err
	}
	b, err := snapshot.ParseBundle(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	s, err := b.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	active, err := c.observe(b.Approvals, s, held, now)
	if err != nil {
		return nil, err
	}
	cat, err := c.follow(s)
	if err != nil {
		return nil, err
	}
	if held.Sealed, err = stillSealed(cat, held.Sealed); err != nil {
		return nil, err
	}
	held.Accepted, held.Bundle, held.Active = now, string(raw), active
	if !slices.Contains(held.Approved, active.Snapshot) {
		held.Approved = append(held.Approved, active.Snapshot)
		held.Approved = held.Approved[max(0, len(held.Approved)-maxApproved):]
	}
	if err := c.state.write(snapshotFile, held); err != nil {
		return nil, err
	}
	return &world{catalogue: cat, active: active, approved: held.Approved}, nil
}

// follow returns the catalogue of a snapshot: the one there is, if it is the
// same, and otherwise one that may come after it.
func (c *Client) follow(s snapshot.Snapshot) (*catalogue.Catalogue, error) {
	// What is kept must be complete even if it need not be read now.
	if err := s.Complete("data", "message_types"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	old := c.world.Load()
	if old != nil && old.catalogue.Snapshot() == s.Digest() {
		return old.catalogue, nil
	}
	cat, err := catalogue.Load(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if old != nil {
		if err := cat.Follows(old.catalogue); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsealing, err)
		}
	}
	return cat, nil
}

// observe verifies that the officers want this very snapshot, and that they
// have not wanted another one since.
func (c *Client) observe(approvals []string, s snapshot.Snapshot, held heldSnapshot, now time.Time) (snapshot.Active, error) {
	a, err := snapshot.Verify(approvals, c.cfg.Officers, c.cfg.Gateway, now)
	if err != nil {
		return snapshot.Active{}, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	active, err := a.Observe(held.Active)
	switch {
	case err != nil:
		return active, fmt.Errorf("%w: %w", ErrSnapshot, err)
	case active.Snapshot != s.Digest():
		return active, fmt.Errorf("%w: it is not the one that the approval names", ErrSnapshot)
	case active.WithholdAll && active.Snapshot != held.Active.Snapshot:
		// One officer alone can stop all release, and nothing else: not put a
		// snapshot into force.
		return active, fmt.Errorf("%w: no two officers are known to have approved it", ErrSnapshot)
	}
	return active, nil
}

// stillSealed reports a field that was sealed once and is not any more, and
// returns the fields sealed until now.
func stillSealed(cat *catalogue.Catalogue, before map[string][]gateway.Field) (map[string][]gateway.Field, error) {
	sealed := maps.Clone(before)
	if sealed == nil {
		sealed = map[string][]gateway.Field{}
	}
	for _, t := range cat.Types() {
		key := fmt.Sprintf("%s/%d", t.Name, t.Version)
		fields := slices.Clone(sealed[key])
		for i := range t.Fields {
			f := &t.Fields[i]
			was := slices.Contains(fields, f.Name)
			switch {
			case was && !f.Sealed:
				return nil, fmt.Errorf("%w: %s, %s", ErrUnsealing, key, f.Name)
			case f.Sealed && !was:
				fields = append(fields, f.Name)
			}
		}
		sealed[key] = fields
	}
	return sealed, nil
}
