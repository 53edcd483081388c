package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxForm bounds a posted form; the largest field is a password.
const maxForm = 64 << 10

// account is who is signed in.
type account struct {
	ID     string `json:"id"`
	Email  string `json:"email"`
	Name   string `json:"name"`
	Role   string `json:"role"`
	Portal string `json:"portal"`
	// TenantID is whose account it is; the provider's staff has none.
	TenantID string `json:"tenantId"`
}

// read takes the account from an answer of the API.
func (a *account) read(from *answer) bool {
	var got struct {
		User account `json:"user"`
	}
	if from.decode(&got) != nil {
		return false
	}
	*a = got.User
	return true
}

// shown is what somebody is called.
func (a account) shown() string {
	switch {
	case a.Name == "":
		return a.Email
	case a.TenantID == "" && a.Name == a.Role: // it was made without a name, for a portal
		return capital(a.Role) + " staff"
	}
	return a.Name
}

// signIn is the form as somebody left it. The password is never sent back.
type signIn struct {
	Email, Next, Message string
}

func (s *server) loginForm(v visit) {
	r := v.r
	form := signIn{Next: ownPath(r.URL.Query().Get("next"))}
	render(v.w, r, http.StatusOK, loginPage(s.signInDoor(r, form), form))
}

// signInDoor surrounds the form in the look of the portal that it leads to.
func (s *server) signInDoor(r *http.Request, form signIn) shell {
	return s.door(r, "Sign in", form.Next)
}

func (s *server) login(v visit) {
	w, r := v.w, v.r
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		form := signIn{Message: "The form could not be read. Please try again."}
		render(w, r, http.StatusBadRequest, loginPage(s.signInDoor(r, form), form))
		return
	}
	form := signIn{Email: r.PostForm.Get("email"), Next: ownPath(r.PostForm.Get("next"))}
	body, err := json.Marshal(map[string]string{"email": form.Email, "password": r.PostForm.Get("password")})
	if err != nil { // text that is not UTF-8
		form.Email, form.Message = "", "The form could not be read. Please try again."
		render(w, r, http.StatusBadRequest, loginPage(s.signInDoor(r, form), form))
		return
	}
	a := s.call(r, "", http.MethodPost, "/api/auth/login", nil, body)
	if a.status != http.StatusOK {
		form.Message = a.fault().words()
		a.tellWait(w)
		render(w, r, a.status, loginPage(s.signInDoor(r, form), form))
		return
	}
	var more further
	switch {
	case enter(v, a, form.Next):
	case a.decode(&more) == nil && more.Next == "factor":
		s.showFactor(v, http.StatusOK, factorForm(more.Challenge, form.Next, more.Methods), form.Next)
	default:
		form.Message = "This account needs a further step to sign in, which this page does not offer."
		render(w, r, http.StatusForbidden, loginPage(s.signInDoor(r, form), form))
	}
}

// enter leads who is signed in by an answer to where they wanted, if that is in their portal, or to its home.
func enter(v visit, a *answer, next string) bool {
	var who account
	if !who.read(a) || portalNamed(who.Portal) == nil {
		return false
	}
	home := portalNamed(who.Portal)
	keepCookies(v.w, a)
	if next == "" || portalOf(next) != home {
		next = home.Home
	}
	http.Redirect(v.w, v.r, next, http.StatusSeeOther)
	return true
}

// logout ends the session of the portal that the form names, and leaves those of others open.
func (s *server) logout(v visit) {
	w, r := v.w, v.r
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	name := r.PostFormValue("portal")
	if portalNamed(name) == nil {
		name = ""
	}
	a := s.call(r, name, http.MethodPost, "/api/auth/logout", nil, nil)
	if a.status >= http.StatusBadRequest {
		s.fail(v, failure{Status: a.status, Title: "Not signed out", Text: a.fault().words()})
		return
	}
	keepCookies(w, a)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func keepCookies(w http.ResponseWriter, a *answer) {
	for _, cookie := range a.header.Values("Set-Cookie") {
		w.Header().Add("Set-Cookie", cookie)
	}
}

// toLogin sends somebody to sign in, and back to the page afterwards.
func toLogin(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
}

// ownPath is the address where it is one of this site, else empty. Browsers read a backslash as a slash and drop tabs
// and line ends, and so either could make a path the address of another host.
func ownPath(next string) string {
	for _, c := range next {
		if c == '\\' || c < ' ' || c == 0x7f {
			return ""
		}
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
		return ""
	}
	if strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) || strings.Contains(u.Path, "..") {
		return ""
	}
	return next
}

// portalOf is the portal that a page of this site belongs to, nil for those that belong to none.
func portalOf(address string) *portal {
	path, _, _ := strings.Cut(address, "?")
	path, _, _ = strings.Cut(path, "#")
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "", "login", "logout", "reset", "live", "assets", "api":
		return nil
	}
	if p := portalNamed(first); p != nil && p.Name != "client" {
		return p
	}
	return portalNamed("client") // whose pages lie at the root
}
