package web

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/web/ui"
)

const (
	keyHeader    = "Idempotency-Key"
	matchHeader  = "If-Match"
	cursorHeader = "StreamFlow-Cursor"
	tenantHeader = "StreamFlow-Tenant"

	backField    = "back"    // where a form leads back to
	versionField = "version" // of the record that a form was made from

	afterParameter = "after" // the cursor that a page must have passed, so that it shows what its visitor just did
	doneParameter  = "done"  // what that was
)

// posted reads a form. What cannot be read it answers by itself, and says that it has.
func (s *server) posted(v visit) bool {
	if !s.parsed(v) {
		return false
	}
	for name, values := range v.r.PostForm {
		for i := range values {
			v.r.PostForm[name][i] = strings.TrimSpace(strings.ToValidUTF8(values[i], "�"))
		}
	}
	return true
}

// parsed reads a form as it was sent.
func (s *server) parsed(v visit) bool {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		s.fail(v, failure{Status: http.StatusBadRequest, Title: "Not read", Text: "The form could not be read. Nothing was changed. Please go back and try again."})
		return false
	}
	return true
}

// newKey is the key of a form that nobody has sent yet.
func newKey() string { return uuid.NewString() }

// command asks the API for what a form is about, in the tenant that the address names where it names one. The form's key goes with it, so
// that a form that is sent twice is done once.
func (s *server) command(v visit, method, path string, body any, more ...header) *answer {
	return s.commandAs(v, v.r.PostForm.Get(ui.KeyField), method, path, body, more...)
}

// commandAs is one of several that a form asks for, each of which has a key of its own.
func (s *server) commandAs(v visit, key, method, path string, body any, more ...header) *answer {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // posted let UTF-8 through alone
	}
	a := s.call(v.r, v.portal.Name, method, path, nil, text, append(more, header{keyHeader, key}, header{tenantHeader, v.r.URL.Query().Get(tenantParameter)})...)
	a.key = key
	return a
}

// ended leads somebody whose session is over to the sign-in, and from there to a page that says what they were about.
func ended(v visit, a *answer, next string) bool {
	if !a.noSession() {
		return false
	}
	http.Redirect(v.w, v.r, "/login?"+url.Values{"next": {next}}.Encode(), http.StatusSeeOther)
	return true
}

// finish leads back after a write. The address names the write, and so the page there shows it.
func finish(v visit, a *answer, back, done string, more ...ui.Option) {
	http.Redirect(v.w, v.r, doneAt(a, back, done, more...), http.StatusSeeOther)
}

// doneAt is the address of a page that shows a write, and says what was done where that has a name.
func doneAt(a *answer, back, done string, more ...ui.Option) string {
	address, err := url.Parse(back)
	if err != nil {
		address = &url.URL{Path: "/"}
	}
	q := address.Query()
	// What is no command of the log has no cursor.
	for _, parameter := range append(more, ui.Option{Value: doneParameter, Title: done}, ui.Option{Value: afterParameter, Title: a.header.Get(cursorHeader)}) {
		if parameter.Title != "" {
			q.Set(parameter.Value, parameter.Title)
		}
	}
	address.RawQuery = q.Encode()
	return address.String()
}

// backOr is where a request says that it leads back to, where that is a page of the same portal; else another address.
func backOr(v visit, otherwise string) string {
	if back := ownPath(v.r.FormValue(backField)); back != "" && portalOf(back) == v.portal {
		return back
	}
	return otherwise
}

// seen asks the API for what a page shows, not before it has passed the visitor's own write. Where that takes too long, or what
// the address names is of a log that is no more, the page shows what there is, and says so.
func (s *server) seen(v visit, path string, query url.Values) (a *answer, late bool) {
	after := v.r.URL.Query().Get(afterParameter)
	a = s.call(v.r, v.portal.Name, http.MethodGet, path, query, nil, header{cursorHeader, after})
	if code := a.fault().Code; after != "" && (code == "read_model_behind" || code == "invalid_cursor") {
		return s.call(v.r, v.portal.Name, http.MethodGet, path, query, nil), true
	}
	return a, false
}

// notes tell what was just done.
func notes(v visit, words map[string]ui.Note, late bool, dismiss string) []ui.Note {
	var all []ui.Note
	if note, ok := words[v.r.URL.Query().Get(doneParameter)]; ok {
		note.Dismiss = dismiss
		all = append(all, note)
	}
	if late {
		all = append(all, ui.Note{Tone: ui.Warning, Text: "What is shown is a little older than your last change, which is saved.", Dismiss: dismiss})
	}
	return all
}

// refused puts a refusal of the API into the form that asked. What belongs to no field of it is said of the whole.
func refused(form *ui.Form, a *answer) {
	f := a.fault()
	form.Key = newKey() // the refusal is the answer to the other key, for ever
	if a.unwell() {
		form.Key = a.key // what was asked may be done already, and must not be done twice
	}
	var rest []string
	for _, e := range f.Errors {
		whole, _, _ := strings.Cut(e.Field, ".")
		whole, _, _ = strings.Cut(whole, "[")
		if !form.Blame(e.Field, sentence(e.Message)) && !form.Blame(whole, sentence(e.Message)) {
			rest = append(rest, strings.TrimPrefix(e.Field+": "+e.Message, ": "))
		}
	}
	switch {
	case len(rest) > 0:
		form.Message = sentence(strings.Join(rest, "; "))
	case len(f.Errors) > 0:
	default:
		form.Message = f.words()
	}
}

// sentence is a text with a capital and a stop.
func sentence(text string) string { return strings.TrimSuffix(capital(text), ".") + "." }

// capital is a text that begins with one.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
