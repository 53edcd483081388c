package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/problem"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/projections"
)

const (
	listChunk    = 500    // records read at a time, where more than a page are looked at
	listSearched = 10_000 // records that one page of a search looks at; it may then be short, and says where to go on
)

// listRoutes lists the lists of records.
func (s *server) listRoutes() []route {
	return []route{
		listed[lead.State]{s, lead.Category, "a part of the name, company, e-mail address, phone number or external id", func(l lead.State) []string {
			return []string{l.Name, l.Company, l.Email, l.Phone, l.ExternalID}
		}, leadColumns}.route("leads", "Lists or exports leads"),
		listed[contact.State]{s, contact.Category, "a part of the name, e-mail address, phone number or title", func(c contact.State) []string {
			return []string{c.Name, c.Email, c.Phone, c.Title}
		}, contactColumns}.route("contacts", "Lists or exports contacts"),
		listed[organization.State]{s, organization.Category, "", nil, organizationColumns}.route("organizations", "Lists or exports organizations"),
		listed[opportunity.State]{s, opportunity.Category, "", nil, opportunityColumns}.route("opportunities", "Lists or exports opportunities"),
		listed[invoice.State]{s, invoice.Category, "", nil, invoiceColumns}.route("invoices", "Lists or exports invoices"),
		listed[escalation.State]{s, escalation.Category, "", nil, escalationColumns}.route("escalations", "Lists or exports escalations"),
	}
}

// readModelCodes are the refusals of what is read from a read model.
var readModelCodes = append(slices.Clone(readingCodes), problem.ReadModelBehind)

// onParameter is the other clock.
var onParameter = parameter{"on", "effective time: what held on that day; the day of the time asked where it is not given", &huma.Schema{Type: huma.TypeString, Format: "date"}}

// listed is a list of one kind of record. The read model says which records and in what order; each is folded from the log as of
// the same position, so what an item says is what the list chose it by.
type listed[S any] struct {
	*server
	kind string
	// personal are the texts that q looks at, where they are personal and so are not in the read model; nil where they are in it.
	searches string
	personal func(S) []string
	columns  []string // of the CSV form
}

// listItem is a record of a list, and whose it is.
type listItem[S any] struct {
	TenantID   uuid.UUID          `json:"tenantId"`
	TenantName string             `json:"tenantName,omitempty"` // for the provider's staff, who have many
	Record     commands.Record[S] `json:",embed"`
}

// listRead is one reading of a list.
type listRead struct {
	projections.List
	query  projection.Query
	asked  moment
	at     eventstore.Cursor // nil is now
	behind *projections.Row
	text   string // to look for in personal fields, in lower case
}

func (l listed[S]) route(name, summary string) route {
	return route{on: "GET /api/v2/" + name, id: "list" + strings.ToUpper(name[:1]) + name[1:], summary: summary,
		query: l.parameters(), gives: replies{200: exported{modelPage[listItem[S]]{}, listItem[S]{}}},
		frame: frame{scheme: bySession, limited: true, roles: readers, reads: true, codes: readModelCodes, serve: func(declared route) endpoint {
			return func(w http.ResponseWriter, r *http.Request) error {
				q, err := l.letIn(w, r, declared.frame)
				if err != nil {
					return err
				}
				if err := parameters(r, declared.query); err != nil {
					return err
				}
				return l.serve(w, q)
			}
		}}}
}

func (l listed[S]) parameters() []parameter {
	all := append(slices.Clone(ofPage), tenantParameter)
	for _, p := range projections.ListParameters(l.kind) {
		all = append(all, parameter{p.Name, p.Meaning, schemaOf(p.Form)})
	}
	if l.personal != nil {
		all = append(all, textParameter("q", l.searches))
	}
	if l.kind == invoice.Category {
		all = append(all, onParameter) // what is overdue depends on the day
	}
	return all
}

func schemaOf(f projections.Form) *huma.Schema {
	form := &huma.Schema{Type: huma.TypeString}
	switch f.Kind {
	case projections.Text, projections.IDs:
	case projections.ID:
		form.Format = "uuid"
	case projections.Flag:
		form.Type = huma.TypeBoolean
	case projections.Number:
		form.Type = huma.TypeInteger
	case projections.Day:
		form.Format = "date"
	case projections.Time:
		form.Format = "date-time"
	}
	for _, v := range f.Values {
		form.Enum = append(form.Enum, v)
	}
	return form
}

func (l listed[S]) serve(w http.ResponseWriter, q request) error {
	limit, err := limitOf(q.Request)
	if err != nil {
		return err
	}
	read, err := l.reading(q)
	if err != nil {
		return err
	}
	if form := exportForm(q.Header); form != "" {
		return l.export(w, q, read, form)
	}
	items, next, cursor, err := l.page(q, read, limit)
	if err != nil {
		return err
	}
	w.Header().Set(CursorHeader, l.Commands.Log.Token(cursor))
	lag, err := l.lagOf(q.Context(), read.asked, cursor)
	if err != nil {
		return err
	}
	answer := modelPage[listItem[S]]{page[listItem[S]]{Items: items}, lag}
	if next != nil {
		answer.NextCursor = l.pageToken(q.Request, q.tenant, next.Key, next.ID)
	}
	l.write(w, q.Request, http.StatusOK, answer)
	return nil
}

// reading says what the request asks for.
func (l listed[S]) reading(q request) (listRead, error) {
	query, m, err := l.modelQuery(q.Request, q.tenant)
	if err != nil {
		return listRead{}, err
	}
	on, err := dayOf(q.Request, m)
	if err != nil {
		return listRead{}, err
	}
	asked := map[string]string{}
	for name, values := range q.URL.Query() {
		asked[name] = values[0]
	}
	read := listRead{query: query, asked: m, at: m.asOf()}
	if text, given := asked["q"]; given && l.personal != nil {
		if read.text = strings.ToLower(strings.TrimSpace(text)); read.text == "" || len(read.text) > domain.MaxName {
			return read, problem.Invalid(problem.FieldError{Field: "q", Code: "not_allowed", Message: "is 1 to 200 characters"})
		}
	}
	if read.List, err = projections.NewList(l.kind, asked, on); err != nil {
		return read, err
	}
	place, err := l.pageOf(q.Request, q.tenant, 2)
	if place != nil {
		read.behind = &projections.Row{Key: place[0], ID: place[1]}
	}
	return read, err
}

// page reads up to limit items and, where there are more, the row that the next page begins behind.
func (l listed[S]) page(q request, read listRead, limit int) (items []listItem[S], next *projections.Row, cursor eventstore.Cursor, err error) {
	items = []listItem[S]{}
	size := limit + 1
	if read.text != "" {
		size = listChunk
	}
	for looked := 0; looked < listSearched; looked += size {
		rows, reflected, err := read.Read(q.Context(), l.Reader, read.query, read.at, read.behind, size)
		if err != nil {
			return nil, nil, nil, err
		}
		if cursor == nil {
			cursor = reflected // the oldest that a part of the page reflects
		}
		more := len(rows) == size
		if read.text == "" {
			rows = rows[:min(len(rows), limit)]
		}
		found, err := l.items(q, rows, reflected)
		if err != nil {
			return nil, nil, nil, err
		}
		for i := range found {
			if l.matches(found[i], read.text) {
				items = append(items, found[i])
			}
			if next = &rows[i]; len(items) == limit {
				if more || i+1 < len(rows) {
					return items, next, cursor, nil
				}
				return items, nil, cursor, nil
			}
		}
		if !more {
			return items, nil, cursor, nil
		}
		read.behind = next
	}
	return items, next, cursor, nil
}

// items folds the records of rows as of the cursor that the rows reflect.
func (l listed[S]) items(q request, rows []projections.Row, at eventstore.Cursor) ([]listItem[S], error) {
	refs := make([]eventstore.Ref, len(rows))
	for i, row := range rows {
		refs[i] = eventstore.Ref{Tenant: row.Tenant, Stream: eventstore.Stream(l.kind + "-" + row.ID)}
	}
	records, err := commands.Records[S](q.Context(), l.Commands, refs, at)
	if err != nil {
		return nil, err
	}
	if len(records) != len(rows) {
		return nil, errors.New("the list of " + l.kind + " names records that the log does not hold")
	}
	names, err := l.tenantNames(q, rows)
	if err != nil {
		return nil, err
	}
	items := make([]listItem[S], len(rows))
	for i := range rows {
		items[i] = listItem[S]{rows[i].Tenant, names[rows[i].Tenant.String()], records[i]}
	}
	return items, nil
}

// tenantNames is what the tenants of rows are called, where who asks is of none of them.
func (l listed[S]) tenantNames(q request, rows []projections.Row) (map[string]string, error) {
	if q.who.Tenant != uuid.Nil {
		return nil, nil
	}
	now, err := l.Commands.Log.Heads(q.Context())
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	var refs []eventstore.Ref
	for _, row := range rows {
		id := row.Tenant.String()
		if _, met := names[id]; !met {
			names[id] = ""
			refs = append(refs, eventstore.Ref{Tenant: eventstore.ProviderSpace, Stream: eventstore.Stream(tenant.Stream(id))})
		}
	}
	tenants, err := commands.Records[tenant.State](q.Context(), l.Commands, refs, now)
	for _, t := range tenants {
		names[t.ID] = t.State.Name
	}
	return names, err
}

func (l listed[S]) matches(item listItem[S], text string) bool {
	if text == "" {
		return true
	}
	return strings.Contains(strings.ToLower(strings.Join(l.personal(item.Record.State), "\n")), text)
}
