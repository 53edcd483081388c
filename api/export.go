package api

import (
	"bytes"
	"encoding/csv"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/api/guard"
)

const formCSV = "text/csv"

// exportForm is the first form of the Accept header that streams a whole list; "" where JSON comes first.
func exportForm(h http.Header) string {
	for accepted := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		switch form, _, _ := mime.ParseMediaType(accepted); form {
		case formCSV, ndjson:
			return form
		case "application/json", "*/*", "application/*":
			return ""
		}
	}
	return ""
}

// The columns of each list's CSV form: members of the JSON form, those of an object behind a dot.
var (
	recordColumns = []string{"id", "tenantId", "version", "createdAt", "updatedAt", "createdBy", "archivedAt"}
	leadColumns   = append([]string{"name", "company", "email", "phone", "externalId", "source", "status", "score", "value.amount", "value.currency",
		"ownerId", "notes", "tags", "createdOn", "convertedOn", "disqualifiedFor", "custom"}, recordColumns...)
	contactColumns      = append([]string{"name", "email", "phone", "title", "organizationId", "primary", "ownerId", "tags", "createdOn", "custom"}, recordColumns...)
	organizationColumns = append([]string{"name", "domain", "industry", "size", "annualRevenue.amount", "annualRevenue.currency", "website", "phone", "email",
		"parentId", "address.street", "address.city", "address.state", "address.zip", "address.country", "ownerId", "tags", "createdOn", "custom"}, recordColumns...)
	opportunityColumns = append([]string{"title", "stage", "value.amount", "value.currency", "probability", "closeDate", "closedOn", "reason", "organizationId",
		"contactId", "leadId", "ownerId", "tags", "createdOn", "custom"}, recordColumns...)
	invoiceColumns = append([]string{"number", "status", "organizationId", "currency", "issueDate", "dueDate", "net.amount", "tax.amount", "total.amount", "paid.amount",
		"credited.amount", "balance.amount", "reference", "externalNumber", "disputed", "disputeReason", "paidInFullOn", "daysToPay", "voidReason", "lines"}, recordColumns...)
	escalationColumns = append([]string{"incidentId", "severity", "status", "summary", "description", "sourceSystem", "occurredAt", "openedAt", "respondBy", "resolveBy",
		"responseBreached", "resolveBreached", "assigneeId", "partnerId", "historical", "metadata"}, recordColumns...)
)

// export streams a whole list, all of it as of one moment. What fails on the way cuts the connection, so that nobody takes a part
// for the whole.
func (l listed[S]) export(w http.ResponseWriter, q request, read listRead, form string) error {
	rows, cursor, err := read.Read(q.Context(), l.Reader, read.query, read.at, read.behind, listChunk)
	if err != nil {
		return err
	}
	read.at = cursor
	takesLong(q.Context())
	ending := ".csv"
	if form == ndjson {
		ending = ".ndjson"
	}
	h := w.Header()
	h.Set(CursorHeader, l.Commands.Log.Token(cursor))
	h.Set("Content-Type", form+"; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+strings.TrimPrefix(q.URL.Path, "/api/v2/")+ending+`"`)
	out := bytes.Buffer{}
	if form == formCSV {
		writeCSV(&out, l.columns)
	}
	for started := false; ; started = true {
		items, err := l.items(q, rows, cursor)
		if err == nil {
			err = l.writeItems(&out, items, read.text, form)
		}
		if err != nil && !started {
			h.Del("Content-Disposition")
			return err
		}
		if err != nil {
			l.cut(q, err)
		}
		if _, err := w.Write(out.Bytes()); err != nil {
			return nil //nolint:nilerr // the client has gone
		}
		out.Reset()
		if len(rows) < listChunk {
			return nil
		}
		if rows, _, err = read.Read(q.Context(), l.Reader, read.query, read.at, &rows[len(rows)-1], listChunk); err != nil {
			l.cut(q, err)
		}
	}
}

// cut ends an answer that has begun and cannot go on.
func (l listed[S]) cut(q request, err error) {
	l.Logger.ErrorContext(q.Context(), "list cut short", "error", err, "path", q.URL.Path, "correlation", guard.CorrelationID(q.Context()))
	panic(http.ErrAbortHandler)
}

func (l listed[S]) writeItems(out *bytes.Buffer, items []listItem[S], text, form string) error {
	for _, item := range items {
		if !l.matches(item, text) {
			continue
		}
		var line bytes.Buffer
		if err := guard.MarshalJSON(&line, item); err != nil {
			return err
		}
		if form == ndjson {
			out.Write(line.Bytes())
			out.WriteByte('\n')
			continue
		}
		cells, err := cellsOf(line.Bytes(), l.columns)
		if err != nil {
			return err
		}
		writeCSV(out, cells)
	}
	return nil
}

// cellsOf picks members out of a JSON object. Text is shown bare, anything else as JSON.
func cellsOf(object jsontext.Value, columns []string) ([]string, error) {
	cells := make([]string, len(columns))
	var members map[string]jsontext.Value
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	for i, column := range columns {
		name, rest, nested := strings.Cut(column, ".")
		value := members[name]
		switch {
		case nested && value.Kind() == '{':
			inner, err := cellsOf(value, []string{rest})
			if err != nil {
				return nil, err
			}
			cells[i] = inner[0]
		case value.Kind() == '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, err
			}
			cells[i] = inert(text)
		case value.Kind() != 'n' && value != nil:
			cells[i] = string(value)
		}
	}
	return cells, nil
}

// inert keeps a spreadsheet from taking text for a formula.
func inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

func writeCSV(out *bytes.Buffer, cells []string) {
	w := csv.NewWriter(out)
	_ = w.Write(cells) // a buffer takes everything
	w.Flush()
}
