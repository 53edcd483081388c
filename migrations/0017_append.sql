-- +goose Up
-- The one way into the log. It is replaced as a whole when it changes; a node of the release before calls it with the parameters that it knows.
set local role streamflow_owner;
drop function if exists log.append;
-- +goose StatementBegin
create function log.append(
  p_lane smallint,
  a_tenant uuid[], a_command uuid[], a_fingerprint bytea[], a_outcome smallint[], a_code text[], a_params text[], a_events integer[], a_call uuid[],
  c_append integer[], c_tenant uuid[], c_stream text[], c_version integer[], c_last uuid[], c_after integer[],
  e_append integer[], e_tenant uuid[], e_stream text[], e_version integer[], e_id uuid[], e_type text[], e_schema smallint[], e_data text[],
  e_command uuid[], e_correlation text[], e_causation uuid[], e_actor_kind text[], e_actor_id text[], e_actor_via text[], e_effective timestamptz[],
  k_append integer[], k_tenant uuid[], k_scope text[], k_key bytea[], k_stream text[], k_take boolean[],
  s_append integer[], s_tenant uuid[], s_subject uuid[], s_wrapped bytea[],
  p_fresh boolean default false,
  out head bigint, out epoch integer, out recorded timestamptz, out failed integer[], out reason smallint[], out detail text[]
) language plpgsql security definer set search_path = pg_catalog as $$
declare
  written bigint;
  kept boolean; -- a stream takes what it holds already
  one record;
begin
  -- The lock comes first and alone: what follows sees everything its former holders committed.
  select l.head, l.epoch, greatest(l.recorded_at, clock_timestamp()) into head, epoch, recorded from log.lane l where l.lane = p_lane for update;
  if not found then
    raise exception 'lane % does not exist', p_lane using errcode = 'SF001';
  end if;

  -- Verdicts: 1 the command has an outcome, 2 a stream is at another version, 3 a claim is not held as the append says; 4 is none,
  -- and tells that a stream takes what it holds.
  -- c_last, where it is not null, names the event that the append saw at that version: after the database went back to an older
  -- copy, another one may be there. c_after, where it is not null, is the append of this batch that adds that very event.
  -- k_take is true for a claim to take, false for one to drop, and null for one that k_stream must hold.
  -- p_fresh says that the caller expects every command to be new and every claim that it takes to be free, which most are: then neither is
  -- looked for, and the unique indexes tell. The caller asks again without it where one does.
  -- A plan is kept as long as its connection, so it has to be right for tables that have grown since. A sub-select with a limit is
  -- never turned into a join, and so is always one lookup in an index for each row; deletes and updates are one by one for that reason.
  loop
    select array_agg(f.ord) filter (where f.reason < 4), array_agg(f.reason) filter (where f.reason < 4), array_agg(f.detail) filter (where f.reason < 4),
      coalesce(bool_or(f.reason = 4), false) into failed, reason, detail, kept from (
      select distinct on (v.ord) v.ord, v.reason, v.detail from (
        select a.ord::integer, 1::smallint as reason, '' as detail
          from unnest(a_tenant, a_command) with ordinality a(tenant, command, ord)
          where not p_fresh and (select true from log.command c where c.tenant = a.tenant and c.id = a.command limit 1)
        union all
        select c.append, 2::smallint, c.stream
          from unnest(c_append, c_tenant, c_stream, c_version, c_last, c_after) c(append, tenant, stream, version, last, after)
          left join lateral (select e.version, e.id from log.event e
            where e.tenant = c.tenant and e.stream = c.stream order by e.version desc limit 1) h on true
          where c.after is null and (c.version <> coalesce(h.version, 0) or c.last <> h.id)
        union all
        select k.append, case when k.take and h.stream = k.stream then 4 else 3 end::smallint,
            k.scope || ' ' || encode(k.key, 'hex') || ' ' || coalesce(h.stream, '')
          from unnest(k_append, k_tenant, k_scope, k_key, k_stream, k_take) k(append, tenant, scope, key, stream, take)
          left join lateral (select c.stream from log.claim c where c.tenant = k.tenant and c.scope = k.scope and c.key = k.key limit 1) h on true
          where (k.take is null or not p_fresh) and case
            when k.take is null then h.stream is distinct from k.stream
            -- What the same append drops, it may take for another stream.
            when k.take then h.stream = k.stream or h.stream <> k.stream and not exists (
              select from unnest(k_append, k_scope, k_key, k_stream, k_take) d(append, scope, key, stream, take)
              where d.append = k.append and not d.take and d.scope = k.scope and d.key = k.key and d.stream = h.stream)
            else false end
      ) v order by v.ord, v.reason
    ) f;
    exit when not p_fresh or failed is null;
    p_fresh := false; -- a repeat is told as one, also where its stream has gone on since
  end loop;
  -- What builds on an append that failed, fails with it.
  if failed is not null then
    for one in select c.append, c.stream, c.after from unnest(c_append, c_stream, c_after) c(append, stream, after)
      where c.after is not null order by c.append
    loop
      if one.after = any (failed) and one.append <> all (failed) then
        failed := failed || one.append;
        reason := reason || 2::smallint;
        detail := detail || one.stream;
      end if;
    end loop;
  end if;

  insert into log.event (lane, position, tenant, stream, version, id, type, schema_version, data, command_id, correlation_id,
      causation_id, actor_kind, actor_id, actor_via, recorded_at, effective_at)
    select p_lane, append.head + row_number() over (order by e.ord), e.tenant, e.stream, e.version, e.id, e.type, e.schema, e.data::json, e.command,
      e.correlation, e.causation, e.actor_kind, e.actor_id, e.actor_via, recorded, e.effective
    from unnest(e_append, e_tenant, e_stream, e_version, e_id, e_type, e_schema, e_data, e_command, e_correlation, e_causation,
      e_actor_kind, e_actor_id, e_actor_via, e_effective) with ordinality
      e(append, tenant, stream, version, id, type, schema, data, command, correlation, causation, actor_kind, actor_id, actor_via, effective, ord)
    where failed is null or e.append <> all (failed);
  get diagnostics written = row_count;

  insert into log.command (tenant, id, fingerprint, outcome, code, params, call, lane, first_position, events, recorded_at)
    select a.tenant, a.command, a.fingerprint, a.outcome, a.code, a.params::json, a.call, p_lane,
      append.head + sum(a.events) over (order by a.ord) - a.events + (a.events > 0)::integer, a.events, recorded
    from unnest(a_tenant, a_command, a_fingerprint, a_outcome, a_code, a_params, a_events, a_call) with ordinality
      a(tenant, command, fingerprint, outcome, code, params, events, call, ord)
    where failed is null or a.ord <> all (failed);

  if false = any (k_take) then
    for one in select k.tenant, k.scope, k.key, k.stream
      from unnest(k_append, k_tenant, k_scope, k_key, k_stream, k_take) k(append, tenant, scope, key, stream, take)
      where not k.take and (failed is null or k.append <> all (failed))
    loop
      delete from log.claim c where c.tenant = one.tenant and c.scope = one.scope and c.key = one.key and c.stream = one.stream;
    end loop;
  end if;
  if true = any (k_take) then
    insert into log.claim (tenant, scope, key, stream)
      select k.tenant, k.scope, k.key, k.stream
      from unnest(k_append, k_tenant, k_scope, k_key, k_stream, k_take) k(append, tenant, scope, key, stream, take)
      where k.take and (failed is null or k.append <> all (failed))
        -- A plain insert costs half of one that is ready for a conflict; no two appends of a batch name one claim.
        and (not kept or (select true from log.claim c where c.tenant = k.tenant and c.scope = k.scope and c.key = k.key limit 1) is null);
  end if;
  if cardinality(s_append) > 0 then
    insert into log.subject_key (tenant, subject, wrapped, created_at)
      select s.tenant, s.subject, s.wrapped, recorded from unnest(s_append, s_tenant, s_subject, s_wrapped) s(append, tenant, subject, wrapped)
      where s.wrapped is not null and (failed is null or s.append <> all (failed));
  end if;
  if array_position(s_wrapped, null) > 0 then
    for one in select s.tenant, s.subject from unnest(s_append, s_tenant, s_subject, s_wrapped) s(append, tenant, subject, wrapped)
      where s.wrapped is null and (failed is null or s.append <> all (failed))
    loop
      update log.subject_key u set wrapped = null, destroyed_at = recorded
        where u.tenant = one.tenant and u.subject = one.subject and u.destroyed_at is null;
    end loop;
  end if;

  if written > 0 then
    update log.lane l set head = l.head + written, recorded_at = recorded where l.lane = p_lane;
  end if;
end $$;
-- +goose StatementEnd
revoke all on function log.append from public;
grant execute on function log.append to streamflow_engine;
reset role;

-- +goose Down
-- It stays: the release before works with it.
select 1;
