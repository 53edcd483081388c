package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

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

// leadImporter creates a lead for each row, and converts it where the row says so.
type leadImporter struct {
	use    *commands.Commands
	tenant uuid.UUID
}

func newLeadImporter(use *commands.Commands, tenant uuid.UUID) rowImporter {
	return leadImporter{use, tenant}
}

// leadRow is what a row asks for.
type leadRow struct {
	create      lead.Create
	converted   bool
	convertedOn domain.Date
}

func (i leadImporter) read(r row) (leadRow, error) {
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
	if f["value"] != "" {
		if l.create.Value, err = money.ParseMajor(f["value"], f["currency"]); err != nil {
			return l, rowError{"value: " + err.Error()}
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

// key is the strongest of the lead's own keys. A row without any is refused by the command.
func (i leadImporter) key(r row) string {
	l, _ := i.read(r) // what is wrong with it is told by check
	keys := l.create.Keys()
	if len(keys) == 0 {
		return ""
	}
	last := keys[len(keys)-1] // the external id, when there is one
	return last.Kind + "\n" + last.Value
}

func (i leadImporter) check(r row) error {
	l, err := i.read(r)
	if err != nil {
		return err
	}
	l.create.CreatedOn = l.create.CreatedOn.Or(domain.DateOf(i.use.Now()))
	return l.create.Validate()
}

func (i leadImporter) bring(ctx context.Context, r row) (bool, error) {
	l, err := i.read(r)
	if err != nil {
		return false, err
	}
	// Each step is told apart by what it alone depends on: so a lead that converted since the last file is converted now.
	told, err := json.Marshal([]any{l.create.Details, l.create.CreatedOn})
	if err != nil {
		return false, fmt.Errorf("row as JSON: %w", err)
	}
	made, err := outcomeOf(i.use.CreateLead(ctx, rowCaller(i.tenant, "lead", i.key(r), "create", string(told)), l.create))
	if err != nil || !l.converted {
		return !made.Replayed, err
	}
	id, err := commands.MadeBy(made)
	if err != nil {
		return false, err
	}
	on := l.convertedOn.Or(l.create.CreatedOn)
	out, err := outcomeOf(i.use.ConvertLead(ctx, rowCaller(i.tenant, "lead", i.key(r), "convert", string(on)), id, on))
	return !made.Replayed || !out.Replayed, err
}
