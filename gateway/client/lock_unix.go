//go:build unix

package client

import (
	"os"
	"syscall"
)

// lock waits until no other process works on the state.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}
