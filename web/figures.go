package web

import (
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/web/ui"
)

// portal is one of the four: where its home is, and what its dashboard calls each figure, in the order shown.
type portal struct {
	Name, Title, Home string
	Groups            []group
}

type group struct {
	Title  string
	Labels []label
}

// label is a figure's public name, what people call it, and for a count what is counted.
type label struct{ Name, Title, Noun string }

// portals are the four dashboards. A figure that the API answers and no table names is shown last, by its public name.
var portals = []*portal{
	{Name: "client", Title: "Workspace", Home: "/dashboard", Groups: []group{
		{"Leads, last 90 days", []label{
			{"leadsNew90d", "New leads", "leads"}, {"leadsConverted90d", "Converted leads", "leads"},
			{"conversionRate90d", "Conversion rate", ""}, {"leadsHot", "Hot leads", "open leads with a score of 70 or more"},
		}},
		{"Sales", []label{
			{"pipelineValue", "Pipeline", ""}, {"pipelineWeighted", "Weighted pipeline", ""}, {"wonThisMonth", "Won this month", ""},
			{"averageDealSize", "Average deal", ""}, {"invoicesOutstanding", "Outstanding invoices", ""},
		}},
		{"Fleet and work", []label{
			{"vehiclesActive", "Active vehicles", "vehicles"}, {"vehiclesOutOfService", "Out of service", "vehicles"},
			{"ticketsOpen", "Open tickets", "tickets"}, {"tasksDue", "Tasks due", "tasks"},
		}},
	}},
	{Name: "provider", Title: "Provider", Home: "/provider", Groups: []group{
		{"Revenue", []label{
			{"mrr", "Monthly recurring revenue", ""}, {"revenuePaid", "Paid", ""}, {"revenueOutstanding", "Outstanding", ""}, {"revenueOverdue", "Overdue", ""},
		}},
		{"Clients", []label{
			{"tenantsTotal", "Clients", "clients"}, {"tenantsActive30d", "Active clients, 30 days", "clients"},
			{"usersActive30d", "Active people, 30 days", "accounts"}, {"partnersActive", "Active partners", "partners"},
		}},
		{"Leads of all clients", []label{
			{"leadsTotal", "Leads", "leads"}, {"leadsConverted", "Converted leads", "leads"}, {"conversionRate", "Conversion rate", ""},
		}},
		{"Operations", []label{
			{"escalationsOpen", "Open escalations", "escalations"}, {"escalationsBreached", "Escalations past their time", "escalations"},
			{"eventsTotal", "Events recorded", "events"},
		}},
	}},
	{Name: "accountant", Title: "Accounting", Home: "/accountant", Groups: []group{
		{"Income", []label{
			{"revenuePaid", "Paid", ""}, {"revenueThisMonth", "Paid this month", ""}, {"taxCollected", "Tax collected", ""},
		}},
		{"Receivables", []label{
			{"receivables", "Open balance", ""}, {"overdueAmount", "Overdue", ""}, {"invoicesOverdue", "Overdue invoices", "invoices"},
			{"averageDaysToPay", "Average time to pay", ""},
		}},
		{"Documents", []label{{"invoicesIssued", "Issued invoices", "invoices"}, {"creditNotes", "Credit notes", "credit notes"}}},
	}},
	{Name: "developer", Title: "Developer", Home: "/developer", Groups: []group{
		{"Requests, last 24 hours", []label{
			{"requests24h", "Requests", "requests"}, {"errorRate24h", "Error rate", ""}, {"latencyP50Ms", "Median latency", ""},
			{"latencyP95Ms", "95th percentile latency", ""}, {"rateLimited24h", "Over a rate limit", "requests"},
			{"signaturesRefused24h", "Refused signatures", "requests"},
		}},
		{"Events", []label{
			{"eventsPerSecond", "Events", ""}, {"projectionLagMax", "Largest projection lag", "events"},
			{"parkedEvents", "Parked events", "events"}, {"deadLetters", "Dead letters", "messages"},
		}},
	}},
}

func portalNamed(name string) *portal {
	for _, p := range portals {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// statsAnswer is the API's answer. Values stay as sent until their unit says how to read them.
type statsAnswer struct {
	Cursor string            `json:"cursor"`
	At     time.Time         `json:"at"`
	Stats  map[string]figure `json:"stats"`

	lagging `json:",embed"`
}

type figure struct {
	Value  jsontext.Value `json:"value"`
	Unit   string         `json:"unit"`
	Source string         `json:"source"`
	Reason string         `json:"reason"`
	Of     *ratio         `json:"of"`
}

type ratio struct {
	Numerator   int64 `json:"numerator"`
	Denominator int64 `json:"denominator"`
}

// section is a part of a dashboard as it is rendered: text only.
type section struct {
	Title string
	Tiles []ui.Stat
}

// sections puts the figures in the portal's order, each with the way to what it is made of, as it was asked for. None is dropped:
// neither one that was not answered nor one more.
func (p *portal) sections(a statsAnswer, asked url.Values) []section {
	tile := func(f figure, l label) ui.Stat {
		t := f.tile(l, a.At)
		t.Href = p.figureURL(l.Name, asked)
		return t
	}
	left := maps.Clone(a.Stats)
	var out []section
	for _, g := range p.Groups {
		s := section{Title: g.Title}
		for _, l := range g.Labels {
			f, ok := left[l.Name]
			if !ok {
				f.Reason = "not measured yet"
			}
			delete(left, l.Name)
			s.Tiles = append(s.Tiles, tile(f, l))
		}
		out = append(out, s)
	}
	if len(left) > 0 {
		s := section{Title: "More"}
		for _, name := range slices.Sorted(maps.Keys(left)) {
			s.Tiles = append(s.Tiles, tile(left[name], label{Name: name, Title: name}))
		}
		out = append(out, s)
	}
	return out
}
