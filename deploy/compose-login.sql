-- The role the program signs in as. It owns its database and may create roles, as the migrations do, and is no superuser: a
-- superuser would not be held to row-level security.
create role streamflow_login login createrole password 'streamflow';
create database streamflow owner streamflow_login;
