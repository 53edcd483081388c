-- +goose Up
-- Files that somebody sent to have their rows brought in, and what came of them.
set local role streamflow_owner;

create table app.import (
  id uuid primary key,
  tenant uuid not null,
  kind text not null,
  fingerprint bytea not null,
  asked_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  settings bytea,
  lines bigint not null default 0,
  action text not null default 'upload' check (action in ('upload', 'plan', 'run')),
  state text not null default 'running' check (state in ('running', 'done', 'failed')),
  command_id uuid not null,
  command_fingerprint bytea not null,
  worker uuid not null,
  begun_at timestamptz not null,
  beat_at timestamptz not null,
  ended_at timestamptz,
  done bigint not null default 0,
  total bigint not null default 0,
  counts text not null default '{}',
  cursor text not null default '',
  error text not null default ''
);
create index import_newest on app.import (tenant, created_at);
create index import_to_forget on app.import (expires_at) where settings is not null;
comment on table app.import is 'Files whose rows are brought in, and how far that is. What a file holds is encrypted, and kept a day at most.';
comment on index app.import_newest is 'A tenant''s imports, the newest first.';
comment on index app.import_to_forget is 'Finds what was kept long enough.';
comment on column app.import.id is 'Id of the command that sent the file: the same request is the same import.';
comment on column app.import.tenant is 'The business that the rows are for.';
comment on column app.import.kind is 'What the rows are.';
comment on column app.import.fingerprint is 'Of the request that sent the file, so that another one under the same id is told so.';
comment on column app.import.asked_by is 'Id of the user who sent it.';
comment on column app.import.created_at is 'When it was sent.';
comment on column app.import.expires_at is 'From when on nothing of the file is kept.';
comment on column app.import.settings is 'How the file is read, its columns and first rows, encrypted with AES-256-GCM under the master key and bound to the id; null once it is forgotten.';
comment on column app.import.lines is 'Lines of the file.';
comment on column app.import.action is 'What was asked last: upload, plan (to look at every row and change nothing) or run.';
comment on column app.import.state is 'How that is: running, done or failed.';
comment on column app.import.command_id is 'Id of the command that asked it.';
comment on column app.import.command_fingerprint is 'Of the request that asked it.';
comment on column app.import.worker is 'Who does it: another one that was told to go on fences it off.';
comment on column app.import.begun_at is 'When it was asked.';
comment on column app.import.beat_at is 'When its node last said that it is there; while it is running and this is long ago, the node ended first.';
comment on column app.import.ended_at is 'When it ended.';
comment on column app.import.done is 'Rows that were looked at or taken.';
comment on column app.import.total is 'Rows that there are, as far as that is known.';
comment on column app.import.counts is 'What the rows come to, or came to, in JSON.';
comment on column app.import.cursor is 'The position of the log from which a reader sees all that the run made.';
comment on column app.import.error is 'Why it failed.';

create table app.import_part (
  import uuid not null references app.import on delete cascade,
  holds text not null check (holds in ('file', 'left')),
  number integer not null,
  data bytea not null,
  primary key (import, holds, number)
);
comment on table app.import_part is 'What a file holds, and the rows of it that were not taken, in pieces; deleted when it was brought in, or after a day.';
comment on column app.import_part.import is 'The import.';
comment on column app.import_part.holds is 'file, or left: the rows that were not taken, each with its reason.';
comment on column app.import_part.number is 'Order of the pieces, from 0.';
comment on column app.import_part.data is 'The piece, encrypted with AES-256-GCM under the master key and bound to its place.';

alter table app.import enable row level security;
alter table app.import force row level security;
alter table app.import_part enable row level security;
alter table app.import_part force row level security;
create policy engine on app.import to streamflow_owner, streamflow_engine using (true) with check (true);
create policy tenant on app.import for select to streamflow_app
  using (tenant = (select nullif(current_setting('streamflow.tenant', true), '')::uuid));
create policy engine on app.import_part to streamflow_owner, streamflow_engine using (true) with check (true);
comment on policy engine on app.import is 'The engine works for every tenant.';
comment on policy tenant on app.import is 'The application sees the tenant that its transaction names, and nothing without one.';
comment on policy engine on app.import_part is 'The engine works for every tenant; nobody else sees a piece.';
grant select, insert, update, delete on app.import, app.import_part to streamflow_engine;
grant select on app.import to streamflow_app;
reset role;

-- +goose Down
drop table app.import_part;
drop table app.import;
