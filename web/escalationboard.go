package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/web/ui"
)

// boardCards is how many cards a column of a board has at most; the list has the others.
const boardCards = 20

// escalationBoard shows a column for each status, with what is due first on top. What needs nothing more is shown the newest first.
func (s *server) escalationBoard(v visit, why refusal) {
	k := escalationKind
	p := listPage{Shell: s.shell(v, k.title), Kind: k, status: http.StatusOK}
	view := k.view(v.r.URL.Query()).With(map[string]string{"status": "", "sort": ""})
	p.Table.View = view
	p.At, p.Then = moment(view.Query.Get("at"))
	p.Shell.Then = p.Then != ""
	d, late := s.desk(v), false
	board := ui.Board{ID: "board", Label: "Escalations by status", View: view, Filters: d.filters(view, false)}
	for i, status := range escalationStatuses {
		order := k.sort
		if !escalation.IsOpen(status.name) {
			order = "-createdAt"
		}
		list := view.With(map[string]string{"status": status.name, "sort": order})
		query := k.query(list)
		query.Set("limit", strconv.Itoa(boardCards))
		a, behind := s.seen(v, k.api, query)
		if s.stopped(v, a, string(view.Address())) {
			return
		}
		var found recordList[escalationRecord]
		if a.status != http.StatusOK || a.decode(&found) != nil {
			p.status, p.Message = failed(a), a.fault().words()
			break
		}
		late = late || behind
		if i == 0 {
			p.Region = regionOf(v, k, view, a, found.lagging, late)
		}
		column := ui.BoardColumn{ID: status.name, Title: status.title, Tone: status.tone, Step: stepTo(status.name), Count: strconv.Itoa(len(found.Items))}
		if found.NextCursor != "" {
			column.Count += "+"
			column.More = string(list.With(map[string]string{viewParameter: ""}).Address())
		}
		for row, e := range found.Items {
			column.Cards = append(column.Cards, e.card(place{View: list, Row: row, Known: true, Tenant: e.TenantID}, d, p.here()))
		}
		board.Columns = append(board.Columns, column)
	}
	p.Notes = notes(v, k.notes, late, string(view.Address()))
	if !slices.ContainsFunc(board.Columns, func(c ui.BoardColumn) bool { return len(c.Cards) > 0 }) {
		board.Empty = escalationsEmpty(view)
	}
	p.Notes, p.status = why.noted(p.Notes, p.status)
	render(v.w, v.r, p.status, escalationBoardScreen(p, escalationViews(view), board))
}

// card is an escalation on the board. Here is where its steps lead back to; empty where nothing can be done.
func (e escalationRecord) card(at place, d desk, here string) ui.Card {
	c := ui.Card{
		ID: e.ID, Name: e.Summary, Href: at.address(e.ID), Marks: []ui.Cell{escalationSeverity(e.Severity)},
		Lines: []string{d.client(e), d.partner(e.PartnerID) + " · " + e.IncidentID},
	}
	if due := dueOf(e.State, d.now).cell(); due.Tone != ui.Neutral {
		c.Marks = append(c.Marks, due)
	} else if due.Text != "" {
		c.Lines = append([]string{due.Text}, c.Lines...)
	}
	if owner := d.people.called(e.AssigneeID); owner != "" {
		c.Lines = append(c.Lines, "Owner: "+owner)
	}
	if here != "" {
		c.Moves, c.Key, c.Back = e.moves(here), newKey(), here
		c.Move = escalationStep(e, "{step}")
	}
	return c
}
