package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// Session is who is signed in, in which portal, and until when.
type Session struct {
	User    uuid.UUID
	Tenant  uuid.UUID // uuid.Nil for the provider's staff
	Portal  string
	Expires time.Time
}

// SignedIn is a running session, with the account and the business as they are now.
type SignedIn struct {
	Session
	Account  user.State
	Business tenant.State // zero for the provider's staff
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
		insert into app.session (token_hash, user_id, tenant_id, portal, created_at, expires_at) values ($1, $2, $3, $5, $4, $6)`,
		tokenHash, s.User, uuid.NullUUID{UUID: s.Tenant, Valid: s.Tenant != uuid.Nil}, now, s.Portal, s.Expires)
	if err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	return nil
}

// SignedIn is the running session of a token, or ErrNotFound. Every request asks, so it is one statement: the newest events of account
// and business tell whether what this node remembers of them still holds.
func (c *Commands) SignedIn(ctx context.Context, tokenHash []byte) (SignedIn, error) {
	var s SignedIn
	var business, seenUser, seenTenant uuid.NullUUID
	err := c.Pool.QueryRow(ctx, `select s.user_id, s.tenant_id, s.portal, s.expires_at,
			(select e.id from log.event e where e.tenant = $3 and e.stream = $4 || s.user_id order by e.version desc limit 1),
			(select e.id from log.event e where e.tenant = $3 and e.stream = $5 || s.tenant_id order by e.version desc limit 1)
		from app.session s where s.token_hash = $1 and s.expires_at > $2`,
		tokenHash, c.Now(), eventstore.ProviderSpace, user.Stream(""), tenant.Stream("")).Scan(&s.User, &business, &s.Portal, &s.Expires, &seenUser, &seenTenant)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, ErrNotFound
	}
	if err != nil {
		return s, fmt.Errorf("read session: %w", err)
	}
	s.Tenant = business.UUID
	if s.Account, err = eventstore.StateAt[user.State](ctx, c.Log, eventstore.ProviderSpace, eventstore.Stream(user.Stream(s.User.String())), seenUser.UUID); err != nil || !business.Valid {
		return s, err
	}
	s.Business, err = eventstore.StateAt[tenant.State](ctx, c.Log, eventstore.ProviderSpace, eventstore.Stream(tenant.Stream(s.Tenant.String())), seenTenant.UUID)
	return s, err
}

// CloseSession ends a session; one that has ended already is no error.
func (c *Commands) CloseSession(ctx context.Context, tokenHash []byte) error {
	if _, err := c.Pool.Exec(ctx, `delete from app.session where token_hash = $1`, tokenHash); err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	return nil
}
