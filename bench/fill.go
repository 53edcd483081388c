package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
)

const (
	fillTenants = 50
	fillDays    = 365 // that the log is spread over, in order: what is recorded together is about the same few days
	fillWorkers = 4   // they encode while the log commits
	leadsEach   = 60  // of one append; with its invoices some 280 events
	billsEach   = 40
)

var fillStart = domain.Date("2025-01-01")

// filledHouse returns a database whose log holds at least so many events of leads, with their personal data encrypted, and of
// invoices, as the domain decides them.
func (s *suite) filledHouse(ctx context.Context, events int) (*house, error) {
	if s.filled == nil {
		registry, err := commands.Registry()
		if err != nil {
			return nil, err
		}
		if s.filled, err = s.newHouse(ctx, "filled", registry); err != nil {
			return nil, err
		}
	}
	h := s.filled
	head, err := h.head(ctx)
	if err != nil || head >= int64(events) {
		return h, err
	}
	return h, h.fill(ctx, head, int64(events))
}

func (h *house) fill(ctx context.Context, from, to int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var written atomic.Int64
	written.Store(from)
	var wg sync.WaitGroup
	for worker := range fillWorkers {
		wg.Go(func() {
			m := mix{random: newRandom(int(from) + worker)}
			for written.Load() < to && ctx.Err() == nil {
				// As if the rest of a year came after what is there: a log that is filled further goes on where it ended.
				day := fillStart.AddDays(int(written.Load() * fillDays / max(to, 1_000_000)))
				a, err := m.append(day)
				if err == nil {
					_, err = h.log.Append(ctx, a)
				}
				if err != nil {
					cancel(fmt.Errorf("fill: %w", err))
					return
				}
				for _, w := range a.Writes {
					written.Add(int64(len(w.Facts)))
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return h.vacuum(ctx)
}

// mix makes appends of a day's leads and invoices.
type mix struct {
	random *rand.Rand
	err    error
}

var fillTenantIDs = func() (ids []uuid.UUID) {
	for i := range fillTenants {
		ids = append(ids, uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "tenant %d", i)))
	}
	return ids
}()

func (m *mix) append(day domain.Date) (eventstore.Append, error) {
	a := eventstore.Append{
		Command: eventstore.Command{Tenant: fillTenantIDs[m.random.IntN(fillTenants)], ID: uuid.New(), Fingerprint: fingerprint, Correlation: correlation, Actor: actor},
		At:      map[eventstore.Stream]int{},
	}
	for range leadsEach {
		subject := uuid.Must(uuid.NewV7())
		a.Subjects = append(a.Subjects, subject)
		m.write(&a, lead.Stream(uuid.Must(uuid.NewV7()).String()), m.lead(subject.String(), day))
	}
	for range billsEach {
		m.write(&a, "invoice-"+uuid.Must(uuid.NewV7()).String(), m.invoice(day))
	}
	return a, m.err
}

func (m *mix) write(a *eventstore.Append, stream string, facts []eventstore.Fact) {
	a.At[eventstore.Stream(stream)] = 0
	a.Writes = append(a.Writes, eventstore.Write{Stream: eventstore.Stream(stream), Facts: facts})
}

// lead is one that comes in; most are contacted, half of these qualified, a third of those converted.
func (m *mix) lead(subject string, day domain.Date) []eventstore.Fact {
	n := m.random.IntN(1_000_000)
	create := lead.Create{Subject: subject, CreatedOn: day, Details: lead.Details{
		Name: fmt.Sprintf("Person %d", n), Company: fmt.Sprintf("Company %d", n%9973), Email: fmt.Sprintf("person.%d@example.test", n),
		Source: "website", Value: money.Of(int64(n), "EUR"), Tags: []string{"inbound"},
	}}.Normalize()
	var s lead.State
	facts := step(m, &s, create.Decide, nil)
	if m.random.IntN(4) > 0 {
		facts = step(m, &s, lead.Contact{On: day}.Decide, facts)
		if m.random.IntN(2) > 0 {
			facts = step(m, &s, lead.Qualify{On: day}.Decide, facts)
			if m.random.IntN(3) == 0 {
				facts = step(m, &s, lead.Convert{On: day, Targets: lead.Targets{OpportunityID: uuid.NewString(), ContactID: uuid.NewString()}}.Decide, facts)
			}
		}
	}
	return facts
}

// invoice is one that is issued and, three times in four, paid.
func (m *mix) invoice(day domain.Date) []eventstore.Fact {
	var s invoice.State
	facts := step(m, &s, invoice.Create{Details: invoice.Details{OrganizationID: uuid.NewString(), Currency: "EUR", IssueDate: day, Lines: []invoice.Line{
		{Description: "Subscription", Quantity: money.Int(1 + m.random.IntN(9)), UnitAmount: 100 * m.random.Int64N(1000), TaxRatePercent: money.Int(20)}}}}.Normalize().Decide, nil)
	facts = step(m, &s, invoice.Issue{IssueDate: day, Number: 1 + m.random.Int64N(1_000_000), Today: day}.Decide, facts)
	if s.Balance.Amount > 0 && m.random.IntN(4) > 0 {
		facts = step(m, &s, invoice.Pay{Amount: s.Balance, PaidOn: day.AddDays(14), PaymentID: uuid.NewString(), Today: day.AddDays(14)}.Decide, facts)
	}
	return facts
}

// evolving is an event of the domain on its aggregate's state.
type evolving[S any] interface {
	eventstore.Fact
	Evolve(S) S
}

func step[S any, E evolving[S]](m *mix, s *S, decide func(S) ([]E, error), facts []eventstore.Fact) []eventstore.Fact {
	events, err := decide(*s)
	if err != nil && m.err == nil {
		m.err = err
	}
	for _, e := range events {
		*s, facts = e.Evolve(*s), append(facts, e)
	}
	return facts
}

// wait asks until something is so, closely enough for a measurement of seconds.
func wait(ctx context.Context, so func() (bool, error)) error {
	for {
		ok, err := so()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}
