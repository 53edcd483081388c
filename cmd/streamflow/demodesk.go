package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/partner"
)

// demoEscalation is an incident that a partner's desk handed over, and what was done about it so far.
type demoEscalation struct {
	severity, summary, description string
	done                           []escalation.Update
}

var demoEscalations = []demoEscalation{
	{"critical", "Cold store 2 is at +9 °C", "The compressor tripped at night and did not restart. 14 pallets of fish are inside.",
		[]escalation.Update{{Kind: escalation.KindAcknowledged}, {Kind: escalation.KindInProgress}, {Kind: escalation.KindComment, Text: "A technician is on the way, expected within the hour."}}},
	{"high", "Invoices reach the wrong inbox", "Since the last change of the address book invoices go to the purchasing department.", []escalation.Update{{Kind: escalation.KindAcknowledged}}},
	{"high", "Truck 17 sends no position", "No position since this morning; the driver says that the unit is on.", nil},
	{"medium", "A customs form asks for a field that we do not have", "Field 44 is new. Without it the form is not accepted.",
		[]escalation.Update{{Kind: escalation.KindInProgress}, {Kind: escalation.KindWaiting, Text: "Asked the customs agent what belongs into it."}}},
	{"medium", "Two leads look like the same company", "They were made on the same day from two trade fairs.", []escalation.Update{{Kind: escalation.KindInProgress}, {Kind: escalation.KindResolved, Text: "They are two branches, and stay apart."}}},
	{"medium", "Export of receivables takes minutes", "The monthly export ran for eight minutes; it used to take seconds.", nil},
	{"low", "The logo on delivery notes is the old one", "Only on the second page.", []escalation.Update{{Kind: escalation.KindResolved, Text: "Replaced."}, {Kind: escalation.KindClosed}}},
	{"low", "A colleague left: please take her account away", "Her last day was Friday.", []escalation.Update{{Kind: escalation.KindClosed, Text: "Done."}}},
}

// loadDesk loads the escalations of a partner of the demo tenant, in every status.
func loadDesk(ctx context.Context, use *commands.Commands, tenant uuid.UUID) error {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	out, err := use.CreatePartner(ctx, asSystem("demo desk"), partner.Create{Details: partner.Details{
		Name: "Fourth Coffee Service Desk", TenantIDs: []string{tenant.String()}, Scopes: []string{"escalations:write", "escalations:read"}}}, secret)
	if err := refused(out, err); err != nil {
		return fmt.Errorf("partner: %w", err)
	}
	desk, err := commands.KeyMadeBy(out)
	if err != nil {
		return err
	}
	for i, d := range demoEscalations {
		incident := fmt.Sprintf("DESK-%d", 1001+i)
		caller := func(key string) commands.Caller { return asDemo(tenant, incident+key) }
		out, err := use.OpenEscalation(ctx, caller(""), escalation.Open{PartnerID: desk.ID, Details: escalation.Details{
			IncidentID: incident, Severity: d.severity, Summary: d.summary, Description: d.description, SourceSystem: "Fourth Coffee Desk", OccurredAt: time.Now()}})
		if err := refused(out, err); err != nil {
			return fmt.Errorf("escalation %s: %w", incident, err)
		}
		id, err := commands.MadeBy(out)
		if err != nil {
			return err
		}
		for n, update := range d.done {
			if err := refused(use.UpdateEscalation(ctx, caller(fmt.Sprintf(" %d", n)), id, "", update)); err != nil {
				return fmt.Errorf("escalation %s, %s: %w", incident, update.Kind, err)
			}
		}
	}
	return nil
}
