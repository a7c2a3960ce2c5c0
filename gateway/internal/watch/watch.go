// Package watch notices that a file on disk was replaced or rewritten: a
// certificate that was renewed, a directory that was published anew.
//
// It looks at the files once a second instead of asking the kernel to be told.
// That works alike on every file system and in every container, sees a change
// made by rename, by writing in place and by a switched symbolic link, and
// costs a few microseconds.
package watch

import (
	"context"
	"os"
	"slices"
	"syscall"
	"time"
)

// stamp is what tells one state of a file from another. A file that is not
// there has the zero stamp.
type stamp struct {
	inode    uint64
	size     int64
	modified time.Time
}

func stamps(paths []string) []stamp {
	s := make([]stamp, len(paths))
	for i, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		s[i] = stamp{size: info.Size(), modified: info.ModTime()}
		if sys, ok := info.Sys().(*syscall.Stat_t); ok {
			s[i].inode = sys.Ino
		}
	}
	return s
}

// Files is a set of files that are read together. It is not safe for use by
// several goroutines at once.
type Files struct {
	paths []string
	seen  []stamp
	ok    bool // the last load after seen was taken succeeded
}

// New returns the set of the named files. Its first [Files.Load] always loads.
func New(paths ...string) *Files { return &Files{paths: paths} }

// Load calls load if a file has changed since the last call that succeeded,
// and reports whether it did call it. A load that fails is tried again at the
// next call, because a file may be seen half written; known is then true when
// nothing has changed since the same failure.
func (f *Files) Load(load func() error) (called, known bool, err error) {
	// Stamped before reading: what is written meanwhile is seen next time.
	now := stamps(f.paths)
	same := slices.Equal(now, f.seen)
	if f.ok && same {
		return false, false, nil
	}
	known = same && f.seen != nil
	f.seen = now
	err = load()
	f.ok = err == nil
	return true, known, err
}

// Interval is how often [Files.Run] looks.
const Interval = time.Second

// Run calls load after each change until ctx is done, and returns the cause. A
// failure is reported once for each state of the files; report may be nil.
func (f *Files) Run(ctx context.Context, load func() error, report func(error)) error {
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if _, known, err := f.Load(load); err != nil && !known && report != nil {
			report(err)
		}
	}
}
