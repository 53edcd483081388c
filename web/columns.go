package web

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/streamflow/streamflow/web/ui"
)

const (
	columnsPath   = "/columns"
	columnsCookie = "sf_columns_" // and the list's id
	maxColumns    = 40
)

// columnName is a list's id, and a column's key.
var columnName = regexp.MustCompile(`^[A-Za-z0-9]{1,40}$`)

// chosenColumns lets the columns of a list be chosen, and shows it with those that were. What is kept are the others, so that a new
// column is shown to everybody.
func chosenColumns(r *http.Request, t *ui.Table) {
	t.Chooses = columnsPath
	if cookie, err := r.Cookie(columnsCookie + t.ID); err == nil {
		t.Hidden = strings.Split(cookie.Value, ".")
	}
}

// chooseColumns has the browser keep which columns of a list are not shown.
func (s *server) chooseColumns(v visit) {
	if !s.posted(v) {
		return
	}
	list, all, shown := v.r.PostForm.Get("list"), v.r.PostForm["of"], v.r.PostForm["column"]
	unfit := func(name string) bool { return !columnName.MatchString(name) }
	if unfit(list) || len(all) > maxColumns || slices.ContainsFunc(all, unfit) {
		s.fail(v, failure{Status: http.StatusBadRequest, Title: "Not read", Text: "These are no columns of a list. Please go back and try again."})
		return
	}
	hidden := slices.DeleteFunc(all, func(key string) bool { return slices.Contains(shown, key) })
	keep(v, columnsCookie+list, strings.Join(hidden, "."))
	back := ownPath(v.r.PostForm.Get(backField))
	if back == "" {
		back = "/"
	}
	http.Redirect(v.w, v.r, back, http.StatusSeeOther)
}
