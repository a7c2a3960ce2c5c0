package workbench_test

import (
	"io/fs"
	"time"
)

// slowFS is a tree that takes its time.
type slowFS struct{}

// Open implements fs.FS.
func (slowFS) Open(name string) (fs.File, error) {
	time.Sleep(time.Hour)
	return nil, fs.ErrNotExist
}
