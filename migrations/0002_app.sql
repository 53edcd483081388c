-- +goose Up
-- Live secrets and volatile state. None of it is history: the log only names its changes.
set local role streamflow_owner;

create table app.credential (
  user_id uuid primary key,
  password text not null,
  updated_at timestamptz not null
);
comment on table app.credential is 'Passwords of users, as hashes; replaced when a password changes.';
comment on column app.credential.user_id is 'The user, whose stream is in provider space.';
comment on column app.credential.password is 'argon2id hash in PHC form.';
comment on column app.credential.updated_at is 'When this password was set.';

create table app.session (
  token_hash bytea primary key,
  user_id uuid not null,
  portal text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index session_of_user on app.session (user_id);
comment on table app.session is 'Who is signed in, in which portal.';
comment on index app.session_of_user is 'Finds the sessions of one user, to end them.';
comment on column app.session.token_hash is 'SHA-256 of the cookie''s value, which is kept nowhere.';
comment on column app.session.user_id is 'The user.';
comment on column app.session.portal is 'The one portal that the session belongs to.';
comment on column app.session.created_at is 'When the user signed in.';
comment on column app.session.expires_at is 'When the session ends by itself.';

grant select, insert, update, delete on app.credential, app.session to streamflow_engine;
reset role;

-- +goose Down
drop table app.session;
drop table app.credential;
