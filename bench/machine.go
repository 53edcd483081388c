package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of CPU time under /proc: fixed at 100 for programs, whatever the kernel's own clock does.
const ticksPerSecond = 100

// processTicks is the CPU time of a process, its descendants and those of them that ended, in ticks. Postgres' backends are
// the postmaster's children; it counts those it has reaped. Without /proc it is 0.
func processTicks(pid int) (ticks float64) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0 // it ended; its parent has its time
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name before may hold anything
	fields := strings.Fields(rest)
	for _, f := range fields[min(11, len(fields)):min(15, len(fields))] { // user and system time, its own and its dead children's
		n, _ := strconv.ParseFloat(f, 64)
		ticks += n
	}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for child := range strings.FieldsSeq(string(children)) {
			if id, err := strconv.Atoi(child); err == nil {
				ticks += processTicks(id)
			}
		}
	}
	return ticks
}

// busyTicks is how much all cores have worked, in ticks.
func busyTicks() (ticks float64) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, f := range strings.Fields(line) {
		if i == 1 || i == 2 || i == 3 || i == 6 || i == 7 || i == 8 { // user, nice, system, interrupts, stolen
			n, _ := strconv.ParseFloat(f, 64)
			ticks += n
		}
	}
	return ticks
}

// busy tells how many cores work that is not ours used since it began.
type busy struct {
	began     time.Time
	all, ours float64
	pids      []int
}

func startBusy(pids ...int) busy {
	b := busy{began: time.Now(), all: busyTicks(), pids: pids}
	b.ours = b.own()
	return b
}

func (b busy) own() (ticks float64) {
	for _, pid := range b.pids {
		ticks += processTicks(pid)
	}
	return ticks
}

func (b busy) others() float64 {
	return max(0, (busyTicks()-b.all-b.own()+b.ours)/ticksPerSecond/time.Since(b.began).Seconds())
}

// residentMB is a process's memory in RAM, in MiB; 0 without /proc.
func residentMB(pid int) float64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// describe prints what the figures depend on.
func (s *suite) describe(ctx context.Context) error {
	var version, settings string
	err := s.admin.QueryRow(ctx, `select current_setting('server_version'), (select string_agg(name || '=' || current_setting(name), ', ' order by name)
		from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method', 'shared_buffers', 'max_wal_size', 'checkpoint_timeout'))`).Scan(&version, &settings)
	if err != nil {
		return err
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	fmt.Printf("machine   %d cores%s, %s/%s kernel %s, %s\n", runtime.NumCPU(), cpuModel(), runtime.GOOS, runtime.GOARCH, strings.TrimSpace(string(kernel)), runtime.Version())
	fmt.Printf("postgres  %s, over its Unix socket, the settings of the embedded default: %s\n", version, settings)
	fsync, err := fsyncMS(s.dir)
	if err != nil {
		return err
	}
	fmt.Printf("disk      8 KiB written and synced in %.2f ms (median)\n", fsync)
	if s.quick {
		fmt.Println("a quick run: the figures mean nothing")
	}
	fmt.Println()
	return nil
}

func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.SplitSeq(string(info), "\n") {
		if name, model, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return " (" + strings.TrimSpace(model) + ")"
		}
	}
	return ""
}

// fsyncMS is what a durable write costs here: no commit can be quicker.
func fsyncMS(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var took []float64
	for range 200 {
		began := time.Now()
		if _, err := f.WriteAt(make([]byte, 8192), 0); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, ms(time.Since(began)))
	}
	return median(took), nil
}
