package workbench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
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

// workedBy returns the processor time that a process has used, as far as it is
// known (proc(5), /proc/pid/stat, fields 14 and 15, in ticks of 10 ms).
func workedBy(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(raw), ") ") // the name may hold anything else
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
