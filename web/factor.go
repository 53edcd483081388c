package web

import (
	"net/http"
	"slices"

	"github.com/streamflow/streamflow/web/ui"
)

const factorAPI = "/api/auth/factor"

// further is what the API wants before it opens a session.
type further struct {
	Next      string   `json:"next"` // factor, enrol or password
	Challenge string   `json:"challenge"`
	Methods   []string `json:"methods"`
}

// factorForm asks for the code that ends a sign-in.
func factorForm(challenge, next string, methods []string) ui.Form {
	f := ui.Form{ID: "factor", Action: "/login/factor", Submit: "Sign in", Cancel: "/login", Fields: []ui.Field{
		{Name: "code", Label: "Code", Kind: "text", Required: true, Autocomplete: "one-time-code", Hint: "From the app or device that you set up for this."}},
		Hidden: []ui.Option{{Value: "challenge", Title: challenge}, {Value: "next", Title: next}}}
	if slices.Contains(methods, "recovery") {
		f.Fields[0].Hint += " A recovery code will do too."
	}
	return f
}

func (s *server) showFactor(v visit, status int, form ui.Form, next string) {
	render(v.w, v.r, status, doorstepPage(doorstep{Shell: s.door(v.r, "One more step", next), Form: form, Text: "Your password was right. This account is kept by a second factor too."}))
}

// factorPage is for who comes to the second step without the first, which alone leads to it.
func (s *server) factorPage(v visit) {
	if !s.offers(v.r, factorAPI) {
		s.noFactor(v)
		return
	}
	render(v.w, v.r, http.StatusOK, doorstepPage(doorstep{Shell: s.door(v.r, "Second step of signing in", ""),
		Text: "Sign in with your e-mail address and password first. Where your account is kept by a second factor, its code is asked for next."}))
}

func (s *server) noFactor(v visit) {
	s.cannot(v, "There is no second step here", "This installation does not offer a second factor yet: a password is all that signing in takes.")
}

// takeFactor ends a sign-in by a code.
func (s *server) takeFactor(v visit) {
	if !s.posted(v) {
		return
	}
	challenge, next := v.r.PostForm.Get("challenge"), ownPath(v.r.PostForm.Get("next"))
	a, ok := s.sentText(v, factorAPI, map[string]string{"challenge": challenge, "code": v.r.PostForm.Get("code")})
	switch {
	case !ok, a.status == http.StatusOK && enter(v, a, next):
	case a.status == http.StatusNotFound && !s.offers(v.r, factorAPI):
		s.noFactor(v)
	default:
		form := factorForm(challenge, next, nil)
		refused(&form, a)
		s.showFactor(v, failed(a), form, next)
	}
}
