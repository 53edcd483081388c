package main

import (
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var formVersion = regexp.MustCompile(`name="version" value="([^"]+)"`)

// TestAnOwnerLocksTheLookByForms: what an owner saves is what everybody of the business sees at once, a form that somebody else overtook
// changes nothing, and who may not see the settings is neither shown nor led to them.
func TestAnOwnerLocksTheLookByForms(t *testing.T) {
	p := start(t, filepath.Join(t.TempDir(), "data"))
	p.signIn()
	_, text := p.page("/admin", nil)
	form := func(theme string, of string) url.Values {
		return url.Values{"idempotencyKey": formKey.FindStringSubmatch(of)[1:], "version": {html.UnescapeString(formVersion.FindStringSubmatch(of)[1])}, "theme": {theme}, "mode": {"dark"}}
	}
	to, saved := p.page("/admin", form("graphite", text))
	for _, says := range []string{"The settings were saved.", `name="theme" value="graphite" checked`, `data-theme="graphite" data-mode="dark"`, "The theme is Graphite, light and dark is always dark.", "by you"} {
		if to.Path != "/admin" || !strings.Contains(saved, says) {
			t.Errorf("%s lacks %q:\n%s", to, says, saved)
		}
	}
	late := form("harbor", text)
	late.Set("idempotencyKey", "late")
	if _, status, says := p.sent("/admin", late); status != http.StatusPreconditionFailed || !strings.Contains(says, "the theme is Graphite now") {
		t.Errorf("overtaken: %d\n%s", status, says)
	}
	const clerk = `{"email":"clerk@bell.example","name":"Clerk","role":"staff","password":"correct horse battery"}`
	if made, why := p.do("POST", "/api/v2/users", clerk, "Idempotency-Key", "clerk"); made.status != http.StatusCreated {
		t.Fatalf("%d %v", made.status, why)
	}
	p.enter("clerk@bell.example", "correct horse battery", http.StatusOK)
	if _, look := p.page("/appearance", nil); !strings.Contains(look, "in it: Graphite, always dark.") || !strings.Contains(look, `data-theme="graphite"`) || strings.Contains(look, `"/admin"`) {
		t.Errorf("a user sees:\n%s", look)
	}
	for _, sent := range []url.Values{nil, form("", saved)} {
		if _, status, says := p.sent("/admin", sent); status != http.StatusForbidden || !strings.Contains(says, "Your role does not include this") {
			t.Errorf("a user: %d\n%s", status, says)
		}
	}
}
