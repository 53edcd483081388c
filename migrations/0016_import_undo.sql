-- +goose Up
-- An import that ended can be taken back.
set local role streamflow_owner;
alter table app.import drop constraint import_action_check, add constraint import_action_check check (action in ('upload', 'plan', 'run', 'undo'));
alter table app.import_part drop constraint import_part_holds_check, add constraint import_part_holds_check check (holds in ('file', 'left', 'kept'));
comment on column app.import.action is 'What was asked last: upload, plan (to look at every row and change nothing), run or undo (to take back what the run made).';
comment on column app.import_part.holds is 'file, or left: the rows that were not taken, each with its reason; or kept: the records that were not taken back, likewise.';
reset role;

-- +goose Down
set local role streamflow_owner;
delete from app.import_part where holds = 'kept';
update app.import set action = 'run' where action = 'undo';
alter table app.import drop constraint import_action_check, add constraint import_action_check check (action in ('upload', 'plan', 'run'));
alter table app.import_part drop constraint import_part_holds_check, add constraint import_part_holds_check check (holds in ('file', 'left'));
comment on column app.import.action is 'What was asked last: upload, plan (to look at every row and change nothing) or run.';
comment on column app.import_part.holds is 'file, or left: the rows that were not taken, each with its reason.';
reset role;
