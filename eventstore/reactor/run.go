package reactor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/natsbus"
	"github.com/streamflow/streamflow/eventstore/relay"
)

// ErrNotParked: no parked effect has that id.
var ErrNotParked = errors.New("effect is not parked")

// waitGrowth is how much longer each wait between tries is than the one before.
const waitGrowth = 4

// Run runs the reactors until ctx ends, then waits for the effects that are under way.
func (r *Runner) Run(ctx context.Context) error {
	if len(r.reactors) == 0 { // a router without handlers would never end
		<-ctx.Done()
		return nil
	}
	// Watermill tells of every step it takes; what an operator must know is logged here.
	logger := watermill.NewSlogLoggerWithLevelMapping(r.cfg.Logger, map[slog.Level]slog.Level{
		slog.LevelInfo: slog.LevelDebug, slog.LevelError: slog.LevelWarn,
	})
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 2 * r.cfg.Grace}, logger)
	if err != nil {
		return fmt.Errorf("run reactors: %w", err)
	}
	poison, err := middleware.PoisonQueueWithFilter(parking{r.ledger, r.cfg.Logger}, "log.parked_effect", failedEffect)
	if err != nil {
		return fmt.Errorf("run reactors: %w", err)
	}
	retry := middleware.Retry{
		MaxRetries:      r.cfg.Tries - 1,
		InitialInterval: r.cfg.WaitFirst,
		MaxInterval:     r.cfg.WaitMax,
		Multiplier:      waitGrowth,
	}
	router.AddMiddleware(poison, retry.Middleware, middleware.CorrelationID, middleware.Recoverer)
	holder := uuid.New() // of leases: this run
	for _, reactor := range r.reactors {
		for lane := 1; lane <= r.cfg.Log.Lanes(); lane++ {
			f, err := r.feed(reactor, lane, holder)
			if err != nil {
				return err
			}
			router.AddConsumerHandler(fmt.Sprintf("%s-%d", reactor.Name, lane), relay.Subjects(lane), f, r.handler(reactor))
		}
	}
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("run reactors: %w", err)
	}
	return nil
}

func (r *Runner) feed(reactor Reactor, lane int, holder uuid.UUID) (*feed, error) {
	log := r.cfg.Logger.With("reactor", reactor.Name, "lane", lane)
	f := &feed{reactor: reactor, lane: lane, cfg: r.cfg, ledger: r.ledger, log: log}
	f.lease = r.cfg.Log.Lease(fmt.Sprintf("reactor-%s-%d", reactor.Name, lane), holder)
	bus, err := natsbus.NewSubscriber(r.cfg.JS, natsbus.SubscriberConfig{
		Durable:     "reactor_" + reactor.Name,
		Stream:      relay.StreamName(lane),
		Start:       func(context.Context) (uint64, error) { return uint64(f.place.Load()) + 1, nil },
		MaxInFlight: prefetch,
		// Answers come from the feed, which ends at once; effects have their grace there.
		Grace:  time.Millisecond,
		Logger: log,
	})
	if err != nil {
		return nil, err
	}
	f.bus = bus
	return f, nil
}

// failure is an error of a reactor's own handler. Only that is a reason to park: an effect must not be put aside because our
// own database was away.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

func failedEffect(err error) bool {
	return errors.As(err, new(*failure)) || errors.As(err, new(middleware.RecoveredPanicError))
}

// handler does an effect once: it looks for its record, calls the reactor, and records.
func (r *Runner) handler(reactor Reactor) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error {
		ctx := msg.Context()
		d := deliveryOf(ctx)
		if !d.called {
			s, err := r.ledger.state(ctx, d.effect)
			if err != nil {
				return err
			}
			if s == done || s == parked && !d.again {
				return nil
			}
			d.tries++
			if err := r.call(ctx, reactor, d.effect); err != nil {
				if ctx.Err() != nil {
					return ctx.Err() // we stopped it
				}
				r.cfg.Logger.WarnContext(ctx, "effect failed", "reactor", reactor.Name, "effect", d.effect.ID, "try", d.tries, "error", err)
				return &failure{err}
			}
			d.called = true
			eventstore.Failpoint("reactor.called")
		}
		return r.ledger.record(ctx, d.effect)
	}
}

func (r *Runner) call(ctx context.Context, reactor Reactor, e Effect) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	return reactor.Handle(ctx, e)
}

// parking is the poison queue: a table, where an operator finds it and the effect's record is next to it.
type parking struct {
	ledger ledger
	log    *slog.Logger
}

// Publish parks the effects of messages whose handlers gave up.
func (p parking) Publish(_ string, messages ...*message.Message) error {
	for _, msg := range messages {
		d := deliveryOf(msg.Context())
		reason := msg.Metadata.Get(middleware.ReasonForPoisonedKey)
		if err := p.ledger.park(msg.Context(), d.effect, reason, d.tries); err != nil {
			return err
		}
		p.log.ErrorContext(msg.Context(), "effect parked", "reactor", d.effect.reactor, "effect", d.effect.ID,
			"lane", d.effect.Event.Lane, "position", d.effect.Event.Position, "type", d.effect.Event.Type, "tries", d.tries, "error", reason)
	}
	return nil
}

// Close does nothing: the ledger is not the parking's own.
func (p parking) Close() error { return nil }

// Redeliver tries a parked effect once more, out of order and with its old id. When it fails it stays parked, with the new
// error, which is returned. An id that is not parked is [ErrNotParked].
func (r *Runner) Redeliver(ctx context.Context, reactor string, effect uuid.UUID) error {
	i := slices.IndexFunc(r.reactors, func(each Reactor) bool { return each.Name == reactor })
	if i < 0 {
		return fmt.Errorf("no reactor %q: %w", reactor, ErrNotParked)
	}
	lane, position, err := r.ledger.findParked(ctx, reactor, effect)
	if err != nil {
		return err
	}
	events, err := r.cfg.Log.ReadLane(ctx, lane, position-1, 1)
	if err != nil {
		return err
	}
	if len(events) != 1 || events[0].Position != position {
		return fmt.Errorf("lane %d has no position %d", lane, position)
	}
	d := &delivery{effect: newEffect(reactor, events[0]), again: true}
	msg := d.message()
	msg.SetContext(withDelivery(ctx, d))
	handle := middleware.Recoverer(func(msg *message.Message) ([]*message.Message, error) { return nil, r.handler(r.reactors[i])(msg) })
	_, failed := handle(msg)
	if !failedEffect(failed) {
		return failed
	}
	if err := r.ledger.park(context.WithoutCancel(ctx), d.effect, failed.Error(), d.tries); err != nil {
		return errors.Join(failed, err)
	}
	return fmt.Errorf("redeliver effect %s: %w", effect, failed)
}
