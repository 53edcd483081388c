package projections

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// Records is the read model behind lists: what they filter and sort by, and no more. The items are folded from the log, so
// nothing personal is kept here and an erased person is gone from every list at once.
//
// A row holds between two positions. A list as of then is the same query as a list of now.
var Records = projection.Projection{
	Name: "records", Version: 3,
	Schema: `
		create table item (
			tenant uuid not null, kind text not null, id uuid not null, lane smallint not null, since bigint not null, until bigint,
			created_at timestamptz not null, archived boolean not null, status text not null, source text not null, severity text not null,
			owner_id text not null, organization_id text not null, contact_id text not null, name text not null, words text not null,
			score integer not null, amount bigint not null, number bigint not null, day text collate "C" not null, issued text collate "C" not null,
			disputed boolean not null, respond_by timestamptz, resolve_by timestamptz, response_breached boolean not null, resolve_breached boolean not null,
			due timestamptz not null, next_breach timestamptz);
		create unique index on item (id, tenant) where until is null;`,
	Indexes: `
		create index on item (tenant, kind, created_at, id);
		create index on item (kind, created_at, id);
		create index on item (tenant, kind, status, created_at, id) where until is null;
		create index on item (tenant, kind, score, id) where until is null;
		create index on item (tenant, kind, amount, id) where until is null;
		create index on item (tenant, kind, name, id) where until is null;
		create index on item (tenant, kind, day, id) where until is null;
		create index on item (next_breach) where until is null and next_breach is not null;`,
	Types: typesOf(lead.Events, typesOf(organization.Events, typesOf(contact.Events, typesOf(opportunity.Events,
		typesOf(invoice.Events, typesOf(escalation.Events, nil)))))),
	Fold: foldRecords,
}

func typesOf[E eventstore.Fact](events []E, others []string) []string {
	for _, e := range events {
		others = append(others, e.Type())
	}
	return others
}

// facets is what lists know of a record. A field that its kind lacks is empty.
type facets struct {
	Archived       bool   `json:"archived"`
	Status         string `json:"status"` // an opportunity's is its stage
	Source         string `json:"source"` // an escalation's is its partner
	Severity       string `json:"severity"`
	OwnerID        string `json:"owner_id"`
	OrganizationID string `json:"organization_id"`
	ContactID      string `json:"contact_id"`
	Name           string `json:"name"`  // in lower case, to sort by
	Words          string `json:"words"` // in lower case, to search in
	Score          int    `json:"score"`
	Amount         int64  `json:"amount"` // minor units: a value, an invoice's total
	Number         int64  `json:"number"`
	Day            string `json:"day"` // due date or close date
	Issued         string `json:"issued"`
	Disputed       bool   `json:"disputed"`

	RespondBy        time.Time `json:"respond_by"` // like ResolveBy in UTC, so that facets compare
	ResolveBy        time.Time `json:"resolve_by"`
	ResponseBreached bool      `json:"response_breached"`
	ResolveBreached  bool      `json:"resolve_breached"`
}

// recordRow is facets while they hold.
type recordRow struct {
	Tenant    uuid.UUID `json:"tenant"`
	Kind      string    `json:"kind"`
	ID        string    `json:"id"`
	Lane      int       `json:"lane"`
	Since     int64     `json:"since"`
	Until     *int64    `json:"until"` // nil: still
	CreatedAt time.Time `json:"created_at"`
	Facets    facets    `json:",embed"`

	stored bool // before this batch
}

// kinds is how each kind's facets follow from an event: by the domain's own Evolve, on a state that holds no more than they
// need. Facets must survive the way into such a state and back.
var kinds = map[string]func(facets, eventstore.Fact) (facets, bool){
	lead.Category: through[lead.Event](func(f facets) lead.State {
		return lead.State{Details: lead.Details{Company: f.Name, Source: f.Source, OwnerID: f.OwnerID, Value: money.Of(f.Amount, "")},
			Status: f.Status, Score: f.Score, Archived: f.Archived}
	}, func(s lead.State) facets {
		return facets{Name: lower(s.Company), Source: s.Source, OwnerID: s.OwnerID, Amount: s.Value.Amount, Status: s.Status, Score: s.Score, Archived: s.Archived}
	}),
	organization.Category: through[organization.Event](func(f facets) organization.State {
		name, site, _ := strings.Cut(f.Words, "\n")
		return organization.State{Details: organization.Details{Name: name, Domain: site, OwnerID: f.OwnerID}, Archived: f.Archived}
	}, func(s organization.State) facets {
		return facets{Name: lower(s.Name), Words: lower(s.Name, s.Domain), OwnerID: s.OwnerID, Archived: s.Archived}
	}),
	contact.Category: through[contact.Event](func(f facets) contact.State {
		return contact.State{Details: contact.Details{OrganizationID: f.OrganizationID, OwnerID: f.OwnerID}, Archived: f.Archived}
	}, func(s contact.State) facets {
		return facets{OrganizationID: s.OrganizationID, OwnerID: s.OwnerID, Archived: s.Archived}
	}),
	opportunity.Category: through[opportunity.Event](func(f facets) opportunity.State {
		return opportunity.State{Stage: f.Status, Archived: f.Archived, Details: opportunity.Details{Title: f.Name, OrganizationID: f.OrganizationID,
			ContactID: f.ContactID, OwnerID: f.OwnerID, Value: money.Of(f.Amount, ""), CloseDate: domain.Date(f.Day)}}
	}, func(s opportunity.State) facets {
		return facets{Name: lower(s.Title), Words: lower(s.Title), Status: s.Stage, Archived: s.Archived, OrganizationID: s.OrganizationID,
			ContactID: s.ContactID, OwnerID: s.OwnerID, Amount: s.Value.Amount, Day: string(s.CloseDate)}
	}),
	invoice.Category: through[invoice.Event](func(f facets) invoice.State {
		reference, external, _ := strings.Cut(f.Words, "\n")
		return invoice.State{Status: f.Status, Number: f.Number, Disputed: f.Disputed, Totals: invoice.Totals{Total: money.Of(f.Amount, "")},
			Details: invoice.Details{OrganizationID: f.OrganizationID, Reference: reference, ExternalNumber: external,
				DueDate: domain.Date(f.Day), IssueDate: domain.Date(f.Issued)}}
	}, func(s invoice.State) facets {
		return facets{Status: s.Status, Number: s.Number, Disputed: s.Disputed, Amount: s.Total.Amount, OrganizationID: s.OrganizationID,
			Words: lower(s.Reference, s.ExternalNumber), Day: string(s.DueDate), Issued: string(s.IssueDate)}
	}),
	escalation.Category: through[escalation.Event](func(f facets) escalation.State {
		incident, summary, _ := strings.Cut(f.Words, "\n")
		s := f.deadlines()
		s.AssigneeID, s.PartnerID = f.OwnerID, f.Source
		s.Details = escalation.Details{Severity: f.Severity, IncidentID: incident, Summary: summary}
		return s
	}, func(s escalation.State) facets {
		return facets{Status: s.Status, OwnerID: s.AssigneeID, Source: s.PartnerID, Severity: s.Severity, Words: lower(s.IncidentID, s.Summary),
			RespondBy: s.RespondBy.UTC(), ResolveBy: s.ResolveBy.UTC(), ResponseBreached: s.ResponseBreached, ResolveBreached: s.ResolveBreached}
	}),
}

func lower(texts ...string) string { return strings.ToLower(strings.Join(texts, "\n")) }

// through lets an event of an aggregate with state S act on facets; false where it is no event of that aggregate.
func through[E interface{ Evolve(S) S }, S any](into func(facets) S, back func(S) facets) func(facets, eventstore.Fact) (facets, bool) {
	return func(f facets, fact eventstore.Fact) (facets, bool) {
		e, ok := fact.(E)
		if !ok {
			return f, false
		}
		return back(e.Evolve(into(f))), true
	}
}

// recordKey is a record's; ids are unique in a tenant, whatever the kind.
type recordKey struct {
	tenant uuid.UUID
	id     string
}

func foldRecords(ctx context.Context, read *pgx.Conn, batch []projection.Recorded, writes *pgx.Batch) error {
	open, err := openRows(ctx, read, batch)
	if err != nil {
		return err
	}
	var ended, begun []*recordRow
	for _, r := range batch {
		kind, key := r.Stream.Category(), recordKey{r.Tenant, r.Stream.ID()}
		before, next := open[key], recordRow{Tenant: r.Tenant, Kind: kind, ID: key.id, Lane: r.Lane, Since: r.Position, CreatedAt: r.RecordedAt}
		if before != nil {
			next.Facets, next.CreatedAt = before.Facets, before.CreatedAt
		}
		var ok bool
		if next.Facets, ok = kinds[kind](next.Facets, r.Fact); !ok {
			return fmt.Errorf("%s in stream %s", r.Type, r.Stream)
		}
		if before != nil {
			if before.Facets == next.Facets {
				continue // nothing that a list could tell
			}
			before.Until = &next.Since
			if before.stored {
				ended = append(ended, before)
			}
		}
		open[key] = &next
		begun = append(begun, &next)
	}
	endRows(writes, ended)
	return beginRows(writes, begun)
}

// beginRows sends a column at a time: rows as JSON cost the server three times as much.
func beginRows(writes *pgx.Batch, rows []*recordRow) error {
	if len(rows) == 0 {
		return nil
	}
	ids := make([][16]byte, len(rows)) // as text, or as uuid.UUID, they would be parsed there
	for i, r := range rows {
		id, err := uuid.Parse(r.ID)
		if err != nil {
			return fmt.Errorf("id of a %s: %w", r.Kind, err)
		}
		ids[i] = id
	}
	text := func(of func(*facets) string) []string {
		return columnOf(rows, func(r *recordRow) string { return of(&r.Facets) })
	}
	moment := func(of func(*facets) time.Time) []pgtype.Timestamptz {
		return columnOf(rows, func(r *recordRow) pgtype.Timestamptz {
			t := of(&r.Facets)
			return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}
		})
	}
	writes.Queue(`insert into item (tenant, id, kind, lane, since, until, created_at, archived, disputed, score, amount, number,
			status, source, severity, owner_id, organization_id, contact_id, name, words, day, issued,
			response_breached, resolve_breached, respond_by, resolve_by, next_breach, due)
		select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::boolean[], $9::boolean[],
			$10::integer[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],
			$23::boolean[], $24::boolean[], $25::timestamptz[], $26::timestamptz[], $27::timestamptz[], $28::timestamptz[])`,
		columnOf(rows, func(r *recordRow) [16]byte { return r.Tenant }), ids, columnOf(rows, func(r *recordRow) string { return r.Kind }),
		columnOf(rows, func(r *recordRow) int16 { return int16(r.Lane) }), columnOf(rows, func(r *recordRow) int64 { return r.Since }),
		columnOf(rows, func(r *recordRow) *int64 { return r.Until }), columnOf(rows, func(r *recordRow) time.Time { return r.CreatedAt }),
		columnOf(rows, func(r *recordRow) bool { return r.Facets.Archived }), columnOf(rows, func(r *recordRow) bool { return r.Facets.Disputed }),
		columnOf(rows, func(r *recordRow) int32 { return int32(r.Facets.Score) }), columnOf(rows, func(r *recordRow) int64 { return r.Facets.Amount }),
		columnOf(rows, func(r *recordRow) int64 { return r.Facets.Number }),
		text(func(f *facets) string { return f.Status }), text(func(f *facets) string { return f.Source }), text(func(f *facets) string { return f.Severity }),
		text(func(f *facets) string { return f.OwnerID }), text(func(f *facets) string { return f.OrganizationID }), text(func(f *facets) string { return f.ContactID }),
		text(func(f *facets) string { return f.Name }), text(func(f *facets) string { return f.Words }), text(func(f *facets) string { return f.Day }),
		text(func(f *facets) string { return f.Issued }),
		columnOf(rows, func(r *recordRow) bool { return r.Facets.ResponseBreached }), columnOf(rows, func(r *recordRow) bool { return r.Facets.ResolveBreached }),
		moment(func(f *facets) time.Time { return f.RespondBy }), moment(func(f *facets) time.Time { return f.ResolveBy }),
		moment(func(f *facets) time.Time { return f.deadlines().NextBreach() }),
		columnOf(rows, func(r *recordRow) pgtype.Timestamptz { return orNever(r.Facets.deadlines().Due()) }))
	return nil
}

func columnOf[T any](rows []*recordRow, of func(*recordRow) T) []T {
	values := make([]T, len(rows))
	for i, r := range rows {
		values[i] = of(r)
	}
	return values
}

// openRows are the rows that hold now, of the records that the batch is about. A record that begins in the batch has none.
func openRows(ctx context.Context, read *pgx.Conn, batch []projection.Recorded) (map[recordKey]*recordRow, error) {
	open := map[recordKey]*recordRow{}
	var tenants []uuid.UUID
	var ids []string
	for _, r := range batch {
		key := recordKey{r.Tenant, r.Stream.ID()}
		if _, known := open[key]; known {
			continue
		}
		open[key] = nil
		if r.Version > 1 {
			tenants, ids = append(tenants, key.tenant), append(ids, key.id)
		}
	}
	if len(ids) == 0 {
		return open, nil
	}
	rows, err := read.Query(ctx, `select to_json(r) from unnest($1::uuid[], $2::text[]) w(tenant, id)
		cross join lateral (select r.* from item r where r.tenant = w.tenant and r.id = w.id::uuid and r.until is null limit 1) r`, tenants, ids)
	if err != nil {
		return nil, err
	}
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&raw}, func() error {
		row := recordRow{stored: true}
		if err := json.Unmarshal(raw, &row); err != nil {
			return err
		}
		open[recordKey{row.Tenant, row.ID}] = &row
		return nil
	})
	return open, err
}

func endRows(writes *pgx.Batch, ended []*recordRow) {
	if len(ended) == 0 {
		return
	}
	tenants, ids, until := make([]uuid.UUID, len(ended)), make([]string, len(ended)), make([]int64, len(ended))
	for i, r := range ended {
		tenants[i], ids[i], until[i] = r.Tenant, r.ID, *r.Until
	}
	writes.Queue(`update item r set until = w.until from unnest($1::uuid[], $2::uuid[], $3::bigint[]) w(tenant, id, until)
		where r.tenant = w.tenant and r.id = w.id and r.until is null`, tenants, ids, until)
}
