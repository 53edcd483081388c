package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"

	"github.com/streamflow/streamflow/web/ui"
)

const (
	forgotAPI = "/api/auth/password/forgot"
	resetAPI  = "/api/auth/password/reset"
)

// doorstep is a page of one matter beside the sign-in.
type doorstep struct {
	Shell shell
	Text  string
	Tone  ui.Tone // of what the text says of an attempt; neutral where there was none
	Form  ui.Form // without a button where nothing can be asked
}

// offers says whether the API knows an address. A GET of one that takes forms alone changes nothing and is told so.
func (s *server) offers(r *http.Request, path string) bool {
	return s.call(r, "", http.MethodGet, path, nil, nil).status != http.StatusNotFound
}

// cannot says that the installation does not offer something. To be told so is what the page is for; a form that is sent fails.
func (s *server) cannot(v visit, title, text string) {
	status := http.StatusOK
	if v.r.Method == http.MethodPost {
		status = http.StatusNotFound
	}
	render(v.w, v.r, status, doorstepPage(doorstep{Shell: s.door(v.r, title, ""), Tone: ui.Warning, Text: text}))
}

func (s *server) noReset(v visit) {
	s.cannot(v, "Passwords cannot be reset here", "This installation does not offer it yet: it sends no mail. Whoever runs it for you is the one to ask.")
}

// sentText posts what a form says, each field as text; false where it could not be read, which is answered.
func (s *server) sentText(v visit, path string, body map[string]string) (*answer, bool) {
	text, err := json.Marshal(body)
	if err != nil { // text that is not UTF-8
		s.fail(v, failure{Status: http.StatusBadRequest, Title: "Not read", Text: "The form could not be read. Please go back and try again."})
		return nil, false
	}
	return s.call(v.r, "", http.MethodPost, path, nil, text), true
}

func forgotForm() ui.Form {
	return ui.Form{ID: "forgot", Action: "/reset", Submit: "Send a link", Cancel: "/login", Fields: []ui.Field{
		{Name: "email", Label: "E-mail", Kind: "email", Required: true, Autocomplete: "username"}}}
}

func (s *server) showForgot(v visit, status int, form ui.Form) {
	render(v.w, v.r, status, doorstepPage(doorstep{Shell: s.door(v.r, "Forgot your password?", ""), Form: form,
		Text: "Say which address you sign in with, and we send a link to choose a new password."}))
}

// askReset begins a reset, where the installation can.
func (s *server) askReset(v visit) {
	if !s.offers(v.r, forgotAPI) {
		s.noReset(v)
		return
	}
	s.showForgot(v, http.StatusOK, forgotForm())
}

// sendReset has a link sent. Whether there is such an account is nobody's business, so the answer is the same.
func (s *server) sendReset(v visit) {
	if !s.posted(v) {
		return
	}
	form := forgotForm()
	form.Fields[0].Value = v.r.PostForm.Get("email")
	a, ok := s.sentText(v, forgotAPI, map[string]string{"email": form.Fields[0].Value})
	switch {
	case !ok:
	case a.status < http.StatusBadRequest:
		render(v.w, v.r, http.StatusOK, doorstepPage(doorstep{Shell: s.door(v.r, "Look into your mail", ""), Tone: ui.Info,
			Text: "If " + form.Fields[0].Value + " is the address of an account, a message with a link is on its way to it. The link is good once, and not for long."}))
	case a.status == http.StatusNotFound:
		s.noReset(v)
	default:
		refused(&form, a)
		s.showForgot(v, failed(a), form)
	}
}

// tokenOf is what the address of a message's link names.
func tokenOf(v visit) string {
	token, err := url.PathUnescape(chi.URLParam(v.r, "token"))
	if err != nil {
		return chi.URLParam(v.r, "token")
	}
	return token
}

func passwordForm(token string) ui.Form {
	return ui.Form{ID: "reset", Action: "/reset/" + url.PathEscape(token), Submit: "Set the password", Cancel: "/login", Fields: []ui.Field{
		{Name: "password", Label: "New password", Kind: "password", Required: true, Autocomplete: "new-password", Hint: "At least 8 characters. A long one that you use nowhere else is best."}}}
}

func (s *server) showPassword(v visit, status int, form ui.Form) {
	render(v.w, v.r, status, doorstepPage(doorstep{Shell: s.door(v.r, "Choose a new password", ""), Form: form}))
}

// askPassword is where the link of a message leads.
func (s *server) askPassword(v visit) {
	if !s.offers(v.r, resetAPI) {
		s.noReset(v)
		return
	}
	s.showPassword(v, http.StatusOK, passwordForm(tokenOf(v)))
}

func (s *server) setPassword(v visit) {
	if !s.parsed(v) { // as it is: a password may begin with a space
		return
	}
	token := tokenOf(v)
	a, ok := s.sentText(v, resetAPI, map[string]string{"token": token, "password": v.r.PostForm.Get("password")})
	switch {
	case !ok:
	case a.status < http.StatusBadRequest:
		render(v.w, v.r, http.StatusOK, doorstepPage(doorstep{Shell: s.door(v.r, "Your password was changed", ""), Tone: ui.Success, Text: "Sign in with the new one."}))
	case a.status == http.StatusNotFound && !s.offers(v.r, resetAPI):
		s.noReset(v)
	default:
		form := passwordForm(token)
		refused(&form, a)
		s.showPassword(v, failed(a), form)
	}
}
