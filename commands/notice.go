package commands

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/eventstore/reactor"
)

// Reactors are the consumers with side effects of this product. A new one is one line here.
func (c *Commands) Reactors(logger *slog.Logger) []reactor.Reactor {
	return []reactor.Reactor{c.escalationNotices(logger)}
}

// escalationNotices keeps the log of escalation notices: who opened what, how the work goes, which deadline was missed. It begins at the
// first event: a log is to be complete, and to tell of the past bothers nobody.
func (c *Commands) escalationNotices(logger *slog.Logger) reactor.Reactor {
	return reactor.Reactor{
		Name: "escalation_notice", History: true,
		Types: []string{
			escalation.Opened{}.Type(), escalation.Reopened{}.Type(), escalation.Acknowledged{}.Type(), escalation.Started{}.Type(),
			escalation.Resolved{}.Type(), escalation.Closed{}.Type(), escalation.ResponseBreached{}.Type(), escalation.ResolveBreached{}.Type(),
		},
		Handle: func(ctx context.Context, e reactor.Effect) error {
			fact, err := c.Log.Registry().Decode(e.Event)
			if err != nil {
				return err
			}
			text := noticeOf(fact)
			// The effect's id is the key: an effect that is repeated is the same notice.
			done, err := c.Pool.Exec(ctx, `insert into app.notice (effect, tenant, event, stream, type, text, happened_at, noticed_at)
				values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()) on conflict do nothing`,
				e.ID, e.Event.Tenant, e.Event.ID, string(e.Event.Stream), e.Event.Type, text, e.Event.RecordedAt)
			if err != nil {
				return fmt.Errorf("write notice %s: %w", e.ID, err)
			}
			if done.RowsAffected() > 0 {
				logger.InfoContext(ctx, "notice", "text", text, "tenant", e.Event.Tenant, "stream", e.Event.Stream, "effect", e.ID)
			}
			return nil
		},
	}
}

// noticeOf words what happened. It quotes only what has a form of its own: summaries and comments may be about people.
func noticeOf(fact any) string {
	progress := func(verb string, p escalation.Progress) string {
		return fmt.Sprintf("%s escalation of incident %s %s", p.Severity, p.IncidentID, verb)
	}
	breach := func(what string, b escalation.Breach) string {
		return fmt.Sprintf("%s escalation missed its deadline to be %s, %s", b.Severity, what, b.Deadline.UTC().Format("2006-01-02 15:04"))
	}
	switch e := fact.(type) {
	case escalation.Opened:
		return fmt.Sprintf("%s escalation of incident %s opened", e.Severity, e.IncidentID)
	case escalation.Reopened:
		return progress("reopened", e.Progress)
	case escalation.Acknowledged:
		return progress("acknowledged", e.Progress)
	case escalation.Started:
		return progress("started", e.Progress)
	case escalation.Resolved:
		return progress("resolved", e.Progress)
	case escalation.Closed:
		return progress("closed", e.Progress)
	case escalation.ResponseBreached:
		return breach("answered", e.Breach)
	case escalation.ResolveBreached:
		return breach("resolved", e.Breach)
	}
	return fmt.Sprintf("%T", fact)
}
