package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/streamflow/streamflow/api"
	"github.com/streamflow/streamflow/api/guard/password"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/commands/intake"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/projection"
	"github.com/streamflow/streamflow/internal/pgtest"
	"github.com/streamflow/streamflow/migrations"
	"github.com/streamflow/streamflow/projections"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const secret = "correct horse battery"

// passwords cost next to nothing: nearly every test signs somebody in.
var passwords = password.WithCost(password.Cost{MemoryKiB: 8, Passes: 1})

// site is a server on a database of its own, with a provider signed in.
type site struct {
	t        *testing.T
	handler  http.Handler // fails the test where it answers what the contract does not describe
	routes   chi.Routes
	commands *commands.Commands
	reader   *projection.Reader
	provider string // cookie
	desk     *intake.Desk
	clock    *atomic.Int64 // how much later it is than when it was served
}

func newSite(t *testing.T) *site {
	t.Helper()
	ctx := t.Context()
	url := pgtest.New(t, "migrated", func(ctx context.Context, url string) error {
		_, err := migrations.Up(ctx, url, 0)
		return err
	})
	pool, err := migrations.Role(ctx, url, "engine", nil)
	must(t, err)
	t.Cleanup(pool.Close)
	must(t, eventstore.Create(ctx, pool, 1))
	registry, err := commands.Registry()
	must(t, err)
	quiet := slog.New(slog.DiscardHandler)
	l, err := eventstore.Open(ctx, eventstore.Config{Pool: pool, Registry: registry, MasterKey: eventstore.NewMasterKey(), Logger: quiet})
	must(t, err)
	t.Cleanup(l.Close)
	c := &commands.Commands{Log: l, Pool: pool, Now: time.Now}
	engine, reader := project(t, url, l)
	desk := works(t, intake.NewDesk(c, eventstore.NewMasterKey().AEAD("import"), quiet))
	handler, err := api.New(api.Config{Commands: c, Reader: reader, Projector: engine, Intake: desk, Themes: twoThemes, Passwords: passwords})
	must(t, err)
	s := &site{t: t, handler: conform(t, handler), routes: handler.(chi.Routes), commands: c, reader: reader, desk: desk}
	hash, err := passwords.Hash(ctx, secret)
	must(t, err)
	_, err = c.CreateUser(ctx, commands.Caller{Actor: eventstore.Actor{Kind: "system", ID: "test", Via: "test"}, ID: uuid.New(), Fingerprint: []byte("x")},
		commands.CreateUser{Create: user.Create{Email: "provider@example.com", Name: "P", Role: user.RoleProvider}, PasswordHash: hash})
	must(t, err)
	s.provider = s.login("provider@example.com")
	return s
}

// works lets a desk work until the test ends.
func works(t *testing.T, desk *intake.Desk) *intake.Desk {
	t.Helper()
	running, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- desk.Run(running) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return desk
}

// project folds the log into the read models until the test ends.
func project(t *testing.T, url string, l *eventstore.Log) (*projection.Engine, *projection.Reader) {
	t.Helper()
	pool, err := migrations.Role(t.Context(), url, "engine", nil)
	must(t, err)
	t.Cleanup(pool.Close)
	engine, err := projection.New(l, pool, slog.New(slog.DiscardHandler), projections.All()...)
	must(t, err)
	must(t, engine.Install(t.Context()))
	app, err := migrations.Role(t.Context(), url, "app", nil)
	must(t, err)
	t.Cleanup(app.Close)
	staff, err := migrations.Role(t.Context(), url, "staff", nil)
	must(t, err)
	t.Cleanup(staff.Close)
	running, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	reader := projection.NewReader(app, staff)
	go func() {
		defer close(stopped)
		var others sync.WaitGroup
		others.Go(func() { _ = reader.Listen(running, slog.New(slog.DiscardHandler)) })
		others.Go(func() { _ = engine.Operate(running) })
		_ = engine.Run(running)
		others.Wait()
	}()
	t.Cleanup(func() {
		states, err := engine.States(context.WithoutCancel(running))
		if err != nil {
			t.Error(err)
		}
		for _, state := range states {
			if state.Parked > 0 {
				t.Errorf("projection %s could not fold %d events", state.Name, state.Parked)
			}
		}
		cancel()
		<-stopped
	})
	return engine, reader
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call is a request; a key is made for a write that names none.
type call struct {
	cookie, key, body string
	from              string // address and port; httptest's own where it is empty
	header            map[string]string
}

func (s *site) do(method, path string, c call) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(c.body))
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.cookie != "" {
		r.Header.Set("Cookie", c.cookie)
	}
	if c.key == "" {
		c.key = "key-" + uuid.NewString()
	}
	if method != http.MethodGet && c.key != "none" {
		r.Header.Set("Idempotency-Key", c.key)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.from != "" {
		r.RemoteAddr = c.from
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func (s *site) login(email string) string {
	s.t.Helper()
	w := s.do("POST", "/api/auth/login", call{body: `{"email":"` + email + `","password":"` + secret + `"}`})
	if w.Code != 200 {
		s.t.Fatalf("login %s: %d %s", email, w.Code, w.Body)
	}
	cookie := w.Result().Cookies()[0]
	return cookie.Name + "=" + cookie.Value
}

// tenant makes a business and signs its owner in.
func (s *site) tenant(name string) (cookie, id string) {
	s.t.Helper()
	body := `{"name":"` + name + `","owner":{"email":"` + name + `@example.com","name":"Owner","password":"` + secret + `"}}`
	w := s.do("POST", "/api/v2/tenants", call{cookie: s.provider, body: body})
	s.want(w, 201, "")
	return s.login(name + "@example.com"), text(w, "id")
}

func (s *site) lead(cookie, body string) string {
	s.t.Helper()
	w := s.do("POST", "/api/v2/leads", call{cookie: cookie, body: body})
	s.want(w, 201, "")
	return "/api/v2/leads/" + text(w, "id")
}

// want checks status and code; every error must be a problem that names its correlation.
func (s *site) want(w *httptest.ResponseRecorder, status int, code string) {
	s.t.Helper()
	if w.Code != status || text(w, "code") != code {
		s.t.Fatalf("got %d %s, want %d %s", w.Code, w.Body, status, code)
	}
	if code != "" && (w.Header().Get("Content-Type") != "application/problem+json" || text(w, "correlationId") == "") {
		s.t.Fatalf("not a problem: %v %s", w.Header(), w.Body)
	}
}

func members(w *httptest.ResponseRecorder) map[string]any {
	m := map[string]any{}
	_ = json.Unmarshal(w.Body.Bytes(), &m)
	return m
}

func text(w *httptest.ResponseRecorder, name string) string {
	value, _ := members(w)[name].(string)
	return value
}
