package commands_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain/invoice"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
)

// Many bill the same leads of a tenant in another lane at once: each lead is billed by exactly one, and the numbers that the
// winners got have no gap.
func TestALeadIsBilledOnce(t *testing.T) {
	c, ctx := open(t), t.Context()
	owing := uuid.New()
	for c.Log.LaneOf(owing) == c.Log.LaneOf(eventstore.ProviderSpace) {
		owing = uuid.New()
	}
	const leads, racers = 3, 16
	ids := make([]string, leads)
	for i := range ids {
		caller := by("user")
		caller.Tenant = owing
		out, err := c.CreateLead(ctx, caller, lead.Create{Details: lead.Details{Name: "N", ExternalID: fmt.Sprint(i)}})
		must(t, err)
		ids[i], err = commands.MadeBy(out)
		must(t, err)
	}
	bill := func(reference, id string) invoice.Create {
		return invoice.Create{
			Details: invoice.Details{Currency: "USD", Reference: reference, Lines: []invoice.Line{
				{Description: "Lead", Quantity: money.Int(1), UnitAmount: 500, LeadID: id},
			}},
			Platform: invoice.Platform{TenantID: owing.String(), PartnerID: "p1"},
		}
	}
	var won, lost atomic.Int32
	var numbers sync.Map
	var done sync.WaitGroup
	for i := range racers {
		done.Go(func() {
			out, err := c.BillTenant(ctx, by("partner"), bill(fmt.Sprint(i), ids[i%leads]))
			if err != nil {
				t.Error(err)
				return
			}
			if out.Verdict == eventstore.Refused {
				if r, _ := commands.RefusalOf(out); out.Code != "lead_already_billed" || r.Params["existingId"] == "" {
					t.Errorf("refused with %s %+v", out.Code, r)
				}
				lost.Add(1)
				return
			}
			won.Add(1)
			id, err := commands.MadeBy(out)
			if err != nil {
				t.Error(err)
				return
			}
			record, err := c.PlatformInvoice(ctx, id, "p1", out.Last())
			if err != nil || record.State.Status != invoice.StatusIssued {
				t.Errorf("the winner's: %+v %v", record, err)
			}
			numbers.Store(record.State.Number, true)
		})
	}
	done.Wait()
	if won.Load() != leads || lost.Load() != racers-leads {
		t.Errorf("%d won and %d lost, want %d and %d", won.Load(), lost.Load(), leads, racers-leads)
	}
	for n := int64(1); n <= leads; n++ {
		if _, ok := numbers.Load(n); !ok {
			t.Errorf("no invoice has number %d", n)
		}
	}
}
