# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S608 (every name in these statements is our own)
"""What a team's server watches over beyond grants: names are those of the login, nobody decides an own case, history stays.

Functions and triggers of PostgreSQL, as text. ``{prefix}`` begins the names of the roles of one database. Statements look at
all their rows at once, so that a COPY of many costs one look; the few tables whose rows change singly are watched by row.
Row-level security stands only where nothing is copied in: PostgreSQL has no COPY into a table with it.
Names are compared in the collation of the columns, under which other letters are other people.
"""

from __future__ import annotations

from typing import Final

RULE: Final = "KOC Desk"
"""Who files and confirms by rule: nobody."""

BOOKKEEPING: Final = ("audit_head", "overrides_checked_at", "returns_kept", "undone_in_part")
"""Settings that every work keeps up; all others are an administrator's."""

REFUSALS: Final = (
    "forged_name",
    "history_stays",
    "needs_admin",
    "needs_reviewer",
    "not_in_team",
    "only_proposed",
    "own_case",
    "own_role",
    "password_in_words",
    "undo_of_another",
    "unknown_role",
    "user_has_password",
    "user_is_owner",
    "user_is_role",
)
"""Codes that guards speak with; their words are those of errors."""

_HEAD: Final = "language plpgsql set search_path = pg_catalog, pg_temp as $$"
_ME: Final = 'me constant text collate "C" := session_user;'

FUNCTIONS: Final = f"""
create or replace function public.koc_owner() returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select pg_has_role(session_user, (select relowner from pg_class where oid = 'public.creator'::regclass), 'member')
$$;

create or replace function public.koc_is(variadic parts text[]) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from pg_roles r, unnest(parts) part where r.rolname = '{{prefix}}' || part and pg_has_role(session_user, r.oid, 'member'))
$$;

create or replace function public.koc_role() returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when public.koc_owner() then 'owner' else (
    select substr(r.rolname, length('{{prefix}}') + 1) from pg_roles r
    where starts_with(r.rolname, '{{prefix}}') and pg_has_role(session_user, r.oid, 'member') order by 1 limit 1) end
$$;

create or replace function public.koc_refuse(code text) returns void {_HEAD}
begin
  raise exception using errcode = '42501', message = 'koc:' || code, detail = session_user;
end $$;

-- Whether a row comes back as the log keeps it.
create or replace function public.koc_parked(called text, row_id bigint, content jsonb) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from public.change c where c.table_name = '+' || called and c.row_id = koc_parked.row_id and c.after::jsonb = content)
$$;

-- Whether somebody has put his name into a field before, by the log: what is done again bears the name of who did it first.
create or replace function public.koc_said(called text, row_id bigint, field text, who text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.change c join public.operation o on o.id = c.operation_id
    where c.table_name = called and c.row_id = koc_said.row_id and o.by = who collate "C" and c.after::jsonb ->> field = who collate "C")
$$;

-- Whether the log of an operation of the login, or of one that is undone, has a row.
create or replace function public.koc_logged(called text, row_id bigint) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.change c join public.operation o on o.id = c.operation_id
    where c.table_name = called and c.row_id = koc_logged.row_id and (o.by = session_user::text collate "C" or o.undone_at is not null))
$$;

-- Whether an event is the login's own: filed by it, or raised from a fact in an operation that is not another's.
create or replace function public.koc_filed(event bigint) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.credit_event e where e.id = event and (
      e.filed_by = session_user::text collate "C"
      or e.source is not null and not exists (
        select from public.inserted i join public.operation o on o.id = i.operation_id
        where i.table_name = 'credit_event' and e.id between i.first and i.last and o.by <> session_user::text collate "C")))
$$;

create or replace function public.koc_filed_any(events text) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from jsonb_array_elements_text(events::jsonb) one where public.koc_filed(one::bigint))
$$;

-- Whether newer facts have overtaken an event on which a case rests.
create or replace function public.koc_overtaken(events text) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from jsonb_array_elements_text(events::jsonb) one join public.credit_event e on e.id = one::bigint
    where e.voided_by = '{RULE}' and e.source is not null)
$$;

-- Whether a row came, or was changed, with facts that are taken back: by an operation that is undone and was no decision.
create or replace function public.koc_taken_back(called text, row_id bigint) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.operation o where o.undone_at is not null and o.kind !~ '^(credit|sanction|appeal)\\.' and (
      exists (select from public.change c where c.operation_id = o.id and c.table_name = called and c.row_id = koc_taken_back.row_id)
      or exists (select from public.inserted i where i.operation_id = o.id and i.table_name = called and koc_taken_back.row_id between i.first and i.last)))
$$;

create or replace function public.koc_guard_operation() returns trigger {_HEAD}
declare {_ME}
begin
  if public.koc_owner() then return new; end if;
  if tg_op = 'INSERT' then
    if new."by" is distinct from me or new.undone_at is not null or new.undone_by is not null then perform public.koc_refuse('forged_name'); end if;
    return new;
  end if;
  if (new.id, new.kind, new.at, new."by") is distinct from (old.id, old.kind, old.at, old."by") then perform public.koc_refuse('history_stays'); end if;
  if new.summary is distinct from old.summary and old."by" <> me then perform public.koc_refuse('history_stays'); end if;
  if (new.undone_at, new.undone_by) is distinct from (old.undone_at, old.undone_by) then
    if (new.undone_at is null) <> (new.undone_by is null) or new.undone_by <> me then perform public.koc_refuse('forged_name'); end if;
    if old."by" <> me and not (case
      when old.kind ~ '^(credit|sanction|appeal)\\.' then public.koc_is('reviewer')
      when old.kind ~ '^policy\\.' then public.koc_is('admin')
      else public.koc_is('manager') end)
    then perform public.koc_refuse('undo_of_another'); end if;
  end if;
  return new;
end $$;

-- Lines that belong to an operation are written by who does it. What an undo keeps for a redo is what stands there.
create or replace function public.koc_guard_lines() returns trigger {_HEAD}
declare {_ME} called text; wrong boolean;
begin
  if public.koc_owner() then return null; end if;
  if exists (
    select from (select distinct operation_id from came) c left join public.operation o on o.id = c.operation_id where o.by is distinct from me)
  then
    if tg_table_name <> 'change' then perform public.koc_refuse('history_stays'); end if;
    execute 'select exists (select from (select distinct operation_id, table_name like ''+%'' as parked from came) c join public.operation o'
      ' on o.id = c.operation_id where o.by <> $1 and not (c.parked and o.undone_at is not null))' into wrong using me;
    if wrong then perform public.koc_refuse('history_stays'); end if;
  end if;
  if tg_table_name = 'change' then
    foreach called in array array['credit_event', 'sanction', 'appeal', 'policy', 'stage_step', 'tier_override'] loop
      execute format('select exists (select from came c where c.table_name = ''+%1$s'' and not exists'
        ' (select from public.%1$I t where t.id = c.row_id and to_jsonb(t) = c.after::jsonb))', called) into wrong;
      if wrong then perform public.koc_refuse('history_stays'); end if;
    end loop;
  end if;
  return null;
end $$;

create or replace function public.koc_guard_log() returns trigger {_HEAD}
begin
  if not public.koc_owner() and exists (select from gone where table_name not like '+%') then perform public.koc_refuse('history_stays'); end if;
  return null;
end $$;

create or replace function public.koc_guard_range() returns trigger {_HEAD}
declare {_ME}
begin
  if public.koc_owner() then return new; end if;
  if (new.id, new.operation_id, new.table_name, new.first) is distinct from (old.id, old.operation_id, old.table_name, old.first) or new.last < old.last
    or not exists (select from public.operation o where o.id = old.operation_id and o.by = me)
  then perform public.koc_refuse('history_stays'); end if;
  return new;
end $$;

-- Rows with a column "by": it is the login, unless the row comes back as somebody else had left it.
create or replace function public.koc_guard_by() returns trigger {_HEAD}
declare {_ME}
begin
  if public.koc_owner() then return null; end if;
  if exists (
    select from came c where c.by is distinct from me and not public.koc_parked(tg_table_name, c.id, to_jsonb(c)) and not (tg_table_name <> 'policy' and exists (
      select from public.change l where l.table_name = tg_table_name and l.row_id = c.id and l.before::jsonb ->> 'by' = c.by)))
  then
    perform public.koc_refuse('forged_name');
  end if;
  return null;
end $$;

create or replace function public.koc_guard_events_in() returns trigger {_HEAD}
declare {_ME}
begin
  if public.koc_owner() then return null; end if;
  if exists (
    select from came c where not (
      c.voided_at is null and c.voided_by is null and (c.filed_by = me or c.source is not null) and case
        when c.confirmed_at is null then c.confirmed_by is null
        else c.source is not null and c.confirmed_by = '{RULE}' and public.koc_confirmed_by_rule(c.type, c.recorded_at) end)
    and not public.koc_parked('credit_event', c.id, to_jsonb(c)))
  then
    if exists (select from came c where c.filed_by <> me and c.source is null) then perform public.koc_refuse('forged_name'); end if;
    perform public.koc_refuse('only_proposed');
  end if;
  return null;
end $$;

-- Whether the rule confirms an event by itself: a good fact at once, a bad one when its time is over, a no-show never.
create or replace function public.koc_confirmed_by_rule(kind text, recorded_at bigint) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce((
    select case
      when (one ->> 'weight')::numeric > 0 then true
      when kind = 'no_show' then false
      else recorded_at + (p.body::jsonb -> 'raising' ->> 'confirm_hours')::numeric * 3600000000 <= extract(epoch from clock_timestamp()) * 1000000 + 60000000 end
    from public.policy p, jsonb_array_elements(p.body::jsonb -> 'types') one
    where p.name = 'credit' and one ->> 'name' = kind order by p.version desc limit 1), false)
$$;

create or replace function public.koc_guard_event() returns trigger {_HEAD}
declare {_ME} own boolean;
begin
  if public.koc_owner() then return coalesce(new, old); end if;
  if tg_op = 'DELETE' then
    if old.confirmed_at is not null and old.confirmed_by is distinct from '{RULE}'
      or not (old.filed_by = me or old.source is not null or public.koc_is('manager', 'reviewer'))
    then perform public.koc_refuse('history_stays'); end if;
    return old;
  end if;
  own := public.koc_filed(old.id);
  if new.id <> old.id or new.filed_by is distinct from old.filed_by then perform public.koc_refuse('forged_name'); end if;
  if (new.event_id, new.type, new.happened_at, new.recorded_at, new.evidence, new.source, new.stated)
    is distinct from (old.event_id, old.type, old.happened_at, old.recorded_at, old.evidence, old.source, old.stated)
    and (old.confirmed_at is not null or old.voided_at is not null or not own and public.koc_is('reviewer'))
  then perform public.koc_refuse('history_stays'); end if;
  if (new.confirmed_at, new.confirmed_by, new.confirm_reason) is distinct from (old.confirmed_at, old.confirmed_by, old.confirm_reason) then
    if old.confirmed_at is null and new.confirmed_by = '{RULE}' then
      if old.source is null or not public.koc_confirmed_by_rule(old.type, old.recorded_at) then perform public.koc_refuse('forged_name'); end if;
    elsif old.confirmed_by = '{RULE}' and new.confirmed_at is null then
      if new.confirmed_by is not null then perform public.koc_refuse('forged_name'); end if;
    else
      if not public.koc_is('reviewer') then perform public.koc_refuse('needs_reviewer'); end if;
      if own then perform public.koc_refuse('own_case'); end if;
      if (new.confirmed_at is null) <> (new.confirmed_by is null)
        or new.confirmed_by <> me and not public.koc_said('credit_event', old.id, 'confirmed_by', new.confirmed_by)
      then perform public.koc_refuse('forged_name'); end if;
    end if;
  end if;
  if (new.voided_at, new.voided_by, new.void_reason) is distinct from (old.voided_at, old.voided_by, old.void_reason) then
    if old.filed_by = me and old.confirmed_at is null and new.confirmed_at is null and coalesce(old.voided_by, me) = me then
      if coalesce(new.voided_by, me) not in (me, '{RULE}') then perform public.koc_refuse('forged_name'); end if;
    elsif old.source is not null and (new.voided_by = '{RULE}' or new.voided_by is null and old.voided_by = '{RULE}') then
      -- Newer facts overtake an older one: whoever entered them stands in the log.
      if not public.koc_logged('credit_event', old.id) then perform public.koc_refuse('history_stays'); end if;
    else
      if not public.koc_is('reviewer') then perform public.koc_refuse('needs_reviewer'); end if;
      if own then perform public.koc_refuse('own_case'); end if;
      if (new.voided_at is null) <> (new.voided_by is null)
        or new.voided_by <> me and not public.koc_said('credit_event', old.id, 'voided_by', new.voided_by)
      then perform public.koc_refuse('forged_name'); end if;
    end if;
  end if;
  return new;
end $$;

-- Whether a decided case is the milder one that a harder one became, decided by the same person for the same reason.
create or replace function public.koc_softened(creator bigint, rank smallint, who text, why text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.sanction s where s.creator_id = creator and s.approved and s.level > rank
    and (public.koc_is('reviewer') and not public.koc_filed_any(s.event_ids) or public.koc_overtaken(s.event_ids)) and s.decided_by = who collate "C" and s.reason is not distinct from why collate "C")
$$;

create or replace function public.koc_guard_cases_in() returns trigger {_HEAD}
declare {_ME}
begin
  if public.koc_owner() then return null; end if;
  if exists (
    select from came c where not (
      c.proposed_by = '{RULE}' and case
        when c.decided_at is null then c.decided_by is null and c.approved is null and c.voided_at is null
        else public.koc_softened(c.creator_id, c.level, c.decided_by, c.reason) end)
    and not public.koc_parked('sanction', c.id, to_jsonb(c)))
  then perform public.koc_refuse('only_proposed'); end if;
  return null;
end $$;

create or replace function public.koc_guard_case() returns trigger {_HEAD}
declare {_ME}
begin
  if public.koc_owner() then return coalesce(new, old); end if;
  if tg_op = 'DELETE' then
    if old.decided_at is not null and not (public.koc_taken_back('sanction', old.id)
      or public.koc_is('reviewer') and public.koc_softened(old.creator_id, old.level, old.decided_by, old.reason) and not public.koc_filed_any(old.event_ids))
    then perform public.koc_refuse('history_stays'); end if;
    return old;
  end if;
  if (new.id, new.level, new.points, new.proposed_at, new.proposed_by, new.event_ids)
    is distinct from (old.id, old.level, old.points, old.proposed_at, old.proposed_by, old.event_ids)
  then perform public.koc_refuse('history_stays'); end if;
  if (new.decided_at, new.decided_by, new.approved, new.reason, new.ends_at, new.appeal_until)
    is distinct from (old.decided_at, old.decided_by, old.approved, old.reason, old.ends_at, old.appeal_until)
  then
    if not public.koc_is('reviewer') then perform public.koc_refuse('needs_reviewer'); end if;
    if public.koc_filed_any(old.event_ids) then perform public.koc_refuse('own_case'); end if;
    if old.decided_at is not null and new.decided_at is not null then perform public.koc_refuse('history_stays'); end if;
    if (new.decided_at is null) <> (new.decided_by is null)
      or new.decided_by <> me and not public.koc_said('sanction', old.id, 'decided_by', new.decided_by)
    then perform public.koc_refuse('forged_name'); end if;
  end if;
  if new.voided_at is distinct from old.voided_at and old.decided_at is not null
    and not public.koc_overtaken(old.event_ids) and not public.koc_taken_back('sanction', old.id)
  then
    if not public.koc_is('reviewer') then perform public.koc_refuse('needs_reviewer'); end if;
    if public.koc_filed_any(old.event_ids) then perform public.koc_refuse('own_case'); end if;
  end if;
  return new;
end $$;

create or replace function public.koc_guard_appeal() returns trigger {_HEAD}
declare {_ME}
begin
  if public.koc_owner() then return coalesce(new, old); end if;
  if tg_op = 'DELETE' then
    if old.decided_at is not null or not (old.filed_by = me or public.koc_is('reviewer')) then perform public.koc_refuse('history_stays'); end if;
    return old;
  end if;
  if tg_op = 'INSERT' then
    if public.koc_parked('appeal', new.id, to_jsonb(new)) then return new; end if;
    if new.filed_by is distinct from me then perform public.koc_refuse('forged_name'); end if;
    if new.decided_at is not null or new.decided_by is not null or new.upheld is not null then perform public.koc_refuse('only_proposed'); end if;
    return new;
  end if;
  if (new.id, new.event_id, new.sanction_id, new.filed_at, new.filed_by, new.reason)
    is distinct from (old.id, old.event_id, old.sanction_id, old.filed_at, old.filed_by, old.reason)
  then perform public.koc_refuse('history_stays'); end if;
  if (new.decided_at, new.decided_by, new.upheld, new.decision_reason) is distinct from (old.decided_at, old.decided_by, old.upheld, old.decision_reason) then
    if not public.koc_is('reviewer') then perform public.koc_refuse('needs_reviewer'); end if;
    if old.filed_by = me or public.koc_filed(old.event_id) or exists (
      select from public.sanction s where s.id = old.sanction_id and public.koc_filed_any(s.event_ids))
    then perform public.koc_refuse('own_case'); end if;
    if old.decided_at is not null and new.decided_at is not null then perform public.koc_refuse('history_stays'); end if;
    if (new.decided_at is null) <> (new.decided_by is null)
      or new.decided_by <> me and not public.koc_said('appeal', old.id, 'decided_by', new.decided_by)
    then perform public.koc_refuse('forged_name'); end if;
  end if;
  return new;
end $$;
"""

_EACH: Final = "create or replace trigger {name} before {when} on public.{table} for each row execute function public.{function}();"
_IN: Final = (
    "create or replace trigger {name} after insert on public.{table} referencing new table as came for each statement execute function public.{function}();"
)


_LOG: Final = (
    "create or replace trigger koc_change_gone after delete on public.change referencing old table as gone for each statement"
    " execute function public.koc_guard_log();"
)


def named(table: str) -> str:
    """Watches over a table whose rows say by whom they are."""
    return _came(table, "koc_guard_by")


def _each(table: str, function: str, when: str) -> str:
    return _EACH.format(name=f"koc_{table}_guard", when=when, table=table, function=function)


def _came(table: str, function: str) -> str:
    return _IN.format(name=f"koc_{table}_came", table=table, function=function)


def _check(table: str, name: str, condition: str) -> str:
    """Rows from before the check, which it does not hold for, stay; it watches over what comes."""
    add = f"alter table public.{table} add constraint {name} check ({condition})"
    return (
        f"do $$ begin if not exists (select from pg_constraint where conname = '{name}') then"
        f" begin {add}; exception when check_violation then {add} not valid; end; end if; end $$;"
    )


TRIGGERS: Final = "\n".join(
    (
        _each("operation", "koc_guard_operation", "insert or update"),
        _came("change", "koc_guard_lines"),
        _came("inserted", "koc_guard_lines"),
        _came("rejected", "koc_guard_lines"),
        _LOG,
        _each("inserted", "koc_guard_range", "update"),
        _came("credit_event", "koc_guard_events_in"),
        _each("credit_event", "koc_guard_event", "update or delete"),
        _came("sanction", "koc_guard_cases_in"),
        _each("sanction", "koc_guard_case", "update or delete"),
        _each("appeal", "koc_guard_appeal", "insert or update or delete"),
        # Two people, whoever they are: not even the owner's name stands on both sides. What a rule raised, newer facts take back by rule.
        _check("credit_event", "koc_another_confirms", "confirmed_by is null or confirmed_by <> filed_by or source is not null"),
        _check(
            "credit_event",
            "koc_another_voids",
            f"voided_by is null or confirmed_at is null or voided_by <> filed_by or (voided_by = '{RULE}' and source is not null)",
        ),
        _check("appeal", "koc_another_hears", "decided_by is null or decided_by <> filed_by"),
    )
)

POLICIES: Final = f"""
alter table public.audit enable row level security;
drop policy if exists koc_read on public.audit;
create policy koc_read on public.audit for select using (true);
drop policy if exists koc_own_name on public.audit;
create policy koc_own_name on public.audit for insert with check (login = (select session_user::text));
alter table public.workspace_setting enable row level security;
drop policy if exists koc_read on public.workspace_setting;
create policy koc_read on public.workspace_setting for select using (true);
drop policy if exists koc_add on public.workspace_setting;
create policy koc_add on public.workspace_setting for insert with check (name in ({", ".join(f"'{one}'" for one in BOOKKEEPING)}) or (select public.koc_is('admin')));
drop policy if exists koc_set on public.workspace_setting;
create policy koc_set on public.workspace_setting for update
  using (name in ({", ".join(f"'{one}'" for one in BOOKKEEPING)}) or (select public.koc_is('admin')));
alter table public.team_step enable row level security;
drop policy if exists koc_read on public.team_step;
create policy koc_read on public.team_step for select using (true);
"""

MEMBERS: Final = f"""
create or replace function public.koc_demand_admin(login text) returns void {_HEAD}
begin
  if not (public.koc_owner() or public.koc_is('admin')) then perform public.koc_refuse('needs_admin'); end if;
  if login = session_user::text then perform public.koc_refuse('own_role'); end if;
  if exists (select from pg_roles r where r.rolname = login and (
    r.rolsuper or pg_has_role(r.oid, (select relowner from pg_class where oid = 'public.creator'::regclass), 'member')))
  then perform public.koc_refuse('user_is_owner'); end if;
  if login ~ '^koc_[0-9]+_' or login ~ '^pg_' then perform public.koc_refuse('user_is_role'); end if;
end $$;

create or replace function public.koc_part_of(login text) returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select substr(r.rolname, length('{{prefix}}') + 1) from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
  where u.rolname = koc_part_of.login and starts_with(r.rolname, '{{prefix}}') order by 1 limit 1
$$;

-- Gives a login a part, and makes the login where there is none. A password comes as SCRAM keeps it, never in words.
create or replace function public.koc_user_add(login text, part text, verifier text, moment bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare before text; one text;
begin
  perform public.koc_demand_admin(login);
  if not exists (select from pg_roles where rolname = '{{prefix}}' || part) then perform public.koc_refuse('unknown_role'); end if;
  if exists (select from pg_roles where rolname = login) then
    if verifier is not null then perform public.koc_refuse('user_has_password'); end if;
  elsif verifier is null then
    execute format('create role %I login', login);
  else
    if verifier !~ '^SCRAM-SHA-256\\$[0-9]+:' then perform public.koc_refuse('password_in_words'); end if;
    execute format('create role %I login password %L', login, verifier);
  end if;
  before := public.koc_part_of(login);
  if before is not distinct from part then return before; end if;
  for one in select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
    where u.rolname = login and starts_with(r.rolname, '{{prefix}}') loop
    execute format('revoke %I from %I', one, login);
  end loop;
  execute format('grant %I to %I', '{{prefix}}' || part, login);
  insert into public.team_step (name, role, previous, at, by) values (login, part, before, moment, session_user);
  return before;
end $$;

create or replace function public.koc_user_remove(login text, moment bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare before text; one text;
begin
  perform public.koc_demand_admin(login);
  before := public.koc_part_of(login);
  if before is null then return null; end if;
  for one in select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
    where u.rolname = login and starts_with(r.rolname, '{{prefix}}') loop
    execute format('revoke %I from %I', one, login);
  end loop;
  insert into public.team_step (name, role, previous, at, by) values (login, null, before, moment, session_user);
  return before;
end $$;

-- Who only reads leaves a trace of a file that was written, and can write nothing else.
create or replace function public.koc_note_export(
  number bigint, moment bigint, device text, object text, digest text, reason text, previous text, sealed text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare head text;
begin
  if public.koc_role() is null then perform public.koc_refuse('not_in_team'); end if;
  perform pg_advisory_xact_lock(7406117);
  select value into head from public.workspace_setting where name = 'audit_head';
  if coalesce(head, '0:' || repeat('0', 64)) <> (number - 1) || ':' || previous then perform public.koc_refuse('history_stays'); end if;
  insert into public.audit (seq, at, login, device, action, object, digest, reason, previous, hash)
    values (number, moment, session_user, device, 'export', object, digest, reason, previous, sealed);
  insert into public.workspace_setting (name, value) values ('audit_head', number || ':' || sealed)
    on conflict (name) do update set value = excluded.value;
end $$;
revoke execute on function public.koc_user_add(text, text, text, bigint), public.koc_user_remove(text, bigint),
  public.koc_note_export(bigint, bigint, text, text, text, text, text, text) from public;
"""
