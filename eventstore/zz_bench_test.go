package eventstore_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/migrations"
)

type fact struct {
	Text string `json:"text"`
}

func (fact) Type() string { return "bench.happened" }

func TestZZ(t *testing.T) {
	url := os.Getenv("ZZ")
	if url == "" {
		return
	}
	ctx := context.Background()
	if _, err := migrations.Up(ctx, url, 0); err != nil {
		t.Fatal(err)
	}
	pool, err := migrations.Role(ctx, url, "engine", func(c *pgxpool.Config) { c.MaxConns = 32 })
	if err != nil {
		t.Fatal(err)
	}
	if err := eventstore.Create(ctx, pool, 1); err != nil {
		t.Fatal(err)
	}
	reg, _ := eventstore.NewRegistry(fact{})
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: reg, MasterKey: eventstore.NewMasterKey()})
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := pgxpool.New(ctx, url)
	raw.Exec(ctx, `create table if not exists rawev (like log.event including all)`)
	text := make([]byte, 380)
	for i := range text {
		text[i] = 'a' + byte(i%26)
	}
	tenant := uuid.New()
	var pos atomic.Int64
	raw.QueryRow(ctx, `select coalesce(max(position),0) from rawev`).Scan(&pos)
	run := func(name string, n int, f func(i int) error) {
		var wg sync.WaitGroup
		var count atomic.Int64
		stop := time.Now().Add(3 * time.Second)
		start := time.Now()
		lats := make([][]time.Duration, n)
		for i := range n {
			wg.Go(func() {
				for time.Now().Before(stop) {
					s := time.Now()
					if err := f(i); err != nil {
						t.Error(err)
						return
					}
					lats[i] = append(lats[i], time.Since(s))
					count.Add(1)
				}
			})
		}
		wg.Wait()
		var all []time.Duration
		for _, x := range lats {
			all = append(all, x...)
		}
		slices.Sort(all)
		fmt.Printf("%-10s n=%-4d %8.0f/s p50 %v p99 %v\n", name, n, float64(count.Load())/time.Since(start).Seconds(), all[len(all)/2], all[len(all)*99/100])
	}
	for _, n := range []int{1} {
		run("raw", n, func(int) error {
			p := pos.Add(1)
			_, err := raw.Exec(ctx, `insert into rawev (lane, position, tenant, stream, version, id, type, schema_version, data, command_id, correlation_id, actor_kind, actor_id, actor_via, recorded_at)
			values (1,$1,$2,$3,1,$4,'bench.happened',1,$5,$6,'corr','user','u1','client', now())`, p, tenant, "bench-"+uuid.NewString(), uuid.Must(uuid.NewV7()), `{"text":"`+string(text)+`"}`, uuid.New())
			return err
		})
		run("append", n, func(int) error {
			s := eventstore.Stream("bench-" + uuid.NewString())
			_, err := l.Append(ctx, eventstore.Append{Command: eventstore.Command{Tenant: tenant, ID: uuid.New(), Fingerprint: []byte("0123456789abcdef0123456789abcdef"), Correlation: "corr", Actor: eventstore.Actor{Kind: "user", ID: "u1", Via: "client"}},
				At: map[eventstore.Stream]int{s: 0}, Writes: []eventstore.Write{{Stream: s, Facts: []eventstore.Fact{fact{string(text)}}}}})
			return err
		})
	}
	l.Close()
}
