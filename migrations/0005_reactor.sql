-- +goose Up
-- What reactors remember: how far they have got, what they did, and what they could not do.
set local role streamflow_owner;

create table log.reactor_checkpoint (
  reactor text not null,
  lane smallint not null,
  position bigint not null check (position >= 0),
  primary key (reactor, lane)
) with (fillfactor = 20);
comment on table log.reactor_checkpoint is 'How far a reactor has got in each lane. It never goes back, nor beyond the head.';
comment on column log.reactor_checkpoint.reactor is 'The reactor.';
comment on column log.reactor_checkpoint.lane is 'The lane.';
comment on column log.reactor_checkpoint.position is 'Nothing up to here is left to do: every effect is done or parked.';

create table log.effect (
  reactor text not null,
  effect uuid not null,
  lane smallint not null,
  position bigint not null,
  done_at timestamptz not null,
  primary key (reactor, effect)
);
create index effect_position on log.effect (lane, position);
comment on table log.effect is 'Effects that were done. A recorded one is never executed again.';
comment on column log.effect.reactor is 'The reactor.';
comment on column log.effect.effect is 'UUIDv8 from the SHA-256 of reactor, id of the event and number: the same in every repetition.';
comment on column log.effect.lane is 'Lane of the event it follows from.';
comment on column log.effect.position is 'Position of that event.';
comment on column log.effect.done_at is 'When it was recorded, by the clock of the database.';
comment on index log.effect_position is 'The effects of an event.';

create table log.parked_effect (
  reactor text not null,
  effect uuid not null,
  lane smallint not null,
  position bigint not null,
  error text not null,
  tries integer not null,
  parked_at timestamptz not null,
  primary key (reactor, effect)
);
create index parked_effect_position on log.parked_effect (lane, position);
comment on table log.parked_effect is 'Effects that kept failing. The reactor went on without them; an operator delivers them again.';
comment on column log.parked_effect.reactor is 'The reactor.';
comment on column log.parked_effect.effect is 'As in log.effect.';
comment on column log.parked_effect.lane is 'Lane of the event it follows from.';
comment on column log.parked_effect.position is 'Position of that event.';
comment on column log.parked_effect.error is 'Why the last try failed; for operators only, it may quote what the other side said.';
comment on column log.parked_effect.tries is 'How often it was tried in all.';
comment on column log.parked_effect.parked_at is 'When it was parked, or failed again.';
comment on index log.parked_effect_position is 'The parked effects of an event.';

grant select on log.reactor_checkpoint, log.effect, log.parked_effect to streamflow_staff;
grant select, insert, update on log.reactor_checkpoint to streamflow_engine;
grant select, insert on log.effect to streamflow_engine;
grant select, insert, update, delete on log.parked_effect to streamflow_engine;
reset role;

-- +goose Down
drop table log.reactor_checkpoint, log.effect, log.parked_effect;
