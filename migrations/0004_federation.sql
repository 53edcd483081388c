-- +goose Up
-- What signed requests need beside the log: the secrets of keys, and the nonces that were spent.
set local role streamflow_owner;

create table app.partner_key (
  key_id text primary key,
  partner uuid not null,
  secret bytea not null
);
comment on table app.partner_key is 'Secrets of partners'' keys. Whether a key holds, and what it may do, is in the partner''s events alone.';
comment on column app.partner_key.key_id is 'The key, as a signature names it.';
comment on column app.partner_key.partner is 'The partner, whose stream is in provider space.';
comment on column app.partner_key.secret is 'The secret, encrypted with AES-256-GCM under the master key and bound to the key''s id.';

create table app.nonce (
  key_id text not null,
  nonce_hash bytea not null,
  forget_at timestamptz not null,
  primary key (key_id, nonce_hash)
);
create index nonce_to_forget on app.nonce (forget_at);
comment on table app.nonce is 'Nonces of signatures that proved right: each counts once.';
comment on index app.nonce_to_forget is 'Finds what no signature can carry any more.';
comment on column app.nonce.key_id is 'The key that spent it.';
comment on column app.nonce.nonce_hash is 'SHA-256 of the nonce.';
comment on column app.nonce.forget_at is 'From when on the signature is too old anyway.';

grant select, insert, update, delete on app.partner_key, app.nonce to streamflow_engine;
reset role;

-- +goose Down
drop table app.nonce;
drop table app.partner_key;
