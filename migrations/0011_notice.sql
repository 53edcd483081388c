-- +goose Up
-- What somebody should know of, as a reactor told it: one row for each effect.
set local role streamflow_owner;

create table app.notice (
  effect uuid primary key,
  tenant uuid not null,
  event uuid not null,
  stream text not null,
  type text not null,
  text text not null,
  happened_at timestamptz not null,
  noticed_at timestamptz not null
);
create index notice_tenant on app.notice (tenant, happened_at);
comment on table app.notice is 'The log of notices. The effect''s id is the key, so that a repeated effect is the same notice.';
comment on index app.notice_tenant is 'A tenant''s notices in order.';
comment on column app.notice.effect is 'Id of the effect, as in log.effect.';
comment on column app.notice.tenant is 'The business that it is about.';
comment on column app.notice.event is 'The event that it tells of.';
comment on column app.notice.stream is 'The record that it is about.';
comment on column app.notice.type is 'Type of the event.';
comment on column app.notice.text is 'What is told; no personal data.';
comment on column app.notice.happened_at is 'Recorded time of the event.';
comment on column app.notice.noticed_at is 'When it was told, by the clock of the database.';

alter table app.notice enable row level security;
alter table app.notice force row level security;
create policy engine on app.notice to streamflow_owner, streamflow_engine using (true) with check (true);
create policy staff on app.notice for select to streamflow_staff using (true);
create policy tenant on app.notice for select to streamflow_app
  using (tenant = (select nullif(current_setting('streamflow.tenant', true), '')::uuid));
comment on policy engine on app.notice is 'The engine works for every tenant.';
comment on policy staff on app.notice is 'The provider''s staff read across tenants, and write nothing.';
comment on policy tenant on app.notice is 'The application sees the tenant that its transaction names, and nothing without one.';
grant select, insert on app.notice to streamflow_engine;
grant select on app.notice to streamflow_staff, streamflow_app;
reset role;

-- +goose Down
drop table app.notice;
