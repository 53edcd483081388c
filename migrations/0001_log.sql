-- +goose Up
-- The log: the only truth. Everything in it is written by log.append and never changed.

-- +goose StatementBegin
do $$
declare r text;
begin
  -- Roles belong to the whole server, so another database of it may have made them already, or may be doing so now.
  foreach r in array array['streamflow_owner', 'streamflow_app', 'streamflow_staff', 'streamflow_engine'] loop
    begin
      if not exists (select from pg_roles where rolname = r) then
        execute format('create role %I nologin', r);
      end if;
    exception when duplicate_object or unique_violation then null;
    end;
    if not pg_has_role(current_user, r, 'member') or not (select rolsuper from pg_roles where rolname = current_user) then
      begin
        execute format('grant %I to current_user', r);
      exception when unique_violation then null;
      end;
    end if;
  end loop;
end $$;
-- +goose StatementEnd

create schema log authorization streamflow_owner;
create schema app authorization streamflow_owner;
set local role streamflow_owner;
grant usage on schema log to streamflow_app, streamflow_staff, streamflow_engine;
grant usage on schema app to streamflow_app, streamflow_staff, streamflow_engine;

create table log.lane (
  lane smallint primary key check (lane >= 1),
  head bigint not null default 0,
  epoch integer not null default 1,
  recorded_at timestamptz not null default 'epoch'
) with (fillfactor = 10);
comment on table log.lane is 'One row per totally ordered ledger. An append locks its row first and holds it until the commit is visible.';
comment on column log.lane.lane is 'Number of the lane, from 1.';
comment on column log.lane.head is 'Position of the newest event; positions 1..head exist, without a gap.';
comment on column log.lane.epoch is 'Rises when the database went back to an older copy; cursors carry it.';
comment on column log.lane.recorded_at is 'Recorded time of the newest event; never falls.';

create table log.event (
  lane smallint not null,
  version integer not null check (version >= 1),
  position bigint not null check (position >= 1),
  recorded_at timestamptz not null,
  effective_at timestamptz,
  tenant uuid not null,
  id uuid not null,
  command_id uuid not null,
  causation_id uuid,
  schema_version smallint not null,
  stream text not null,
  type text not null,
  correlation_id text not null,
  actor_kind text not null,
  actor_id text not null,
  actor_via text not null,
  data json not null,
  constraint event_pkey primary key (lane, position),
  constraint event_stream_version unique (tenant, stream, version),
  constraint event_id unique (id)
);
create index event_tenant on log.event (tenant, position);
comment on index log.event_stream_version is 'Versions of a stream are dense; the newest is a probe of it, so that no table of streams is needed.';
comment on index log.event_id is 'An event is found by the id that the bus and its effects name.';
comment on index log.event_tenant is 'One tenant''s history in order.';
comment on table log.event is 'Facts, in order. No role but the owner can change or delete one, and nothing runs as the owner.';
comment on column log.event.lane is 'The ledger the event is in.';
comment on column log.event.position is 'Dense number in the lane: 1, 2, 3 … in commit order.';
comment on column log.event.tenant is 'The business whose event it is, or the provider space.';
comment on column log.event.stream is 'The aggregate: <category>-<id>.';
comment on column log.event.version is 'Dense number in the stream: 1, 2, 3 …';
comment on column log.event.id is 'UUIDv7 of the event; also its message id on the bus.';
comment on column log.event.type is '<category>.<fact>.';
comment on column log.event.schema_version is 'Version of the type''s form; older ones are upcast when read.';
comment on column log.event.data is 'The exact bytes that were written (type json keeps them); personal fields are encrypted inside.';
comment on column log.event.command_id is 'The command that made it.';
comment on column log.event.correlation_id is 'What the caller calls the whole conversation.';
comment on column log.event.causation_id is 'The event that led to the command, where one did.';
comment on column log.event.actor_kind is 'user, staff, partner, token or system.';
comment on column log.event.actor_id is 'Who: id of the user, partner or process.';
comment on column log.event.actor_via is 'Through what: a portal, a key id, a verb of the command line.';
comment on column log.event.recorded_at is 'When the log took it; monotone in the lane.';
comment on column log.event.effective_at is 'When it holds in the business, where the domain says so.';

create table log.command (
  tenant uuid not null,
  id uuid not null,
  first_position bigint not null,
  recorded_at timestamptz not null,
  events integer not null,
  lane smallint not null,
  outcome smallint not null check (outcome in (0, 1, 2)),
  fingerprint bytea not null,
  code text not null,
  params json,
  call uuid,
  primary key (tenant, id)
);
comment on table log.command is 'The one, permanent outcome of every command; a repeat is answered from it.';
comment on column log.command.tenant is 'The business the command acted for.';
comment on column log.command.id is 'Hash of tenant, caller and Idempotency-Key.';
comment on column log.command.fingerprint is 'Hash of the request; another one under the same id is told so.';
comment on column log.command.outcome is '0 accepted, 1 unchanged (already so), 2 refused by a rule; the last two take no position.';
comment on column log.command.code is 'Code of the refusal, else empty.';
comment on column log.command.params is 'What, with the streams, the answer is rendered from.';
comment on column log.command.call is 'Without events, the call that recorded it; with events the first one''s id tells.';
comment on column log.command.lane is 'Lane of its events.';
comment on column log.command.first_position is 'Position of its first event; without events the head it was decided at.';
comment on column log.command.events is 'How many events it made.';
comment on column log.command.recorded_at is 'When the outcome was recorded.';

create table log.claim (
  tenant uuid not null,
  scope text not null,
  key bytea not null,
  stream text not null,
  primary key (key, tenant, scope) -- the key first: it alone tells two entries of the index apart
);
comment on table log.claim is 'Unique values held by streams, taken and released inside appends.';
comment on column log.claim.tenant is 'Within which business the value is unique.';
comment on column log.claim.scope is 'What is unique, for example member.email.';
comment on column log.claim.key is 'The value; a keyed hash where it is personal.';
comment on column log.claim.stream is 'The stream that holds it.';

create table log.subject_key (
  tenant uuid not null,
  subject uuid not null,
  wrapped bytea,
  created_at timestamptz not null,
  destroyed_at timestamptz,
  primary key (tenant, subject),
  check ((wrapped is null) = (destroyed_at is not null))
);
comment on table log.subject_key is 'One wrapped key per data subject; destroying it erases what it encrypted, in every replay.';
comment on column log.subject_key.tenant is 'The business that holds the person''s data.';
comment on column log.subject_key.subject is 'The person; one id follows them through every record that is about them.';
comment on column log.subject_key.wrapped is 'AES-256-GCM key wrapped by the master key; null once destroyed.';
comment on column log.subject_key.created_at is 'Recorded time of the append that brought it.';
comment on column log.subject_key.destroyed_at is 'Recorded time of the erasure, else null.';

create table log.seal (
  lane smallint not null,
  epoch integer not null,
  size bigint not null check (size > previous),
  previous bigint not null check (previous >= 0),
  root bytea not null,
  note text not null,
  hashes bytea[] not null,
  leaves bytea not null check (octet_length(leaves) = 32 * (size - previous)),
  sealed_at timestamptz not null,
  constraint seal_pkey primary key (lane, size),
  constraint seal_previous unique (lane, previous)
);
comment on index log.seal_previous is 'A seal is extended once, so two sealers that race cannot fork the chain.';
comment on table log.seal is 'Signed RFC 6962 tree heads over the positions of a lane; each extends the one before it.';
comment on column log.seal.lane is 'The lane.';
comment on column log.seal.epoch is 'Epoch of the lane when it was sealed; part of the note''s origin.';
comment on column log.seal.size is 'How many positions, from 1, the head covers.';
comment on column log.seal.previous is 'Size of the seal that it extends; 0 for the first.';
comment on column log.seal.root is 'Merkle root over their leaf hashes.';
comment on column log.seal.note is 'The head as a signed checkpoint note.';
comment on column log.seal.hashes is 'Compact range of the tree, from which the next seal goes on.';
comment on column log.seal.leaves is 'Leaf hashes of the positions that it adds, 32 bytes each: they tell which event was changed, and proofs are made of them.';
comment on column log.seal.sealed_at is 'When it was signed.';

create table log.lease (
  name text primary key,
  holder uuid not null,
  term bigint not null,
  until timestamptz not null
) with (fillfactor = 20);
comment on table log.lease is 'Who does a job that one node does at a time. Only a hint: every job is fenced by what it writes to.';
comment on column log.lease.name is 'The job, for example relay-1.';
comment on column log.lease.holder is 'The node.';
comment on column log.lease.term is 'Rises with every change of holder.';
comment on column log.lease.until is 'When it lapses, by the database''s clock.';

-- +goose StatementBegin
create function log.position_at(p_lane smallint, p_at timestamptz) returns bigint language plpgsql stable set search_path = pg_catalog as $$
declare
  low bigint := 0;
  high bigint;
  middle bigint;
  at timestamptz;
begin
  -- Recorded time never falls in a lane, so a binary search over the dense positions needs no index on it.
  select l.head into high from log.lane l where l.lane = p_lane;
  while low < high loop
    middle := (low + high + 1) / 2;
    select e.recorded_at into at from log.event e where e.lane = p_lane and e.position = middle;
    if at <= p_at then low := middle; else high := middle - 1; end if;
  end loop;
  return low;
end $$;
-- +goose StatementEnd

-- Row-level security is forced, so even the owner is held to a policy.
-- +goose StatementBegin
do $$
declare t text;
begin
  foreach t in array array['event', 'command', 'claim', 'subject_key'] loop
    execute format('alter table log.%I enable row level security', t);
    execute format('alter table log.%I force row level security', t);
    execute format('create policy engine on log.%I to streamflow_owner, streamflow_engine using (true) with check (true)', t);
    execute format('create policy staff on log.%I for select to streamflow_staff using (true)', t);
    -- The sub-select makes it one lookup per statement; an unset or emptied tenant is null, and null sees nothing.
    execute format($p$create policy tenant on log.%I for select to streamflow_app
      using (tenant = (select nullif(current_setting('streamflow.tenant', true), '')::uuid))$p$, t);
    execute format('comment on policy engine on log.%I is %L', t, 'The engine works for every tenant; force row level security would shut even the owner out.');
    execute format('comment on policy staff on log.%I is %L', t, 'The provider''s staff read across tenants, and write nothing.');
    execute format('comment on policy tenant on log.%I is %L', t, 'The application sees the tenant that its transaction names, and nothing without one.');
    execute format('grant select on log.%I to streamflow_engine, streamflow_staff, streamflow_app', t);
  end loop;
end $$;
-- +goose StatementEnd
grant select on log.lane, log.seal to streamflow_app, streamflow_staff, streamflow_engine;
grant insert on log.lane, log.seal to streamflow_engine;
grant update (epoch) on log.lane to streamflow_engine;
grant select, insert, update, delete on log.lease to streamflow_engine;
reset role;

-- +goose Down
drop schema log cascade;
drop schema app cascade;
