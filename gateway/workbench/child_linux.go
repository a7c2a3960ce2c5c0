package workbench

import (
	"runtime"
	"syscall"
	"time"
)

// dieWithParent lets nothing outlive the process that asked for it.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// bind holds this process to its limits. Memory is bounded as private writable
// mappings (RLIMIT_DATA): the Go runtime reserves far more address space than
// it uses, so a limit on that (RLIMIT_AS) would bound nothing useful. The time
// is the parent's business; the limit on CPU time holds if the parent cannot.
func bind(l Limits) error {
	cpu := uint64(l.Time/time.Second+1) * uint64(runtime.GOMAXPROCS(0))
	for what, most := range map[int]uint64{
		syscall.RLIMIT_DATA: uint64(l.Memory),
		syscall.RLIMIT_CPU:  cpu,
		syscall.RLIMIT_CORE: 0,
	} {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(what, &now); err != nil {
			return err
		}
		most = min(most, now.Max)
		if err := syscall.Setrlimit(what, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
			return err
		}
	}
	return nil
}
