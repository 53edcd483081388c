package web

import (
	"strings"
	"testing"
)

// TestComponentsAreMeasured: each says how it is and when that was measured; where nothing is known the figures are there all the
// same, and of the past nothing is said.
func TestComponentsAreMeasured(t *testing.T) {
	f, server := newFake(t, "developer", `{"parkedEvents": {"value": 3, "unit": "count", "source": "gauge"}}`)
	f.log.parts = `[{"name":"database","state":"up","latencyMs":0.26},{"name":"bus","state":"down","latencyMs":2000}]`
	_, body := ask(t, server, "GET", "/developer", nil, "developer")
	holds(t, body, "Components", `class="tile success" id="component-database"`, "<b>Up</b>", "answered in 0.3 ms", `class="tile danger" id="component-bus"`, "<b>Down</b>", "no answer in 2,000 ms", "measured")
	checkPage(t, "health", body)
	for _, broken := range []bool{false, true} {
		f.log.parts, f.log.broken = `"<b>"`, broken
		_, body = ask(t, server, "GET", "/developer", nil, "developer")
		holds(t, body, "<b>3</b>", `<a href="/developer">Try again</a>`)
		checkPage(t, "no health", body)
	}
	_, body = ask(t, server, "GET", "/developer?at=2026-01-01T00:00:00Z", nil, "developer")
	_, client := ask(t, server, "GET", "/dashboard", nil, "client", "developer")
	if strings.Contains(body, "Components") || strings.Contains(client, "Components") {
		t.Error("components of the past, or of a client")
	}
}
