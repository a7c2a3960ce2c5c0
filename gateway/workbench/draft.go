package workbench

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"sluss/gateway/snapshot"
)

// The limits of a directory that is opened as a pack. What is within them is
// read in well under a second.
const (
	maxPart  = 16 << 20 // bytes of what belongs to the snapshot
	maxCases = 64 << 20 // bytes of one file of worked cases
)

// openTree returns a directory as a tree that is safe to read: plain files,
// neither too many nor too large, in the places where a pack has files. A link
// could lead out of the directory or round in it, a pipe never ends.
func openTree(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	tree := root.FS()
	if err := noLinks(tree, "."); err != nil {
		return nil, err
	}
	size := int64(0)
	for _, part := range []string{"data", "message_types", "never", "provisions", "reference"} {
		n, err := plain(tree, part, snapshot.MaxFile)
		if err != nil {
			return nil, err
		}
		if size += n; size > maxPart {
			return nil, fmt.Errorf("%w: its files have more than %d bytes together", ErrPack, maxPart)
		}
	}
	if err := noLinks(tree, "cases"); err != nil {
		return nil, err
	}
	sets, err := entries(tree, "cases")
	if err != nil {
		return nil, err
	}
	for _, e := range sets {
		if !e.IsDir() {
			continue
		}
		if _, err := plain(tree, path.Join("cases", e.Name()), maxCases); err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// noLinks holds a directory to plain files and directories.
func noLinks(tree fs.FS, dir string) error {
	list, err := entries(tree, dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if !e.IsDir() && !e.Type().IsRegular() {
			return notPlain(path.Join(dir, e.Name()), e.Type())
		}
	}
	return nil
}

// plain holds a directory to plain files of at most so many bytes and returns
// how many they have together. There need be no such directory.
func plain(tree fs.FS, dir string, most int64) (int64, error) {
	list, err := entries(tree, dir)
	if err != nil {
		return 0, err
	}
	size := int64(0)
	for _, e := range list {
		name := path.Join(dir, e.Name())
		if !e.Type().IsRegular() {
			return 0, notPlain(name, e.Type())
		}
		at, err := e.Info()
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrPack, err)
		}
		if at.Size() > most {
			return 0, fmt.Errorf("%w: %s has %d bytes, more than the %d that are allowed", ErrPack, name, at.Size(), most)
		}
		size += at.Size()
	}
	return size, nil
}

// entries lists a directory that does not hold too much.
func entries(tree fs.FS, dir string) ([]fs.DirEntry, error) {
	at, err := fs.Lstat(tree, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	if !at.IsDir() {
		return nil, fmt.Errorf("%w: %s is %s, not a directory", ErrPack, dir, kind(at.Mode()))
	}
	f, err := tree.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, fmt.Errorf("%w: %s cannot be listed", ErrPack, dir)
	}
	list, err := d.ReadDir(snapshot.MaxFiles + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	if len(list) > snapshot.MaxFiles {
		return nil, fmt.Errorf("%w: %s holds more than %d files", ErrPack, dir, snapshot.MaxFiles)
	}
	return list, nil
}

func notPlain(name string, mode fs.FileMode) error {
	return fmt.Errorf("%w: %s is %s; a pack holds plain files only", ErrPack, name, kind(mode))
}

// kind says in words what is not a plain file.
func kind(mode fs.FileMode) string {
	return cmp.Or(map[fs.FileMode]string{
		fs.ModeDir: "a directory", fs.ModeSymlink: "a symbolic link", fs.ModeNamedPipe: "a pipe", 0: "a file",
	}[mode.Type()], "no file")
}
