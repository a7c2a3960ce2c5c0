//go:build !unix

package client

import (
	"errors"
	"os"
)

// lock refuses: without a lock two processes could forget what the other saw.
func lock(*os.File) error { return errors.ErrUnsupported }
