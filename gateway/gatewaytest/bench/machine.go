package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"sluss/gateway/gatewaytest/bench/load"
	"sluss/gateway/gatewaytest/bench/report"
	"sluss/gateway/store/pgtest"
)

// here describes the run that begins now; dir is on the disk that is measured.
func here(ctx context.Context, dir, opa string) (report.Run, error) {
	r := report.Run{Begun: time.Now(), Command: "go run ./gateway/gatewaytest/bench " + strings.Join(os.Args[1:], " ")}
	m := &r.Machine
	m.CPU, m.Cores = field("/proc/cpuinfo", "model name"), runtime.NumCPU()
	fmt.Sscan(field("/proc/meminfo", "MemTotal"), &m.Memory)
	m.Memory /= 1e6
	m.Kernel = first("/proc/sys/kernel/osrelease")
	fmt.Sscan(first("/proc/loadavg"), &m.Load)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return r, err
	}
	m.Disk = fileSystems[fs.Type]
	if m.Disk == "" {
		m.Disk = fmt.Sprintf("file system %#x", fs.Type)
	}
	var err error
	m.Sync, err = syncTime(dir)
	r.Versions = map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}
	if out, gitErr := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); gitErr == nil {
		r.Versions["commit"] = strings.TrimSpace(string(out))
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "modernc.org/sqlite" || d.Path == "github.com/jackc/pgx/v5" {
				r.Versions[d.Path] = d.Version
			}
		}
	}
	if bin, pgErr := pgtest.Find(); pgErr == nil {
		out, _ := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
		r.Versions["PostgreSQL"] = strings.TrimSpace(strings.TrimPrefix(string(out), "postgres (PostgreSQL)"))
	}
	if opa != "" {
		out, _ := exec.CommandContext(ctx, opa, "version").Output()
		line, _, _ := strings.Cut(string(out), "\n")
		r.Versions["OPA"] = strings.TrimSpace(strings.TrimPrefix(line, "Version:"))
	}
	return r, err
}

// stockOPA is the program opa, of the version that the gateway has as a library.
func stockOPA(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "-n", "opa").Output()
	if err != nil {
		return "", fmt.Errorf("building opa: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// fileSystems are the common ones by their number (statfs(2)).
var fileSystems = map[int64]string{0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlayfs", 0x2fc12fc1: "zfs"}

// syncTime appends 4 KiB and syncs them, again and again: the median, the least and
// the 99th percentile in milliseconds.
func syncTime(dir string) (load.Spread, error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return load.Spread{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	var times []float64
	for range 1000 {
		begun := time.Now()
		if _, err := f.Write(block); err != nil {
			return load.Spread{}, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return load.Spread{}, err
		}
		times = append(times, load.Millis(time.Since(begun)))
	}
	return load.Spread{Median: load.Quantile(times, 0.5), Min: load.Quantile(times, 0), Max: load.Quantile(times, 0.99)}, nil
}

// field reads a value of a file of "name: value" lines.
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func first(file string) string {
	raw, _ := os.ReadFile(file)
	return strings.TrimSpace(string(raw))
}
