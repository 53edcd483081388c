package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/domain/user"
	"github.com/streamflow/streamflow/eventstore"
)

// errDuplicateUser: an e-mail address belongs to one account, whatever it is for.
var errDuplicateUser = domain.Refuse(domain.Conflict, "duplicate", "Another account has this e-mail address.")

// CreateTenant is a business that joins, and the person who owns it.
type CreateTenant struct {
	Name string
	Plan string
	// OwnerEmail and OwnerName are the owner's; without PasswordHash the owner is invited and cannot sign in yet.
	OwnerEmail   string
	OwnerName    string
	PasswordHash string // PHC string
}

// CreateTenant makes a tenant and its owner in one append. The outcome's record is the tenant.
func (c *Commands) CreateTenant(ctx context.Context, by Caller, command CreateTenant) (eventstore.Outcome, error) {
	made := CreateUser{
		Create:       user.Create{Email: command.OwnerEmail, Name: command.OwnerName, Role: user.RoleOwner, Invited: command.PasswordHash == ""},
		PasswordHash: command.PasswordHash,
	}
	by.Tenant = eventstore.ProviderSpace
	out, err := c.update(ctx, by, nil, func(_ context.Context, d *eventstore.Decision) error {
		id, owner := newID(), newID()
		made.TenantID = id
		d.Answer(madeTenant{Made{id}, owner})
		err := create(d, tenant.Stream(id), tenant.Create{Name: command.Name, Plan: command.Plan, OwnerID: owner})
		if err != nil {
			return err
		}
		d.Take(eventstore.Stream(user.Stream(owner)), eventstore.Claim{Scope: "tenant.owner", Key: []byte(id)})
		return below("owner", c.makeUser(d, owner, made.Create))
	})
	return c.keepPassword(ctx, out, err, made.PasswordHash)
}

// below names the fields of a nested object by their place in the whole.
func below(field string, err error) error {
	var invalid domain.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	named := make(domain.Invalid, len(invalid))
	for i, f := range invalid {
		f.Field = field + "." + f.Field
		named[i] = f
	}
	return named
}

// madeTenant is what the answer of CreateTenant is rendered from.
type madeTenant struct {
	Made
	Owner string `json:"owner"`
}

// CreateUser is an account. Without PasswordHash it is of no use until it gets a password.
type CreateUser struct {
	user.Create
	PasswordHash string // PHC string
	// Setting names what in the environment the account stands for, where it does; see [Commands.UserOfSetting].
	Setting string
}

// CreateUser makes an account, for a tenant's user or for the provider's own staff.
func (c *Commands) CreateUser(ctx context.Context, by Caller, command CreateUser) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	if command.TenantID != "" && domain.Line(command.Role) == user.RoleOwner {
		return eventstore.Outcome{}, domain.Invalid{{Field: "role", Code: "not_allowed", Message: "is the one owner's, who hands it over"}}
	}
	out, err := c.update(ctx, by, nil, func(ctx context.Context, d *eventstore.Decision) error {
		if err := linked(ctx, d, link{"tenantId", command.TenantID, tenant.Stream}); err != nil {
			return err
		}
		id := newID()
		d.Answer(Made{id})
		if command.Setting != "" {
			if holder, held := d.Take(eventstore.Stream(user.Stream(id)), settingClaim(command.Setting)); held {
				return errDuplicateUser.With("existingId", holder.ID())
			}
		}
		return c.makeUser(d, id, command.Create)
	})
	return c.keepPassword(ctx, out, err, command.PasswordHash)
}

func (c *Commands) makeUser(d *eventstore.Decision, id string, command user.Create) error {
	command = command.Normalize()
	holder, held := d.Take(eventstore.Stream(user.Stream(id)), c.emailClaim(command.Email))
	if held {
		return errDuplicateUser.With("existingId", holder.ID())
	}
	command.Subject = d.NewSubject().String()
	return create(d, user.Stream(id), command)
}

func (c *Commands) emailClaim(email string) eventstore.Claim {
	return eventstore.Claim{Scope: "user.email", Key: c.Log.ClaimKey(eventstore.ProviderSpace, "user.email "+email)}
}

// UserByEmail is the account with that address, or ErrNotFound.
func (c *Commands) UserByEmail(ctx context.Context, email string) (Record[user.State], error) {
	holder, err := c.Log.Holder(ctx, eventstore.ProviderSpace, c.emailClaim(domain.Email(email)))
	if err != nil {
		return Record[user.State]{}, err
	}
	if holder == "" {
		return Record[user.State]{}, ErrNotFound
	}
	return c.User(ctx, holder.ID(), 0)
}

// Tenants are all tenants as of a position of provider space's lane, oldest first.
func (c *Commands) Tenants(ctx context.Context, until int64) ([]Record[tenant.State], error) {
	return all[tenant.State](ctx, c, tenant.Category, until)
}

// Users are the accounts of a tenant, or with "" the provider's own staff, as of a position of provider space's lane, oldest first.
func (c *Commands) Users(ctx context.Context, tenantID string, until int64) ([]Record[user.State], error) {
	users, err := all[user.State](ctx, c, user.Category, until)
	return slices.DeleteFunc(users, func(u Record[user.State]) bool { return u.State.TenantID != tenantID }), err
}

// all folds the records of one category in provider space, oldest first.
func all[S any](ctx context.Context, c *Commands, category string, until int64) ([]Record[S], error) {
	streams := map[eventstore.Stream][]eventstore.Event{}
	var order []eventstore.Stream
	err := c.scan(ctx, eventstore.ProviderSpace, func(e eventstore.Event) error {
		if e.Stream.Category() != category || e.Position > until {
			return nil
		}
		if streams[e.Stream] == nil {
			order = append(order, e.Stream)
		}
		streams[e.Stream] = append(streams[e.Stream], e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	records := make([]Record[S], 0, len(order))
	for _, stream := range order {
		r, err := fold[S](ctx, c.Log, streams[stream])
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// keepPassword stores the hash beside the account that an outcome made. It does so for a repeated command too, and only
// where there is none yet: so a crash after the append heals, and a late repetition does not bring an old password back.
func (c *Commands) keepPassword(ctx context.Context, out eventstore.Outcome, err error, hash string) (eventstore.Outcome, error) {
	if err != nil || out.Verdict != eventstore.Accepted || hash == "" {
		return out, err
	}
	id, err := accountOf(out)
	if err != nil {
		return out, err
	}
	_, err = c.Pool.Exec(ctx, `insert into app.credential (user_id, password, updated_at) values ($1, $2, $3) on conflict do nothing`, id, hash, c.Now())
	if err != nil {
		return out, fmt.Errorf("keep password of %s: %w", id, err)
	}
	return out, nil
}

func accountOf(out eventstore.Outcome) (uuid.UUID, error) {
	var m madeTenant
	if err := json.Unmarshal(out.Params, &m); err != nil {
		return uuid.Nil, fmt.Errorf("outcome names no account: %w", err)
	}
	if m.Owner != "" {
		return uuid.Parse(m.Owner)
	}
	return uuid.Parse(m.ID)
}

// ChangeTenantSettings changes what a tenant decided for all of its users.
func (c *Commands) ChangeTenantSettings(ctx context.Context, by Caller, id string, command tenant.ChangeSettings) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	return act(ctx, c, by, tenant.Stream(id), command)
}

// SuspendTenant shuts a tenant's users and keys out until it is reactivated.
func (c *Commands) SuspendTenant(ctx context.Context, by Caller, id string, command tenant.Suspend) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	return act(ctx, c, by, tenant.Stream(id), command)
}

// ReactivateTenant ends a suspension.
func (c *Commands) ReactivateTenant(ctx context.Context, by Caller, id string) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	return act(ctx, c, by, tenant.Stream(id), tenant.Reactivate{})
}

// CloseTenant ends a tenant for good; its history stays.
func (c *Commands) CloseTenant(ctx context.Context, by Caller, id string, command tenant.Close) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	return act(ctx, c, by, tenant.Stream(id), command)
}
