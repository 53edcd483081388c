package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/streamflow/streamflow/api"
	"github.com/streamflow/streamflow/api/guard"
	"github.com/streamflow/streamflow/api/guard/rate"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/eventstore/reactor"
	"github.com/streamflow/streamflow/eventstore/relay"
	"github.com/streamflow/streamflow/eventstore/seal"
	"github.com/streamflow/streamflow/web"
	"github.com/streamflow/streamflow/web/theme"
)

const (
	drainTime  = 10 * time.Second // for requests that are running when the program is asked to end
	sweepEvery = 5 * time.Minute  // addresses alone make some rows, and an unlogged table is cheap
	lagLimit   = 10_000           // events; a node further behind gets no requests
)

func serve(ctx context.Context, c call) error {
	flags := newFlags("serve")
	demo := flags.Bool("demo", false, "load the demo data too, once")
	migrateUp := flags.Bool("migrate", false, "apply pending migrations on an external database (an embedded one is always brought up)")
	flags.Func("roles", "`LIST` of what this node does: api, relay, projector, reactor (STREAMFLOW_ROLES, or all)", func(text string) (err error) {
		c.config.roles, err = readRoles(text)
		return err
	})
	if err := c.parseOnly(flags); err != nil {
		return err
	}
	if err := c.config.checkRoles(); err != nil {
		return err
	}
	// The port first: whoever cannot have it is told before anything was started.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.config.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	n, err := openNode(ctx, c.config, true, *migrateUp)
	if err != nil {
		return err
	}
	defer n.close()
	key, err := n.masterKey()
	if err != nil {
		return err
	}
	use := &commands.Commands{Log: n.log, Pool: n.engine, Secrets: key.AEAD("partner key"), Now: time.Now}
	n.intake = intake.NewDesk(use, key.AEAD("import"), n.config.logger)
	if n.config.roles.has(roleAPI) {
		if err := n.keepAccounts(ctx, use, c.err); err != nil {
			return err
		}
	}
	if *demo {
		if err := loadDemo(ctx, use, c.err); err != nil {
			return fmt.Errorf("demo data: %w", err)
		}
	}
	handler, err := n.handler(use)
	if err != nil {
		return err
	}
	return n.run(ctx, c, listener, handler, use)
}

// run serves until the context ends or something that cannot go on alone fails.
func (n *node) run(ctx context.Context, c call, listener net.Listener, handler http.Handler, use *commands.Commands) error {
	jobs, err := n.jobs(use)
	if err != nil {
		return err
	}
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return requests }}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		time.AfterFunc(drainTime/5, endRequests) // streams end only when they are told
		return server.Shutdown(drain)
	})
	for _, job := range jobs {
		g.Go(func() error { return job(ctx) })
	}
	if n.postgres != nil {
		g.Go(func() error {
			select {
			case <-n.postgres.Done():
				return fmt.Errorf("the database ended: %w", n.postgres.Err())
			case <-ctx.Done():
				return nil
			}
		})
	}
	g.Go(func() error { n.sweepRates(ctx); return nil })
	fmt.Fprintf(c.err, "streamflow serves %s\n", c.config.publicURL)
	return g.Wait()
}

// sweepRates forgets the buckets of callers that have not come back, until the context ends.
func (n *node) sweepRates(ctx context.Context) {
	for every := time.NewTicker(sweepEvery); ; {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if _, err := rate.Sweep(ctx, n.engine); err != nil && ctx.Err() == nil {
				n.config.logger.WarnContext(ctx, "rate limits were not swept", "error", err)
			}
		}
	}
}

// jobs are what the node's roles have it do besides answering; each runs until its context ends.
func (n *node) jobs(use *commands.Commands) ([]func(context.Context) error, error) {
	var jobs []func(context.Context) error
	roles := n.config.roles
	if roles.has(roleAPI) {
		jobs = append(jobs, n.projector.Operate, n.intake.Run, func(ctx context.Context) error { return n.reader.Listen(ctx, n.config.logger) })
	}
	if roles.has(roleProjector) {
		jobs = append(jobs, n.projector.Run)
	}
	if roles.has(roleRelay) {
		var retention int64 // the default, on a bus that is not ours
		if n.bus != nil {
			room, err := n.bus.Room()
			if err != nil {
				return nil, err
			}
			retention = relay.Retention(room, n.log.Lanes())
		}
		for lane := 1; lane <= n.log.Lanes(); lane++ {
			r := relay.New(relay.Config{Log: n.log, Conn: n.nc, Lane: lane, Source: n.source, MaxBytes: retention, Logger: n.config.logger.With("relay", lane)})
			sealer := seal.New(seal.Config{Log: n.log, Store: n.seals, Conn: n.nc, Lane: lane, Logger: n.config.logger.With("sealer", lane)})
			jobs = append(jobs, r.Run, sealer.Run)
		}
	}
	if n.nc != nil && !roles.has(roleRelay) {
		for lane := 1; lane <= n.log.Lanes(); lane++ {
			jobs = append(jobs, func(ctx context.Context) error { relay.Announce(ctx, n.log, n.nc, lane); return nil })
		}
	}
	if roles.has(roleReactor) {
		js, err := jetstream.New(n.nc)
		if err != nil {
			return nil, err
		}
		r, err := reactor.New(reactor.Config{Log: n.log, Pool: n.engine, JS: js, Logger: n.config.logger}, use.Reactors(n.config.logger)...)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, r.Run, n.watchDeadlines(use))
	}
	return jobs, nil
}

// handler sends machines to the API and everybody else to the pages.
func (n *node) handler(use *commands.Commands) (http.Handler, error) {
	if !n.config.roles.has(roleAPI) {
		return api.Probes(n.apiConfig(use))
	}
	machines, err := api.New(n.apiConfig(use))
	if err != nil {
		return nil, err
	}
	guarded := chi.Chain(guard.WithCaller(n.config.proxies), guard.WithCorrelation, guard.SecurityHeaders, guard.Recover(n.config.logger))
	pages := guarded.Handler(web.New(machines, n.config.logger))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); first {
		case "api", "healthz", "readyz", "problems", "openapi.json", "asyncapi.json":
			machines.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	}), nil
}

func (n *node) apiConfig(use *commands.Commands) api.Config {
	limits := n.config.rates
	limits.Limiter = rate.New(rate.Postgres(n.engine), 1, n.config.logger)
	return api.Config{Commands: use, Logger: n.config.logger, PublicURL: n.config.publicURL, Listen: n.config.addr,
		TrustedProxies: n.config.proxies, Limits: limits, NoFederation: n.config.noFederation,
		Diagnose: n.diagnose, Reader: n.reader, Projector: n.projector, Intake: n.intake, Ready: n.ready, Source: n.source, Themes: themes()}
}

// themes are the looks of the pages, as the API offers them.
func themes() []api.Theme {
	var all []api.Theme
	for _, t := range theme.All {
		all = append(all, api.Theme{ID: t.ID, Name: t.Name, Category: t.Category, Dark: t.Dark, Density: t.Density, LowestContrast: t.Lowest()})
	}
	return all
}

// ready says why this node should get no requests. It looks at what the node runs, and at what that needs.
func (n *node) ready(ctx context.Context) error {
	if n.postgres != nil && !n.postgres.Ready() {
		return errors.New("database is restarting")
	}
	if n.config.roles.useBus() && !n.nc.IsConnected() {
		return errors.New("bus is not connected")
	}
	if !n.config.roles.has(roleAPI) && !n.config.roles.has(roleProjector) {
		return n.engine.Ping(ctx)
	}
	states, err := n.projector.States(ctx)
	if err != nil {
		return err
	}
	known := n.projector.Names()
	for _, s := range states {
		if slices.Contains(known, s.Name) && !s.Paused && s.Head-s.Position > lagLimit {
			return fmt.Errorf("projection %s is %d events behind", s.Name, s.Head-s.Position)
		}
	}
	return nil
}
