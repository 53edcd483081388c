package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// business is a tenant with some of everything that a figure is made of.
func (s *site) business(name string) (owner string, after string) {
	s.t.Helper()
	owner, _ = s.tenant(name)
	for i := range 3 {
		_, id := s.made(owner, "/api/v2/leads", fmt.Sprintf(`{"company":"C%d","externalId":"%d","value":{"amount":%d,"currency":"EUR"}}`, i, i, 1001+i))
		if i > 0 {
			s.made(owner, "/api/v2/leads/"+id+"/convert", "")
		}
	}
	_, org := s.made(owner, "/api/v2/organizations", `{"name":"Buyer"}`)
	today := time.Now().UTC()
	for i, currency := range []string{"EUR", "USD", "EUR"} {
		_, id := s.made(owner, "/api/v2/invoices", fmt.Sprintf(`{"organizationId":%q,"issueDate":%q,"currency":%q,
			"lines":[{"description":"x","quantity":1,"unitAmount":%d,"taxRatePercent":20}]}`, org, today.AddDate(0, 0, -40).Format(time.DateOnly), currency, 1000+i))
		s.made(owner, "/api/v2/invoices/"+id+"/issue", "")
		if i < 2 {
			after, _ = s.made(owner, "/api/v2/invoices/"+id+"/payments", fmt.Sprintf(`{"amount":{"amount":%d,"currency":%q}}`, []int{400, 1201}[i], currency))
		}
	}
	return owner, after
}

// why reads all pages of a figure's events and adds them up: as one number, or as amounts by currency.
func (s *site) why(cookie, path, query string) (contributions map[string]float64, sum any, items int) {
	s.t.Helper()
	contributions = map[string]float64{}
	for next := ""; ; {
		w := s.get(cookie, path+"?limit=2"+query+"&cursor="+next, "")
		var answer struct {
			Items []struct {
				Event struct {
					ID string `json:"id"`
				} `json:"event"`
				Contribution any `json:"contribution"`
			} `json:"items"`
			Sum        any    `json:"sum"`
			NextCursor string `json:"nextCursor"`
		}
		must(s.t, json.Unmarshal(w.Body.Bytes(), &answer))
		for _, item := range answer.Items {
			items++
			switch c := item.Contribution.(type) {
			case float64:
				contributions[""] += c
			case map[string]any:
				contributions[c["currency"].(string)] += c["amount"].(float64)
			}
		}
		if sum = answer.Sum; answer.NextCursor == "" {
			maps.DeleteFunc(contributions, func(_ string, amount float64) bool { return amount == 0 })
			return contributions, sum, items
		}
		next = answer.NextCursor
	}
}

func amounts(value any) map[string]float64 {
	found := map[string]float64{}
	switch v := value.(type) {
	case float64:
		found[""] = v
	case []any:
		for _, a := range v {
			found[a.(map[string]any)["currency"].(string)] = a.(map[string]any)["amount"].(float64)
		}
	}
	for currency, amount := range found {
		if amount == 0 {
			delete(found, currency)
		}
	}
	return found
}

// Every figure of every portal that is made of events is the sum of its contributions, now, as of then and on another day.
func TestContributionsAddUpToEveryFigure(t *testing.T) {
	s := newSite(t)
	owner, then := s.business("acme")
	s.business("beta")
	_, id := s.made(owner, "/api/v2/leads", `{"company":"C","externalId":"c","value":{"amount":77,"currency":"USD"}}`)
	s.made(owner, "/api/v2/leads/"+id+"/convert", "")
	after, _ := s.made(owner, "/api/v2/leads", `{"company":"Last","externalId":"l"}`)
	known := 0
	for portal, cookie := range map[string]string{"client": owner, "provider": s.provider, "developer": s.staff(user.RoleDeveloper), "accountant": s.staff(user.RoleAccountant)} {
		for _, query := range []string{"", "&at=" + url.QueryEscape(then), "&on=" + time.Now().UTC().AddDate(0, 0, -35).Format(time.DateOnly)} {
			path := "/api/portals/" + portal + "/stats"
			var stats struct {
				Stats map[string]struct {
					Value  any    `json:"value"`
					Reason any    `json:"reason"`
					Source string `json:"source"`
					Of     *struct {
						Numerator   float64 `json:"numerator"`
						Denominator float64 `json:"denominator"`
					} `json:"of"`
				} `json:"stats"`
			}
			must(t, json.Unmarshal(s.get(cookie, path+"?"+query, after).Body.Bytes(), &stats))
			for name, figure := range stats.Stats {
				path := path + "/" + name + "/events"
				if figure.Source == "gauge" || figure.Value == nil && figure.Of == nil && name != "averageDaysToPay" && name != "conversionRate90d" && name != "conversionRate" {
					s.want(s.do("GET", path, call{cookie: cookie}), 404, "figure_not_from_events")
					continue
				}
				known++
				contributions, sum, _ := s.why(cookie, path, query)
				want := amounts(sum)
				if fmt.Sprint(contributions) != fmt.Sprint(want) {
					t.Errorf("%s %s %s: contributions %v, sum %v", portal, name, query, contributions, want)
				}
				if figure.Of == nil && name != "averageDealSize" && figure.Value != nil && fmt.Sprint(amounts(figure.Value)) != fmt.Sprint(want) {
					t.Errorf("%s %s %s: figure %v, sum %v", portal, name, query, figure.Value, want)
				}
				if figure.Of != nil {
					below, _, _ := s.why(cookie, path, query+"&part=denominator")
					if figure.Of.Numerator != contributions[""] || figure.Of.Denominator != below[""] {
						t.Errorf("%s %s %s: %v, contributions %v over %v", portal, name, query, figure.Of, contributions, below)
					}
				}
			}
		}
	}
	if known < 60 {
		t.Errorf("only %d figures were looked at", known)
	}
}

// The pages of one figure are of one moment: what happens between two of them changes neither their sum nor their items.
func TestContributionsKeepTheirMoment(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	after, _ := s.shop(owner)
	path := "/api/portals/client/stats/leadsNew90d/events?limit=3"
	first := s.get(owner, path, after)
	after, _ = s.made(owner, "/api/v2/leads", `{"company":"New","externalId":"n"}`)
	second := s.get(owner, path+"&cursor="+text(first, "nextCursor"), after)
	if got := members(second); got["sum"] != 4.0 || len(got["items"].([]any)) != 1 || got["nextCursor"] != nil {
		t.Errorf("second page: %s", second.Body)
	}
	if members(s.get(owner, path, after))["sum"] != 5.0 {
		t.Error("a new first page does not know the new lead")
	}
	event := members(first)["items"].([]any)[0].(map[string]any)["event"].(map[string]any)
	if data := event["data"].(map[string]any); event["type"] != "lead.created" || !encryptedText(data["email"]) {
		t.Errorf("event: %v", event)
	}
	for query, code := range map[string]string{"part=both": "validation_failed", "part=numerator": "validation_failed", "cursor=x": "invalid_cursor", "limit=0": "validation_failed", "x=1": "validation_failed"} {
		s.want(s.do("GET", "/api/portals/client/stats/leadsNew90d/events?"+query, call{cookie: owner}), 422, code)
	}
	s.want(s.do("GET", "/api/portals/client/stats/conversionRate90d/events?part=both", call{cookie: owner}), 422, "validation_failed")
	s.want(s.do("GET", "/api/portals/client/stats/nothing/events", call{cookie: owner}), 404, "not_found")
	s.want(s.do("GET", "/api/portals/client/stats/vehiclesActive/events", call{cookie: owner}), 404, "figure_not_from_events")
	s.want(s.do("GET", "/api/portals/provider/stats/leadsTotal/events", call{cookie: owner}), 403, "forbidden")
}

func TestStatsAsk(t *testing.T) {
	s := newSite(t)
	owner, _ := s.tenant("acme")
	then, _ := s.shop(owner)
	after, _ := s.made(owner, "/api/v2/leads", `{"company":"New","externalId":"n"}`)
	value := func(query string) any {
		return members(s.get(owner, "/api/portals/client/stats"+query, after))["stats"].(map[string]any)["leadsNew90d"].(map[string]any)["value"]
	}
	if value("") != 5.0 || value("?at="+url.QueryEscape(then)) != 4.0 || value("?on=2020-01-01") != 0.0 {
		t.Errorf("now %v, then %v, in 2020 %v", value(""), value("?at="+then), value("?on=2020-01-01"))
	}
	for query, code := range map[string]string{"at=2199-01-01T00:00:00Z": "validation_failed", "at=soon": "invalid_cursor", "on=2026-02-30": "validation_failed", "limit=1": "validation_failed"} {
		s.want(s.do("GET", "/api/portals/client/stats?"+query, call{cookie: owner}), 422, code)
	}
	s.want(s.do("GET", "/api/portals/client/stats?tenantId="+uuid.NewString(), call{cookie: owner}), 404, "not_found")
	// A cursor that the read model has not passed in time: a later command, while nobody waits.
	lane := s.commands.Log.LaneOf(eventstore.ProviderSpace)
	ahead := s.commands.Log.Token(eventstore.Cursor{lane: {Epoch: 1, Position: 1 << 40}})
	w := s.do("GET", "/api/portals/client/stats", call{cookie: owner, header: map[string]string{"StreamFlow-Cursor": ahead, "Prefer": "respond-async, wait=0"}})
	if s.want(w, 503, "read_model_behind"); w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w = s.do("GET", "/api/v2/leads", call{cookie: owner, header: map[string]string{"StreamFlow-Cursor": ahead, "Prefer": "wait=0"}})
	s.want(w, 503, "read_model_behind")
	foreign := s.commands.Log.Token(eventstore.Cursor{lane: {Epoch: 7, Position: 1}})
	for _, path := range []string{"/api/v2/leads?at=", "/api/portals/client/stats?at=", "/api/portals/client/activity?at="} {
		s.want(s.do("GET", path+foreign, call{cookie: owner}), 422, "invalid_cursor")
		s.want(s.do("GET", path+ahead, call{cookie: owner}), 422, "invalid_cursor")
	}
}

func TestActivityTellsWhoDidWhat(t *testing.T) {
	s := newSite(t)
	owner, tenant := s.tenant("acme")
	then, lead := s.made(owner, "/api/v2/leads", ann)
	s.made(owner, "/api/v2/leads/"+lead+"/contact", "")
	_, org := s.made(owner, "/api/v2/organizations", `{"name":"Buyer"}`)
	after, _ := s.made(owner, "/api/v2/invoices", `{"organizationId":"`+org+`","reference":"PO-7","currency":"EUR","lines":[{"description":"x","quantity":1,"unitAmount":1000,"taxRatePercent":0}]}`)
	s.business("beta")
	path := "/api/portals/client/activity"
	w := s.get(owner, path, after)
	if got, want := column(w, "verb"), []string{"created", "created", "contacted", "created"}; !slices.Equal(got, want) {
		t.Fatalf("verbs %v, want %v", got, want)
	}
	if got, want := column(w, "title"), []string{"PO-7", "Buyer", "Acme", "Acme"}; !slices.Equal(got, want) {
		t.Errorf("titles %v, want %v", got, want)
	}
	newest := members(w)["items"].([]any)[0].(map[string]any)
	if actor := newest["actor"].(map[string]any); actor["name"] != "Owner" || actor["kind"] != "user" || newest["tenantId"] != tenant || newest["recordType"] != "invoice" {
		t.Errorf("newest: %v", newest)
	}
	var paged []string
	for next := ""; ; {
		w := s.get(owner, path+"?limit=3&cursor="+next, after)
		paged = append(paged, column(w, "id")...)
		if next = text(w, "nextCursor"); next == "" {
			break
		}
	}
	if !slices.Equal(paged, column(w, "id")) {
		t.Errorf("pages %v, at once %v", paged, column(w, "id"))
	}
	if got := column(s.get(owner, path+"?at="+url.QueryEscape(then), after), "verb"); !slices.Equal(got, []string{"created"}) {
		t.Errorf("as of then: %v", got)
	}
	books := column(s.get(s.staff(user.RoleAccountant), "/api/portals/accountant/activity?limit=100", after), "recordType")
	if slices.ContainsFunc(books, func(kind string) bool { return kind != "invoice" && kind != "organization" }) || len(books) < 10 {
		t.Errorf("accountants see %v", books)
	}
	all := s.get(s.provider, "/api/portals/provider/activity?limit=100", after)
	if ids := column(all, "tenantId"); !slices.Contains(ids, tenant) || !slices.Contains(ids, eventstore.ProviderSpace.String()) {
		t.Errorf("the provider sees %v", ids)
	}
	if names := column(s.get(s.staff(user.RoleDeveloper), "/api/portals/developer/activity?limit=100", after), "actor"); slices.ContainsFunc(names, func(a string) bool {
		return a == "Owner"
	}) {
		t.Errorf("developers see %v", names)
	}
	s.want(s.do("GET", path+"?verb=created", call{cookie: owner}), 422, "validation_failed")
	s.want(s.do("GET", path+"?cursor="+text(s.get(s.provider, "/api/portals/provider/activity?limit=1", ""), "nextCursor"), call{cookie: owner}), 422, "invalid_cursor")
}

// encryptedText tells a personal text that is there and is not shown.
func encryptedText(value any) bool {
	shown, ok := value.(map[string]any)
	return ok && len(shown) == 1 && shown["encrypted"] == true
}
