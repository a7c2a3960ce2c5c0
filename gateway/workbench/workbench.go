// Package workbench is where legal officers work on the law before it is in
// force: they check a draft, try it on worked cases, see who would see what,
// compare it with what is in force, and prove what must never happen. The
// commands of gatewayctl policy show its results; pages in a browser can show
// the same ones.
//
// A [Pack] is one state of the law, read from a directory like policies/ or
// from a signed bundle, and compiled by the very packages that the gateway
// decides with (catalogue, facts, policy): what the workbench finds out is what
// would happen. A pack is read-only; whatever is asked of it changes nothing.
//
// A draft is untrusted input. It may be careless or hostile (deep nesting,
// values that double, megabytes of rules), so the commands open drafts in a
// child process with a limit on memory and time, never in a gateway.
//
// The package puts nothing into force: that takes two officers' signatures over
// a digest (package snapshot), and a gateway that checks them.
package workbench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sluss/gateway/catalogue"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/gateway/snapshot"
)

// ErrPack says that what was opened is not a pack that a gateway could run.
var ErrPack = errors.New("workbench: not a policy pack")

// Pack is one state of the law, compiled. Only [Open] and [Read] fill it.
type Pack struct {
	Snapshot  snapshot.Snapshot
	Catalogue *catalogue.Catalogue
	Policy    *policy.Policy
	Tables    *facts.Tables

	tree fs.FS // of a directory: everything in it, tests and cases too
}

// Open reads the pack at path: a directory like policies/, or a bundle file. In
// a [Child] the parent holds it to its time.
func Open(ctx context.Context, path string) (*Pack, error) {
	defer opening(ctx)()
	tree, bundled, err := source(path)
	if err != nil {
		return nil, err
	}
	if bundled.IsZero() {
		return Read(ctx, tree)
	}
	return compile(ctx, bundled, tree)
}

// source returns the tree at path, and the snapshot in it if path is a bundle.
func source(path string) (fs.FS, snapshot.Snapshot, error) {
	at, err := os.Stat(path)
	if err != nil {
		return nil, snapshot.Snapshot{}, fmt.Errorf("%w: %w", ErrPack, err)
	}
	if at.IsDir() {
		tree, err := openTree(path)
		return tree, snapshot.Snapshot{}, err
	}
	s, err := readBundle(path, at)
	if err != nil {
		return nil, snapshot.Snapshot{}, fmt.Errorf("%w: %w", ErrPack, err)
	}
	return s.FS(), s, nil
}

func readBundle(path string, at fs.FileInfo) (snapshot.Snapshot, error) {
	if !at.Mode().IsRegular() {
		return snapshot.Snapshot{}, fmt.Errorf("%s is %s, neither a directory nor a bundle", path, kind(at.Mode()))
	}
	if at.Size() > snapshot.MaxBundle {
		return snapshot.Snapshot{}, fmt.Errorf("%s is larger than %d bytes", path, snapshot.MaxBundle)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	bundle, err := snapshot.ParseBundle(raw)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return bundle.Snapshot()
}

// Read compiles the pack in a tree like policies/.
func Read(ctx context.Context, tree fs.FS) (*Pack, error) {
	defer opening(ctx)()
	s, err := snapshot.Read(tree, policy.Engine())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	return compile(ctx, s, tree)
}

func compile(ctx context.Context, s snapshot.Snapshot, tree fs.FS) (*Pack, error) {
	c, err := catalogue.Load(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	p, err := policy.Read(ctx, s.FS(), s.Digest())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	t, err := facts.ReadTables(s.FS(), p.Needs())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	return &Pack{Snapshot: s, Catalogue: c, Policy: p, Tables: t, tree: tree}, nil
}
