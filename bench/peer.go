package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
)

// line is what every store prints in a side-by-side comparison.
type line struct {
	Job   string  `json:"job"`
	Peer  string  `json:"peer"`
	Case  string  `json:"case"`
	Conc  int     `json:"conc"`
	Rate  float64 `json:"rate"` // events/s; of job "lost" the events that were never delivered
	N     int     `json:"n"`
	Secs  float64 `json:"secs"`
	P50   float64 `json:"p50_us,omitempty"`
	P99   float64 `json:"p99_us,omitempty"`
	Note  string  `json:"note,omitempty"`
	Round string  `json:"round,omitempty"`
}

func (l line) print() error {
	l.Peer, l.Round = "streamflow", os.Getenv("ROUND")
	l.Rate, l.Secs, l.P50, l.P99 = round(l.Rate), round(l.Secs), round(l.P50), round(l.P99)
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(text))
	return err
}

const (
	peerUsage   = "usage: bench peer single|ten|hot CALLERS, or bench peer read|project|latency, or bench peer lost [WRITERS]"
	peerWarmup  = 700 * time.Millisecond
	maxCallers  = 4096
	filledName  = "streamflow_peer_filled"
	scratchName = "streamflow_peer"
)

// peer runs one job of a side-by-side comparison against the Postgres that PGHOST, PGPORT and PGUSER name, for DUR seconds.
func peer(ctx context.Context, args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return errors.New(peerUsage)
	}
	callers := followWriters
	if len(args) == 2 {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 || n > maxCallers {
			return errors.New(peerUsage)
		}
		callers = n
	}
	p := peering{duration: time.Duration(fromEnv("DUR", 5)) * time.Second, events: fromEnv("EVENTS", 200_000)}
	switch args[0] {
	case "single", "ten", "hot":
		return p.append(ctx, args[0], callers)
	case "read":
		return p.read(ctx)
	case "project":
		return p.project(ctx)
	case "latency":
		return p.latency(ctx)
	case "lost":
		return p.lost(ctx, callers)
	}
	return errors.New(peerUsage)
}

type peering struct {
	duration time.Duration
	events   int // in the log that is read and projected
}

func fromEnv(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return fallback
}

// open makes a database afresh, or opens the one that is kept for reading.
func (p peering) open(ctx context.Context, name string, afresh bool) (*house, error) {
	address := func(database string) string {
		u := url.URL{Scheme: "postgres", User: url.User(cmp.Or(os.Getenv("PGUSER"), "postgres")), Path: "/" + database,
			Host:     cmp.Or(os.Getenv("PGHOST"), "127.0.0.1") + ":" + cmp.Or(os.Getenv("PGPORT"), "5432"),
			RawQuery: "sslmode=disable"}
		return u.String()
	}
	conn, err := pgx.Connect(ctx, address("postgres"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, name).Scan(&exists); err != nil {
		return nil, err
	}
	if exists && afresh {
		if _, err := conn.Exec(ctx, `drop database `+name+` with (force)`); err != nil {
			return nil, err
		}
		exists = false
	}
	if !exists {
		if _, err := conn.Exec(ctx, `create database `+name); err != nil {
			return nil, err
		}
	}
	registry, err := eventstore.NewRegistry(qualified{})
	if err != nil {
		return nil, err
	}
	return openHouse(ctx, address(name), address(name), registry)
}

func (p peering) append(ctx context.Context, kind string, callers int) error {
	h, err := p.open(ctx, scratchName, true)
	if h != nil {
		defer h.close()
	}
	if err != nil {
		return err
	}
	events := newSupply()
	events.fresh = true
	var calls []call
	switch kind {
	case "single":
		calls = appends(h.log, events, callers, 1)
	case "ten":
		calls = appends(h.log, events, callers, 10)
	case "hot":
		calls = updates(h.log, events, callers)
	}
	if _, err := closedLoop(ctx, calls, peerWarmup); err != nil {
		return err
	}
	began := time.Now()
	s, err := closedLoop(ctx, calls, p.duration)
	if err != nil {
		return err
	}
	s.seconds = time.Since(began).Seconds()
	return line{Job: "append", Case: kind, Conc: callers, Rate: s.rate(), N: s.events, Secs: s.seconds,
		P50: 1000 * percentile(s.latencies, 0.5), P99: 1000 * percentile(s.latencies, 0.99), Note: "command ids and outcomes kept; one flusher connection"}.print()
}

// filled is a log of at least so many events, made by the first job that reads it.
func (p peering) filled(ctx context.Context) (h *house, head int64, err error) {
	if h, err = p.open(ctx, filledName, false); err != nil {
		return h, 0, err
	}
	if head, err = h.head(ctx); err != nil || head >= int64(p.events) {
		return h, head, err
	}
	w := newSupply().writer(0)
	for head < int64(p.events) {
		out, err := h.log.Append(ctx, w.append(bulkEvents))
		if err != nil {
			return h, head, err
		}
		head = out.Last()
	}
	return h, head, h.vacuum(ctx)
}

func (p peering) read(ctx context.Context) error {
	h, head, err := p.filled(ctx)
	if h != nil {
		defer h.close()
	}
	if err != nil {
		return err
	}
	for _, decode := range []bool{false, true} {
		kind := map[bool]string{false: "scan", true: "scan-decode"}[decode]
		n, began := 0, time.Now()
		for page, err := range h.log.Scan(ctx, 1, 0, head) {
			if err != nil {
				return err
			}
			for _, e := range page {
				if !decode {
					break
				}
				if _, err := h.log.Registry().Decode(e); err != nil {
					return err
				}
			}
			n += len(page)
		}
		seconds := time.Since(began).Seconds()
		if err := (line{Job: "read", Case: kind, Conc: 1, Rate: float64(n) / seconds, N: n, Secs: seconds}).print(); err != nil {
			return err
		}
	}
	return nil
}

func (p peering) lost(ctx context.Context, writers int) error {
	h, err := p.open(ctx, scratchName, true)
	if h != nil {
		defer h.close()
	}
	if err != nil {
		return err
	}
	began := time.Now()
	lost, n, err := followWhileWriting(ctx, h, newSupply(), writers, p.duration)
	if err != nil {
		return err
	}
	return line{Job: "lost", Case: "follow-while-writing", Conc: writers, Rate: float64(lost), N: n, Secs: time.Since(began).Seconds(),
		Note: fmt.Sprintf("stored %d, never delivered %d", n, lost)}.print()
}
