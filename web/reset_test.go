package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
)

// furtherRoutes are what signing in may take beside a password.
func (f *fakeAPI) furtherRoutes(r chi.Router) {
	takes := func(path string, field, good string, done func(http.ResponseWriter)) {
		r.Post(path, func(w http.ResponseWriter, r *http.Request) {
			var body map[string]string
			if json.UnmarshalRead(r.Body, &body) != nil || body[field] != good {
				w.WriteHeader(http.StatusUnprocessableEntity)
				fmt.Fprintf(w, `{"title":"Some fields are not right","code":"validation_failed","errors":[{"field":%q,"message":"is not right"}]}`, field)
				return
			}
			done(w)
		})
	}
	takes(factorAPI, "code", "123456", f.enter)
	takes(forgotAPI, "email", "ada@example.com", func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) })
	takes(resetAPI, "password", " long enough ", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })
}

// TestASignInTakesASecondStep: the challenge stays out of addresses, a wrong code asks again, and the right one leads on.
func TestASignInTakesASecondStep(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	f.further.Store(true)
	res, body := ask(t, server, "POST", "/login", url.Values{"email": {"ada@example.com"}, "password": {"right"}, "next": {"/leads?q=a"}})
	if res.StatusCode != http.StatusOK || res.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	holds(t, body, `action="/login/factor"`, `name="challenge" value="&lt;c1&gt;"`, `name="next" value="/leads?q=a"`, `autocomplete="one-time-code"`, "recovery code")
	checkPage(t, "second step", body)
	form := url.Values{"challenge": {"<c1>"}, "next": {"/leads?q=a"}, "code": {"000000"}}
	res, body = ask(t, server, "POST", "/login/factor", form)
	if res.StatusCode != http.StatusUnprocessableEntity || strings.Contains(body, "000000") {
		t.Errorf("%d\n%s", res.StatusCode, body)
	}
	holds(t, body, "Code: Is not right.", `name="challenge" value="&lt;c1&gt;"`)
	form.Set("code", "123456")
	res, _ = ask(t, server, "POST", "/login/factor", form)
	redirects(t, res, "/leads?q=a")
	if !strings.HasPrefix(res.Header.Get("Set-Cookie"), "sf_client=token") {
		t.Errorf("cookie %q", res.Header.Get("Set-Cookie"))
	}
	for _, next := range []string{"https://evil.example/", "/provider"} {
		form.Set("next", next)
		res, _ = ask(t, server, "POST", "/login/factor", form)
		redirects(t, res, "/dashboard")
	}
	_, body = ask(t, server, "GET", "/login/factor", nil)
	holds(t, body, "Sign in with your e-mail address and password first", `href="/login"`)
}

// TestAPasswordIsReset: whoever asks is told the same, and what is wrong is said beside its field.
func TestAPasswordIsReset(t *testing.T) {
	f, server := newFake(t, "client", `{}`)
	f.further.Store(true)
	for _, c := range []struct {
		method, path string
		form         url.Values
		status       int
		says         string
	}{
		{"GET", "/reset", nil, 200, `action="/reset"`},
		{"POST", "/reset", url.Values{"email": {" ada@example.com "}}, 200, "If ada@example.com is the address of an account"},
		{"POST", "/reset", url.Values{"email": {"<i>"}}, 422, "E-mail: Is not right."},
		{"GET", "/reset/t%2F1", nil, 200, `action="/reset/t%2F1"`},
		{"POST", "/reset/t1", url.Values{"password": {"short"}}, 422, "New password: Is not right."},
		{"POST", "/reset/t1", url.Values{"password": {"\xff"}}, 400, "could not be read"},
		{"POST", "/reset/t1", url.Values{"password": {" long enough "}}, 200, "Your password was changed"},
	} {
		res, body := ask(t, server, c.method, c.path, c.form)
		if res.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, res.StatusCode, c.status)
		}
		holds(t, body, c.says)
		checkPage(t, c.path, body)
		if strings.Contains(body, "short") || strings.Contains(body, "<i>") {
			t.Errorf("%s: what was entered comes back: %s", c.path, body)
		}
	}
}

// TestWhatIsNotOfferedIsSaid: where the API has no such thing, no page asks for anything or says that it was done.
func TestWhatIsNotOfferedIsSaid(t *testing.T) {
	_, server := newFake(t, "client", `{}`)
	for path, says := range map[string]string{"/reset": "Passwords cannot be reset here", "/reset/t1": "Passwords cannot be reset here", "/login/factor": "There is no second step here"} {
		for method, status := range map[string]int{"GET": 200, "POST": 404} {
			res, body := ask(t, server, method, path, url.Values{"email": {"ada@example.com"}, "password": {" long enough "}, "code": {"123456"}})
			if res.StatusCode != status || strings.Contains(body, "<form") {
				t.Errorf("%s %s: %d\n%s", method, path, res.StatusCode, body)
			}
			holds(t, body, says, `href="/login">Go to the sign-in</a>`)
			checkPage(t, path, body)
		}
	}
	_, body := ask(t, server, "GET", "/login", nil)
	holds(t, body, `href="/reset"`)
	if strings.Contains(body, "/login/factor") {
		t.Error("the sign-in leads to a step that it asks for itself")
	}
}
