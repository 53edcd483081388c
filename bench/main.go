// Command bench measures StreamFlow against the limits of the machine it runs on: raw Postgres, a plain loop, or a number that
// users would notice. It starts its own Postgres and NATS, prints a table, writes the figures as JSON and leaves nothing behind.
//
// README.md says what each name means. As `bench peer …` it takes part in a comparison with other event stores instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// job measures some names; asking for one of them runs it.
type job struct {
	names []string
	run   func(*suite, context.Context) error
}

// jobs stand in the order in which they run: what fills the log comes before what needs it fuller.
var jobs = []job{
	{family("append_1"), func(s *suite, ctx context.Context) error { return s.appendPlain(ctx, 1, 0.7) }},
	{family("append_64"), func(s *suite, ctx context.Context) error { return s.appendPlain(ctx, 64, 1.3) }},
	{family("append_512"), func(s *suite, ctx context.Context) error { return s.appendPlain(ctx, 512, 2.5) }},
	{[]string{"hot_32", "hot_32_p50", "hot_32_p99"}, (*suite).hot},
	{[]string{"append_guarded", "append_guarded_p99", "append_guarded_1"}, (*suite).guarded},
	{[]string{"append_bulk", "append_bulk_cpu_us", "append_bulk_wal_bytes"}, (*suite).bulk},
	{[]string{"follow_lost"}, (*suite).follow},
	{[]string{"relay", "relay_cpu_us"}, (*suite).relay},
	{[]string{"project_catchup", "project_catchup_cpu_us"}, (*suite).projectCatchup},
	{[]string{"project_live", "project_live_cpu_us", "project_live_wal_bytes", "project_live_from_postgres"}, (*suite).projectLive},
	{[]string{"rebuild", "rebuild_cpu_us", "rebuild_rss_part_mb", "rebuild_rss_mb"}, (*suite).rebuild},
	{[]string{"binary_mb", "binary_plain_mb"}, (*suite).binaries},
	{[]string{"serve_cold_ms", "serve_warm_ms", "idle_rss_mb", "visible_p50", "visible_p99", "command_p50", "command_p99", "visible_cpu_us"}, (*suite).serve},
}

func family(name string) []string {
	return []string{name, name + "_p50", name + "_p99", name + "_cpu_us", name + "_wal_bytes"}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "peer" {
		return peer(ctx, args[1:])
	}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	only := flags.String("only", "", "comma-separated `names` to measure; empty: all")
	out := flags.String("out", "out.json", "`file` for the figures")
	quick := flags.Bool("quick", false, "a short run that shows that everything works; its figures mean nothing")
	_ = flags.Parse(args) // it exits on an error
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	s, err := newSuite(ctx, *quick)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.describe(ctx); err != nil {
		return err
	}
	for _, j := range chosen {
		if err := s.measure(ctx, j); err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return fmt.Errorf("%s: %w", j.names[0], err)
		}
	}
	s.results.print(os.Stdout)
	if err := s.results.write(*out); err != nil {
		return err
	}
	if s.lost > 0 {
		return fmt.Errorf("a follower lost %d events: that is no matter of speed", s.lost)
	}
	return nil
}

// choose returns the jobs that measure the names, or all.
func choose(only string) ([]job, error) {
	if only == "" {
		return jobs, nil
	}
	var chosen []job
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(jobs, func(j job) bool { return slices.Contains(j.names, name) }) {
			return nil, fmt.Errorf("nothing is called %q", name)
		}
	}
	for _, j := range jobs {
		if slices.ContainsFunc(wanted, func(name string) bool { return slices.Contains(j.names, name) }) {
			chosen = append(chosen, j)
		}
	}
	return chosen, nil
}

// measure runs one job and says how long it took and how much of the machine others used meanwhile.
func (s *suite) measure(ctx context.Context, j job) error {
	began, busy := time.Now(), startBusy(os.Getpid())
	from := len(s.results)
	fmt.Fprintf(os.Stderr, "%-14s …", j.names[0])
	err := j.run(s, ctx)
	other := busy.others()
	for i := range s.results[from:] {
		s.results[from+i].Other = round(other)
	}
	fmt.Fprintf(os.Stderr, " %.0f s, other work used %.2f cores\n", time.Since(began).Seconds(), other)
	return err
}
