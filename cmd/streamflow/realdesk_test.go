package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/api/guard/signature"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/partner"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/projections"
)

const deskPassword = "a password of the help desk"

// helpDesk posts the log to a server, as a partner, and compares what came of it with the file; all of it twice.
func (r *realRun) helpDesk(path string) {
	r.Helper()
	want, cases := countDesk(r.T, path), readDesk(r.T, path, r.tenant.String())
	d := r.newDesk()
	for _, d.again = range []bool{false, true} {
		before, start := r.heads(), time.Now()
		d.posts.Store(0)
		if err := d.postAll(cases); err != nil {
			r.Fatal(err)
		}
		if after := r.heads(); d.again && after != before {
			r.Errorf("the same log again wrote events: head %d, before %d", after, before)
		}
		r.Logf("help desk: %d cases by %d requests in %s, again: %t", len(cases), d.posts.Load(), time.Since(start).Round(time.Millisecond), d.again)
	}
	r.compareDesk(want)
	browser := d.browser()
	for _, day := range []domain.Date{"2010-12-31", "2011-03-31", "2011-06-30", "2011-11-21", domain.DateOf(time.Now())} {
		at := day.Time()
		number, _ := dayOf(int64(at.Year()), int64(at.Month()), int64(at.Day()))
		for told, figures := range map[string]map[string]projections.Figure{"stats": d.stats(browser, day), "replay": r.replayed(day)} {
			r.same(day, "escalationsOpen", figures["escalationsOpen"], want.openOn(number))
			// A case of the past has no deadline, and so can miss none.
			r.same(day, "escalationsBreached", figures["escalationsBreached"], 0)
			r.Logf("%s  by %s", day, told)
		}
	}
}

// newDesk is a partner of the tenant, and a server that it posts to.
func (r *realRun) newDesk() *desk {
	r.Helper()
	listener, err := (&net.ListenConfig{}).Listen(r.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	n := r.node
	n.config.addr = listener.Addr().String()
	n.config.publicURL = "http://" + n.config.addr
	key, err := n.masterKey()
	if err != nil {
		r.Fatal(err)
	}
	use := &commands.Commands{Log: n.log, Pool: n.engine, Secrets: key.AEAD("partner key"), Now: time.Now}
	handler, err := n.handler(use)
	if err != nil {
		r.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
	server.Start()
	r.Cleanup(server.Close)
	secret := signature.NewSecret()
	out, err := use.CreatePartner(r.Context(), asSystem("help desk"), partner.Create{Details: partner.Details{
		Name: "Help desk", TenantIDs: []string{r.tenant.String()}, Scopes: []string{"escalations:write", "escalations:read", "leads:write", "invoices:write", "invoices:read"},
	}}, secret)
	if err := refused(out, err); err != nil {
		r.Fatal(err)
	}
	made, err := commands.KeyMadeBy(out)
	if err != nil {
		r.Fatal(err)
	}
	hash, err := password.New().Hash(r.Context(), deskPassword)
	if err != nil {
		r.Fatal(err)
	}
	out, err = use.CreateUser(r.Context(), asSystem("provider"), commands.CreateUser{
		Create: user.Create{Email: "provider@real.example", Name: "Provider", Role: user.RoleProvider}, PasswordHash: hash})
	if err := refused(out, err); err != nil {
		r.Fatal(err)
	}
	return &desk{realRun: r, url: n.config.publicURL, key: signature.Key{ID: made.KeyID, Secret: secret}}
}

// browser is somebody of the provider, signed in.
func (d *desk) browser() *http.Client {
	d.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	answer, err := c.Post(d.url+"/api/auth/login", "application/json", strings.NewReader(`{"email":"provider@real.example","password":"`+deskPassword+`"}`))
	if err != nil {
		d.Fatal(err)
	}
	if _ = answer.Body.Close(); answer.StatusCode != http.StatusOK {
		d.Fatalf("sign in: %s", answer.Status)
	}
	return c
}

// stats are the provider's figures on a day, as the portal gets them.
func (d *desk) stats(c *http.Client, on domain.Date) map[string]projections.Figure {
	d.Helper()
	heads, err := d.node.log.Heads(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	q, err := http.NewRequestWithContext(d.Context(), http.MethodGet, d.url+"/api/portals/provider/stats?on="+string(on)+"&tenantId="+d.tenant.String(), nil)
	if err != nil {
		d.Fatal(err)
	}
	q.Header.Set("StreamFlow-Cursor", d.node.log.Token(heads))
	answer, err := c.Do(q)
	if err != nil {
		d.Fatal(err)
	}
	defer answer.Body.Close()
	var told struct {
		Stats map[string]projections.Figure `json:"stats"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || answer.StatusCode != http.StatusOK {
		d.Fatalf("stats on %s: %s %v", on, answer.Status, err)
	}
	return told.Stats
}

// replayed are the same figures as the verb prints them.
func (r *realRun) replayed(on domain.Date) map[string]projections.Figure {
	r.Helper()
	heads, err := r.node.log.Heads(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	var out, told bytes.Buffer
	args := []string{"--as-of", r.node.log.Token(heads), "--on", string(on), "--portal", "provider", "--tenant", r.tenant.String(), "--json"}
	if err := replay(r.Context(), call{args: args, config: r.node.config, out: &out, err: &told}); err != nil {
		r.Fatalf("replay: %v\n%s", err, &told)
	}
	var printed map[string]map[string]projections.Figure
	if err := json.Unmarshal(out.Bytes(), &printed); err != nil {
		r.Fatalf("%v: %s", err, &out)
	}
	return printed["provider"]
}

// compareDesk counts the facts of the escalations, and the statuses that they ended in.
func (r *realRun) compareDesk(want deskCount) {
	r.Helper()
	events, last := map[string]int64{}, map[string]string{}
	for page, err := range r.node.log.Scan(r.Context(), 1, 0, r.heads()) {
		if err != nil {
			r.Fatal(err)
		}
		for _, e := range page {
			if e.Stream.Category() != "escalation" {
				continue
			}
			events[e.Type]++
			var told struct {
				Status string `json:"status"`
			}
			if err := json.Unmarshal(e.Data, &told); err != nil {
				r.Fatal(err)
			}
			last[e.Stream.ID()] = told.Status
		}
	}
	ended := map[string]int64{}
	for _, status := range last {
		ended[status]++
	}
	for what, pair := range map[string][2]map[string]int64{"events": {events, want.events}, "ended in": {ended, want.last}} {
		if !maps.Equal(pair[0], pair[1]) {
			r.Errorf("help desk, %s: log %v, file %v", what, pair[0], pair[1])
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(pair[1])) {
			r.Logf("%s  %-26s %d", what, name, pair[1][name])
		}
	}
}
