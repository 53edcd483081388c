package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Role is the login role that the program uses. It is no superuser, so row security holds for it.
const Role = "streamflow"

// URL is the address of a database for the program's own role, for pgx and psql alike.
func (s *Server) URL(database string) string { return s.address(Role, database) }

// AdminURL is the address of a database for the superuser.
func (s *Server) AdminURL(database string) string { return s.address(superuser, database) }

func (s *Server) address(role, database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.User(role), Path: "/" + database,
		RawQuery: url.Values{"host": {s.socketDir}, "port": {"5432"}, "sslmode": {"disable"}}.Encode(),
	}
	return address.String()
}

// EnsureDatabase creates the login role owner and the database name that it owns, where they are missing. The role
// is no superuser but may create roles, because migrations create the group roles that the program acts as.
func (s *Server) EnsureDatabase(ctx context.Context, name, owner string) error {
	conn, err := pgx.Connect(ctx, s.AdminURL(superuser))
	if err != nil {
		return fmt.Errorf("ensure database %s: %w", name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range []string{
		"create role " + quote(owner) + " login createrole nosuperuser",
		"create database " + quote(name) + " owner " + quote(owner),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil && !exists(err) {
			return fmt.Errorf("ensure database %s: %w", name, err)
		}
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// exists recognizes duplicate_object, duplicate_database and, when two create the same at once, unique_violation.
func exists(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && (failure.Code == "42710" || failure.Code == "42P04" || failure.Code == "23505")
}
