//go:build !linux

package workbench

import (
	"syscall"
	"time"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

// bind leaves memory to the runtime's own limit, which collects sooner but
// does not refuse: only Linux can hold a process to private memory. The
// parent's limits on time hold everywhere.
func bind(Limits) error { return nil }

// workedBy takes a process to have worked ever since.
func workedBy(int) time.Duration { return time.Duration(time.Now().UnixNano()) }
