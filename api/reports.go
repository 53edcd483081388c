package api

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/projections"
)

// reportRoutes lists the reports.
func (s *server) reportRoutes() []route {
	return []route{
		{on: "GET /api/v2/reports/aging", id: "getAgingReport", summary: "Shows what is owed on open invoices, by how long it is past due",
			query: []parameter{atParameter, onParameter, tenantParameter}, gives: replies{200: forms{Aging{}, media(formCSV)}},
			frame: frame{scheme: bySession, limited: true, roles: billers, reads: true, codes: readModelCodes, serve: func(declared route) endpoint {
				return func(w http.ResponseWriter, r *http.Request) error {
					q, err := s.letIn(w, r, declared.frame)
					if err != nil {
						return err
					}
					if err := parameters(r, declared.query); err != nil {
						return err
					}
					return s.aging(w, q)
				}
			}}},
	}
}

// Aging is what is owed by how late it is. Total is the sum of the buckets: what the figure receivables shows.
type Aging struct {
	Cursor  string            `json:"cursor"`
	At      time.Time         `json:"at"`
	On      domain.Date       `json:"on"` // the day that lateness is counted to
	Buckets []projections.Age `json:"buckets"`
	Total   projections.Age   `json:"total"`
}

func (s *server) aging(w http.ResponseWriter, q request) error {
	w.Header().Add("Vary", "Accept")
	query, m, err := s.modelQuery(q.Request, q.tenant)
	if err != nil {
		return err
	}
	on, err := dayOf(q.Request, m)
	if err != nil {
		return err
	}
	ages, total, cursor, err := projections.Aging(q.Context(), s.Reader, query, projections.Moment{At: m.asOf(), On: on, Time: m.time})
	if err != nil {
		return err
	}
	report := Aging{s.Commands.Log.Token(cursor), m.time.UTC(), on, ages, total}
	w.Header().Set(CursorHeader, report.Cursor)
	if exportForm(q.Header) == formCSV {
		return report.csv(w)
	}
	s.write(w, q.Request, http.StatusOK, report)
	return nil
}

// csv writes a line for each bucket and currency. Amounts are in minor units, as everywhere.
func (a Aging) csv(w http.ResponseWriter) error {
	var out bytes.Buffer
	writeCSV(&out, []string{"on", "bucket", "amount", "currency"})
	for _, age := range append(a.Buckets, a.Total) {
		for _, owed := range age.Amounts {
			writeCSV(&out, []string{string(a.On), inert(age.Bucket), strconv.FormatInt(owed.Amount, 10), owed.Currency})
		}
	}
	w.Header().Set("Content-Type", formCSV+"; charset=utf-8")
	_, err := w.Write(out.Bytes())
	return err
}
