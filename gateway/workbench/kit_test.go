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

// busyFS is a tree that keeps whoever reads it busy.
type busyFS struct{}

// Open implements fs.FS.
func (busyFS) Open(name string) (fs.File, error) {
	for i := 0; ; i++ {
	}
}
