package projection

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
)

type told struct {
	Person string `json:"person"`
	Name   string `json:"name" personal:"person"`
}

func (told) Type() string { return "note.told" }

// An event whose personal data could not be read because the log's database was away is none that cannot be folded.
func TestWhatCouldNotBeReadIsNotParked(t *testing.T) {
	ctx := t.Context()
	url := pgtest.New(t, "migrated", func(ctx context.Context, url string) error { _, err := migrations.Up(ctx, url, 0); return err })
	pool, err := migrations.Role(ctx, url, "engine", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	var away atomic.Bool
	reading, err := migrations.Role(ctx, url, "engine", func(c *pgxpool.Config) {
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if away.Load() {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("no way there")}
			}
			return dial(ctx, network, address)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reading.Close)
	if err := eventstore.Create(ctx, pool, 1); err != nil {
		t.Fatal(err)
	}
	registry, err := eventstore.NewRegistry(told{})
	if err != nil {
		t.Fatal(err)
	}
	key := eventstore.NewMasterKey()
	logs := [2]*eventstore.Log{}
	for i := range logs {
		if logs[i], err = eventstore.Open(ctx, eventstore.Config{Pool: reading, Registry: registry, MasterKey: key}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(logs[i].Close)
	}
	person, stream := uuid.New(), eventstore.Stream("note-1")
	if _, err := logs[0].Append(ctx, eventstore.Append{
		Command: eventstore.Command{Tenant: uuid.New(), ID: uuid.New(), Fingerprint: []byte("f"), Correlation: "c"}, Subjects: []uuid.UUID{person},
		At: map[eventstore.Stream]int{stream: 0}, Writes: []eventstore.Write{{Stream: stream, Facts: []eventstore.Fact{told{person.String(), "Ada"}}}},
	}); err != nil {
		t.Fatal(err)
	}
	names := Projection{Name: "names", Version: 1, Types: []string{"note.told"}, Personal: true, Schema: `create table name (tenant uuid, name text)`,
		Fold: func(context.Context, *pgx.Conn, []Recorded, *pgx.Batch) error { return nil }}
	e, err := New(logs[1], pool, slog.New(slog.DiscardHandler), names)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Install(ctx); err != nil {
		t.Fatal(err)
	}
	live, err := e.live(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	events, err := e.log.ReadLane(ctx, 1, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	reading.Reset()
	if err := e.foldOrPark(ctx, live.projections, e.decode(ctx, live.projections, events)); !errors.Is(err, eventstore.ErrUnavailable) {
		t.Errorf("folding ends with %v", err)
	}
	states, err := e.States(ctx)
	if err != nil || states[0].Parked != 0 || states[0].Position != 0 {
		t.Errorf("%+v, %v", states, err)
	}
}
