package pgtest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// namePrefix begins every database that this package makes; the time at which the test process began follows.
const namePrefix = "sftest_"

// keptFor is how long the databases of failed or killed tests stay on a server that outlives the process.
const keptFor = 24 * time.Hour

// template is a database that is cloned, never used.
type template struct {
	once sync.Once
	name string
	err  error
}

// template returns the name of the database that prepare made for this key.
func (s *source) template(ctx context.Context, key string, prepare Prepare) (string, error) {
	s.mu.Lock()
	made := s.templates[key]
	if made == nil {
		made = &template{}
		s.templates[key] = made
	}
	s.mu.Unlock()
	made.once.Do(func() {
		made.name = s.nextName() + "_template"
		if made.err = s.clone(ctx, "template0", made.name); made.err == nil && prepare != nil {
			made.err = prepare(ctx, s.ownerURL(made.name))
		}
	})
	return made.name, made.err
}

func (s *source) nextName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return s.prefix + strconv.Itoa(s.count)
}

// clone makes a database with the content of another one.
func (s *source) clone(ctx context.Context, from, name string) error {
	return s.execute(ctx, fmt.Sprintf("create database %s owner %s template %s strategy file_copy",
		quote(name), quote(s.owner.Username()), quote(from)))
}

// drop removes a database, whoever is still connected to it.
func (s *source) drop(ctx context.Context, name string) error {
	return s.execute(ctx, "drop database if exists "+quote(name)+" with (force)")
}

// dropTemplates removes what the process shared, from a server that outlives it.
func (s *source) dropTemplates() {
	ctx, cancel := context.WithTimeout(context.Background(), prepareLimit)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, made := range s.templates {
		if err := s.drop(ctx, made.name); err != nil {
			say("drop the template %q: %v", key, err)
		}
	}
}

func (s *source) execute(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.admin.String())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// sweep drops what earlier test processes left behind.
func sweep(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "select datname from pg_database where datname like $1", strings.ReplaceAll(namePrefix, "_", `\_`)+"%")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		began, _, _ := strings.Cut(strings.TrimPrefix(name, namePrefix), "_")
		seconds, err := strconv.ParseInt(began, 10, 64)
		if err != nil || time.Since(time.Unix(seconds, 0)) < keptFor {
			continue
		}
		if _, err := conn.Exec(ctx, "drop database if exists "+quote(name)+" with (force)"); err != nil {
			return err
		}
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
