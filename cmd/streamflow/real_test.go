package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/projections"
)

const (
	realLeads = "xeducation_leads.csv.gz"
	realBills = "ibm_accounts_receivable.csv.gz"
	realDesk  = "helpdesk_first_half.csv.gz"
)

// TestReal imports the files in STREAMFLOW_REAL_DATA, or small ones of the same form, and compares the dashboards' figures
// with what the files say.
func TestReal(t *testing.T) {
	folder := os.Getenv("STREAMFLOW_REAL_DATA")
	if folder == "" {
		folder = filepath.Join("testdata", "real")
	}
	t.Logf("files from %s", folder)
	leads := filepath.Join(folder, realLeads)
	bills := filepath.Join(folder, realBills)
	desk := filepath.Join(folder, realDesk)
	for _, path := range []string{leads, bills, desk} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("a real file is missing: %v", err)
		}
		t.Logf("%x  %s", sha256.Sum256(raw), filepath.Base(path))
	}
	r := newRealRun(t)
	wanted := countLeads(t, leads)
	r.imports(wanted.rows, wanted.wrong, "leads", leads, "--map", "Prospect ID=externalId", "--map", "Lead Source=source",
		"--map", "Lead Origin=custom.origin", "--map", "Converted=converted")
	billed, wrong := readBills(t, bills)
	r.imports(int64(len(billed)), wrong, "invoices", bills, "--map", "customerID=organization", "--map", "invoiceNumber=externalNumber",
		"--map", "InvoiceDate=issueDate", "--map", "DueDate=dueDate", "--map", "InvoiceAmount=amount", "--map", "Disputed=disputed",
		"--map", "SettledDate=settledOn", "--set", "currency=USD", "--date-layout", "1/2/2006")
	r.compareLeads(wanted)
	for _, day := range []domain.Date{"2012-06-30", "2013-02-01", "2013-09-15", "2013-12-31", domain.DateOf(time.Now())} {
		r.compareBills(billed, day)
	}
	r.compareEvents(wanted, billed)
	r.helpDesk(desk)
}

// realRun is an installation in a fresh folder, with one tenant.
type realRun struct {
	*testing.T
	node   *node
	tenant uuid.UUID
}

func newRealRun(t *testing.T) *realRun {
	t.Helper()
	// The rejects of files that lie in a folder of somebody else's go to the current one.
	for _, name := range []string{realLeads, realBills} {
		for _, folder := range []string{".", filepath.Join("testdata", "real")} {
			t.Cleanup(func() { _ = os.Remove(filepath.Join(folder, name+".rejected.csv")) })
		}
	}
	c := config{data: filepath.Join(t.TempDir(), "data"), lanes: 1, postgresBin: os.Getenv("STREAMFLOW_POSTGRES_BIN"),
		roles: allRoles, logger: slog.New(slog.DiscardHandler)}
	n, err := openNode(t.Context(), c, true, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	// It ends before the node that it works on is closed.
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.projector.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("projector: %v", err)
		}
	})
	use := &commands.Commands{Log: n.log, Pool: n.engine, Now: time.Now}
	out, err := use.CreateTenant(t.Context(), asSystem("real tenant"), commands.CreateTenant{
		Name: "Real Files", OwnerEmail: "owner@real.example", OwnerName: "Owner"})
	if err := refused(out, err); err != nil {
		t.Fatal(err)
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		t.Fatal(err)
	}
	return &realRun{t, n, uuid.MustParse(id)}
}

// imports runs the verb twice: the second time must change nothing.
func (r *realRun) imports(good, wrong int64, kind, file string, flags ...string) {
	r.Helper()
	args := append([]string{kind, file, "--json", "--tenant", r.tenant.String()}, flags...)
	for _, want := range []importSummary{{Imported: good}, {Unchanged: good}} {
		want.Rows, want.Rejected = good+wrong, wrong
		before, start := r.heads(), time.Now()
		var out, told bytes.Buffer
		if err := importFile(r.Context(), call{args: args, config: r.node.config, out: &out, err: &told}); err != nil {
			r.Fatalf("import %s: %v\n%s", kind, err, &told)
		}
		var got importSummary
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			r.Fatal(err)
		}
		if rejects := got.Rejects; rejects != "" {
			raw, err := os.ReadFile(rejects)
			if lines := int64(bytes.Count(raw, []byte("\n"))); err != nil || lines != wrong+1 {
				r.Errorf("%d lines of rejects, want %d and a header (%v):\n%s", lines, wrong, err, raw)
			}
		}
		got.Rejects = ""
		if got != want {
			r.Fatalf("import %s: %+v, want %+v", kind, got, want)
		}
		if after := r.heads(); want.Imported == 0 && after != before {
			r.Errorf("the same import again wrote events: head %d, before %d", after, before)
		}
		r.Logf("import %s: %+v in %s", kind, got, time.Since(start).Round(time.Millisecond))
	}
}

func (r *realRun) heads() int64 {
	r.Helper()
	heads, err := r.node.log.Heads(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return heads[1].Position
}

// figures are a portal's, of everything that is in the log now.
func (r *realRun) figures(portal string, on domain.Date) map[string]projections.Figure {
	r.Helper()
	heads, err := r.node.log.Heads(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	figures, _, err := projections.Stats(r.Context(), r.node.reader, portal,
		projection.Query{Tenant: r.tenant, After: heads, Wait: 2 * time.Minute}, projections.Moment{On: on})
	if err != nil {
		r.Fatal(err)
	}
	return figures
}

// same compares one figure and says both.
func (r *realRun) same(on domain.Date, name string, figure projections.Figure, want any) {
	r.Helper()
	if fmt.Sprint(figure.Value) != fmt.Sprint(want) {
		r.Errorf("%s on %s: dashboard %v %s, files %v", name, on, figure.Value, figure.Reason, want)
		return
	}
	r.Logf("%s  %-20s %v", on, name, want)
}

// sameRatio compares both sides of a ratio, and its value to four decimals.
func (r *realRun) sameRatio(on domain.Date, name string, figure projections.Figure, numerator, denominator int64) {
	r.Helper()
	value, _ := figure.Value.(float64)
	switch {
	case denominator == 0:
		r.same(on, name, figure, nil)
	case figure.Of == nil || *figure.Of != projections.Ratio{Numerator: numerator, Denominator: denominator} ||
		int64(math.Round(value*1e4)) != (numerator*20_000+denominator)/(2*denominator):
		r.Errorf("%s on %s: dashboard %v of %+v, files %d/%d", name, on, figure.Value, figure.Of, numerator, denominator)
	default:
		r.Logf("%s  %-20s %v = %d/%d", on, name, value, numerator, denominator)
	}
}

func (r *realRun) compareLeads(want leadCount) {
	r.Helper()
	today := domain.DateOf(time.Now())
	client, provider := r.figures("client", today), r.figures("provider", today)
	r.same(today, "leadsNew90d", client["leadsNew90d"], want.rows)
	r.same(today, "leadsConverted90d", client["leadsConverted90d"], want.converted)
	r.sameRatio(today, "conversionRate90d", client["conversionRate90d"], want.converted, want.rows)
	r.same(today, "leadsTotal", provider["leadsTotal"], want.rows)
	r.same(today, "leadsConverted", provider["leadsConverted"], want.converted)
}

func (r *realRun) compareBills(bills []bill, on domain.Date) {
	r.Helper()
	at := on.Time()
	day, ok := dayOf(int64(at.Year()), int64(at.Month()), int64(at.Day()))
	if !ok {
		r.Fatalf("%s is no day", on)
	}
	want, got := countOn(bills, day), r.figures("accountant", on)
	r.same(on, "invoicesIssued", got["invoicesIssued"], want.issued)
	r.same(on, "revenuePaid", got["revenuePaid"], dollars(want.paid))
	r.same(on, "receivables", got["receivables"], dollars(want.owed))
	r.same(on, "invoicesOverdue", got["invoicesOverdue"], want.overdue)
	r.same(on, "overdueAmount", got["overdueAmount"], dollars(want.overdueCents))
	r.sameRatio(on, "averageDaysToPay", got["averageDaysToPay"], want.daysToPay, want.settled)
}

func dollars(cents int64) []money.Amount {
	if cents == 0 {
		return []money.Amount{}
	}
	return []money.Amount{money.Of(cents, "USD")}
}

// compareEvents counts what no figure shows.
func (r *realRun) compareEvents(leads leadCount, bills []bill) {
	r.Helper()
	counted := map[string]int64{}
	for page, err := range r.node.log.Scan(r.Context(), 1, 0, r.heads()) {
		if err != nil {
			r.Fatal(err)
		}
		for _, e := range page {
			counted[e.Type]++
		}
	}
	var disputed int64
	for _, b := range bills {
		if b.disputed {
			disputed++
		}
	}
	for typ, want := range map[string]int64{
		"lead.created": leads.rows, "lead.converted": leads.converted, "invoice.issued": int64(len(bills)),
		"invoice.payment_received": int64(len(bills)), "invoice.disputed": disputed,
	} {
		if counted[typ] != want {
			r.Errorf("%d events %s, want %d", counted[typ], typ, want)
			continue
		}
		r.Logf("events  %-26s %d", typ, want)
	}
}
