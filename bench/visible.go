package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	commandsPerSecond = 500
	probeEvery        = 10 // every tenth command is followed by a read: 50 a second
	visibleSeconds    = 20
	visibleWarmup     = 3
	// maxInFlight bounds the commands that wait for their answers: above it the program does not keep up, which is an error.
	maxInFlight = 1000
	// The goals, in ms, on two cores.
	visibleP50 = 10
	visibleP99 = 50
)

// The account that `serve --demo` makes and prints.
const demoSignIn = `{"email":"owner@northwind.example","password":"demo-northwind"}`

// observed is what one command gave.
type observed struct {
	command time.Duration // from when it was due to its answer
	visible time.Duration // from its answer to that of the first read that shows it; 0 where nobody looked
}

// visible creates 500 leads a second over HTTP, each when it is due, whether or not the one before was answered.
//
// What is measured begins when the answer of a command has come, and ends when the answer of a read of the dashboard's figures
// has, that carries the command's StreamFlow-Cursor: the program holds it until the figures include that command. The read's
// own work, a dozen figures, and its way over HTTP are in it. Load and program share this machine's cores.
func (s *suite) visible(ctx context.Context, p *program) error {
	if _, err := p.do(ctx, "POST", "/api/auth/login", demoSignIn, "", ""); err != nil {
		return err
	}
	before, err := p.leads(ctx, "")
	if err != nil {
		return err
	}
	seconds, warmup := visibleSeconds, visibleWarmup
	if s.quick {
		seconds, warmup = 1, 1
	}
	warm, err := p.openLoop(ctx, warmup*commandsPerSecond)
	if err != nil {
		return err
	}
	cpu := processTicks(p.command.Process.Pid)
	seen, err := p.openLoop(ctx, seconds*commandsPerSecond)
	if err != nil {
		return err
	}
	cpu = (processTicks(p.command.Process.Pid) - cpu) / ticksPerSecond
	last, err := p.createLead(ctx) // after all others, so its cursor is beyond theirs
	if err != nil {
		return err
	}
	after, err := p.leads(ctx, last)
	if err != nil {
		return err
	}
	if made := len(warm) + len(seen) + 1; after-before != made {
		return fmt.Errorf("%d leads were accepted, the figure rose by %d", made, after-before)
	}
	var commands, visible []time.Duration
	for _, o := range seen {
		commands = append(commands, o.command)
		if o.visible > 0 {
			visible = append(visible, o.visible)
		}
	}
	note := fmt.Sprintf("%d reads among %d commands at %d/s", len(visible), len(seen), commandsPerSecond)
	s.results.atMost("visible_p50", percentile(visible, 0.5), "ms", visibleP50, note)
	s.results.atMost("visible_p99", percentile(visible, 0.99), "ms", visibleP99, note)
	s.results.add(result{Name: "command_p50", Value: percentile(commands, 0.5), Unit: "ms", Note: "POST /api/v2/leads, from when it was due to its answer"})
	s.results.add(result{Name: "command_p99", Value: percentile(commands, 0.99), Unit: "ms"})
	s.results.add(result{Name: "visible_cpu_us", Value: cpu * 1e6 / float64(len(seen)), Unit: "µs/command", Note: "serve, its Postgres and NATS; the reads included"})
	return nil
}

// openLoop sends commands when they are due, and returns what each gave.
func (p *program) openLoop(ctx context.Context, n int) ([]observed, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	all := make([]observed, n)
	slots := make(chan struct{}, maxInFlight)
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / commandsPerSecond)
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(due)):
		}
		select {
		case slots <- struct{}{}:
		default:
			cancel(fmt.Errorf("%d commands wait for their answers: it does not keep up with %d a second", maxInFlight, commandsPerSecond))
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			at, err := p.createLead(ctx)
			if err != nil {
				cancel(err)
				return
			}
			answered := time.Now()
			all[i].command = answered.Sub(due)
			if i%probeEvery == 0 {
				if _, err := p.leads(ctx, at); err != nil {
					cancel(err)
					return
				}
				all[i].visible = time.Since(answered)
			}
		})
	}
	wg.Wait()
	return all, context.Cause(ctx)
}

func (p *program) createLead(ctx context.Context) (cursor string, err error) {
	id := uuid.NewString()
	answer, err := p.do(ctx, "POST", "/api/v2/leads", fmt.Sprintf(`{"name":"Bench %[1]s","email":"%[1]s@bench.example","company":"Bench","source":"website","value":{"amount":125000,"currency":"EUR"}}`, id),
		"Idempotency-Key", id)
	return answer.header.Get("StreamFlow-Cursor"), err
}

// leads is how many new leads the dashboard shows, not before the cursor.
func (p *program) leads(ctx context.Context, cursor string) (int, error) {
	var header string
	if cursor != "" {
		header = "StreamFlow-Cursor"
	}
	answer, err := p.do(ctx, "GET", "/api/portals/client/stats", "", header, cursor)
	if err != nil {
		return 0, err
	}
	var body struct {
		Stats struct {
			Leads struct {
				Value *int `json:"value"`
			} `json:"leadsNew90d"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(answer.body, &body); err != nil {
		return 0, err
	}
	if body.Stats.Leads.Value == nil {
		return 0, fmt.Errorf("the dashboard does not know how many leads there are: %s", answer.body)
	}
	return *body.Stats.Leads.Value, nil
}

type answered struct {
	header http.Header
	body   []byte
}

func (p *program) do(ctx context.Context, method, path, body, header, value string) (answered, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewBufferString(body))
	if err != nil {
		return answered{}, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if header != "" {
		request.Header.Set(header, value)
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return answered{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return answered{answer.Header, text}, err
}
