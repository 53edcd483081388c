package e2e

import "testing"

// TestAListComesBeforeItsFilters: on a phone a record is in sight at once, and the filters are behind a button; on a desktop they are
// one row, beside the button of the columns.
func TestAListComesBeforeItsFilters(t *testing.T) {
	for portal, address := range map[string]string{"client": "/leads", "provider": "/provider/escalations", "developer": "/developer/events"} {
		t.Run(portal, func(t *testing.T) {
			t.Parallel()
			b := open(t, portal, views[1])
			b.get(address)
			if top := eval[float64](b, "the first row", `document.querySelector("tbody tr").getBoundingClientRect().top / innerHeight`); top > 0.5 {
				t.Errorf("the first row begins at %.2f of the phone", top)
			}
			b.await("filters that are away", `!document.querySelector("form.filters").checkVisibility()`)
			eval[bool](b, "open the filters", `document.querySelector(".to-filters").click(), true`)
			b.await("the filters", `[...document.querySelectorAll("form.filters :is(input:not([type=hidden]), select, button)")].every(f => {
				const r = f.getBoundingClientRect();
				return r.width > 0 && r.left >= 0 && r.right <= innerWidth && r.bottom <= innerHeight;
			})`)
			b.accessible("the filters of "+address, everything)
			b.quiet(t)
		})
	}
	for portal, address := range map[string]string{"client": "/leads", "provider": "/provider/escalations", "accountant": "/accountant/invoices"} {
		t.Run("desktop "+portal, func(t *testing.T) {
			t.Parallel()
			b := open(t, portal, view{"small desktop", 1280, 800, false})
			b.get(address)
			if rows := eval[int](b, "rows of filters", `new Set([...document.querySelectorAll(".list-head :is(input, select, button)")].filter(f => f.checkVisibility()).map(f => Math.round(f.getBoundingClientRect().bottom))).size`); rows != 1 {
				t.Errorf("the filters of %s stand in %d rows", address, rows)
			}
		})
	}
}
