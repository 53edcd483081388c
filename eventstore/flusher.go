package eventstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// flushPatience is how long a batch is sent again while the database is away, before its callers are told.
	flushPatience = 5 * time.Second
	// answerPatience bounds the wait for one answer. A connection that went silent would otherwise hold the lane for as long
	// as the operating system sends again, which is a quarter of an hour. Sending a batch twice does no harm.
	answerPatience = 4 * time.Second
)

// flusher writes one lane for this node: it takes whatever is queued, with no timer (a batch forms while the previous one
// commits), sends it as one statement, and answers each caller with its own verdict. Whoever has taken a batch from the queue has
// the connection.
type flusher struct {
	log    *Log
	lane   *lane
	conn   *pgx.Conn
	down   bool // the last batch was given up
	doubts int  // for how many batches nothing is taken for fresh
	heads  heads
}

func (f *flusher) run(ctx context.Context) {
	defer func() {
		if f.conn != nil {
			_ = f.conn.Close(ctx)
		}
	}()
	for range f.lane.queue.wake {
		for {
			batch, closed := f.lane.queue.take()
			if closed {
				return
			}
			if len(batch) == 0 {
				break
			}
			f.flush(ctx, batch)
			f.lane.queue.done(len(batch), nil)
		}
	}
}

// sendAlone sends an append from its caller's goroutine, where that is alone. One that does not succeed at once is left to the flusher,
// which has patience for it.
func (f *flusher) sendAlone(ctx context.Context, p *pending) {
	if !f.lane.queue.alone(p) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	left := []*pending{p}
	defer func() { // after a panic too: the lane must not stand still, and where the flusher comes upon it, it ends the process
		if left != nil {
			f.disconnect(ctx)
		}
		f.lane.queue.done(1, left)
	}()
	if !f.down && f.send(ctx, left) == nil {
		left = nil
	}
}

// flush sends the batch until the database has answered for it, or patience ends.
func (f *flusher) flush(ctx context.Context, batch []*pending) {
	giveUp := time.Now().Add(flushPatience)
	for attempt := 0; ; attempt++ {
		err := f.send(ctx, batch)
		switch {
		case err == nil:
			f.down = false
			return
		case !lostConnection(err):
			f.isolate(ctx, batch, err)
			return
		case f.down || time.Now().After(giveUp) || ctx.Err() != nil:
			f.log.logger.ErrorContext(ctx, "appends given up", "lane", f.lane.number, "appends", len(batch), "error", err)
			f.down = true
			f.disconnect(ctx) // it may lead to a standby, and will as long as it is kept
			answerAll(batch, fmt.Errorf("%w: %w", ErrUnavailable, err))
			return
		}
		f.log.logger.WarnContext(ctx, "flush failed, sending the batch again", "lane", f.lane.number, "error", err)
		f.disconnect(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Duration(attempt+1)*20*time.Millisecond, 500*time.Millisecond)):
		}
	}
}

// isolate sends a batch that failed for a reason nobody foresaw again, one append at a time, so that one bad append cannot
// fail its neighbours.
func (f *flusher) isolate(ctx context.Context, batch []*pending, cause error) {
	if len(batch) == 1 {
		answerAll(batch, fmt.Errorf("append: %w", cause))
		return
	}
	f.log.logger.ErrorContext(ctx, "batch failed, sending its appends one by one", "lane", f.lane.number, "appends", len(batch), "error", cause)
	for _, p := range batch {
		f.flush(ctx, []*pending{p})
	}
}

func answerAll(batch []*pending, err error) {
	for _, p := range batch {
		p.answer <- answer{err: err}
	}
}

// send runs log.append for the batch and answers its callers; on an error nobody is answered.
func (f *flusher) send(ctx context.Context, batch []*pending) error {
	if err := f.connect(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	sent := time.Now()
	Failpoint("append.send")
	r, err := f.call(ctx, batch)
	if err != nil {
		return err
	}
	Failpoint("append.committed")
	head := r.head
	f.lane.hear(Mark{Epoch: r.epoch, Position: head})
	verdicts := make(map[int]int, len(r.failed)) // index in batch → index in failed
	var repeats []*pending
	for i, ord := range r.failed {
		verdicts[int(ord)-1] = i
		if r.reasons[i] == reasonRepeat {
			repeats = append(repeats, batch[ord-1])
		}
	}
	outcomes, err := f.recorded(ctx, repeats)
	if err != nil {
		return err
	}
	answers := make([]answer, len(batch))
	for i, p := range batch {
		a := p.append
		n, bad := verdicts[i]
		switch {
		case !bad:
			o := Outcome{Verdict: a.Verdict, Code: a.Code, Params: a.Params, Lane: f.lane.number, First: head, Events: len(a.events), RecordedAt: r.recorded.UTC(), made: a}
			if len(a.events) > 0 {
				o.First, head = head+1, head+int64(len(a.events))
			}
			f.log.keep(a, sent)
			answers[i] = answer{outcome: o}
		case r.reasons[n] == reasonRepeat:
			answers[i] = repeatAnswer(a, outcomes)
		case r.reasons[n] == reasonVersion:
			answers[i] = answer{err: &ConflictError{Stream: Stream(r.details[n])}}
		default:
			answers[i] = answer{err: a.claimedError(r.details[n])}
		}
	}
	f.lane.tide.set(head, false) // the lock's word, even where the database went back; before the answers, so that who has one finds it known
	for i, p := range batch {
		p.answer <- answers[i]
	}
	return nil
}

// repeatAnswer is for an append whose command has an outcome. A batch that was sent again may have been committed by the attempt
// whose answer was lost; then the outcome is this very call's and no repeat. The id of the call tells.
func repeatAnswer(a *encoded, outcomes map[commandRef]recordedOutcome) answer {
	r, ok := outcomes[commandRef{a.Command.Tenant, a.Command.ID}]
	switch {
	case !ok:
		return answer{err: fmt.Errorf("outcome of command %s is missing", a.Command.ID)}
	case string(r.fingerprint) != string(a.Command.Fingerprint):
		return answer{err: ErrCommandReused}
	}
	r.Replayed = r.call != a.call
	return answer{outcome: r.Outcome}
}

func (f *flusher) connect(ctx context.Context) error {
	if f.conn != nil && !f.conn.IsClosed() {
		return nil
	}
	config := f.log.pool.Config().ConnConfig.Copy()
	// One plan for every batch: with arrays as parameters the planner would otherwise plan anew for each call, which costs
	// more than the append itself.
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	// The newest event of a stream is the end of its index. Before there are statistics, all that the tenant did, sorted, is estimated
	// to cost a hair less where that index is lower, and such a plan reads more with every event until they come.
	config.RuntimeParams["enable_sort"] = "off"
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	f.conn = conn
	return nil
}

func (f *flusher) disconnect(ctx context.Context) {
	if f.conn != nil {
		_ = f.conn.Close(ctx) // it is broken already; closing only frees it
		f.conn = nil
	}
}

// lostConnection tells whether the database may answer when asked again: it was away, going away or coming up.
func lostConnection(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok { // whatever the reason, even a wrong password: nothing was sent
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "25006", "55P03": // a standby, while another server takes over; a lock that did not come
			return true
		}
		switch pg.Code[:2] {
		case "08", "53", "57", "58", "40": // connection, resources, operator, system, serialization and deadlock
			return true
		}
		return false
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) || isClosed(err)
}

func isClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, errUnexpectedEOF) || errors.Is(err, errEOF) || errors.Is(err, context.DeadlineExceeded)
}

type commandRef struct{ tenant, id uuid.UUID }

type recordedOutcome struct {
	Outcome
	fingerprint []byte
	call        uuid.UUID // the id of its first event, or else of the call that recorded it
}

func (f *flusher) recorded(ctx context.Context, repeats []*pending) (map[commandRef]recordedOutcome, error) {
	if len(repeats) == 0 {
		return nil, nil
	}
	var tenants, ids []uuid.UUID
	for _, p := range repeats {
		tenants, ids = append(tenants, p.append.Command.Tenant), append(ids, p.append.Command.ID)
	}
	rows, err := f.conn.Query(ctx, outcomeSQL, tenants, ids)
	if err != nil {
		return nil, err
	}
	return scanOutcomes(rows)
}
