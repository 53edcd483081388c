package api_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain/user"
)

// Staff opens a record by its id alone, also one that was made just now, and is told whose it is; who is of another tenant finds nothing.
func TestStaffReadsARecordAcrossTenants(t *testing.T) {
	t.Parallel()
	s := newFederation(t)
	owner, in := s.tenant("acme")
	stranger, other := s.tenant("rival")
	books, developer := s.staff(user.RoleAccountant), s.staff(user.RoleDeveloper)
	_, key := s.partner(in, `"invoices:write","escalations:write"`)
	opened := s.sign(key, "POST", "/api/federation/escalation", call{body: incident(in, "INC-1", "Down")})
	s.want(opened, 201, "")
	for _, at := range []string{s.lead(owner, ann), s.draft(owner, "globex"), "/api/v2/escalations/" + text(opened, "escalationId")} {
		for _, path := range []string{at, at + "/history"} {
			for _, staff := range []string{books, s.provider} {
				found := s.do("GET", path, call{cookie: staff})
				s.want(found, 200, "")
				named := s.do("GET", path+"?tenantId="+in, call{cookie: staff})
				if want := named.Body.String(); path == at {
					if whole := strings.Replace(found.Body.String(), `"tenantId":"`+in+`",`, "", 1); whole != want || whole == found.Body.String() {
						t.Errorf("%s: %s, want %s and whose it is", path, found.Body, want)
					}
				} else if found.Body.String() != want {
					t.Errorf("%s: %s, want %s", path, found.Body, want)
				}
			}
			s.want(s.do("GET", path, call{cookie: owner}), 200, "")
			s.want(s.do("GET", path, call{cookie: stranger}), 404, "not_found")
			s.want(s.do("GET", path+"?tenantId="+in, call{cookie: stranger}), 404, "not_found")
			s.want(s.do("GET", path+"?tenantId="+other, call{cookie: books}), 404, "not_found")
			s.want(s.do("GET", path, call{cookie: developer}), 403, "forbidden")
		}
	}
	lead := s.lead(stranger, ann)
	s.want(s.do("GET", strings.Replace(lead, "leads", "invoices", 1), call{cookie: books}), 404, "not_found") // of another kind
	s.want(s.do("GET", lead+"?at=2020-01-01T00:00:00Z", call{cookie: books}), 404, "not_found")
	s.want(s.do("GET", "/api/v2/invoices/"+uuid.NewString(), call{cookie: books}), 404, "not_found")
	billed := s.sign(key, "POST", "/api/federation/billing/invoice", call{body: billWithoutLead(in, "R-1")})
	s.want(billed, 201, "")
	s.want(s.do("GET", "/api/v2/invoices/"+text(billed, "invoiceId"), call{cookie: books}), 404, "not_found") // no tenant's, as in the list
}

// What was made just now is not told to be nowhere because a read model is behind: it is waited for, and else said so.
func TestStaffIsNotToldThatANewRecordIsNone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, _ := s.tenant("acme")
	developer := s.staff(user.RoleDeveloper)
	order := func(what string) {
		s.want(s.do("POST", "/api/v2/projections/records/"+what, call{cookie: developer}), 200, "")
	}
	order("pause")
	lead := s.lead(owner, ann)
	s.want(s.do("GET", lead, call{cookie: s.provider, header: map[string]string{"Prefer": "wait=0"}}), 503, "read_model_behind")
	order("resume")
	s.want(s.do("GET", lead, call{cookie: s.provider, header: map[string]string{"Prefer": "wait=30"}}), 200, "")
}
