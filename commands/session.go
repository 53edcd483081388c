package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Session is who is signed in, in which portal, and until when.
type Session struct {
	User    uuid.UUID
	Portal  string
	Expires time.Time
}

// PasswordHash is the PHC string of a user's password, or "" where there is none.
func (c *Commands) PasswordHash(ctx context.Context, user uuid.UUID) (string, error) {
	var hash string
	err := c.Pool.QueryRow(ctx, `select password from app.credential where user_id = $1`, user).Scan(&hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read credential: %w", err)
	}
	return hash, nil
}

// OpenSession keeps a session under the hash of its token, and forgets sessions that have ended.
func (c *Commands) OpenSession(ctx context.Context, tokenHash []byte, s Session) error {
	now := c.Now()
	_, err := c.Pool.Exec(ctx, `with ended as (delete from app.session where user_id = $2 and expires_at <= $4)
		insert into app.session (token_hash, user_id, portal, created_at, expires_at) values ($1, $2, $3, $4, $5)`,
		tokenHash, s.User, s.Portal, now, s.Expires)
	if err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	return nil
}

// SessionOf is the running session of a token, or ErrNotFound.
func (c *Commands) SessionOf(ctx context.Context, tokenHash []byte) (Session, error) {
	var s Session
	err := c.Pool.QueryRow(ctx, `select user_id, portal, expires_at from app.session where token_hash = $1 and expires_at > $2`,
		tokenHash, c.Now()).Scan(&s.User, &s.Portal, &s.Expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, ErrNotFound
	}
	if err != nil {
		return s, fmt.Errorf("read session: %w", err)
	}
	return s, nil
}

// CloseSession ends a session; one that has ended already is no error.
func (c *Commands) CloseSession(ctx context.Context, tokenHash []byte) error {
	if _, err := c.Pool.Exec(ctx, `delete from app.session where token_hash = $1`, tokenHash); err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	return nil
}
