-- +goose Up
-- A claim is known by a digest: an index of 16 bytes an entry, which is most of what putting one costs.
set local role streamflow_owner;
alter table log.claim add column digest uuid;
update log.claim set digest = encode(substr(sha256(uuid_send(tenant) || convert_to(scope || ' ', 'UTF8') || key), 1, 16), 'hex')::uuid;
alter table log.claim drop constraint claim_pkey, alter column digest set not null, add primary key (digest), drop column scope, drop column key;
comment on column log.claim.digest is 'First 16 bytes of SHA-256 over tenant, scope, a space and value (which is a keyed hash already where it is personal).';
reset role;

-- +goose Down
-- There is no way back: a value is not known from its digest.
select 1;
