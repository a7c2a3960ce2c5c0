package load

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Processes reads what the processes with these ids have used: the processor time
// in milliseconds, also of their children that have ended, and the memory that is
// resident now in MB. Unlike rates, processor time says nearly the same on a busy
// machine.
func Processes(pids ...int) (cpu, memory float64, err error) {
	for _, pid := range pids {
		c, m, err := process(pid)
		if err != nil {
			return 0, 0, err
		}
		cpu, memory = cpu+c, memory+m
	}
	return cpu, memory, nil
}

// process reads stat and smaps_rollup of one process (proc(5)). Memory is the
// proportional share, so that what processes of a database share counts once.
func process(pid int) (cpu, memory float64, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// Behind the name, in parentheses, the times of user and system code, of the
	// process and of children waited for, are the fields 12 to 15, in hundredths
	// of a second.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	for _, f := range fields[11:15] {
		ticks, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading times of process %d: %w", pid, err)
		}
		cpu += 10 * ticks
	}
	raw, err = os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(raw), "\nPss:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		return 0, 0, fmt.Errorf("reading memory of process %d: %w", pid, err)
	}
	return cpu, kb / 1000, nil
}

// At lists the processes whose working directory is dir: those of a PostgreSQL
// server all work in its data directory.
func At(dir string) ([]int, error) {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, l := range links {
		if at, err := os.Readlink(l); err != nil || at != dir {
			continue // another's, or gone
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(l)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// Servers reads what the processes of database servers have used, by their data
// directories. A process that ends meanwhile is left out; its postmaster counts it.
func Servers(dirs ...string) (cpu, memory float64, err error) {
	for _, dir := range dirs {
		pids, err := At(dir)
		if err != nil {
			return 0, 0, err
		}
		for _, pid := range pids {
			if c, m, err := process(pid); err == nil {
				cpu, memory = cpu+c, memory+m
			}
		}
	}
	return cpu, memory, nil
}

// OpenFiles counts the file descriptors of a process.
func OpenFiles(pid int) (int, error) {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(list), err
}
