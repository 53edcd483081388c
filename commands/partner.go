package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/escalation"
	"github.com/streamflow/streamflow/domain/partner"
	"github.com/streamflow/streamflow/domain/tenant"
	"github.com/streamflow/streamflow/eventstore"
)

// ErrKeyEnded: the key is one of a partner, but it does not hold now.
var ErrKeyEnded = errors.New("key does not hold")

// MadeKey is what the answer of a command that issues a key is rendered from.
type MadeKey struct {
	Made
	KeyID string `json:"keyId"`
}

// KeyMadeBy reads the partner and the key that an outcome keeps.
func KeyMadeBy(out eventstore.Outcome) (MadeKey, error) {
	var m MadeKey
	if err := json.Unmarshal(out.Params, &m); err != nil || m.ID == "" || m.KeyID == "" {
		return m, fmt.Errorf("outcome at %d/%d names no key: %w", out.Lane, out.First, err)
	}
	return m, nil
}

// CreatePartner admits an outside system, with its first key.
func (c *Commands) CreatePartner(ctx context.Context, by Caller, command partner.Create, secret []byte) (eventstore.Outcome, error) {
	command = command.Normalize()
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	by.Tenant = eventstore.ProviderSpace
	id, issue := newID(), partner.IssueKey{KeyID: newID(), Now: c.Now()}
	return c.withSecret(ctx, id, issue.KeyID, secret, func() (eventstore.Outcome, error) {
		return c.update(ctx, by, nil, func(ctx context.Context, d *eventstore.Decision) error {
			if err := knownTenants(ctx, d, command.TenantIDs); err != nil {
				return err
			}
			d.Answer(MadeKey{Made{id}, issue.KeyID})
			stream := partner.Stream(id)
			if err := create(d, stream, command); err != nil {
				return err
			}
			return apply(d, eventstore.Stream(stream), partner.State{Details: command.Details, Status: partner.StatusActive}, issue)
		})
	})
}

// knownTenants refuses tenants that are not there: what a partner may do later must not depend on an id made up today.
func knownTenants(ctx context.Context, d *eventstore.Decision, ids []string) error {
	var check domain.Check
	for i, id := range ids {
		version, err := d.Version(ctx, eventstore.Stream(tenant.Stream(id)))
		if err != nil {
			return err
		}
		if version == 0 {
			check.Add(fmt.Sprintf("tenantIds[%d]", i), "unknown", "is no tenant")
		}
	}
	return check.Err()
}

// RotatePartnerKey gives the partner a new key; the one before holds for overlap more.
func (c *Commands) RotatePartnerKey(ctx context.Context, by Caller, id string, overlap time.Duration, secret []byte) (eventstore.Outcome, error) {
	command := partner.RotateKey{KeyID: newID(), Overlap: overlap, Now: c.Now()}
	if err := command.Validate(); err != nil {
		return eventstore.Outcome{}, err
	}
	by.Tenant = eventstore.ProviderSpace
	at := eventstore.Stream(partner.Stream(id))
	return c.withSecret(ctx, id, command.KeyID, secret, func() (eventstore.Outcome, error) {
		return c.update(ctx, by, []eventstore.Stream{at}, func(ctx context.Context, d *eventstore.Decision) error {
			state, err := existing[partner.State](ctx, d, by, at)
			if err != nil {
				return err
			}
			d.Answer(MadeKey{Made{id}, command.KeyID})
			return apply(d, at, state, command)
		})
	})
}

// RevokePartnerKey ends a key at once.
func (c *Commands) RevokePartnerKey(ctx context.Context, by Caller, id, key string) (eventstore.Outcome, error) {
	by.Tenant = eventstore.ProviderSpace
	return act(ctx, c, by, partner.Stream(id), partner.RevokeKey{KeyID: key, Now: c.Now()})
}

// Partner is a partner as of a position of provider space's lane.
func (c *Commands) Partner(ctx context.Context, id string, until int64) (Record[partner.State], error) {
	return read[partner.State](ctx, c.Log, eventstore.ProviderSpace, partner.Stream(id), until)
}

// Partners are all partners as of a position of provider space's lane, oldest first. Each has had a key from its start, so the
// keys name them all; a key whose partner is not in the log was never issued.
func (c *Commands) Partners(ctx context.Context, until int64) ([]Record[partner.State], error) {
	rows, err := c.Pool.Query(ctx, `select distinct partner from app.partner_key order by partner`)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	partners := make([]Record[partner.State], 0, len(ids))
	for _, id := range ids {
		record, err := c.Partner(ctx, id.String(), until)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		partners = append(partners, record)
	}
	return partners, nil
}

// withSecret stores a key's secret before the key is issued: a key that nobody could ever check must not come to be. A secret
// whose key was not issued after all proves nothing, since only events say that a key holds; it is dropped where that is certain.
func (c *Commands) withSecret(ctx context.Context, id, key string, secret []byte, issue func() (eventstore.Outcome, error)) (eventstore.Outcome, error) {
	if c.Secrets == nil {
		return eventstore.Outcome{}, errors.New("no cipher for partners' secrets")
	}
	_, err := c.Pool.Exec(ctx, `insert into app.partner_key (key_id, partner, secret) values ($1, $2, $3)`,
		key, id, eventstore.Encrypt(c.Secrets, secret, key))
	if err != nil {
		return eventstore.Outcome{}, fmt.Errorf("keep secret of key %s: %w", key, err)
	}
	out, err := issue()
	_, invalid := errors.AsType[domain.Invalid](err)
	neverIssued := err == nil && (out.Replayed || out.Verdict != eventstore.Accepted)
	if neverIssued || invalid || errors.Is(err, ErrNotFound) || errors.Is(err, ErrVersion) {
		if _, err := c.Pool.Exec(ctx, `delete from app.partner_key where key_id = $1`, key); err != nil {
			return out, fmt.Errorf("drop secret of key %s: %w", key, err)
		}
	}
	return out, err
}

// SigningKey is a key that holds, its secret, and the partner it proves.
type SigningKey struct {
	partner.Key
	Secret  []byte
	Partner Record[partner.State]
}

// SigningKey is the key of that id, ErrNotFound, or ErrKeyEnded for one that does not hold now. All three make the same two
// queries, so that the time it takes says nothing about which keys there are.
func (c *Commands) SigningKey(ctx context.Context, id string) (SigningKey, error) {
	if c.Secrets == nil {
		return SigningKey{}, errors.New("no cipher for partners' secrets")
	}
	var owner uuid.UUID
	var sealed []byte
	err := c.Pool.QueryRow(ctx, `select partner, secret from app.partner_key where key_id = $1`, id).Scan(&owner, &sealed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return SigningKey{}, fmt.Errorf("read key: %w", err)
	}
	record, err := c.Partner(ctx, owner.String(), 0)
	if err != nil {
		return SigningKey{}, err
	}
	i := slices.IndexFunc(record.State.Keys, func(k partner.Key) bool { return k.KeyID == id })
	if i < 0 {
		return SigningKey{}, ErrNotFound
	}
	key := SigningKey{Key: record.State.Keys[i], Partner: record}
	if record.State.Status != partner.StatusActive || !key.ValidAt(c.Now()) {
		return SigningKey{}, ErrKeyEnded
	}
	key.Secret, err = eventstore.Decrypt(c.Secrets, sealed, id)
	if err != nil {
		return SigningKey{}, fmt.Errorf("open secret of key %s: is the master key the one it was sealed with? %w", id, err)
	}
	return key, nil
}

// SpendNonce records that a key used a nonce, and says whether it did so for the first time. Each call also forgets a few that
// are too old to matter, so the table stays as small as the traffic.
func (c *Commands) SpendNonce(ctx context.Context, key string, nonce [32]byte, forget time.Time) (bool, error) {
	tag, err := c.Pool.Exec(ctx, `with old as (delete from app.nonce where (key_id, nonce_hash) in
			(select key_id, nonce_hash from app.nonce where forget_at < $4 order by forget_at limit 10 for update skip locked))
		insert into app.nonce (key_id, nonce_hash, forget_at) values ($1, $2, $3) on conflict do nothing`, key, nonce[:], forget, c.Now())
	if err != nil {
		return false, fmt.Errorf("spend nonce: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// FindEscalation is the tenant among those given that has the partner's escalation, or ErrNotFound.
func (c *Commands) FindEscalation(ctx context.Context, tenants []string, id, partnerID string) (uuid.UUID, Record[escalation.State], error) {
	for _, name := range tenants {
		in, err := uuid.Parse(name)
		if err != nil {
			continue
		}
		record, err := c.Escalation(ctx, in, id, 0)
		switch {
		case err == nil && record.State.PartnerID == partnerID:
			return in, record, nil
		case err != nil && !errors.Is(err, ErrNotFound):
			return in, record, err
		}
	}
	return uuid.Nil, Record[escalation.State]{}, ErrNotFound
}

// Incident is one escalation of a partner's incident.
type Incident struct {
	Tenant uuid.UUID
	ID     string
}

// FindIncident lists what the partner handed over under that incident id, at most one escalation in each of the tenants.
func (c *Commands) FindIncident(ctx context.Context, tenants []string, incident, partnerID string) ([]Incident, error) {
	var found []Incident
	for _, name := range tenants {
		in, err := uuid.Parse(name)
		if err != nil {
			continue
		}
		holder, err := c.Log.Holder(ctx, in, incidentClaim(partnerID, domain.Line(incident)))
		if err != nil {
			return nil, err
		}
		if holder != "" {
			found = append(found, Incident{in, holder.ID()})
		}
	}
	return found, nil
}
