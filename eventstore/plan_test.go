package eventstore_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

// planned opens a node whose connections tell the plan of everything that runs in them, in functions too.
func (s *store) planned(plans *strings.Builder) *eventstore.Log {
	s.t.Helper()
	// Only an administrator may load what tells plans.
	pool, err := migrations.Role(s.t.Context(), pgtest.AdminURL(s.t, s.url), "engine", func(config *pgxpool.Config) {
		config.MaxConns = 1
		maps.Copy(config.ConnConfig.RuntimeParams, map[string]string{
			"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0", "auto_explain.log_nested_statements": "on",
			"auto_explain.log_level": "notice", "plan_cache_mode": "force_generic_plan",
		})
		config.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { fmt.Fprintln(plans, n.Message) }
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(pool.Close)
	return s.open(pool)
}

// everything is a pair of appends that uses all there is: first what makes, then what depends on it.
func everything(tenant uuid.UUID, subject uuid.UUID, n int) []eventstore.Append {
	name := func(i int) eventstore.Claim { return eventstore.Claim{Scope: "name", Key: fmt.Append(nil, n, i)} }
	stream := func(i int) eventstore.Stream { return eventstore.Stream(fmt.Sprintf("note-%d.%d", n, i)) }
	a := notes(tenant, stream(1), 0, "x", "y")
	a.At[stream(9)] = 0
	a.Takes = []eventstore.Holding{{Claim: name(1), Stream: stream(1)}, {Claim: name(2), Stream: stream(1)}}
	a.Subjects = []uuid.UUID{subject}
	b := notes(tenant, stream(2), 0, "x")
	b.At[stream(1)] = 2
	b.Drops = []eventstore.Holding{{Claim: name(1), Stream: stream(1)}}
	b.Takes = []eventstore.Holding{{Claim: name(1), Stream: stream(2)}}
	b.Held = []eventstore.Holding{{Claim: name(2), Stream: stream(1)}}
	b.Destroy = []uuid.UUID{subject}
	simple := notes(tenant, stream(3), 0, "x")
	simple.At[stream(1)] = 3
	simple.Takes = []eventstore.Holding{{Claim: name(3), Stream: stream(3)}}
	simple.Subjects = []uuid.UUID{uuid.New()}
	return []eventstore.Append{a, b, notes(tenant, stream(1), 2, "plain"), b, simple}
}

// TestPlansUseIndexes: a flusher keeps its plans as long as it lives, so they have to be right from the first append on, when the
// tables are empty, and stay so whatever the statistics say later.
func TestPlansUseIndexes(t *testing.T) {
	s := newStore(t, 1)
	fill := func() {
		for n := range 3 {
			for _, a := range everything(uuid.New(), uuid.New(), n) {
				s.must(a)
			}
		}
	}
	for _, c := range []struct {
		name, statement string
		prepare         func()
	}{
		{"never analyzed", `select`, func() {}},
		{"never analyzed, of two pages", `select`, s.twoPages},
		{"analyzed empty", `vacuum analyze`, func() { s.sql(`truncate log.event, log.command, log.claim, log.subject_key`) }},
		{"analyzed with a few rows", `vacuum analyze`, fill},
		{"grown since it was analyzed", `update pg_class set reltuples = 1, relpages = 1 where relnamespace = 'log'::regnamespace and relkind = 'r'`, fill},
	} {
		name := c.name
		c.prepare()
		s.sql(c.statement)
		var plans strings.Builder
		l := s.planned(&plans)
		for _, a := range everything(uuid.New(), uuid.New(), 0) {
			if _, err := l.Append(t.Context(), a); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		l.Close()
		for _, table := range []string{"event", "command", "claim", "subject_key", "lane"} {
			if !strings.Contains(plans.String(), " on "+table+" ") {
				t.Errorf("%s: no plan speaks of %s:\n%s", name, table, plans.String())
			}
		}
		for plan := range strings.SplitSeq(plans.String(), "Query Text:") {
			if byTenant(plan) {
				t.Errorf("%s: a stream is looked up by another index than that of streams in\n%s", name, plan)
			}
			if bad := readsTooMuch(plan); bad != "" && !strings.Contains(plan, "select lane, epoch, head") {
				t.Errorf("%s: %s in\n%s", name, bad, plan)
			}
		}
	}
}

// readsTooMuch finds what grows with a table: a scan of it, or of an index without a condition.
func readsTooMuch(plan string) string {
	lines := strings.Split(plan, "\n")
	for i, line := range lines {
		index := strings.Contains(line, "Scan using") || strings.Contains(line, "Scan Backward using") || strings.Contains(line, "Bitmap Index")
		if strings.Contains(line, "Seq Scan") || index && !strings.Contains(lines[i+1], "Index Cond") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// twoPages fills the index of streams until it is one level higher than those with shorter entries, which a planner without statistics
// then takes for cheaper.
func (s *store) twoPages() {
	for range 130 {
		s.must(notes(uuid.New(), eventstore.Stream("note-"+uuid.NewString()), 0, "x"))
	}
}

// byTenant finds a stream that is read from among all events of its tenant.
func byTenant(plan string) bool {
	return strings.Contains(plan, "stream = ") && strings.Contains(plan, "using event_tenant")
}

// sql runs a statement as the administrator.
func (s *store) sql(statement string, args ...any) {
	s.t.Helper()
	if _, err := s.admin().Exec(s.t.Context(), statement, args...); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// TestReadersUseIndexes plans what readers ask when the log is small, as a plan may last from then on, when it has grown, and with statistics.
func TestReadersUseIndexes(t *testing.T) {
	s := newStore(t, 1)
	tenant := uuid.New()
	for _, state := range []struct {
		name    string
		prepare func()
	}{
		{"of one event", func() { s.must(notes(tenant, "note-1", 0, "x")) }},
		{"small", func() {
			for i := range 60 {
				s.must(notes(tenant, eventstore.Stream(fmt.Sprint("note-", i+2)), 0, "x"))
			}
		}},
		{"analyzed small", func() { s.sql(`vacuum analyze`) }},
		{"grown", func() { s.must(notes(uuid.New(), "note-1", 0, make([]string, 5000)...)) }},
		{"analyzed", func() { s.sql(`vacuum analyze`) }},
	} {
		state.prepare()
		var plans strings.Builder
		l := s.planned(&plans)
		ctx := t.Context()
		e, err := l.ReadLane(ctx, 1, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, read := range []func() error{
			func() error { _, err := l.ReadStream(ctx, tenant, "note-1", 0); return err },
			func() error { _, err := l.ReadStream(ctx, tenant, "note-1", 5001); return err },
			func() error {
				_, err := l.ReadStreams(ctx, []eventstore.Ref{{Tenant: tenant, Stream: "note-1"}}, eventstore.Cursor{1: {Position: 5001}})
				return err
			},
			func() error { _, err := l.ReadTenant(ctx, tenant, 100, 10); return err },
			func() error { _, err := l.ReadEvent(ctx, e[0].ID); return err },
			func() error { _, err := l.StreamVersion(ctx, tenant, "note-1"); return err },
			func() error { _, err := l.Heads(ctx); return err },
			func() error { _, err := l.AsOf(ctx, e[0].RecordedAt); return err },
			func() error {
				_, _, err := l.Recorded(ctx, eventstore.Command{Tenant: uuid.New(), ID: e[0].CommandID})
				return err
			},
		} {
			if err := read(); err != nil {
				t.Fatal(err)
			}
		}
		for plan := range strings.SplitSeq(plans.String(), "Query Text:") {
			if strings.Contains(plan, "Seq Scan on event") {
				t.Errorf("%s: %s", state.name, plan)
			}
			if byTenant(plan) {
				t.Errorf("%s: a stream is read by another index than that of streams: %s", state.name, plan)
			}
		}
	}
}

// TestOldTransactionsHoldNobodyUp: what is committed is read at once, whoever has a transaction open anywhere (T9).
func TestOldTransactionsHoldNobodyUp(t *testing.T) {
	s := newStore(t, 1)
	ctx := t.Context()
	begin := func(url, statement string) {
		t.Helper()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(ctx)) })
		if _, err := conn.Exec(ctx, `begin isolation level repeatable read`); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	tenant := uuid.New()
	s.must(notes(tenant, "note-1", 0, "before"))
	begin(pgtest.URL(t), `create table busy (a int)`)                            // writes, in another database
	begin(pgtest.AdminURL(t, s.url), `create table busy (a int)`)                // idle in a transaction that wrote, in ours
	begin(pgtest.AdminURL(t, s.url), `select count(*) from log.event, log.lane`) // holds an old view of the log
	other := s.node(nil)
	for i := range 50 {
		out := s.must(notes(tenant, "note-1", i+1, "now"))
		for _, l := range []*eventstore.Log{s.log, other} {
			if e, err := l.ReadLane(ctx, 1, out.First-1, 10); err != nil || len(e) != 1 || e[0].Position != int64(i)+2 {
				t.Fatalf("after position %d: %v, %v", out.First, positions(e), err)
			}
			if heads, err := l.Heads(ctx); err != nil || heads[1].Position != out.First {
				t.Fatalf("head %v, %v", heads, err)
			}
		}
	}
}
