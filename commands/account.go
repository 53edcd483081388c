package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// SetPassword gives an account another password, a PHC string, and ends its sessions.
func (c *Commands) SetPassword(ctx context.Context, by Caller, id, hash string) (eventstore.Outcome, error) {
	account, err := uuid.Parse(id)
	if err != nil {
		return eventstore.Outcome{}, ErrNotFound
	}
	by.Tenant = eventstore.ProviderSpace
	out, err := act(ctx, c, by, user.Stream(id), user.ChangePassword{})
	if err != nil || out.Verdict == eventstore.Refused {
		return out, err
	}
	_, err = c.Pool.Exec(ctx, `with ended as (delete from app.session where user_id = $1)
		insert into app.credential (user_id, password, updated_at) values ($1, $2, $3)
		on conflict (user_id) do update set password = excluded.password, updated_at = excluded.updated_at`, account, hash, c.Now())
	if err != nil {
		return out, fmt.Errorf("keep password of %s: %w", id, err)
	}
	return out, nil
}

// DeactivateUser shuts an account out; its sessions end with its next request.
func (c *Commands) DeactivateUser(ctx context.Context, by Caller, id string) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	return act(ctx, c, by, user.Stream(id), user.Deactivate{})
}

// ReactivateUser lets a deactivated account in again.
func (c *Commands) ReactivateUser(ctx context.Context, by Caller, id string) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	return act(ctx, c, by, user.Stream(id), user.Reactivate{})
}

// ChangeEmail gives an account another e-mail address, unless another account has it.
func (c *Commands) ChangeEmail(ctx context.Context, by Caller, id, email string) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	command := user.Update{Email: email}.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	at := eventstore.Stream(user.Stream(id))
	return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
		state, err := existing[user.State](ctx, d, by, at)
		if err != nil || state.Email == command.Email {
			return err
		}
		if holder, held := d.Take(at, c.emailClaim(command.Email)); held {
			return errDuplicateUser.With("existingId", holder.ID())
		}
		d.Drop(at, c.emailClaim(state.Email))
		return apply(d, at, state, command)
	})
}

// settingClaim is held by the account that a setting of the environment stands for, so that it is found whatever address it has now.
func settingClaim(setting string) eventstore.Claim {
	return eventstore.Claim{Scope: "user.setting", Key: []byte(setting)}
}

// UserOfSetting is the account that a setting of the environment made, or ErrNotFound.
func (c *Commands) UserOfSetting(ctx context.Context, setting string) (Record[user.State], error) {
	holder, err := c.Log.Holder(ctx, eventstore.ProviderSpace, settingClaim(setting))
	if err != nil {
		return Record[user.State]{}, err
	}
	if holder == "" {
		return Record[user.State]{}, ErrNotFound
	}
	return c.User(ctx, holder.ID(), 0)
}

// HasStaff tells whether the log knows any account of the provider's staff.
func (c *Commands) HasStaff(ctx context.Context) (bool, error) {
	const page = 500
	lane := c.Log.LaneOf(eventstore.ProviderSpace)
	heads, err := c.Log.Heads(ctx)
	if err != nil {
		return false, err
	}
	filter := eventstore.Filter{Tenant: eventstore.ProviderSpace, Types: []string{user.Created{}.Type()}}
	for after := int64(0); ; {
		events, err := c.Log.Find(ctx, lane, after, heads[lane].Position, page, filter)
		if err != nil {
			return false, err
		}
		for _, e := range events {
			var made struct {
				TenantID string `json:"tenantId"`
			}
			if err := json.Unmarshal(e.Data, &made); err != nil {
				return false, errors.Join(fmt.Errorf("event %d/%d", e.Lane, e.Position), err)
			}
			if made.TenantID == "" {
				return true, nil
			}
			after = e.Position
		}
		if len(events) < page {
			return false, nil
		}
	}
}
