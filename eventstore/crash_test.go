package eventstore_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/migrations"
)

// childEnv tells this test binary that it is a process to be killed: it holds the database's address.
const childEnv = "STREAMFLOW_TEST_CHILD"

// line is what the killed process said last: first each op that it begins, then its answer.
type line struct {
	Number int64
	Op     *op
	Out    eventstore.Outcome
	Err    *answerError
}

// answerError carries an error from one process to another.
type answerError struct {
	Text     string
	Conflict eventstore.Stream
	Claimed  *eventstore.ClaimedError
	Reused   bool
	Erased   bool
}

func pack(err error) *answerError {
	if err == nil {
		return nil
	}
	a := &answerError{Text: err.Error(), Reused: errors.Is(err, eventstore.ErrCommandReused), Erased: errors.Is(err, eventstore.ErrErased)}
	if conflict, ok := errors.AsType[*eventstore.ConflictError](err); ok {
		a.Conflict = conflict.Stream
	}
	errors.As(err, &a.Claimed)
	return a
}

func (a *answerError) unpack() error {
	switch {
	case a == nil:
		return nil
	case a.Conflict != "":
		return &eventstore.ConflictError{Stream: a.Conflict}
	case a.Claimed != nil:
		return a.Claimed
	case a.Reused:
		return eventstore.ErrCommandReused
	case a.Erased:
		return eventstore.ErrErased
	}
	return errors.New(a.Text)
}

// runChild does ops until it is killed.
func runChild() {
	err := func() error {
		ctx := context.Background()
		pool, err := migrations.Role(ctx, os.Getenv(childEnv), "engine", nil)
		if err != nil {
			return err
		}
		registry, err := newTestRegistry()
		if err != nil {
			return err
		}
		key, err := hex.DecodeString(os.Getenv(childEnv + "_KEY"))
		if err != nil {
			return err
		}
		l, err := eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.MasterKey(key), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		seed, err := strconv.ParseUint(os.Getenv(childEnv+"_SEED"), 10, 64)
		if err != nil {
			return err
		}
		var w world
		if err := json.NewDecoder(os.Stdin).Decode(&w.told); err != nil { //nolint:musttag // both ends are this test
			return err
		}
		w.remember()
		return live(ctx, l, &w, seed)
	}()
	fmt.Fprintln(os.Stderr, "the child was not killed:", err)
	os.Exit(1)
}

func live(ctx context.Context, l *eventstore.Log, w *world, seed uint64) error {
	var mu sync.Mutex
	var number int64
	out := json.NewEncoder(os.Stdout)
	say := func(x line) int64 {
		mu.Lock()
		defer mu.Unlock()
		if x.Op != nil {
			number++
			x.Number = number
		}
		if err := out.Encode(x); err != nil { //nolint:musttag // both ends are this test
			panic(err)
		}
		return x.Number
	}
	var all sync.WaitGroup
	for caller := range 32 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(caller)))
			for range 2000 {
				o := w.next(rng)
				n := say(line{Op: &o})
				got, err := l.Append(ctx, o.append())
				say(line{Number: n, Out: got, Err: pack(err)})
				if err == nil && got.Verdict == eventstore.Accepted {
					w.learn(o)
				}
			}
		})
	}
	all.Wait()
	return nil
}

// TestKilledProcess kills the writing process at its most awkward moments. What it was told stands, and what it was not told has
// one outcome when somebody repeats it.
func TestKilledProcess(t *testing.T) {
	s := newStore(t, 2)
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(rng, 4, 20)
	var h history
	for round := range *faultsFlag {
		point := []string{"append.send", "append.committed"}[round%2]
		before := len(h.results)
		s.killChild(&h, w, seed+uint64(round), fmt.Sprintf("%s:%d", point, 1+rng.IntN(60)))
		lostNow := 0
		for _, r := range h.results[before:] {
			if r.unknown {
				lostNow++
			}
		}
		if lostNow == 0 {
			t.Errorf("%s: no answer was lost", point)
		}
		h.settle(t.Context(), s.log, w)
		t.Logf("%s: %d calls, %d without an answer", point, len(h.results)-before, lostNow)
	}
	s.check(&h)
}

// killChild lets a process do ops until it dies at the failpoint, and reads what it had said.
func (s *store) killChild(h *history, w *world, seed uint64, failpoint string) {
	s.t.Helper()
	child := exec.CommandContext(s.t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+s.url, childEnv+"_KEY="+hex.EncodeToString(s.key[:]),
		childEnv+"_SEED="+strconv.FormatUint(seed, 10), "STREAMFLOW_FAILPOINT="+failpoint)
	child.Stderr = s.t.Output()
	in, err := child.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(json.NewEncoder(in).Encode(w.tell()), in.Close()); err != nil { //nolint:musttag // both ends are this test
		s.t.Fatal(err)
	}
	begun := map[int64]result{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var x line
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil { //nolint:musttag // both ends are this test
			break // it died in the middle of the line
		}
		if x.Op != nil {
			begun[x.Number] = result{op: *x.Op, start: h.clock.Add(1)}
			continue
		}
		r := begun[x.Number]
		delete(begun, x.Number)
		r.end, r.out, r.err = h.clock.Add(1), x.Out, x.Err.unpack()
		r.unknown = lost(r.err)
		h.add(r)
		if r.err == nil && r.out.Verdict == eventstore.Accepted {
			w.learn(r.op)
		}
	}
	for _, r := range begun {
		r.end, r.err, r.unknown = h.clock.Add(1), eventstore.ErrUnavailable, true
		h.add(r)
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		s.t.Fatalf("the process was to be killed at %s: %v", failpoint, err)
	}
}
