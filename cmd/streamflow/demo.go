package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// demoOwner signs in to the demo tenant. The password is public: demo data only goes to the embedded database.
var demoOwner = account{Portal: user.PortalClient, Email: "owner@northwind.example", Password: "demo-northwind"}

// demoLead is a lead, and how far it got.
type demoLead struct {
	name, company, email, source string
	value                        int64
	step                         string
}

var demoLeads = []demoLead{
	{"Ada Byron", "Analytical Engines", "ada@engines.example", "website", 1_200_000, lead.StatusConverted},
	{"Grace Hopper", "Compilers & Co", "grace@compilers.example", "referral", 850_000, lead.StatusQualified},
	{"Alan Kay", "Objects Ltd", "alan@objects.example", "event", 420_000, lead.StatusContacted},
	{"Barbara Liskov", "Substitution GmbH", "barbara@substitution.example", "partner", 640_000, lead.StatusConverted},
	{"Edsger Dijkstra", "Shortest Path BV", "edsger@path.example", "website", 90_000, lead.StatusNew},
	{"Donald Knuth", "Literate Press", "donald@press.example", "website", 310_000, lead.StatusDisqualified},
}

// loadDemo loads a tenant and its leads through commands, once: every command has the same id at every start.
func loadDemo(ctx context.Context, use *commands.Commands, out io.Writer) error {
	tenant, err := demoTenant(ctx, use)
	if err != nil {
		return err
	}
	on := domain.DateOf(time.Now())
	for _, d := range demoLeads {
		caller := func(step string) commands.Caller { return asDemo(tenant, d.email+" "+step) }
		made, err := use.CreateLead(ctx, caller("create"), lead.Create{CreatedOn: on, Details: lead.Details{
			Name: d.name, Company: d.company, Email: d.email, Source: d.source, Value: money.Of(d.value, "USD")}})
		if err := refused(made, err); err != nil {
			if errors.Is(err, eventstore.ErrCommandReused) {
				continue
			}
			return fmt.Errorf("lead %s: %w", d.email, err)
		}
		id, err := commands.MadeBy(made)
		if err != nil {
			return err
		}
		if err := demoStep(ctx, use, caller(d.step), id, d.step, on); err != nil {
			return fmt.Errorf("lead %s: %w", d.email, err)
		}
	}
	if err := loadBooks(ctx, use, tenant); err != nil {
		return err
	}
	if err := loadDesk(ctx, use, tenant); err != nil {
		return err
	}
	for _, a := range []account{demoOwner, demoAccountant} {
		fmt.Fprintf(out, "sign in to the %s portal as %s with %s\n", a.Portal, a.Email, a.Password)
	}
	return nil
}

// asDemo makes a command of the demo data: its id is the same at every start, so that it is done once.
func asDemo(tenant uuid.UUID, key string) commands.Caller {
	c := asSystem("demo " + key)
	c.Tenant, c.ID = tenant, eventstore.CommandID(tenant, "system", "demo "+key)
	return c
}

func demoTenant(ctx context.Context, use *commands.Commands) (uuid.UUID, error) {
	if owner, err := use.UserByEmail(ctx, demoOwner.Email); err == nil {
		return uuid.Parse(owner.State.TenantID)
	} else if !errors.Is(err, commands.ErrNotFound) {
		return uuid.Nil, err
	}
	hash, err := password.New().Hash(ctx, demoOwner.Password)
	if err != nil {
		return uuid.Nil, err
	}
	out, err := use.CreateTenant(ctx, asSystem("demo tenant"), commands.CreateTenant{
		Name: "Northwind Traders", OwnerEmail: demoOwner.Email, OwnerName: "Nancy Davolio", PasswordHash: hash})
	if err := refused(out, err); err != nil {
		return uuid.Nil, err
	}
	id, err := commands.MadeBy(out)
	if err != nil {
		return uuid.Nil, err
	}
	return uuid.Parse(id)
}

func demoStep(ctx context.Context, use *commands.Commands, by commands.Caller, id, step string, on domain.Date) error {
	var out eventstore.Outcome
	var err error
	switch step {
	case lead.StatusContacted:
		out, err = use.ContactLead(ctx, by, id, lead.Contact{On: on})
	case lead.StatusQualified:
		out, err = use.QualifyLead(ctx, by, id, lead.Qualify{On: on})
	case lead.StatusDisqualified:
		out, err = use.DisqualifyLead(ctx, by, id, lead.Disqualify{On: on, Reason: "wrong region"})
	case lead.StatusConverted:
		out, err = use.ConvertLead(ctx, by, id, on)
	}
	return refused(out, err)
}
