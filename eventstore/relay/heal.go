package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// healAttempts bounds how often a session makes the stream afresh before it lets the broker rest.
	healAttempts = 3
	// believableEpochs is how far a message's epoch may be ahead of ours: no database goes back more often unnoticed.
	believableEpochs = 100
)

// verdict is what a stream is found to be.
type verdict string

const (
	sound    verdict = "is the log's"
	absent   verdict = "does not exist"
	emptied  verdict = "was emptied"
	foreign  verdict = "is not of this log"
	wentBack verdict = "has events that the log lost"
)

type finding struct {
	verdict verdict
	at      mark // where a sound stream ends
	epoch   int  // of the lane
	seen    int  // of the stream's last message
}

// heal makes the stream sound, if it is not, and returns where it ends.
func (r *Relay) heal(ctx context.Context, js jetstream.JetStream) (mark, int, error) {
	if err := r.configure(ctx, js); err != nil {
		return mark{}, 0, err
	}
	for range healAttempts {
		f, err := r.compare(ctx, js)
		if err != nil {
			return mark{}, 0, err
		}
		if f.verdict == sound {
			return f.at, f.epoch, nil
		}
		level := slog.LevelError
		if f.verdict == absent { // as at the first start, and on a new broker: all it had is in the log
			level = slog.LevelInfo
		}
		r.Logger.Log(ctx, level, "the lane's stream is made afresh, because it "+string(f.verdict), "stream", StreamName(r.Lane))
		if err := r.remake(ctx, js, f); err != nil {
			return mark{}, 0, err
		}
	}
	return mark{}, 0, fmt.Errorf("stream %s does not stay sound", StreamName(r.Lane))
}

// compare holds the stream against the log. Both the state and the message come from the stream's leader; the log is read after
// them, so that it cannot be behind a stream that is its own.
func (r *Relay) compare(ctx context.Context, js jetstream.JetStream) (finding, error) {
	stream, err := js.Stream(ctx, StreamName(r.Lane))
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return finding{}, fmt.Errorf("read stream: %w", err)
	}
	var state jetstream.StreamState
	var last *jetstream.RawStreamMsg
	if stream != nil {
		state = stream.CachedInfo().State
		last, err = stream.GetLastMsgForSubject(ctx, Subjects(r.Lane))
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return finding{}, fmt.Errorf("read last message: %w", err)
		}
	}
	heads, err := r.Log.Heads(ctx)
	if err != nil {
		return finding{}, err
	}
	f := finding{verdict: sound, epoch: heads[r.Lane].Epoch}
	switch {
	case stream == nil:
		f.verdict = absent
	case unfit(stream.CachedInfo().Config) || state.LastSeq > math.MaxInt64 || last == nil && state.Msgs > 0:
		f.verdict = foreign
	case last != nil:
		f.seen, f.verdict, err = r.judge(ctx, last, f.epoch)
	}
	if err != nil || f.verdict != sound {
		return f, err
	}
	return r.locate(ctx, f, state, heads[r.Lane])
}

// judge says whose a message is: the log's, another installation's, or one that this installation published and then lost.
func (r *Relay) judge(ctx context.Context, m *jetstream.RawStreamMsg, epoch int) (seen int, v verdict, err error) {
	e, err := Event(&nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
	source, seen := Origin(m.Header)
	if err != nil || source != r.Source || e.Lane != r.Lane || uint64(e.Position) != m.Sequence || seen > epoch+believableEpochs {
		return 0, foreign, nil
	}
	ours, err := r.event(ctx, e.Position)
	switch {
	case err != nil:
		return 0, "", err
	case ours.id != e.ID || seen > epoch: // of an epoch to come: the database forgot that it went back before
		return seen, wentBack, nil
	}
	return seen, sound, nil
}

// locate finds the event of the log at the stream's last sequence. The message there may have been deleted: what it was then
// follows from the ones before.
func (r *Relay) locate(ctx context.Context, f finding, state jetstream.StreamState, head eventstore.Mark) (finding, error) {
	end := int64(state.LastSeq)
	if end > head.Position {
		f.verdict = wentBack
		return f, nil
	}
	if state.Msgs == 0 {
		first, err := r.firstRetained(ctx)
		if err != nil {
			return f, err
		}
		if first <= end {
			f.verdict = emptied
			return f, nil
		}
	}
	var err error
	f.at, err = r.event(ctx, end)
	return f, err
}

// event is the log's at a position; without an id when there is none.
func (r *Relay) event(ctx context.Context, position int64) (mark, error) {
	if position == 0 {
		return mark{}, nil
	}
	events, err := r.Log.ReadLane(ctx, r.Lane, position-1, 1)
	if err != nil || len(events) == 0 || events[0].Position != position {
		return mark{position: position}, err
	}
	return mark{position, events[0].ID}, nil
}

// firstRetained is the position from which on the bus should have the log.
func (r *Relay) firstRetained(ctx context.Context) (int64, error) {
	aged, err := r.Log.AsOf(ctx, time.Now().Add(-r.MaxAge))
	return aged[r.Lane].Position + 1, err
}

// remake makes the stream afresh. The epoch rises first: while the stream is there it tells of the loss, afterwards nothing does.
func (r *Relay) remake(ctx context.Context, js jetstream.JetStream, f finding) error {
	if f.verdict == wentBack {
		for epoch := f.epoch; epoch <= max(f.epoch, f.seen); {
			var err error
			if epoch, err = r.Log.RaiseEpoch(ctx, r.Lane); err != nil {
				return err
			}
			r.Logger.ErrorContext(ctx, "the database went back, the lane's epoch rises", "epoch", epoch)
		}
	}
	if f.verdict != absent {
		if err := js.DeleteStream(ctx, StreamName(r.Lane)); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("delete stream: %w", err)
		}
	}
	first, err := r.firstRetained(ctx)
	if err != nil {
		return err
	}
	if err := r.create(ctx, js, uint64(first)); err != nil {
		return fmt.Errorf("create stream: %w", err)
	}
	r.record(func(s *Status) { s.Remade++ })
	return nil
}
