package workbench

import (
	"bytes"
	"io/fs"
	"time"
)

// overlay is a tree in which one file has another content.
type overlay struct {
	fs.FS
	name string
	text []byte
}

// Open implements [fs.FS].
func (o overlay) Open(name string) (fs.File, error) {
	if name != o.name {
		return o.FS.Open(name)
	}
	return &changedFile{Reader: bytes.NewReader(o.text), overlay: o}, nil
}

// Glob implements [fs.GlobFS]: the changed file was there before.
func (o overlay) Glob(pattern string) ([]string, error) { return fs.Glob(o.FS, pattern) }

// changedFile is the file with another content.
type changedFile struct {
	*bytes.Reader
	overlay
}

func (f *changedFile) Read(b []byte) (int, error) { return f.Reader.Read(b) }
func (f *changedFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *changedFile) Close() error               { return nil }
func (f *changedFile) Name() string               { return f.name }
func (f *changedFile) Size() int64                { return int64(len(f.text)) }
func (f *changedFile) Mode() fs.FileMode          { return 0o444 }
func (f *changedFile) ModTime() time.Time         { return time.Time{} }
func (f *changedFile) IsDir() bool                { return false }
func (f *changedFile) Sys() any                   { return nil }
