package projection

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/eventstore"
)

const (
	// movedChannel is where Postgres tells every node that read models moved: of which tenants, or "" for any.
	movedChannel = "streamflow_moved"
	// movedTenants bounds who is named: a notification has at most 8000 bytes, and beyond it naming saves nobody a look.
	movedTenants = 100
	// announceEvery is how often the other nodes are told at most: a busy one would otherwise wake all of them, and itself, for every page.
	announceEvery = 10 * time.Millisecond
	// listenAgain is the wait before a lost connection to the channel is made anew.
	listenAgain = time.Second
)

// news collects whose read models moved until it can be told. It is told after the commit and beside the projector: a NOTIFY
// inside its transaction would make the commits of all lanes wait for each other.
type news struct {
	mu      sync.Mutex
	any     bool
	tenants map[uuid.UUID]struct{}
	lanes   map[int]int64 // how far they were folded
	some    chan struct{} // of one: there is something to tell
}

func newNews() *news {
	return &news{tenants: map[uuid.UUID]struct{}{}, lanes: map[int]int64{}, some: make(chan struct{}, 1)}
}

func (n *news) add(events []eventstore.Event) {
	n.mu.Lock()
	for i := range events {
		n.tenants[events[i].Tenant] = struct{}{}
		n.lanes[events[i].Lane] = events[i].Position
	}
	if len(n.tenants) > movedTenants {
		clear(n.tenants)
		n.any = true
	}
	n.mu.Unlock()
	notify(n.some)
}

// take is the message, behind the name of the node: "<lane>:<position>" of each lane that was folded, and the tenants, none of them for any.
func (n *news) take() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var text strings.Builder
	for lane, position := range n.lanes {
		fmt.Fprintf(&text, "%d:%d ", lane, position)
	}
	clear(n.lanes)
	for tenant := range n.tenants {
		if !n.any {
			text.WriteString(tenant.String() + " ")
		}
	}
	clear(n.tenants)
	n.any = false
	return strings.TrimSpace(text.String())
}

// Tell lets a reader of this process hear at once what those of other nodes hear by way of Postgres. Call it before [Engine.Run] and
// [Reader.Listen].
func (e *Engine) Tell(r *Reader) { e.near, r.watchers.near = &r.watchers, e.node }

// moved tells readers of this process at once, and leaves those of others to announce.
func (e *Engine) moved(events []eventstore.Event) {
	if e.near != nil {
		now := newNews()
		now.add(events)
		e.near.tell(now.take())
	}
	e.news.add(events)
}

// announce tells other nodes what moved until the context ends. What cannot be told is told by the next one: watchers look by themselves, too.
func (e *Engine) announce(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.news.some:
		}
		// What is lost with the server needs no message, so nobody waits for the disk.
		if _, err := e.pool.Exec(ctx, `select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`, movedChannel, e.node+" "+e.news.take()); err != nil && ctx.Err() == nil {
			e.logger.WarnContext(ctx, "what moved was not announced", "error", err)
			pause(ctx, failedPause)
		}
		pause(ctx, announceEvery)
	}
}

func tellMoved(ctx context.Context, q querier, tenants string) error {
	rows, err := q.Query(ctx, `select pg_notify($1, $2)`, movedChannel, tenants)
	if err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

// watchers are those who want to know.
type watchers struct {
	pool  *pgxpool.Pool // says how to connect
	mu    sync.Mutex
	all   map[*watcher]struct{}
	lanes map[int]int64 // how far each was folded, as it was told last
	near  string        // the node that tells by itself
}

type watcher struct {
	tenant string // "" for every tenant's
	moved  chan struct{}
}

// Moved is a channel that receives when a tenant's read models moved on any node, uuid.Nil for anybody's; several moves may
// become one. It hears of them while [Reader.Listen] runs, which says so by a first one. Who must never miss one looks now and then as well: one is lost
// with the process that has committed and not told yet. Stop it when done.
func (r *Reader) Moved(tenant uuid.UUID) (moved <-chan struct{}, stop func()) {
	w := &watcher{moved: make(chan struct{}, 1)}
	if tenant != uuid.Nil {
		w.tenant = tenant.String()
	}
	r.watchers.mu.Lock()
	r.watchers.all[w] = struct{}{}
	r.watchers.mu.Unlock()
	return w.moved, func() {
		r.watchers.mu.Lock()
		delete(r.watchers.all, w)
		r.watchers.mu.Unlock()
	}
}

// Listen hears of moves on a connection of its own until the context ends, and makes it anew when it is lost.
func (r *Reader) Listen(ctx context.Context, logger *slog.Logger) error {
	for ctx.Err() == nil {
		if err := r.watchers.listen(ctx); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "moves of read models go unheard, trying again", "error", err)
			pause(ctx, listenAgain)
		}
	}
	return nil
}

// passed tells whether it may be that lanes were folded up to a cursor. What was told is of whatever projection moved last, so yes is not
// sure; no is, but for the time that a message travels.
func (ws *watchers) passed(c eventstore.Cursor) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for lane, want := range c {
		if told, ok := ws.lanes[lane]; ok && told < want.Position {
			return false
		}
	}
	return true
}

func (ws *watchers) listen(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, ws.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it ends either way
	if _, err := conn.Exec(ctx, `listen `+movedChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ws.tell("") // what moved until now
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		if node, moved, _ := strings.Cut(n.Payload, " "); node == "" || node != ws.near {
			ws.tell(moved)
		}
	}
}

// tell wakes those whom a notification is about.
func (ws *watchers) tell(message string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	tenants := map[string]bool{}
	for word := range strings.FieldsSeq(message) {
		var lane int
		var position int64
		if n, err := fmt.Sscanf(word, "%d:%d", &lane, &position); err == nil && n == 2 {
			ws.lanes[lane] = position
			continue
		}
		tenants[word] = true
	}
	for w := range ws.all {
		if len(tenants) == 0 || w.tenant == "" || tenants[w.tenant] {
			notify(w.moved)
		}
	}
}
