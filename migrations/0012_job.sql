-- +goose Up
-- What was asked of projections, and how far it is.
set local role streamflow_owner;

create table log.job (
  id uuid primary key,
  projection text not null,
  action text not null,
  asked_by text not null,
  fingerprint bytea not null,
  correlation text not null,
  begun_at timestamptz not null default clock_timestamp(),
  done bigint not null default 0,
  total bigint not null default 0,
  ended_at timestamptz,
  refused boolean not null default false,
  error text not null default '',
  result text not null default ''
);
create index job_projection on log.job (projection, begun_at);
comment on table log.job is 'What was asked of a projection, once: a repeat gets the same answer.';
comment on index log.job_projection is 'The newest rebuild of a projection.';
comment on column log.job.id is 'Id of the command.';
comment on column log.job.projection is 'The projection.';
comment on column log.job.action is 'What was asked: rebuild, pause, resume, retry or switch.';
comment on column log.job.asked_by is 'Who asked: the id of a user, or what the program itself or its command line is called.';
comment on column log.job.fingerprint is 'Of the request, so that another one under the same id is told so.';
comment on column log.job.correlation is 'Correlation id of the request.';
comment on column log.job.begun_at is 'When it was asked.';
comment on column log.job.done is 'Events that a rebuild has folded.';
comment on column log.job.total is 'Events that there were to fold when it began.';
comment on column log.job.ended_at is 'When it ended; without it, and without the lock that its node holds meanwhile, the node ended first.';
comment on column log.job.refused is 'The state of the projection did not allow it.';
comment on column log.job.error is 'Why it was refused or failed.';
comment on column log.job.result is 'The projection as it was left, in JSON.';
grant select, insert, update, delete on log.job to streamflow_engine;
reset role;

-- +goose Down
drop table log.job;
