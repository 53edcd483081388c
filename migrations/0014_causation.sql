-- +goose Up
-- What an event led to is found by it. Most events were led to by none, and take no room here.
set local role streamflow_owner;
create index event_causation on log.event (causation_id) where causation_id is not null;
comment on index log.event_causation is 'What an event led to; those that none led to are not in it.';
reset role;

-- +goose Down
drop index log.event_causation;
