package web

import (
	"strings"
	"testing"
)

// TestPagesSayThatTheyAreBehind: what a read model lacks is said on a list, on a board and beside figures, and it is asked for again soon.
func TestPagesSayThatTheyAreBehind(t *testing.T) {
	const lag, words = `,"behindSince":"2026-03-31T10:00:01Z"`, "what happened since 31 Mar 2026, 10:00:01 UTC may be missing here"
	for _, c := range []struct{ portal, address string }{
		{"client", leadsPath}, {"accountant", invoicesPath}, {"provider", escalationsPath}, {"provider", escalationsPath + "?view=board"}, {"client", "/dashboard"},
	} {
		f, server := newFake(t, c.portal, `{}`)
		_, body := ask(t, server, "GET", c.address, nil, c.portal)
		if strings.Contains(body, "data-behind") {
			t.Errorf("%s says that it is behind, and is not", c.address)
		}
		f.leads.lag, f.invoices.lag, f.desk.lag = lag, lag, lag
		f.stats.Store(`{}` + lag)
		_, body = ask(t, server, "GET", c.address, nil, c.portal)
		holds(t, body, "data-behind", words)
		if c.address != "/dashboard" {
			holds(t, body, `data-refresh="2000"`)
		}
		_, body = ask(t, server, "GET", c.address+map[bool]string{true: "&", false: "?"}[strings.Contains(c.address, "?")]+"at=2026-01-01T00:00:00Z", nil, c.portal)
		if c.address != "/dashboard" && strings.Contains(body, "data-behind") {
			t.Errorf("%s as of then says that it is behind", c.address)
		}
	}
}
