-- +goose Up
-- What the nodes of an installation lease rate tokens from. It is unlogged: after a crash every bucket is full again, which
-- costs nobody anything, and no lease waits for the disk.
set local role streamflow_owner;

create unlogged table app.rate_lease (
  policy text not null,
  key text not null,
  tat bigint not null,
  granted bigint not null,
  at bigint not null,
  primary key (policy, key)
);
comment on table app.rate_lease is 'Buckets of the rate limits, by GCRA. A full bucket needs no row.';
comment on column app.rate_lease.policy is 'Name of the policy, as RateLimit-Policy tells it.';
comment on column app.rate_lease.key is 'Whose bucket it is: a user, a partner''s key or an address.';
comment on column app.rate_lease.tat is 'Theoretical arrival time: when the bucket is full again, in nanoseconds since 1970.';
comment on column app.rate_lease.granted is 'How many tokens the last lease got.';
comment on column app.rate_lease.at is 'When that was, in nanoseconds since 1970, by the clock of the database; it never goes back.';

grant select, insert, update, delete on app.rate_lease to streamflow_engine;
reset role;

-- +goose Down
drop table app.rate_lease;
