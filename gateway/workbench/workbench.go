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
	at, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	if at.IsDir() {
		return Read(ctx, os.DirFS(path))
	}
	if at.Size() > snapshot.MaxBundle {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrPack, path, snapshot.MaxBundle)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	bundle, err := snapshot.ParseBundle(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	s, err := bundle.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	return compile(ctx, s, s.FS())
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
