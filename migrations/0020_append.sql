-- +goose Up
-- The two ways into the log. They are replaced as a whole when they change.
set local role streamflow_owner;
drop function if exists log.append;
drop function if exists log.append_one;
-- +goose StatementBegin
create function log.append(
  p_lane smallint,
  a_tenant uuid[], a_command uuid[], a_fingerprint bytea[], a_outcome smallint[], a_code text[], a_params text[], a_events integer[], a_call uuid[],
  c_append integer[], c_stream text[], c_version integer[], c_last uuid[], c_after integer[],
  e_append integer[], e_stream text[], e_version integer[], e_id uuid[], e_type text[], e_schema smallint[], e_data text[],
  e_correlation text[], e_causation uuid[], e_actor_kind text[], e_actor_id text[], e_actor_via text[], e_effective timestamptz[],
  t_append integer[], t_claim uuid[], t_stream text[],
  d_append integer[], d_claim uuid[], d_stream text[],
  h_append integer[], h_claim uuid[], h_stream text[],
  s_append integer[], s_subject uuid[], s_wrapped bytea[],
  p_fresh boolean default false, p_last uuid default null,
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
  -- The caller says which event is the newest, as far as it knows, and leaves out conditions that it knows to hold at it. Where somebody else
  -- has written since, nothing is done, which a recorded time of null tells, and the caller sends everything.
  if p_last is not null and p_last is distinct from (select e.id from log.event e where e.lane = p_lane and e.position = append.head) then
    recorded := null;
    return;
  end if;

  -- Verdicts: 1 the command has an outcome, 2 a stream is at another version, 3 a claim is not held as the append says; 4 is none,
  -- and tells that a stream takes what it holds.
  -- c_last, where it is not null, names the event that the append saw at that version: after the database went back to an older
  -- copy, another one may be there. c_after, where it is not null, is the append of this batch that adds that very event.
  -- t_ are claims to take, d_ claims to drop, and h_ claims that the stream must hold.
  -- p_fresh says that the caller expects every command to be new and every claim that it takes to be free, which most are: then neither is
  -- looked for, and the unique indexes tell. The caller asks again without it where one does.
  -- A plan is kept as long as its connection, so it has to be right for tables that have grown since. A sub-select with a limit is
  -- never turned into a join, and so is always one lookup in an index for each row; deletes and updates are one by one for that reason.
  -- Arrays are unnested in a select list and not in from, which would first store each of them in a set of its own.
  loop
    select array_agg(f.append) filter (where f.reason < 4), array_agg(f.reason) filter (where f.reason < 4), array_agg(f.detail) filter (where f.reason < 4),
      coalesce(bool_or(f.reason = 4), false) into failed, reason, detail, kept from (
      select distinct on (v.append) v.append, v.reason, v.detail from (
        select a.append, 1::smallint as reason, '' as detail
          from (select unnest(a_tenant) as tenant, unnest(a_command) as command, generate_series(1, cardinality(a_command)) as append) a
          where not p_fresh and (select true from log.command c where c.tenant = a.tenant and c.id = a.command limit 1)
        union all
        select c.append, 2::smallint, c.stream
          from (select unnest(c_append) as append, unnest(c_stream) as stream, unnest(c_version) as version, unnest(c_last) as last, unnest(c_after) as after) c
          left join lateral (select e.version, e.id from log.event e
            where e.tenant = a_tenant[c.append] and e.stream = c.stream order by e.version desc limit 1) h on true
          where c.after is null and (c.version <> coalesce(h.version, 0) or c.last <> h.id)
        union all
        select t.append, case when h.stream = t.stream then 4 else 3 end::smallint, t.claim || ' ' || h.stream
          from (select unnest(t_append) as append, unnest(t_claim) as claim, unnest(t_stream) as stream) t
          cross join lateral (select c.stream from log.claim c where c.digest = t.claim limit 1) h
          -- What the same append drops, it may take for another stream.
          where not p_fresh and (h.stream = t.stream or not exists (
            select from (select unnest(d_append) as append, unnest(d_claim) as claim, unnest(d_stream) as stream) d
            where d.append = t.append and d.claim = t.claim and d.stream = h.stream))
        union all
        select k.append, 3::smallint, k.claim || ' ' || coalesce(h.stream, '')
          from (select unnest(h_append) as append, unnest(h_claim) as claim, unnest(h_stream) as stream) k
          left join lateral (select c.stream from log.claim c where c.digest = k.claim limit 1) h on true
          where h.stream is distinct from k.stream
      ) v order by v.append, v.reason
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
    select p_lane, append.head + row_number() over (order by e.ord), a_tenant[e.append], e.stream, e.version, e.id, e.type, e.schema, e.data::json,
      a_command[e.append], e.correlation, e.causation, e.actor_kind, e.actor_id, e.actor_via, recorded, e.effective
    from (select unnest(e_append) as append, unnest(e_stream) as stream, unnest(e_version) as version, unnest(e_id) as id, unnest(e_type) as type,
      unnest(e_schema) as schema, unnest(e_data) as data, unnest(e_correlation) as correlation, unnest(e_causation) as causation,
      unnest(e_actor_kind) as actor_kind, unnest(e_actor_id) as actor_id, unnest(e_actor_via) as actor_via, unnest(e_effective) as effective,
      generate_series(1, cardinality(e_append)) as ord) e
    where failed is null or e.append <> all (failed);
  get diagnostics written = row_count;

  insert into log.command (tenant, id, fingerprint, outcome, code, params, call, lane, first_position, events, recorded_at)
    select a.tenant, a.command, a.fingerprint, a.outcome, a.code, a.params::json, a.call, p_lane,
      append.head + sum(a.events) over (order by a.append) - a.events + (a.events > 0)::integer, a.events, recorded
    from (select unnest(a_tenant) as tenant, unnest(a_command) as command, unnest(a_fingerprint) as fingerprint, unnest(a_outcome) as outcome,
      unnest(a_code) as code, unnest(a_params) as params, unnest(a_events) as events, unnest(a_call) as call,
      generate_series(1, cardinality(a_command)) as append) a
    where failed is null or a.append <> all (failed);

  if cardinality(d_append) > 0 then
    for one in select d.claim, d.stream from unnest(d_append, d_claim, d_stream) d(append, claim, stream)
      where failed is null or d.append <> all (failed)
    loop
      delete from log.claim c where c.digest = one.claim and c.stream = one.stream;
    end loop;
  end if;
  if cardinality(t_append) > 0 then
    insert into log.claim (digest, tenant, stream)
      select t.claim, a_tenant[t.append], t.stream
      from (select unnest(t_append) as append, unnest(t_claim) as claim, unnest(t_stream) as stream) t
      where (failed is null or t.append <> all (failed))
        -- A plain insert costs half of one that is ready for a conflict; no two appends of a batch name one claim.
        and (not kept or (select true from log.claim c where c.digest = t.claim limit 1) is null);
  end if;
  if cardinality(s_append) > 0 then
    insert into log.subject_key (tenant, subject, wrapped, created_at)
      select a_tenant[s.append], s.subject, s.wrapped, recorded from unnest(s_append, s_subject, s_wrapped) s(append, subject, wrapped)
      where s.wrapped is not null and (failed is null or s.append <> all (failed));
  end if;
  if array_position(s_wrapped, null) > 0 then
    for one in select a_tenant[s.append] as tenant, s.subject from unnest(s_append, s_subject, s_wrapped) s(append, subject, wrapped)
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

-- What log.append does, for a batch of one simple append, which is what a quiet system sends: one event, and no claim dropped or held.
-- The same lock first, the same probes, the same rows, by statements that take no set. What it takes it expects to be free: the index tells
-- where that is not so, and the caller then asks log.append. A plain append, without guards, claims and keys, sends none of these arrays:
-- seven empty ones cost it 45 µs of processor, of 435.
-- +goose StatementBegin
create function log.append_one(
  p_lane smallint, p_tenant uuid, p_command uuid, p_fingerprint bytea, p_params text,
  p_stream text, p_version integer, p_last uuid, p_id uuid, p_type text, p_schema smallint, p_data text,
  p_correlation text, p_causation uuid, p_actor_kind text, p_actor_id text, p_actor_via text, p_effective timestamptz,
  g_stream text[] default null, g_version integer[] default null, g_last uuid[] default null,
  t_claim uuid[] default null, t_stream text[] default null, s_subject uuid[] default null, s_wrapped bytea[] default null,
  out head bigint, out epoch integer, out recorded timestamptz, out reason smallint, out moved text
) language plpgsql security definer set search_path = pg_catalog as $$
declare
  version integer;
  last uuid;
begin
  -- Locks the lane and counts on success in one statement; a refused append, which is rare, takes the count back.
  update log.lane l set head = l.head + 1, recorded_at = greatest(l.recorded_at, clock_timestamp()) where l.lane = p_lane
    returning l.head - 1, l.epoch, l.recorded_at into head, epoch, recorded;
  if not found then
    raise exception 'lane % does not exist', p_lane using errcode = 'SF001';
  end if;
  select e.version, e.id into version, last from log.event e where e.tenant = p_tenant and e.stream = p_stream order by e.version desc limit 1;
  if p_version <> coalesce(version, 0) or p_last <> last then
    reason := 2; moved := p_stream;
  end if;
  if g_stream is not null then
    for i in 1 .. cardinality(g_stream) loop
      select e.version, e.id into version, last from log.event e where e.tenant = p_tenant and e.stream = g_stream[i] order by e.version desc limit 1;
      if g_version[i] <> coalesce(version, 0) or g_last[i] <> last then
        reason := 2; moved := g_stream[i];
      end if;
    end loop;
  end if;
  if exists (select from log.command c where c.tenant = p_tenant and c.id = p_command) then
    reason := 1;
  end if;
  if reason is not null then
    update log.lane l set head = l.head - 1 where l.lane = p_lane;
    return;
  end if;
  insert into log.event (lane, position, tenant, stream, version, id, type, schema_version, data, command_id, correlation_id,
      causation_id, actor_kind, actor_id, actor_via, recorded_at, effective_at)
    values (p_lane, head + 1, p_tenant, p_stream, p_version + 1, p_id, p_type, p_schema, p_data::json, p_command, p_correlation,
      p_causation, p_actor_kind, p_actor_id, p_actor_via, recorded, p_effective);
  insert into log.command (tenant, id, fingerprint, outcome, code, params, lane, first_position, events, recorded_at)
    values (p_tenant, p_command, p_fingerprint, 0, '', p_params::json, p_lane, head + 1, 1, recorded);
  if t_claim is not null then
    for i in 1 .. cardinality(t_claim) loop
      insert into log.claim (digest, tenant, stream) values (t_claim[i], p_tenant, t_stream[i]);
    end loop;
  end if;
  if s_subject is not null then
    for i in 1 .. cardinality(s_subject) loop
      insert into log.subject_key (tenant, subject, wrapped, created_at) values (p_tenant, s_subject[i], s_wrapped[i], recorded);
    end loop;
  end if;
end $$;
-- +goose StatementEnd
revoke all on function log.append_one from public;
grant execute on function log.append_one to streamflow_engine;
reset role;

-- +goose Down
-- It stays: the release before knows no other.
select 1;
