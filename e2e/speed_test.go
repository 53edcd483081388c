//go:build whole

package e2e

import (
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	late    = 150 * time.Millisecond // for what was committed to be shown
	commits = 60
	slow    = 30 * time.Millisecond // for the server to answer with a page of a long list
	many    = 50_000
	reads   = 200
)

var nextPage = regexp.MustCompile(`rel="next" href="([^"]+)"`)

// within fails where 95 of 100 times are longer than they may be.
func within(t *testing.T, what string, most time.Duration, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	p95 := took[len(took)*95/100]
	t.Logf("%s: p50 %s, p95 %s, most %s", what, took[len(took)/2].Round(100*time.Microsecond), p95.Round(100*time.Microsecond), took[len(took)-1].Round(100*time.Microsecond))
	if p95 > most {
		t.Errorf("%s takes %s at the 95th percentile, of %s", what, p95, most)
	}
}

// TestCommitToPixel changes records, and takes the time from sending each change to the frame in which an open page shows it.
func TestCommitToPixel(t *testing.T) {
	c, staff := app.client(t, "client"), app.client(t, "provider")
	changes := 0
	lead := func() {
		changes++
		app.ask(t, c, "client", "POST", "/api/v2/leads", map[string]any{"name": fmt.Sprintf("Live %d", changes), "email": fmt.Sprintf("live%d@e2e.example", changes), "source": "pixel"}, nil)
	}
	var desk struct {
		Items []struct{ ID, TenantID string }
	}
	app.ask(t, staff, "provider", "GET", "/api/v2/escalations?status=open&limit=1", nil, &desk)
	steps := []string{"acknowledge", "start", "resolve", "reopen"}
	for _, page := range []struct {
		portal, address string
		watched         string
		change          func()
	}{
		{"client", "/dashboard", "[data-live]", lead},
		{"client", "/leads?source=pixel", "[data-follow]", lead},
		{"provider", "/provider/escalations?view=board", "[data-follow]", func() {
			one := desk.Items[0]
			app.ask(t, staff, "provider", "POST", "/api/v2/escalations/"+one.ID+"/"+steps[changes%len(steps)], map[string]any{}, nil, one.TenantID)
			changes++
		}},
	} {
		t.Run(page.portal+" "+strings.ReplaceAll(page.address, "/", " "), func(t *testing.T) {
			b := open(t, page.portal, views[0])
			b.get(page.address)
			b.await("the stream", isLive)
			eval[bool](b, "watch", `(() => {
				window.seen = [];
				new MutationObserver(() => requestAnimationFrame(() => seen.push(performance.timeOrigin + performance.now())))
					.observe(document.querySelector("`+page.watched+`"), {childList: true, subtree: true, characterData: true});
				return true;
			})()`)
			var took []time.Duration
			for range commits {
				eval[bool](b, "forget", `(seen.length = 0, true)`)
				sent := time.Now()
				page.change()
				b.await("what changed", `seen.length > 0`)
				at := eval[float64](b, "time", `seen[0]`)
				took = append(took, time.UnixMicro(int64(at*1000)).Sub(sent))
				time.Sleep(300 * time.Millisecond) // so that the next does not share a frame with it
			}
			within(t, "sent to pixel, "+page.address, late, took)
		})
	}
}

// TestLongList reads pages of fifty leads out of fifty thousand, in every order and by filters, the first pages and later ones.
func TestLongList(t *testing.T) {
	staff := app.client(t, "provider")
	const email, password = "owner@many.example", "many-many-leads"
	var made madeRecord
	app.ask(t, staff, "provider", "POST", "/api/v2/tenants", map[string]any{"name": "Many Leads", "owner": map[string]any{"email": email, "name": "Olive Owner", "password": password}}, &made)
	file := filepath.Join(t.TempDir(), "leads.csv")
	if err := os.WriteFile(file, []byte(manyLeads()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := app.run("import", "leads", file, "--tenant", made.ID, "--quiet").CombinedOutput(); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}
	developer, model := app.client(t, "developer"), struct{ Lag int }{1}
	for end := time.Now().Add(time.Minute); model.Lag > 0; time.Sleep(100 * time.Millisecond) { // it folds what was imported, and has little time for pages meanwhile
		if time.Now().After(end) {
			t.Fatalf("%d events are not folded after a minute", model.Lag)
		}
		app.ask(t, developer, "developer", "GET", "/api/v2/projections/records", nil, &model)
	}
	c := app.signIn(t, account{email, password})
	var queries []string
	for _, filter := range []string{"", "status=converted", "status=new", "source=event", "minScore=50", "status=new&source=website"} {
		for _, sort := range []string{"-createdAt", "createdAt", "-score", "company", "-value", "value"} {
			queries = append(queries, filter+"&sort="+sort)
		}
	}
	var took []time.Duration
	page := ""
	for i := range reads {
		if i%5 == 0 { // five pages of each: the first, and on from there
			page = "/leads?limit=50&" + queries[i/5%len(queries)]
		}
		text, d := app.timed(t, c, page)
		took = append(took, d)
		if rows := strings.Count(text, "<tr id="); rows != 50 {
			t.Fatalf("%s has %d rows", page, rows)
		}
		next := nextPage.FindStringSubmatch(text)
		if next == nil {
			t.Fatalf("nothing follows %s", page)
		}
		page = html.UnescapeString(next[1])
	}
	within(t, "a page of 50 of "+strconv.Itoa(many)+" leads", slow, took)
	weigh(t, c, "/leads?limit=50")
}

// manyLeads are leads as a file, in which every value of a filter has its share.
func manyLeads() string {
	var text strings.Builder
	out := csv.NewWriter(&text)
	_ = out.Write([]string{"name", "company", "email", "source", "value", "currency", "createdOn", "converted", "convertedOn"}) // into memory
	for i := range many {
		converted, on := "", ""
		if i%7 == 0 {
			converted, on = "true", "2026-06-30"
		}
		_ = out.Write([]string{fmt.Sprintf("Person %d", i), fmt.Sprintf("Company %d", i%9973), fmt.Sprintf("person.%d@many.example", i),
			[]string{"website", "referral", "event", "partner"}[i%4], strconv.Itoa(100 + i*7919%90_000), "EUR", fmt.Sprintf("2026-%02d-%02d", 1+i*6/many, 1+i%28), converted, on})
	}
	out.Flush()
	return text.String()
}

// timed reads a page, and takes the time until all of it is there.
func (p *program) timed(t *testing.T, c *http.Client, address string) (text string, took time.Duration) {
	t.Helper()
	begun := time.Now()
	answer, err := c.Get(p.url + address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	took = time.Since(begun)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", address, answer.Status, err)
	}
	return string(raw), took
}
