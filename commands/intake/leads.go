package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
)

const customPrefix = "custom."

var leadFields = []string{
	"name", "company", "email", "phone", "externalId", "source", "value", "currency", "notes", "ownerId", "tags", "createdOn",
	"converted", "convertedOn", customPrefix,
}

// leadColumns are names of columns that mean a field of another name.
var leadColumns = map[string]string{
	"fullname": "name", "contact": "name", "contactname": "name", "leadname": "name",
	"organization": "company", "organisation": "company", "account": "company", "companyname": "company",
	"mail": "email", "emailaddress": "email", "workemail": "email",
	"tel": "phone", "telephone": "phone", "mobile": "phone", "phonenumber": "phone", "mobilephone": "phone",
	"id": "externalId", "leadid": "externalId", "reference": "externalId", "prospectid": "externalId",
	"leadsource": "source", "channel": "source", "amount": "value", "dealvalue": "value", "note": "notes", "comment": "notes", "comments": "notes",
	"owner": "ownerId", "tag": "tags", "labels": "tags", "created": "createdOn", "createdat": "createdOn", "date": "createdOn",
}

// leadImporter creates a lead for each row, and converts it where the row says so.
type leadImporter struct {
	use *commands.Commands
	by  commands.Caller
}

func newLeadImporter(use *commands.Commands, by commands.Caller) importer {
	return leadImporter{use, by}
}

// leadRow is what a row asks for.
type leadRow struct {
	create      lead.Create
	converted   bool
	convertedOn domain.Date
}

func readLead(r row) (leadRow, error) {
	var l leadRow
	var err error
	f := r.fields
	l.create.Details = lead.Details{
		Name: f["name"], Company: f["company"], Email: f["email"], Phone: f["phone"], ExternalID: f["externalId"],
		Source: f["source"], Notes: f["notes"], OwnerID: f["ownerId"],
	}
	if f["tags"] != "" {
		l.create.Tags = strings.Split(f["tags"], ",")
	}
	if f["value"] != "" && f["currency"] == "" {
		return l, rowError{text: "currency: is required with a value; give one for all rows where the file has none"}
	}
	if f["value"] != "" {
		if l.create.Value, err = money.ParseMajor(f["value"], f["currency"]); err != nil {
			return l, rowError{text: "value: " + err.Error()}
		}
	}
	for field, value := range f {
		if name, ok := strings.CutPrefix(field, customPrefix); ok && value != "" {
			if l.create.Custom == nil {
				l.create.Custom = map[string]any{}
			}
			l.create.Custom[name] = value
		}
	}
	if l.create.CreatedOn, err = r.date("createdOn"); err != nil {
		return l, err
	}
	if l.convertedOn, err = r.date("convertedOn"); err != nil {
		return l, err
	}
	l.converted, err = r.flag("converted")
	l.create = l.create.Normalize()
	return l, err
}

func (i leadImporter) read(r row) (item, error) {
	l, err := readLead(r)
	if err != nil {
		return item{}, err
	}
	dated, today := l.create, domain.DateOf(i.use.Now())
	dated.CreatedOn = dated.CreatedOn.Or(today)
	if err := dated.Validate(); err != nil {
		return item{}, err
	}
	made := item{row: r, asks: l.create.Details}
	// The strongest is the external id, which is the last, where there is one.
	for _, key := range l.create.Keys() {
		made.keys = append([]string{key.Kind + "\n" + key.Value}, made.keys...)
	}
	// Each step is told apart by what it alone depends on: so a lead that converted since the last file is converted now.
	told, err := json.Marshal([]any{l.create.Details, l.create.CreatedOn})
	if err != nil {
		return item{}, fmt.Errorf("row as JSON: %w", err)
	}
	made.steps = []commands.Caller{rowCaller(i.by, "lead", made.keys[0], "create", string(told))}
	if l.converted {
		on := l.convertedOn.Or(l.create.CreatedOn)
		convert := lead.Convert{Targets: lead.Targets{OpportunityID: "-"}, On: on.Or(today)} // it is not known yet
		if err := convert.Validate(); err != nil {
			return item{}, err
		}
		made.steps = append(made.steps, rowCaller(i.by, "lead", made.keys[0], "convert", string(on)))
		made.may = func(ctx context.Context, id string) error { return i.may(ctx, id, convert) }
	}
	made.bring = func(ctx context.Context, steps []commands.Caller) (bool, error) { return i.bring(ctx, l, steps) }
	return made, nil
}

// may says why a lead that is there could not be converted.
func (i leadImporter) may(ctx context.Context, id string, convert lead.Convert) error {
	is, err := i.use.Lead(ctx, i.by.Tenant, id, 0)
	if err != nil {
		return err
	}
	_, err = convert.Decide(is.State)
	return err
}

func (i leadImporter) like(ctx context.Context, items []item) ([]error, error) {
	details, faults := make([]lead.Details, len(items)), make([]error, len(items))
	for n, one := range items {
		details[n] = one.asks.(lead.Details)
	}
	found, err := i.use.LeadsLike(ctx, i.by.Tenant, details)
	for n, existing := range found {
		if existing != "" {
			faults[n] = commands.DuplicateLead(existing)
		}
	}
	return faults, err
}

func (i leadImporter) bring(ctx context.Context, l leadRow, steps []commands.Caller) (bool, error) {
	made, err := outcomeOf(i.use.CreateLead(ctx, steps[0], l.create))
	if err != nil || !l.converted {
		return !made.Replayed, err
	}
	id, err := commands.MadeBy(made)
	if err != nil {
		return false, err
	}
	out, err := outcomeOf(i.use.ConvertLead(ctx, steps[1], id, l.convertedOn.Or(l.create.CreatedOn)))
	return !made.Replayed || !out.Replayed, err
}
