//go:build whole

package e2e

import "testing"

// TestBesideFigures pays an invoice while a dashboard is open: what is owed by age is so at once, and who is at it keeps what had the focus
// and what was typed. What the installation stands on is measured anew without anything that happens.
func TestBesideFigures(t *testing.T) {
	t.Parallel()
	c := app.client(t, "client")
	b := open(t, "accountant", views[0])
	b.get("/accountant")
	b.await("the stream", `document.querySelector("[data-state]")?.dataset.state === "on"`)
	eval[bool](b, "begin", `(() => {
		document.querySelector("#at").value = "2026-01-02T03:04:05";
		window.kept = document.querySelector("#beside a");
		kept.focus();
		window.before = document.querySelector("#beside").textContent;
		return true;
	})()`)
	var list struct {
		Items []struct {
			ID      string `json:"id"`
			Balance struct {
				Amount   int64  `json:"amount"`
				Currency string `json:"currency"`
			} `json:"balance"`
		} `json:"items"`
	}
	app.ask(t, c, "client", "GET", "/api/v2/invoices?open=true&limit=1&sort=-dueDate", nil, &list)
	if len(list.Items) == 0 {
		t.Fatal("the demo data has no open invoice")
	}
	i := list.Items[0]
	i.Balance.Amount = 1
	app.ask(t, c, "client", "POST", "/api/v2/invoices/"+i.ID+"/payments", map[string]any{"amount": i.Balance}, nil)
	b.await("what is owed", `document.querySelector("#beside").textContent !== before`)
	if !eval[bool](b, "what was kept", `document.activeElement === kept && kept.isConnected && document.querySelector("#at").value === "2026-01-02T03:04:05"`) {
		t.Error("the focus or what was typed is gone")
	}
	b.quiet(t)

	d := open(t, "developer", views[0])
	d.get("/developer")
	eval[bool](d, "the components", `(window.before = document.querySelector("#beside").textContent, true)`)
	d.await("another measurement", `document.querySelector("#beside").textContent !== before`)
	d.quiet(t)
}
