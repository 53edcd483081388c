package commands

import (
	"github.com/streamflow/streamflow/domain/contact"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/opportunity"
	"github.com/streamflow/streamflow/domain/organization"
	"github.com/streamflow/streamflow/domain/partner"
	"github.com/streamflow/streamflow/domain/series"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// Registry lists the event types of every aggregate. A new aggregate is one line here.
func Registry() (*eventstore.Registry, error) {
	var facts []eventstore.Fact
	facts = add(facts, contact.Events)
	facts = add(facts, escalation.Events)
	facts = add(facts, lead.Events)
	facts = add(facts, invoice.Events)
	facts = add(facts, opportunity.Events)
	facts = add(facts, organization.Events)
	facts = add(facts, partner.Events)
	facts = add(facts, series.Events)
	facts = add(facts, tenant.Events)
	facts = add(facts, user.Events)
	registry, err := eventstore.NewRegistry(facts...)
	if err != nil {
		return nil, err
	}
	same := func(data []byte) ([]byte, error) { return data, nil } // the members that are new may be absent
	return registry, registry.Upcast(tenant.SettingsChanged{}.Type(), 1, same)
}

func add[E eventstore.Fact](facts []eventstore.Fact, events []E) []eventstore.Fact {
	for _, e := range events {
		facts = append(facts, e)
	}
	return facts
}
