package projections

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/internal/pgtest"
)

// Every column is written from the field that is read from it: each field has a value of its own here.
func TestRecordRowComesBackAsItWas(t *testing.T) {
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, pgtest.New(t, "item", func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, Records.Schema)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, bit := range []string{"Archived", "Disputed", "ResponseBreached", "ResolveBreached"} {
		comesBack(t, conn, bit)
	}
}

// comesBack writes a row whose one true column is bit, and reads it.
func comesBack(t *testing.T, conn *pgx.Conn, bit string) {
	t.Helper()
	ctx := t.Context()
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	want := &recordRow{Tenant: uuid.New(), Kind: "kind", ID: uuid.NewString(), Lane: 3, Since: 7, CreatedAt: time.Now().UTC().Truncate(time.Microsecond), stored: true}
	fields := reflect.ValueOf(&want.Facets).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(fields.Type().Field(i).Name)
		case reflect.Bool:
			f.SetBool(fields.Type().Field(i).Name == bit)
		case reflect.Struct:
			f.Set(reflect.ValueOf(time.Date(2026, 3, i, 0, 0, 0, 0, time.UTC)))
		default:
			f.SetInt(int64(100 + i))
		}
	}
	ended := int64(9)
	before := *want
	before.Since, before.Until, before.Facets = 5, &ended, facets{}
	var writes pgx.Batch
	if err := beginRows(&writes, []*recordRow{&before, want}); err != nil {
		t.Fatal(err)
	}
	if err := tx.SendBatch(ctx, &writes).Close(); err != nil {
		t.Fatal(err)
	}
	key := recordKey{want.Tenant, want.ID}
	got, err := openRows(ctx, tx.Conn(), []projection.Recorded{{Event: eventstore.Event{Tenant: key.tenant, Stream: eventstore.Stream("kind-" + key.id), Version: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if row := got[key]; row != nil {
		for _, at := range []*time.Time{&row.CreatedAt, &row.Facets.RespondBy, &row.Facets.ResolveBy} {
			*at = at.UTC()
		}
	}
	if !reflect.DeepEqual(got[key], want) {
		t.Fatalf("got\n%+v, want\n%+v", got[key], want)
	}
	if err := beginRows(&writes, []*recordRow{{ID: "no id", Kind: "kind"}}); err == nil {
		t.Fatal("what has no id was taken")
	}
}
