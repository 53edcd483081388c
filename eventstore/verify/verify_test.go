package verify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/relay"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

// shift makes room at a position, as somebody would who slips an event in.
const shift = `update log.event set position = position + 1000 where position >= 33; update log.event set position = position - 999 where position >= 1033;
	update log.lane set head = head + 1 where head > 0; `

// copied inserts a copy of event 10 as the first of a stream of its own.
const copied = `insert into log.event select (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid(), 'stream', 'note-c', 'version', 1, 'position', %,
	'recorded_at', (select recorded_at from log.event where position = 32)))).* from log.event e where position = 10; `

func swap(a, b string) string {
	return `update log.event set position = 1000 where position = ` + a + `; update log.event set position = ` + a + ` where position = ` + b + `;
		update log.event set position = ` + b + ` where position = 1000; `
}

const unguarded = `alter table log.event drop constraint event_id, drop constraint event_stream_version; `

// TestFindsTampering does to the log what only its owner can, in every way we could think of, and wants it named by kind and position.
func TestFindsTampering(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		want string
	}{
		"nothing":                          {``, ``},
		"data edited":                      {`update log.event set data = '{"text":"other"}' where position in (33, 34)`, `changed@33`},
		"data of the same meaning":         {`update log.event set data = (data::text || ' ')::json where position = 1`, `changed@1`},
		"actor edited":                     {`update log.event set actor_id = 'x' where position = 20`, `changed@20`},
		"effective time given":             {`update log.event set effective_at = now() where position = 21`, `changed@21`},
		"recorded earlier":                 {`update log.event set recorded_at = recorded_at - interval '1 hour' where position = 33`, `changed@33 time@33`},
		"recorded earlier, not yet sealed": {`update log.event set recorded_at = recorded_at - interval '1 hour' where position = 62`, `time@62`},
		"deleted":                          {`delete from log.event where position = 33`, `changed@33 gap@33 version@35`},
		"first deleted":                    {`delete from log.event where position = 1`, `changed@1 gap@1 version@3`},
		"two deleted":                      {`delete from log.event where position in (20, 21)`, `changed@20 gap@20 version@22`},
		"deleted and closed up": {`delete from log.event where position = 33; update log.event set position = position - 1 where position > 33;
			update log.lane set head = head - 1 where head > 0`, `changed@33 version@34`},
		"last deleted":              {`delete from log.event where position = 64`, `gap@64`},
		"tail cut":                  {`delete from log.event where position > 50`, `changed@51 gap@51`},
		"tail cut, head set back":   {`delete from log.event where position > 50; update log.lane set head = 50 where head > 0`, `changed@51`},
		"all gone":                  {`delete from log.event; update log.lane set head = 0`, `changed@1`},
		"two streams' swapped":      {swap("33", "34"), `changed@33`},
		"one stream's swapped":      {swap("33", "35"), `changed@33 time@34 version@33`},
		"inserted":                  {shift + strings.ReplaceAll(copied, "%", "33"), `changed@33`},
		"inserted above the head":   {strings.ReplaceAll(copied, "%", "66"), `head@66`},
		"version edited":            {`update log.event set version = 40 where position = 63`, `version@63`},
		"a version twice":           {unguarded + `update log.event set version = version - 1 where position = 64`, `version@64`},
		"an id twice":               {unguarded + `update log.event set id = (select id from log.event where position = 61) where position in (62, 63)`, `id@61`},
		"moved to another stream":   {`update log.event set stream = 'note-z' where position = 64`, `version@64`},
		"root changed":              {`update log.seal set root = sha256('x') where size = 40`, `broken@40`},
		"signature changed":         {`update log.seal set note = overlay(note placing case substr(note, length(note) - 9, 1) when 'A' then 'B' else 'A' end from length(note) - 9) where size = 40`, `broken@40`},
		"note of another":           {`update log.seal set note = (select note from log.seal where size = 20) where size = 40`, `broken@40`},
		"tree changed":              {`update log.seal set hashes[1] = sha256('x') where size = 40`, `broken@40`},
		"tree of another size":      {`update log.seal set hashes = hashes || hashes where size = 60`, `broken@60`},
		"leaf changed":              {`update log.seal set leaves = overlay(leaves placing sha256('x') from 1) where size = 40`, `broken@40`},
		"epoch changed":             {`update log.seal set epoch = 2 where size = 40`, `broken@40`},
		"first seal deleted":        {`delete from log.seal where size = 20`, `broken@40`},
		"seal deleted":              {`delete from log.seal where size = 40`, `broken@60`},
		"event and its leaf edited": {`update log.event set actor_id = 'x' where position = 21; update log.seal set leaves = overlay(leaves placing sha256('x') from 1) where size = 40`, `broken@40`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLog(t)
			l.tamper(c.sql)
			got, of := l.found()
			if strings.Join(got, " ") != c.want {
				t.Errorf("found %v, want %s", got, c.want)
			}
			if c.want == "" && (of.Head != head || of.Sealed != sealed || of.Seals != sealedSizes || of.Bus != nil || !strings.HasPrefix(of.VerifierKey, "here.example/lane/")) {
				t.Errorf("%+v", of)
			}
		})
	}
}

// published is the log with all of it on the bus.
func published(t *testing.T) (*testLog, jetstream.JetStream) {
	t.Helper()
	l := openLog(t)
	l.Conn = natstest.Connect(t, natstest.Start(t))
	r := relay.New(relay.Config{Log: l.Log, Conn: l.Conn, Lane: testLane(l.Log), Source: l.Source, MaxBytes: 64 << 20, Logger: quiet})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for begun := time.Now(); r.Head() < head; time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatal("not published")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(l.Conn)
	if err != nil {
		t.Fatal(err)
	}
	return l, js
}

func TestFindsForeignMessages(t *testing.T) {
	ofLane := func(l *testLog, js jetstream.JetStream) jetstream.Stream {
		s, err := js.Stream(l.t.Context(), relay.StreamName(testLane(l.Log)))
		if err != nil {
			l.t.Fatal(err)
		}
		return s
	}
	// again makes the stream afresh, with messages that are changed on their way.
	again := func(l *testLog, js jetstream.JetStream, change func(m *nats.Msg)) {
		config := ofLane(l, js).CachedInfo().Config
		config.FirstSeq = 41
		events, err := l.Log.ReadLane(l.t.Context(), testLane(l.Log), 40, head)
		if err == nil {
			err = js.DeleteStream(l.t.Context(), config.Name)
		}
		if err == nil {
			_, err = js.CreateStream(l.t.Context(), config)
		}
		for begun := time.Now(); errors.As(err, new(*jetstream.APIError)) && time.Since(begun) < patience; { // its store is removed behind its deletion
			_, err = js.CreateStream(l.t.Context(), config)
		}
		for _, e := range events {
			if err == nil {
				m := relay.Message(e, l.Source, 1)
				change(m)
				_, err = js.PublishMsg(l.t.Context(), m)
			}
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		spoil func(l *testLog, js jetstream.JetStream)
		want  string
		kept  Kept
	}{
		"nothing": {func(*testLog, jetstream.JetStream) {}, ``, Kept{First: 1, Last: head, Messages: head}},
		"retention took some": {func(l *testLog, js jetstream.JetStream) {
			if err := ofLane(l, js).Purge(l.t.Context(), jetstream.WithPurgeSequence(30)); err != nil {
				l.t.Fatal(err)
			}
		}, ``, Kept{First: 30, Last: head, Messages: head - 29}},
		"retention took all": {func(l *testLog, js jetstream.JetStream) {
			if err := ofLane(l, js).Purge(l.t.Context()); err != nil {
				l.t.Fatal(err)
			}
		}, ``, Kept{First: head + 1, Last: head}},
		"a hole": {func(l *testLog, js jetstream.JetStream) {
			if err := ofLane(l, js).DeleteMsg(l.t.Context(), 30); err != nil {
				l.t.Fatal(err)
			}
		}, ``, Kept{First: 1, Last: head, Messages: head - 1}},
		"behind": {func(l *testLog, js jetstream.JetStream) {
			if err := appendPair(l.t.Context(), l.Log, head/2); err != nil {
				l.t.Fatal(err)
			}
		}, ``, Kept{First: 1, Last: head, Messages: head}},
		"the log was changed": {func(l *testLog, js jetstream.JetStream) {
			l.tamper(`update log.event set data = '{"text":"other"}' where position = 62`)
		}, `message@62`, Kept{First: 1, Last: head, Messages: head}},
		"the log was cut, seals too": {func(l *testLog, js jetstream.JetStream) {
			l.tamper(`delete from log.event where position > 40; delete from log.seal where size > 40; update log.lane set head = 40 where head > 0`)
		}, `message@41`, Kept{First: 1, Last: head, Messages: 40}},
		"an event is missing": {func(l *testLog, js jetstream.JetStream) {
			l.tamper(`delete from log.event where position = 62`)
		}, `gap@62 message@62 version@64`, Kept{First: 1, Last: head, Messages: head - 1}},
		"no event of the log": {func(l *testLog, js jetstream.JetStream) {
			again(l, js, func(m *nats.Msg) {
				if m.Header.Get("sf-position") == "50" {
					m.Header = nil
				}
			})
		}, `message@50`, Kept{First: 41, Last: head, Messages: head - 40}},
		"another event": {func(l *testLog, js jetstream.JetStream) {
			again(l, js, func(m *nats.Msg) {
				if m.Header.Get("sf-position") == "50" {
					m.Header.Set("ce-id", "018f0000-0000-7000-8000-000000000009")
				}
			})
		}, `message@50`, Kept{First: 41, Last: head, Messages: head - 40}},
		"another position": {func(l *testLog, js jetstream.JetStream) {
			again(l, js, func(m *nats.Msg) {
				if m.Header.Get("sf-position") == "50" {
					m.Header.Set("sf-position", "51")
				}
			})
		}, `message@50`, Kept{First: 41, Last: head, Messages: head - 40}},
		"another installation": {func(l *testLog, js jetstream.JetStream) {
			again(l, js, func(m *nats.Msg) {
				if m.Header.Get("sf-position") == "50" {
					m.Header.Set("ce-source", "there")
				}
			})
		}, `message@50`, Kept{First: 41, Last: head, Messages: head - 40}},
		"content": {func(l *testLog, js jetstream.JetStream) {
			again(l, js, func(m *nats.Msg) {
				if m.Header.Get("sf-position") == "50" {
					m.Data = []byte(`{}`)
				}
			})
		}, `message@50`, Kept{First: 41, Last: head, Messages: head - 40}},
	} {
		t.Run(name, func(t *testing.T) {
			l, js := published(t)
			c.spoil(l, js)
			got, of := l.found()
			if strings.Join(got, " ") != c.want || *of.Bus != c.kept {
				t.Errorf("found %v of %+v, want %s of %+v", got, of.Bus, c.want, c.kept)
			}
		})
	}
}

// The check runs beside writers, a relay and a sealer without finding their work in progress wrong.
func TestVerifiesWhileEverythingRuns(t *testing.T) {
	l, _ := published(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 3)
	r := relay.New(relay.Config{Log: l.Log, Conn: l.Conn, Lane: testLane(l.Log), Source: l.Source, MaxBytes: 64 << 20, Logger: quiet})
	go func() { done <- r.Run(ctx) }()
	go func() { done <- sealAll(ctx, l.Config, 1<<40) }()
	const rounds, pairsEach = 30, 20 // so that the log does not outgrow a slow machine's checks
	more := make(chan struct{}, rounds*pairsEach)
	go func() {
		version := head / 2
		for range more {
			if err := appendPair(context.WithoutCancel(ctx), l.Log, version); err != nil {
				done <- err
				return
			}
			version++
		}
		done <- nil
	}()
	var sizes []int64
	for range rounds {
		for range pairsEach {
			more <- struct{}{}
		}
		got, of := l.found()
		if len(got) > 0 {
			t.Fatalf("found %v", got)
		}
		sizes = append(sizes, of.Head)
	}
	if !slices.IsSorted(sizes) || sizes[0] == sizes[len(sizes)-1] {
		t.Errorf("nothing went on meanwhile: %v", sizes)
	}
	close(more)
	cancel()
	for range cap(done) {
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}
}

// A check that fails ends the reading, and the reading ends the other checks: nobody waits for pages that do not come.
func TestAFailedCheckEndsTheOthers(t *testing.T) {
	l, _ := published(t)
	failed, cancel := context.WithCancel(t.Context())
	cancel()
	stuck, waiting := make(chan []eventstore.Event), make(chan []eventstore.Event)
	ended := make(chan error, 1)
	go func() { ended <- l.read(failed, testLane(l.Log), head, stuck, waiting) }()
	for _, check := range []chan []eventstore.Event{stuck, waiting} {
		select {
		case page, more := <-check:
			if more {
				t.Errorf("a failed reading gave %d events", len(page))
			}
		case <-time.After(patience):
			t.Fatal("a check waits for ever")
		}
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("reading ended with %v", err)
	}
}

func TestProgressAndLanes(t *testing.T) {
	l := openLog(t)
	var done, total int64
	l.Progress = func(d, t int64) { done, total = d, t }
	report, err := Run(t.Context(), l.Config)
	if err != nil || len(report.Lanes) != 2 || done != head || total != head {
		t.Errorf("%d of %d, %+v, %v", done, total, report, err)
	}
	l.Lane = testLane(l.Log)
	if report, err = Run(t.Context(), l.Config); err != nil || len(report.Lanes) != 1 || report.Lanes[0].Head != head {
		t.Errorf("%+v, %v", report, err)
	}
	l.Lane = 3
	if _, err := Run(t.Context(), l.Config); err == nil {
		t.Error("lane 3 of 2 is verified")
	}
}
