package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/eventstore"
)

var invoiceFields = []string{
	"organization", "externalNumber", "issueDate", "dueDate", "amount", "currency", "description", "disputed", "settledOn",
}

// invoiceImporter writes and issues an invoice for each row, and pays it in full where the row says when.
type invoiceImporter struct {
	use *commands.Commands
	by  commands.Caller

	mu            sync.Mutex
	organizations map[string]func() (string, error) // id by name in lower case
}

func newInvoiceImporter(use *commands.Commands, by commands.Caller) importer {
	return &invoiceImporter{use: use, by: by, organizations: map[string]func() (string, error){}}
}

// invoiceRow is what a row asks for.
type invoiceRow struct {
	create       invoice.Create
	organization string
	amount       money.Amount
	settledOn    domain.Date
}

func (i *invoiceImporter) ask(r row) (invoiceRow, error) {
	v := invoiceRow{organization: domain.Line(r.fields["organization"])}
	if v.organization == "" {
		return v, rowError{text: "organization: is required"}
	}
	var err error
	if v.amount, err = money.ParseMajor(r.fields["amount"], r.fields["currency"]); err != nil {
		return v, rowError{text: "amount: " + err.Error()}
	}
	description := r.fields["description"]
	if description == "" {
		description = "Invoice " + r.fields["externalNumber"]
	}
	v.create.Details = invoice.Details{
		Currency: v.amount.Currency, ExternalNumber: r.fields["externalNumber"],
		Lines: []invoice.Line{{Description: description, Quantity: money.Int(1), UnitAmount: v.amount.Amount}},
	}
	if v.create.IssueDate, err = r.date("issueDate"); err != nil {
		return v, err
	}
	if v.create.IssueDate == "" {
		// A day of our own would differ from run to run, and be wrong about the past.
		return v, rowError{text: "issueDate: is required"}
	}
	if v.create.DueDate, err = r.date("dueDate"); err != nil {
		return v, err
	}
	if v.settledOn, err = r.date("settledOn"); err != nil {
		return v, err
	}
	v.create.Disputed, err = r.flag("disputed")
	v.create.Today = domain.DateOf(i.use.Now())
	return v, err
}

// read looks at everything a draft and a payment would refuse, so that a row is not brought in by half.
func (i *invoiceImporter) read(r row) (item, error) {
	v, err := i.ask(r)
	if err != nil {
		return item{}, err
	}
	key := domain.Line(r.fields["externalNumber"])
	if key == "" {
		return item{}, rowError{text: "externalNumber: is required, to know the invoice again"}
	}
	draft := v.create
	draft.OrganizationID = uuid.Nil.String() // it is not known yet
	if err := draft.Normalize().Validate(); err != nil {
		return item{}, err
	}
	// The organization is told by its name: that is what the file says, and its id may differ after a merge.
	told, err := json.Marshal([]any{v.organization, v.amount, v.create.Lines, v.create.IssueDate, v.create.DueDate, v.create.Disputed})
	if err != nil {
		return item{}, fmt.Errorf("row as JSON: %w", err)
	}
	step := func(name, told string) commands.Caller { return rowCaller(i.by, "invoice", key, name, told) }
	made := item{row: r, keys: []string{key}, steps: []commands.Caller{step("create", string(told)), step("issue", string(v.create.IssueDate))}}
	if v.settledOn != "" {
		if err := v.payment().Normalize().Validate(); err != nil {
			return item{}, err
		}
		made.steps = append(made.steps, step("pay", string(v.settledOn)))
	}
	made.bring = func(ctx context.Context, steps []commands.Caller) (bool, error) { return i.bring(ctx, v, steps) }
	return made, nil
}

// like finds none: an invoice is known by its row alone.
func (i *invoiceImporter) like(_ context.Context, items []item) ([]error, error) {
	return make([]error, len(items)), nil
}

func (v invoiceRow) payment() invoice.Pay {
	return invoice.Pay{Amount: v.amount, PaidOn: v.settledOn, Today: v.create.Today}
}

func (i *invoiceImporter) bring(ctx context.Context, v invoiceRow, steps []commands.Caller) (bool, error) {
	var err error
	if v.create.OrganizationID, err = i.organizationOf(ctx, v.organization); err != nil {
		return false, err
	}
	made, err := outcomeOf(i.use.CreateInvoice(ctx, steps[0], v.create))
	if err != nil {
		return false, err
	}
	id, err := commands.MadeBy(made)
	if err != nil {
		return false, err
	}
	issued, err := outcomeOf(i.use.IssueInvoice(ctx, steps[1], id, invoice.Issue{}))
	fresh := !made.Replayed || !issued.Replayed
	if err != nil || v.settledOn == "" {
		return fresh, err
	}
	paid, err := outcomeOf(i.use.PayInvoice(ctx, steps[2], id, v.payment()))
	return fresh || !paid.Replayed, err
}

// organizationOf is the organization of that name, made when there is none. Rows of one customer wait for the first of them.
func (i *invoiceImporter) organizationOf(ctx context.Context, name string) (string, error) {
	key := strings.ToLower(name)
	i.mu.Lock()
	find, known := i.organizations[key]
	if !known {
		find = sync.OnceValues(func() (string, error) { return i.makeOrganization(ctx, name, key) })
		i.organizations[key] = find
	}
	i.mu.Unlock()
	return find()
}

func (i *invoiceImporter) makeOrganization(ctx context.Context, name, key string) (string, error) {
	out, err := i.use.CreateOrganization(ctx, rowCaller(i.by, "organization", key, "create", key),
		organization.Create{Details: organization.Details{Name: name}})
	if err != nil {
		return "", err
	}
	if out.Verdict != eventstore.Refused {
		return commands.MadeBy(out)
	}
	refusal, err := commands.RefusalOf(out)
	if err != nil {
		return "", err
	}
	if held := refusal.Params["existingId"]; held != "" {
		return held, nil
	}
	return "", rowError{text: refusal.Text}
}
