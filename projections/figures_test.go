package projections_test

import (
	"context"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
	"github.com/streamflow/streamflow/projections"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

type house struct {
	t      *testing.T
	use    *commands.Commands
	engine *projection.Engine
	reader *projection.Reader
}

func open(t *testing.T) *house {
	t.Helper()
	ctx := t.Context()
	url := pgtest.New(t, "migrated", func(ctx context.Context, url string) error { _, err := migrations.Up(ctx, url, 0); return err })
	pools := map[string]*pgxpool.Pool{}
	for name, role := range map[string]string{"engine": "engine", "projector": "engine", "app": "app", "staff": "staff"} {
		pool, err := migrations.Role(ctx, url, role, func(c *pgxpool.Config) { c.MaxConns = 4 })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		pools[name] = pool
	}
	if err := eventstore.Create(ctx, pools["engine"], 2); err != nil {
		t.Fatal(err)
	}
	registry, err := commands.Registry()
	if err != nil {
		t.Fatal(err)
	}
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pools["engine"], Registry: registry, MasterKey: eventstore.NewMasterKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	e, err := projection.New(l, pools["projector"], slog.New(slog.DiscardHandler), projections.All()...)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Install(ctx); err != nil {
		t.Fatal(err)
	}
	running, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = e.Run(running) }()
	t.Cleanup(func() { cancel(); <-stopped })
	return &house{t, &commands.Commands{Log: l, Pool: pools["engine"], Now: time.Now}, e, projection.NewReader(pools["app"], pools["staff"])}
}

func (h *house) caller(tenant uuid.UUID) commands.Caller {
	return commands.Caller{Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "c", Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "client"}}
}

// lead makes a lead on a day, converts it where told to, and returns the cursor of the last step.
func (h *house) lead(tenant uuid.UUID, on domain.Date, value int64, converted bool) eventstore.Cursor {
	h.t.Helper()
	out, err := h.use.CreateLead(h.t.Context(), h.caller(tenant), lead.Create{CreatedOn: on, Details: lead.Details{
		Name: "A", Company: uuid.NewString(), Email: uuid.NewString() + "@x.example", Value: money.Of(value, "USD")}})
	if err == nil && converted {
		var id string
		if id, err = commands.MadeBy(out); err == nil {
			out, err = h.use.ConvertLead(h.t.Context(), h.caller(tenant), id, on)
		}
	}
	if err != nil || out.Verdict != eventstore.Accepted {
		h.t.Fatalf("lead: %v %s %v", out.Verdict, out.Code, err)
	}
	return h.use.Log.CursorOf(out)
}

func (h *house) stats(portal string, tenant uuid.UUID, after eventstore.Cursor, m projections.Moment) map[string]projections.Figure {
	h.t.Helper()
	figures, _, err := projections.Stats(h.t.Context(), h.reader, portal, projection.Query{Tenant: tenant, After: after, Wait: 10 * time.Second}, m)
	if err != nil {
		h.t.Fatal(err)
	}
	return figures
}

func (h *house) want(figures map[string]projections.Figure, name string, value any) {
	h.t.Helper()
	if got := figures[name].Value; !reflect.DeepEqual(got, value) {
		h.t.Fatalf("%s is %v (%T), want %v", name, got, got, value)
	}
}

func TestFiguresOfOneTenantAndOfAll(t *testing.T) {
	h := open(t)
	a, b := uuid.New(), uuid.New()
	today := domain.DateOf(time.Now())
	h.lead(a, today.AddDays(-100), 100, true) // before the window
	h.lead(a, today.AddDays(-10), 1000, true)
	after := h.lead(a, today, 500, false)
	elsewhere := h.lead(b, today, 900, true)

	client := h.stats("client", a, after, projections.Moment{On: today})
	h.want(client, "leadsNew90d", int64(2))
	h.want(client, "leadsConverted90d", int64(1))
	h.want(client, "conversionRate90d", 0.5)
	h.want(client, "pipelineValue", []money.Amount{money.Of(1100, "USD")})
	if f := client["vehiclesActive"]; f.Value != nil || f.Reason == "" {
		t.Fatalf("a figure that nobody measures is %v, reason %q: want null and a reason", f.Value, f.Reason)
	}
	after[h.use.Log.LaneOf(b)] = max2(after[h.use.Log.LaneOf(b)], elsewhere[h.use.Log.LaneOf(b)])
	provider := h.stats("provider", uuid.Nil, after, projections.Moment{On: today})
	h.want(provider, "leadsTotal", int64(4))
	h.want(provider, "leadsConverted", int64(3))
	h.want(provider, "conversionRate", 0.75)
}

func max2(a, b eventstore.Mark) eventstore.Mark {
	if a.Position > b.Position {
		return a
	}
	return b
}

// An earlier time is answered from the entries, now from the balances: at the head both must say the same, and before it
// what the log knew then.
func TestFiguresAsOfThen(t *testing.T) {
	h := open(t)
	a := uuid.New()
	today := domain.DateOf(time.Now())
	then := h.lead(a, today, 100, true)
	now := h.lead(a, today, 50, false)
	before := h.stats("client", a, now, projections.Moment{At: then, On: today})
	h.want(before, "leadsNew90d", int64(1))
	h.want(before, "conversionRate90d", 1.0)
	h.want(before, "pipelineValue", []money.Amount{money.Of(100, "USD")})
	atHead := h.stats("client", a, now, projections.Moment{At: now, On: today})
	if live := h.stats("client", a, now, projections.Moment{On: today}); !reflect.DeepEqual(atHead, live) {
		t.Fatalf("at the head %v, now %v", atHead, live)
	}
}

// An entry holds many events. A figure as of one in its middle counts those before it, and the reasons for it are each of them.
func TestFiguresAsOfAnyEventOfAnEntry(t *testing.T) {
	h := open(t)
	a := uuid.New()
	today := domain.DateOf(time.Now())
	const leads = 70 // more than one entry takes
	var steps []eventstore.Cursor
	for i := range leads {
		steps = append(steps, h.lead(a, today, int64(i), false))
	}
	now := steps[leads-1]
	h.stats("client", a, now, projections.Moment{On: today}) // waits: a rebuild goes as far as what it replaces
	if err := h.engine.Rebuild(t.Context(), "figures", func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	query := projection.Query{Projection: "figures", Tenant: a, After: now, Wait: 10 * time.Second}
	var rows, largest int
	if _, err := h.reader.Read(t.Context(), query, func(ctx context.Context, db *pgx.Conn) error {
		return db.QueryRow(ctx, `select count(*), max(cardinality(positions)) from entry where measure = 'leads'`).Scan(&rows, &largest)
	}); err != nil {
		t.Fatal(err)
	}
	if rows != 2 || largest != 64 {
		t.Fatalf("%d entries of at most %d events, want 70 events in two, one of them full", rows, largest)
	}
	for i, then := range steps {
		then := projections.Moment{At: then, On: today}
		h.want(h.stats("client", a, now, then), "leadsNew90d", int64(i+1))
		figures, _, err := projections.OfTenants(t.Context(), h.reader, projection.Query{}, then)
		if err != nil || figures[a].Leads != int64(i+1) {
			t.Fatalf("as of %d of all tenants: %+v, error %v", i, figures, err)
		}
		why, err := projections.Why(t.Context(), h.reader, projections.Part{Portal: "client", Figure: "leadsNew90d"}, query, then, nil, 100)
		if err != nil || why.Sum != int64(i+1) || len(why.Items) != i+1 || why.Items[0].Position != then.At[h.use.Log.LaneOf(a)].Position {
			t.Fatalf("as of %d: %+v, error %v", i, why, err)
		}
	}
}

func TestRebuiltFiguresEqualLiveOnes(t *testing.T) {
	h := open(t)
	a := uuid.New()
	today := domain.DateOf(time.Now())
	var after eventstore.Cursor
	for i := range 40 {
		after = h.lead(a, today.AddDays(-i), int64(i+1), i%3 == 0)
	}
	live := h.stats("client", a, after, projections.Moment{On: today})
	if err := h.engine.Rebuild(t.Context(), "figures", func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if rebuilt := h.stats("client", a, after, projections.Moment{On: today}); !reflect.DeepEqual(live, rebuilt) {
		t.Fatalf("rebuilt %v, live %v", rebuilt, live)
	}
}
