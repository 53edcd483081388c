-- +goose Up
-- What the projector knows of its read models. The read models themselves live in schemas of their own.
set local role streamflow_owner;

create table log.projection (
  name text primary key,
  version integer not null,
  generation integer not null,
  previous integer,
  paused boolean not null default false
);
comment on table log.projection is 'Which tables a projection is read from.';
comment on column log.projection.name is 'The projection.';
comment on column log.projection.version is 'Version of the code that folds it.';
comment on column log.projection.generation is 'Its tables are in schema rm_<name>_<generation>; a rebuild makes the next one.';
comment on column log.projection.previous is 'The generation before the last switch, to switch back to.';
comment on column log.projection.paused is 'An operator stopped it.';

create table log.checkpoint (
  projection text not null,
  generation integer not null,
  lane smallint not null,
  position bigint not null default 0,
  event uuid,
  moved_at timestamptz not null default now(),
  primary key (projection, generation, lane)
) with (fillfactor = 20);
comment on table log.checkpoint is 'How far a projection has folded each lane; moved in the transaction that writes its tables.';
comment on column log.checkpoint.projection is 'The projection.';
comment on column log.checkpoint.generation is 'Which of its generations.';
comment on column log.checkpoint.lane is 'The lane.';
comment on column log.checkpoint.position is 'The last position that is folded.';
comment on column log.checkpoint.event is 'The event there; when the log has another or none, the database went back and what was folded is stale.';
comment on column log.checkpoint.moved_at is 'When it last moved.';

create table log.parked (
  projection text not null,
  generation integer not null,
  lane smallint not null,
  position bigint not null,
  tenant uuid not null,
  stream text not null,
  error text not null,
  parked_at timestamptz not null default now(),
  primary key (projection, generation, lane, position)
);
comment on table log.parked is 'Events that a projection could not fold, and the later ones of the same stream, which wait behind them.';
comment on column log.parked.projection is 'The projection.';
comment on column log.parked.generation is 'Which of its generations.';
comment on column log.parked.lane is 'Lane of the event.';
comment on column log.parked.position is 'Position of the event.';
comment on column log.parked.tenant is 'Tenant of the event.';
comment on column log.parked.stream is 'The key that is parked.';
comment on column log.parked.error is 'Why; for one that only waits, behind which position.';
comment on column log.parked.parked_at is 'Since when.';

alter table log.parked enable row level security;
alter table log.parked force row level security;
create policy engine on log.parked to streamflow_owner, streamflow_engine using (true) with check (true);
create policy staff on log.parked for select to streamflow_staff using (true);
create policy tenant on log.parked for select to streamflow_app
  using (tenant = (select nullif(current_setting('streamflow.tenant', true), '')::uuid));
comment on policy engine on log.parked is 'The engine works for every tenant.';
comment on policy staff on log.parked is 'The provider''s staff read across tenants, and write nothing.';
comment on policy tenant on log.parked is 'The application sees the tenant that its transaction names, and nothing without one.';
grant select on log.projection, log.checkpoint, log.parked to streamflow_app, streamflow_staff;
grant select, insert, update, delete on log.projection, log.checkpoint, log.parked to streamflow_engine;
reset role;

-- A read model's schema is made by a function of the database's owner: a right to create schemas that is granted on the
-- database itself would be lost with every copy of it.
-- +goose StatementBegin
create function log.create_read_model(p_schema text) returns void language plpgsql security definer set search_path = pg_catalog as $$
begin
  if p_schema !~ '^rm_[a-z0-9_]+$' then
    raise exception '% is no name of a read model', p_schema;
  end if;
  execute format('create schema %I authorization streamflow_engine', p_schema);
end $$;
-- +goose StatementEnd
revoke all on function log.create_read_model from public;
grant execute on function log.create_read_model to streamflow_engine;

-- +goose Down
drop function log.create_read_model;
drop table log.parked, log.checkpoint, log.projection;
