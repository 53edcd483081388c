package seal

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

func TestSealsWhatIsAppended(t *testing.T) {
	l := openLog(t)
	conn := natstest.Connect(t, natstest.Start(t))
	heard, err := conn.SubscribeSync(Subject(1))
	if err != nil {
		t.Fatal(err)
	}
	l.fill(sealEvents + 10)
	s := l.sealer(Config{Conn: conn})
	stop := run(t, s.Run)
	l.sealed()
	l.append(t.Context(), 3)
	l.sealed()
	stop()
	seals := l.chain()
	if len(seals) < 3 || seals[0].Size != sealEvents {
		t.Errorf("%d seals, the first of %d", len(seals), seals[0].Size)
	}
	for _, one := range seals {
		m, err := heard.NextMsg(patience)
		if err != nil || string(m.Data) != one.Note {
			t.Fatalf("published %q, %v; stored %q", m.Data, err, one.Note)
		}
	}
	if st := s.Status(); st.Leading || st.Err != nil || st.Size != l.head() {
		t.Errorf("status %+v", st)
	}
	// An outsider has the verifier's key and the note, and nothing of ours.
	key, err := testKey(t).VerifierKey(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(seals[0].Note), note.VerifierList(verifier))
	if err != nil || !strings.HasPrefix(n.Text, "here.example/lane/1\n4096\n") {
		t.Errorf("%v, %+v", err, n)
	}
}

// A busy lane is sealed as soon as there are enough events, long before the time is up.
func TestSealsBusyLaneAtOnce(t *testing.T) {
	l := openLog(t)
	s := l.sealer(Config{})
	woken := make(chan error, 1)
	go func() { woken <- s.await(t.Context(), 0, time.Now().Add(time.Hour)) }()
	for range sealEvents/64 + 1 { // the one more in case it began to wait after the first
		l.append(t.Context(), 64)
	}
	select {
	case err := <-woken:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it waits although a whole seal's worth of events is there")
	}
}

// Two sealers that both believe that they hold the lease seal one chain between them.
func TestRacingSealers(t *testing.T) {
	l := openLog(t)
	other := openAt(t, l.url)
	stops := []func(){run(t, l.sealer(Config{}).serve), run(t, other.sealer(Config{}).serve), run(t, l.sealer(Config{}).serve)}
	for range 300 {
		l.append(t.Context(), 20)
	}
	l.sealed()
	for _, stop := range stops {
		stop()
	}
	l.chain()
}

// What one sealer has computed and the other has stored meanwhile is not stored a second time, and both go on.
func TestSecondOfTwoSealersYields(t *testing.T) {
	l := openLog(t)
	ctx := t.Context()
	l.fill(10)
	a, b := l.sealer(Config{}), l.sealer(Config{})
	first, err := a.extend(ctx, Seal{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	l.fill(10) // so that the other one's would have another size
	if _, err := b.extend(ctx, Seal{}, 1); !errors.Is(err, errFenced) {
		t.Errorf("a second seal extends the same: %v", err)
	}
	if _, err := b.extend(ctx, first, 2); !errors.Is(err, errFenced) {
		t.Errorf("a seal of an epoch that the lane is not in: %v", err)
	}
	if _, err := b.extend(ctx, first, 1); err != nil {
		t.Error(err)
	}
	if seals := l.chain(); len(seals) != 2 {
		t.Errorf("%d seals", len(seals))
	}
}

// A sealer that is killed leaves a whole seal or none, and the next one goes on from there.
func TestKilledSealer(t *testing.T) {
	for _, failpoint := range []string{"seal.store", "seal.store:2", "seal.publish"} {
		t.Run(failpoint, func(t *testing.T) {
			l := openLog(t)
			l.fill(sealEvents + 100)
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childEnv+"="+l.url, "STREAMFLOW_FAILPOINT="+failpoint)
			child.Stderr = t.Output()
			var exit *exec.ExitError
			if err := child.Run(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
				t.Fatalf("the sealer was to be killed: %v", err)
			}
			want := map[string]int64{"seal.store": 0, "seal.store:2": sealEvents, "seal.publish": sealEvents}[failpoint]
			if got := l.newest().Size; got != want {
				t.Errorf("killed, it left a seal of %d, want %d", got, want)
			}
			run(t, l.sealer(Config{}).serve)
			l.sealed()
			l.chain()
		})
	}
}

// Writers and the sealer never wait for each other, however slow one of them is.
func TestSealingAndAppendingDoNotWait(t *testing.T) {
	l := openLog(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	l.append(ctx, 5)
	computed, err := l.sealer(Config{}).extend(ctx, Seal{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	l.append(ctx, 5)

	sealing, err := l.pool.Begin(ctx) // a sealer that stops before its commit
	if err != nil {
		t.Fatal(err)
	}
	next := computed
	next.Size, next.Previous, next.Leaves = 10, 5, make([]byte, 5*32)
	if err := insert(ctx, sealing, next); err != nil {
		t.Fatal(err)
	}
	if at := l.append(ctx, 1); at != 11 {
		t.Errorf("appended at %d", at)
	}
	if err := sealing.Rollback(ctx); err != nil {
		t.Fatal(err)
	}

	writing, err := l.pool.Begin(ctx) // a writer that stops before its commit
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writing.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := writing.Exec(ctx, `select head from log.lane where lane = 1 for update`); err != nil {
		t.Fatal(err)
	}
	if next, err = l.sealer(Config{}).extend(ctx, computed, 1); err != nil || next.Size != 11 {
		t.Errorf("sealed %d, %v", next.Size, err)
	}
}

// What was sealed and is no longer so stops the sealer for good, and it says so.
func TestNothingIsSealedOverABrokenSeal(t *testing.T) {
	for name, tamper := range map[string]string{
		"last event changed":       `update log.event set actor_id = 'x' where position = 10`,
		"tail lost":                `delete from log.event where position > 7; update log.lane set head = 7`,
		"tail lost, another grown": `update log.event set id = gen_random_uuid(), stream = stream || 'x' where position > 7`,
		"root changed":             `update log.seal set root = sha256('x')`,
		"note changed":             `update log.seal set note = replace(note, '/lane/1', '/lane/2')`,
		"size changed":             `update log.seal set size = 9, leaves = substr(leaves, 1, 9 * 32)`,
		"tree changed":             `update log.seal set hashes[1] = sha256('x')`,
		"leaf changed":             `update log.seal set leaves = overlay(leaves placing sha256('x') from 9 * 32 + 1)`,
		"next event missing":       `update log.event set position = position + 100 where position > 10; update log.lane set head = head + 100`,
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t)
			l.fill(10)
			s := l.sealer(Config{})
			if _, err := s.extend(t.Context(), Seal{}, 1); err != nil {
				t.Fatal(err)
			}
			l.fill(5)
			l.tamper(tamper)
			before := l.newest()
			stop := run(t, s.serve)
			waitFor(t, "the report", func() bool { return errors.Is(s.Status().Err, ErrBroken) })
			stop()
			if after := l.newest(); after.Size != before.Size || after.Note != before.Note {
				t.Errorf("it went on to %d", after.Size)
			}
		})
	}
}

// A database that is restored from an older copy loses its newest seals too; those of the next epoch have another origin.
func TestRestoredFromAnOlderCopy(t *testing.T) {
	l := openLog(t)
	l.fill(10)
	s := l.sealer(Config{})
	stop := run(t, s.serve)
	l.sealed()
	l.fill(10)
	l.sealed()
	l.tamper(`delete from log.event where position > 10; delete from log.seal where size > 10; update log.lane set head = 10, epoch = 2`)
	l.fill(7)
	l.sealed()
	stop()
	seals := l.chain()
	if newest := seals[len(seals)-1]; newest.Epoch != 2 || !strings.HasPrefix(newest.Note, "here.example/lane/1/epoch/2\n17\n") {
		t.Errorf("sealed %+v", newest)
	}
}

func TestNoSuchLane(t *testing.T) {
	l := openLog(t)
	if err := New(Config{Log: l.Log, Store: l.store, Lane: 2}).Run(t.Context()); err == nil {
		t.Error("a sealer of no lane runs")
	}
}

// The sealer seals while many append; afterwards, and not only then, everything is sealed.
func TestSealsUnderLoad(t *testing.T) {
	l := openLog(t)
	run(t, l.sealer(Config{}).Run)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 100 {
				l.append(t.Context(), 10)
			}
		})
	}
	writers.Wait()
	l.sealed()
	l.chain()
}

func BenchmarkSealing(b *testing.B) {
	const events = 200_000
	l := openLog(b)
	l.fill(events)
	for b.Loop() {
		b.StopTimer()
		l.tamper(`truncate log.seal`)
		b.StartTimer()
		s, last := l.sealer(Config{}), Seal{}
		for last.Size < events {
			var err error
			if last, err = s.extend(b.Context(), last, 1); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
