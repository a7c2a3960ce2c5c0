package disclosure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"sluss/gateway/store"
)

// Source is where a log is read from to be verified. What it gives is not
// trusted.
type Source interface {
	Checkpoint(ctx context.Context) ([]byte, error)
	// Tile and Bundle return the first width hashes of a tile, the first width
	// leaves of a bundle, in the form of c2sp.org/tlog-tiles.
	Tile(ctx context.Context, level, index uint64, width int) ([]byte, error)
	Bundle(ctx context.Context, index uint64, width int) ([]byte, error)
}

// FromStore reads a log from a store, up to the checkpoint given: the anchor
// file's or one that was published.
func FromStore(s store.Store, checkpoint []byte) Source { return storeSource{s, checkpoint} }

type storeSource struct {
	store      store.Store
	checkpoint []byte
}

func (s storeSource) Checkpoint(context.Context) ([]byte, error) { return s.checkpoint, nil }

func (s storeSource) Tile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	tiles, err := s.store.Tiles(ctx, []store.Tile{{Level: level, Index: index}})
	if err != nil {
		return nil, err
	}
	return tiles[0].Hashes[:min(width*tlog.HashSize, len(tiles[0].Hashes))], nil
}

func (s storeSource) Bundle(ctx context.Context, index uint64, width int) ([]byte, error) {
	return storedBundle(ctx, s.store, index, width)
}

// FromURL reads a log from a tile server: base is what "/checkpoint" and
// "/tile/…" are appended to.
func FromURL(base string, client *http.Client) Source {
	return urlSource{strings.TrimSuffix(base, "/"), client}
}

type urlSource struct {
	base   string
	client *http.Client
}

func (s urlSource) Checkpoint(ctx context.Context) ([]byte, error) {
	return s.get(ctx, "checkpoint", maxProof)
}

func (s urlSource) Tile(ctx context.Context, level, index uint64, width int) ([]byte, error) {
	return s.get(ctx, tilePath(strconv.FormatUint(level, 10), index, width), width*tlog.HashSize)
}

func (s urlSource) Bundle(ctx context.Context, index uint64, width int) ([]byte, error) {
	return s.get(ctx, tilePath("entries", index, width), width*(2+64))
}

func (s urlSource) get(ctx context.Context, path string, limit int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for %s: status %d", path, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	if len(body) > limit {
		return nil, fmt.Errorf("asking for %s: more than %d bytes", path, limit)
	}
	return body, nil
}

// tilePath names a tile or bundle (c2sp.org/tlog-tiles, "Merkle Tree"):
// the index in groups of three digits, all but the last with an x, and the
// width when it is not full.
func tilePath(level string, index uint64, width int) string {
	p := fmt.Sprintf("%03d", index%1000)
	for index /= 1000; index > 0; index /= 1000 {
		p = fmt.Sprintf("x%03d/", index%1000) + p
	}
	p = "tile/" + level + "/" + p
	if width < tileWidth {
		p += ".p/" + strconv.Itoa(width)
	}
	return p
}

var errPath = errors.New("disclosure: no such resource")

// parseTilePath reads what tilePath writes, and nothing else.
func parseTilePath(path string) (level string, index uint64, width int, err error) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return "", 0, 0, errPath
	}
	level, rest, _ = strings.Cut(rest, "/")
	number, w, partial := strings.Cut(rest, ".p/")
	width = tileWidth
	if partial {
		if width, err = strconv.Atoi(w); err != nil || width < 1 || width >= tileWidth {
			return "", 0, 0, errPath
		}
	}
	for group := range strings.SplitSeq(number, "/") {
		n, err := strconv.ParseUint(strings.TrimPrefix(group, "x"), 10, 16)
		if err != nil || n > 999 || index >= 1<<48/1000 {
			return "", 0, 0, errPath
		}
		index = index*1000 + n
	}
	if tilePath(level, index, width) != path {
		return "", 0, 0, errPath
	}
	return level, index, width, nil
}

// Resource is an answer of the log's public interface.
type Resource struct {
	Body      []byte
	Type      string // media type
	Immutable bool   // may be cached for ever
}

// Resource returns what stands under a path of the log's public interface
// (c2sp.org/tlog-tiles): "checkpoint", "tile/<L>/<N>", "tile/entries/<N>". A
// path that names nothing published is [ErrNotYet] or [store.ErrNotFound].
func (l *Log) Resource(ctx context.Context, path string) (Resource, error) {
	if path == "checkpoint" {
		cp := l.Checkpoint()
		if cp == nil {
			return Resource{}, ErrNotYet
		}
		return Resource{Body: cp, Type: "text/plain; charset=utf-8"}, nil
	}
	level, index, width, err := parseTilePath(path)
	if err != nil {
		return Resource{}, store.ErrNotFound
	}
	var body []byte
	if level == "entries" {
		body, err = l.Bundle(ctx, index, width)
	} else {
		n, perr := strconv.ParseUint(level, 10, 6)
		if perr != nil || strconv.FormatUint(n, 10) != level {
			return Resource{}, store.ErrNotFound
		}
		body, err = l.Tile(ctx, n, index, width)
	}
	if err != nil {
		return Resource{}, err
	}
	return Resource{Body: body, Type: "application/octet-stream", Immutable: true}, nil
}
