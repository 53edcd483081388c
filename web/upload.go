package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/web/ui"
)

const (
	importPath = leadsPath + "/import"
	importsAPI = "/api/v2/imports"

	fileField = "file"
	// maxRest is how much of a file that was refused is still taken in: a browser shows no answer before it has sent all.
	maxRest = 256 << 20
)

// importers are whom an import is offered to. Whom it lets in the API says.
var importers = []string{user.RoleOwner, user.RoleManager}

// importCounts are what the rows of a file come to, or came to.
type importCounts struct {
	Rows       int64 `json:"rows"`
	Imported   int64 `json:"imported"`
	Known      int64 `json:"known"`
	Duplicates int64 `json:"duplicates"`
	Rejected   int64 `json:"rejected"`
	TakenBack  int64 `json:"takenBack"`
	Kept       int64 `json:"kept"`
}

// uploadPage is the page where a file is chosen, with the imports before it.
type uploadPage struct {
	Shell  shell
	Form   ui.Form
	Before ui.Table
}

// askFile asks for a file.
func (s *server) askFile(v visit) { s.showUpload(v, http.StatusOK, uploadForm()) }

func uploadForm() ui.Form {
	return ui.Form{ID: "upload", Key: newKey(), Action: importPath, Submit: "Look at the file", Cancel: leadsPath, Files: true, Fields: []ui.Field{{
		Name: fileField, Label: "File", Kind: "file", Required: true, Accept: ".csv,.ndjson,.jsonl,text/csv,application/x-ndjson",
		Hint: "CSV or NDJSON in UTF-8, of 50 MiB at most. The first line of a CSV file names its columns. Nothing is imported yet: you see first what the file comes to."}}}
}

// showUpload shows the form. Who may not import is told so instead.
func (s *server) showUpload(v visit, status int, form ui.Form) {
	a := s.call(v.r, v.portal.Name, http.MethodGet, importsAPI, nil, nil)
	if s.stopped(v, a, importPath) {
		return
	}
	var list struct {
		Items []struct {
			ID        string        `json:"id"`
			Name      string        `json:"name"`
			State     string        `json:"state"`
			Counts    *importCounts `json:"counts"`
			CreatedAt time.Time     `json:"createdAt"`
		} `json:"items"`
	}
	if a.status != http.StatusOK || a.decode(&list) != nil {
		s.fail(v, failure{Status: failed(a), Text: a.fault().words()})
		return
	}
	p := uploadPage{Shell: s.shell(v, "Import leads"), Form: form}
	p.Before = ui.Table{ID: "imports", Caption: "Imports before", Columns: []ui.Column{{Title: "File"}, {Title: "State"}, {Title: "Rows", Number: true}, {Title: "Imported", Number: true},
		{Title: "Sent", Tight: true}}}
	for _, one := range list.Items {
		row := ui.Row{ID: one.ID, Name: fileCalled(one.Name), Cells: []ui.Cell{{Text: fileCalled(one.Name), Href: importAddress(one.ID)}, importStates[one.State], {}, {}, {Text: ui.Moment(one.CreatedAt)}}}
		if one.Counts != nil {
			row.Cells[2].Text = whole(one.Counts.Rows)
			if one.State != importPlanned {
				row.Cells[3].Text = whole(one.Counts.Imported)
			}
		}
		p.Before.Rows = append(p.Before.Rows, row)
	}
	render(v.w, v.r, status, uploadScreen(p))
}

// fileCalled is what a file is called, also after it was forgotten.
func fileCalled(name string) string {
	if name == "" {
		return "A file without a name"
	}
	return name
}

func importAddress(id string) string { return importPath + "/" + url.PathEscape(id) }

// takeFile hands a file on to the API as it comes in.
func (s *server) takeFile(v visit) {
	form := uploadForm()
	key, file, err := uploaded(v.r)
	if errors.Is(err, io.EOF) || err == nil && file.FileName() == "" {
		form.Blame(fileField, "Choose a file first.")
		s.showUpload(v, http.StatusUnprocessableEntity, form)
		return
	}
	if err != nil {
		s.fail(v, failure{Status: http.StatusBadRequest, Title: "Not read", Text: "The file could not be read to its end. Nothing was imported. Please go back and try again."})
		return
	}
	name := shortName(file.FileName())
	a := s.send(v.r, v.portal.Name, importsAPI, url.Values{"kind": {"leads"}, "dryRun": {"true"}, "name": {name}}, formOf(name), file, header{keyHeader, key})
	_, _ = io.Copy(io.Discard, io.LimitReader(v.r.Body, maxRest)) // the rest of one that was refused
	a.key = key
	var told struct {
		ID string `json:"id"`
	}
	switch {
	case s.barred(v, a, importPath):
	case a.status == http.StatusAccepted && a.decode(&told) == nil:
		http.Redirect(v.w, v.r, importAddress(told.ID), http.StatusSeeOther)
	default:
		refused(&form, a)
		if form.Message != "" && a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests {
			form.Blame(fileField, form.Message)
			form.Message = ""
		}
		a.tellWait(v.w)
		s.showUpload(v, failed(a), form)
	}
}

// uploaded is the form's key and, behind it, its file; io.EOF where it has none.
func uploaded(r *http.Request) (key string, file *multipart.Part, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return "", nil, err
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return key, nil, err
		}
		switch part.FormName() {
		case fileField:
			return key, part, nil
		case ui.KeyField:
			text, err := io.ReadAll(io.LimitReader(part, maxForm))
			if err != nil {
				return key, nil, err
			}
			key = string(text)
		}
	}
}

// shortName is a file's name as the API takes it: without folders and what cannot be written, and not too long.
func shortName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, name)
	const most = 150
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}

// formOf is the type of a file by its name.
func formOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".ndjson", ".jsonl":
		return "application/x-ndjson"
	}
	return "text/csv"
}
