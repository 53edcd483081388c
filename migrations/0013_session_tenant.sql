-- +goose Up
-- A request finds account and business by its session alone. Sessions that do not name the business end: their users sign in again.
set local role streamflow_owner;
delete from app.session;
alter table app.session add column tenant_id uuid;
comment on column app.session.tenant_id is 'The user''s tenant, which is the same for ever; null for the provider''s staff.';
reset role;

-- +goose Down
alter table app.session drop column tenant_id;
