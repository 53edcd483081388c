package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
)

// filter is one question that a list can be asked: a condition with @ for the value.
type filter struct {
	sql     string
	meaning string
	form    Form
}

// listing is what one kind's list can be asked: filters by their names, and the columns that it sorts by, with their types.
type listing struct {
	filters map[string]filter
	sorts   map[string]column
}

type column struct{ name, typ string }

var (
	archived     = filter{"archived = @", "the archived ones instead of the others", Form{Kind: Flag}}
	inWords      = filter{"strpos(words, @) > 0", "a part of its words, in any case", Form{Kind: Text}}
	ofOwner      = filter{"owner_id = @", "the user who looks after it", Form{Kind: ID}}
	organizedBy  = filter{"organization_id = @", "the organization", Form{Kind: ID}}
	createdAfter = filter{"created_at > @", "made after that time", Form{Kind: Time}}
	byCreation   = column{"created_at", "timestamptz"}
	byName       = column{"name", "text"}
	byAmount     = column{"amount", "bigint"}
	byDay        = column{"day", "text"}
)

func before(meaning string) filter {
	return filter{"day <> '' and day < @", meaning + " before that day", Form{Kind: Day}}
}
func after(meaning string) filter {
	return filter{"day > @", meaning + " after that day", Form{Kind: Day}}
}
func choice(sql, meaning string, values ...string) filter {
	return filter{sql, meaning, Form{Kind: Text, Values: values}}
}

// listings are the lists of records, by kind. A lead's and a contact's q is not among them: what it looks at is personal, and not here.
var listings = map[string]listing{
	lead.Category: {
		map[string]filter{
			"status": choice("status = @", "the status", lead.StatusNew, lead.StatusContacted, lead.StatusQualified, lead.StatusConverted, lead.StatusDisqualified),
			"source": {"lower(source) = @", "where it came from", Form{Kind: Text}}, "minScore": {"score >= @", "the lowest score", Form{Kind: Number}},
			"ownerId": ofOwner, "createdAfter": createdAfter, "archived": archived,
		},
		map[string]column{"createdAt": byCreation, "score": {"score", "integer"}, "value": byAmount, "company": byName},
	},
	organization.Category: {
		map[string]filter{
			"q": inWords, "ids": {"id = any(@::text[]::uuid[])", "those with these ids", Form{Kind: IDs}},
			"ownerId": ofOwner, "createdAfter": createdAfter, "archived": archived,
		},
		map[string]column{"createdAt": byCreation, "name": byName},
	},
	contact.Category: {
		map[string]filter{"organizationId": organizedBy, "ownerId": ofOwner, "createdAfter": createdAfter, "archived": archived},
		map[string]column{"createdAt": byCreation},
	},
	opportunity.Category: {
		map[string]filter{
			"q": inWords, "stage": choice("status = @", "the stage", opportunity.Stages...), "organizationId": organizedBy,
			"contactId": {"contact_id = @", "the contact", Form{Kind: ID}}, "closeBefore": before("to close"), "closeAfter": after("to close"),
			"ownerId": ofOwner, "createdAfter": createdAfter, "archived": archived,
		},
		map[string]column{"createdAt": byCreation, "title": byName, "value": byAmount, "closeDate": byDay},
	},
	invoice.Category: {
		map[string]filter{
			"q":      {"(strpos(words, @) > 0 or number::text = @)", "its number, or a part of its reference", Form{Kind: Text}},
			"status": choice("status = @", "the status", invoice.StatusDraft, invoice.StatusIssued, invoice.StatusPartlyPaid, invoice.StatusPaid, invoice.StatusCredited, invoice.StatusVoid),
			// The day that @on stands for is a list's own: see NewList.
			"overdue":  {"(status in ('issued', 'partly_paid') and day <> '' and day < @on) = @", "whether it is past due and open, on the day of the parameter on", Form{Kind: Flag}},
			"open":     {"(status in ('issued', 'partly_paid')) = @", "whether it is still to be paid", Form{Kind: Flag}},
			"disputed": {"disputed = @", "whether the payer contests it", Form{Kind: Flag}}, "organizationId": organizedBy,
			"dueBefore": before("due"), "dueAfter": after("due"), "createdAfter": createdAfter,
		},
		map[string]column{"createdAt": byCreation, "number": {"number", "bigint"}, "dueDate": byDay, "issueDate": {"issued", "text"}, "total": byAmount},
	},
	escalation.Category: {
		map[string]filter{
			"q": inWords, "status": choice("status = @", "the status", escalation.Statuses...), "severity": choice("severity = @", "the severity", escalation.Severities...),
			"assigneeId": ofOwner, "partnerId": {"source = @", "the partner who handed it over", Form{Kind: ID}}, "createdAfter": createdAfter,
		},
		map[string]column{"createdAt": byCreation, "dueAt": {"due", "timestamptz"}},
	},
}

// defaultSort is the newest first, which is stable under inserts.
const defaultSort = "-createdAt"

// Parameter is one thing that a list can be asked.
type Parameter struct {
	Name, Meaning string
	Form          Form
}

// ListParameters is what a kind's list can be asked.
func ListParameters(kind string) []Parameter {
	what := listings[kind]
	var all []Parameter
	for _, name := range slices.Sorted(maps.Keys(what.filters)) {
		all = append(all, Parameter{name, what.filters[name].meaning, what.filters[name].form})
	}
	var orders []string
	for _, name := range slices.Sorted(maps.Keys(what.sorts)) {
		orders = append(orders, name, "-"+name)
	}
	return append(all, Parameter{"sort", "the order; with - before it the largest first", Form{Kind: Text, Values: orders}})
}

// List is a question to the records of one kind.
type List struct {
	kind  string
	where []string
	args  []any
	sort  column
	down  bool
}

// NewList reads what is asked by parameter name. A value that a parameter cannot have is a [domain.Invalid]. On is the day
// that ends what is not overdue.
func NewList(kind string, asked map[string]string, on domain.Date) (List, error) {
	l := List{kind: kind}
	var check domain.Check
	what := listings[kind]
	for _, name := range slices.Sorted(maps.Keys(what.filters)) {
		value, given := asked[name]
		if !given {
			continue
		}
		f := what.filters[name]
		arg, err := f.form.read(value)
		if err != nil {
			check.Add(name, "not_allowed", err.Error())
			continue
		}
		l.add(strings.ReplaceAll(f.sql, "@on", "'"+string(on)+"'"), arg)
	}
	if _, ok := what.filters["archived"]; ok && asked["archived"] == "" {
		l.add(archived.sql, false)
	}
	order, down := strings.CutPrefix(cmp.Or(asked["sort"], defaultSort), "-")
	l.down = down
	var known bool
	if l.sort, known = what.sorts[order]; !known {
		check.Add("sort", "not_allowed", "is one of "+strings.Join(slices.Sorted(maps.Keys(what.sorts)), ", ")+", each with - before it for the largest first")
	}
	return l, check.Err()
}

func (l *List) add(sql string, arg any) {
	l.args = append(l.args, arg)
	l.where = append(l.where, strings.ReplaceAll(sql, "@", "$"+strconv.Itoa(len(l.args))))
}

// Row is one record of a list. Key is where it stands in the list's order.
type Row struct {
	Tenant uuid.UUID
	ID     string
	Key    string
}

// Read answers up to limit rows behind a row (nil: from the start), as of a cursor (nil: now), and the cursor that they reflect.
func (l List) Read(ctx context.Context, r *projection.Reader, q projection.Query, at eventstore.Cursor, behind *Row, limit int) ([]Row, eventstore.Cursor, error) {
	q.Projection = Records.Name
	l.add("kind = @", l.kind)
	if q.Tenant != uuid.Nil {
		l.add("tenant = @", q.Tenant)
	} else {
		l.add("tenant <> @", eventstore.ProviderSpace) // what the platform itself bills is another list
	}
	from := "item"
	if at == nil {
		l.where = append(l.where, "until is null")
	} else {
		lanes, positions := at.Columns()
		l.args = append(l.args, lanes, positions)
		from = fmt.Sprintf("item join unnest($%d::smallint[], $%d::bigint[]) at(lane, position) using (lane)", len(l.args)-1, len(l.args))
		l.where = append(l.where, "since <= at.position and (until is null or until > at.position)")
	}
	direction, beyond := "", ">"
	if l.down {
		direction, beyond = " desc", "<"
	}
	if behind != nil {
		l.args = append(l.args, behind.Key, behind.ID)
		l.where = append(l.where, fmt.Sprintf("(%s, id) %s ($%d::text::%s, $%d::text::uuid)", l.sort.name, beyond, len(l.args)-1, l.sort.typ, len(l.args)))
	}
	l.args = append(l.args, limit)
	// Qualified, because a bare name in an order by is the column of the result, which is text here.
	sql := fmt.Sprintf("select tenant, id::text, %s::text from %s where %s order by item.%s%s, item.id%s limit $%d",
		l.sort.name, from, strings.Join(l.where, " and "), l.sort.name, direction, direction, len(l.args))
	var rows []Row
	cursor, err := r.Read(ctx, q, func(ctx context.Context, db *pgx.Conn) error {
		found, err := db.Query(ctx, sql, l.args...)
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, pgx.RowToStructByPos[Row])
		return err
	})
	if at != nil {
		cursor = at
	}
	return rows, cursor, err
}

// TenantOf is whose a record is, among all tenants; uuid.Nil where the read model knows none. What the platform itself bills is no tenant's.
func TenantOf(ctx context.Context, r *projection.Reader, q projection.Query, kind, id string) (tenant uuid.UUID, err error) {
	q.Projection = Records.Name
	_, err = r.Read(ctx, q, func(ctx context.Context, db *pgx.Conn) error {
		err := db.QueryRow(ctx, "select tenant from item where id = $1 and until is null and kind = $2 and tenant <> $3", id, kind, eventstore.ProviderSpace).Scan(&tenant)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return tenant, err
}
