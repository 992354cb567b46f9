# SPDX-License-Identifier: Apache-2.0
"""Outreach: contacts, templates, the copy queue, letters under way, and whom to leave alone."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from app.errors import UsageError
from app.rules import outreach
from app.rules.outreach import IN, OUT
from app.rules.recruiting import Holding, clash
from app.usecases.outreach import ContactRow, Letter, Logged, MailSettings, Sent, SuppressionRow, TemplateRow
from app.values import DAY, Stage
from db import bulk, pipeline, queue
from db.engine import reading, writing
from db.writers import audit, contacts, edits, settings, suppressed
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from app.rules.outreach import Candidate
    from app.rules.recruiting import RecruitingPolicy
    from app.usecases.outreach import Bounce, NewContact, NewTemplate, Queue, Refused
    from app.values import Actor

MAIL: Final = "mail"
"""Setting: how mail goes out, without its password."""
PENDING, SENT, BOUNCED = "pending", "sent", "bounced"
_EMAIL: Final = "email"
_FORGIVEN: Final = frozenset({"skipped"})
"""Who was skipped and is written to all the same was not forbidden."""
_FORGIVEN_BY_MAIL: Final = _FORGIVEN | {"wrong_stage"}
"""A mail may go to those too who are long past the queue."""
_REFUSALS: Final = {"owned": "owned_by_another", "no_address": "no_address", "rests": "written_lately", "wrong_stage": "not_in_queue"}
_LOG: Final = (
    "select k.id, k.creator_id, c.name, k.channel, k.direction, k.at, k.who, k.text, p.name, k.answer_by, k.outcome, k.voided_at, k.voided_by, k.void_reason"
    " from contact k join creator c on c.id = k.creator_id left join template p on p.id = k.template_id"
)
_TEMPLATES: Final = (
    "select t.id, t.name, t.channel, t.subject, t.text, (select count(*) from contact k where k.template_id = t.id and k.voided_at is null),"
    " t.archived_at, t.version from template t"
)
_SUPPRESSIONS: Final = (
    "select min(s.id), s.creator_id, c.name, s.kind, s.channel, count(s.key_hash), s.reason, s.at, s.by, s.lifted_at, s.lifted_by, s.lift_reason"
    " from suppression s left join creator c on c.id = s.creator_id{}"
    " group by s.operation_id, s.creator_id, c.name, s.kind, s.channel, s.reason, s.at, s.by, s.lifted_at, s.lifted_by, s.lift_reason"
    " order by s.at desc, 1 desc limit ?"
)
_OF_ONE: Final = (
    "select s.id from wanted w join suppression f on f.id = w.id join suppression s on s.operation_id = f.operation_id and s.kind = f.kind"
    " and s.creator_id is not distinct from f.creator_id and s.channel is not distinct from f.channel where s.lifted_at is null and s.kind <> 'erased'"
)
"""Rows of the opt-outs that some rows stand for."""
_TEMPLATE: Final = ("name", "channel", "subject", "text", "created_at", "by", "archived_at", "version")


@dataclass(frozen=True, slots=True)
class OutreachStore:
    """Fulfils ``Contacts`` on a workspace's database."""

    engine: Engine

    # ------------------------------------------------------------ contact log

    def add(self, new: NewContact, actor: Actor, now: int) -> Logged:
        """Write a contact down, with what follows from it."""
        with writing(self.engine) as connection:
            by = pipeline.policy(connection, now)
            account, owner, protected = _creator(connection, new.creator_id)
            log = Log(connection, "contact.add", actor, now)
            at = now if new.at is None else new.at
            row = (new.creator_id, account, new.channel, new.direction, at, actor.name, new.text, None, new.answer_by, None, None, log.id)
            number = log.insert("contact", contacts.COLUMNS, [row])
            contacts.replies(log, [new.creator_id])
            log.finish({"creators": 1, "creator_id": new.creator_id, "channel": new.channel, "direction": new.direction})
            alone = suppressed.among(connection, suppressed.reaches(connection, [new.creator_id]), new.channel)
            warning = clash(by, _other(connection, new.creator_id, actor.name, Holding(owner, protected)), actor.name, now)
            return Logged(log.id, _contact(connection, number), warning if new.direction == OUT else None, alone.get(new.creator_id))

    def void(self, contact_id: int, reason: str, actor: Actor, now: int) -> int:
        """Void a contact; returns the operation's id."""
        with writing(self.engine) as connection:
            one = _contact(connection, contact_id)
            if one.voided_at is not None:
                raise UsageError("decided_already", id=contact_id)
            log = Log(connection, "contact.void", actor, now)
            _set(log, "contact", [contact_id], {"voided_at": now, "voided_by": actor.name, "void_reason": reason})
            contacts.replies(log, [one.creator_id])
            return log.finish({"creators": 1, "creator_id": one.creator_id}, reason)

    def log(self, creator_id: int | None, limit: int) -> list[ContactRow]:
        """Contacts of a creator or of everybody, the newest first."""
        where, given = ("", ()) if creator_id is None else (" where k.creator_id = ?", (creator_id,))
        with reading(self.engine) as connection:
            return [ContactRow(*row) for row in bulk.fetch(connection, f"{_LOG}{where} order by k.at desc, k.id desc limit ?", *given, limit)]

    def catch_up(self, actor: Actor, now: int) -> int:
        """Raise the events of questions whose time has passed; returns the operation's id, 0 if there are none."""
        with reading(self.engine) as connection:
            if not contacts.unanswered(connection, now):
                return 0
        with writing(self.engine) as connection:
            log = Log(connection, "contact.rule", actor, now)
            raised = contacts.replies(log, contacts.unanswered(connection, now))
            if not raised:
                connection.rollback()
                return 0
            return log.finish({"events": raised})

    # ------------------------------------------------------------ templates

    def templates(self, *, archived: bool) -> list[TemplateRow]:
        """Templates by name."""
        where = "" if archived else " where t.archived_at is null"
        with reading(self.engine) as connection:
            return [_template_row(row) for row in bulk.fetch(connection, f"{_TEMPLATES}{where} order by t.name")]

    def save_template(self, new: NewTemplate, actor: Actor, now: int) -> TemplateRow:
        """Add or replace a template; one that was changed since it was seen is not overwritten."""
        with writing(self.engine) as connection:
            log = Log(connection, "template.set", actor, now)
            number = new.id
            if bulk.fetch(connection, "select 1 from template where name = ? and id <> ?", new.name.strip(), number or 0):
                raise UsageError("name_taken", name=new.name.strip())
            values: dict[str, object] = {"name": new.name.strip(), "channel": new.channel, "subject": new.subject or None, "text": new.text}
            if number is None:
                number = log.insert("template", _TEMPLATE, [(*values.values(), now, actor.name, None, 1)])
            else:
                seen = _template(connection, number)
                if new.version not in {None, seen.version}:
                    raise UsageError("edited_meanwhile", name=seen.name)
                _set(log, "template", [number], {**values, "archived_at": None, "version": seen.version + 1})
            log.finish({"template": new.name.strip()})
            return _template(connection, number)

    def archive_template(self, template_id: int, actor: Actor, now: int) -> int:
        """Put a template away; returns the operation's id."""
        with writing(self.engine) as connection:
            seen = _template(connection, template_id)
            log = Log(connection, "template.archive", actor, now)
            _set(log, "template", [template_id], {"archived_at": now, "version": seen.version + 1})
            return log.finish({"template": seen.name})

    # ------------------------------------------------------------ copy queue

    def queue(self, template_id: int, limit: int, actor: Actor, now: int, *, pool: bool) -> Queue:
        """Whom somebody writes to next by a template."""
        with reading(self.engine) as connection:
            one = _template(connection, template_id)
            return queue.head(connection, (one.channel, one.subject, one.text), limit, actor, now, pool=pool)

    def sent(self, creator_id: int, template_id: int, text: str, actor: Actor, now: int) -> Sent:
        """Write down that a message went out, asking anew whether it may: whoever opted out meanwhile is left alone."""
        with writing(self.engine) as connection:
            by, template = pipeline.policy(connection, now), _template(connection, template_id)
            one, today = _served(connection, by, creator_id, template.channel, actor, now)
            log = Log(connection, "outreach.sent", actor, now)
            account, _, _ = _creator(connection, creator_id)
            row = (creator_id, account, template.channel, OUT, now, actor.name, text or template.text, template_id, None, None, None, log.id)
            number = log.insert("contact", contacts.COLUMNS, [row])
            moved, claimed = _taken_on(log, by, one)
            done = log.finish({"creators": 1, "creator_id": creator_id, "channel": template.channel, "template": template.name})
            return Sent(done, number, moved, claimed, outreach.left_today(by, template.channel, today + 1))

    def skip(self, creator_id: int, reason: str, until: int | None, actor: Actor, now: int) -> int:
        """Leave a creator out of the queue; returns the operation's id."""
        with writing(self.engine) as connection:
            _creator(connection, creator_id)
            log = Log(connection, "outreach.skip", actor, now)
            log.insert("queue_skip", ("creator_id", "reason", "at", "until", "by", "operation_id"), [(creator_id, reason, now, until, actor.name, log.id)])
            return log.finish({"creators": 1, "creator_id": creator_id}, reason)

    # ------------------------------------------------------------ whom to leave alone

    def opt_out(self, ids: Sequence[int], kind: str, channel: str | None, reason: str | None, actor: Actor, now: int) -> int:
        """Leave creators alone from now on; returns the operation's id."""
        with writing(self.engine) as connection:
            found = suppressed.reaches(connection, list(dict.fromkeys(ids)))
            if not found:
                raise UsageError("unknown_creator", id=", ".join(map(str, ids[:5])))
            log = Log(connection, "outreach.opt_out", actor, now)
            suppressed.add(log, found, kind, channel, reason)
            return log.finish({"creators": len(found), "kind": kind, "channel": channel}, reason)

    def lift(self, suppression_ids: Sequence[int], reason: str, actor: Actor, now: int) -> int:
        """End suppressions; returns the operation's id, 0 if none was in force. What the law erased cannot be asked back here."""
        with writing(self.engine) as connection:
            bulk.keep_ids(connection, suppression_ids)
            standing = [row[0] for row in bulk.fetch(connection, _OF_ONE)]
            if not standing:
                return 0
            log = Log(connection, "outreach.lift", actor, now)
            _set(log, "suppression", standing, {"lifted_at": now, "lifted_by": actor.name, "lift_reason": reason})
            return log.finish({"suppressions": len(standing)}, reason)

    def suppressions(self, creator_id: int | None, limit: int, *, lifted: bool) -> list[SuppressionRow]:
        """Suppressions, the newest first; of a creator also those of another row that bore his contacts."""
        where = [] if lifted else ["s.lifted_at is null"]
        with reading(self.engine) as connection:
            if creator_id is not None:
                bulk.keep_ids(connection, suppressed.rows_of(connection, creator_id))
                where.append("s.id in (select id from wanted)")
            condition = f" where {' and '.join(where)}" if where else ""
            return [SuppressionRow(*row) for row in bulk.fetch(connection, _SUPPRESSIONS.format(condition), limit)]

    # ------------------------------------------------------------ mail

    def mail_settings(self) -> MailSettings | None:
        """How mail goes out; None while nobody said."""
        with reading(self.engine) as connection:
            found = settings.get(connection, MAIL)
            return None if found is None else MailSettings(**json.loads(found))

    def set_mail(self, how: MailSettings, actor: Actor, now: int) -> None:
        """Keep how mail goes out."""
        with writing(self.engine) as connection:
            settings.put(connection, MAIL, json.dumps(asdict(how), ensure_ascii=False))
            audit.append(connection, actor, now, "mail.set", MAIL, f"{how.security}:{how.host}:{how.port}")

    def reserve(self, creator_id: int, template_id: int, actor: Actor, now: int, operation_id: int) -> tuple[int, Letter] | str:
        """Write a letter down as pending, so that nobody else sends it too; or the code of why it must not go."""
        with writing(self.engine) as connection:
            by, template = pipeline.policy(connection, now), _template(connection, template_id)
            if template.channel != _EMAIL:
                raise UsageError("template_not_mail", name=template.name)
            try:
                one, _ = _served(connection, by, creator_id, _EMAIL, actor, now)
            except UsageError as error:
                return error.code
            how = settings.get(connection, MAIL)
            domain = json.loads(how)["sender"].rpartition("@")[2] if how else "localhost"
            reference = f"<{secrets.token_hex(16)}@{domain}>"
            subject, text = queue.filled(connection, creator_id, (template.subject, template.text), actor)
            log = Log(connection, "outreach.mail", actor, now, operation_id)
            account, _, _ = _creator(connection, creator_id)
            row = (creator_id, account, _EMAIL, OUT, now, actor.name, text, template_id, None, PENDING, reference, log.id)
            log.insert("contact", contacts.COLUMNS, [row])
            done = log.finish(_so_far(connection, log.id, template.name))
            return done, Letter(one.reach.email or "", subject or template.name, f"{text}\n\n{_opt_out_line(connection)}", reference)

    def settle(self, reference: str, refused: Refused | None, actor: Actor, now: int, operation_id: int) -> None:
        """What became of a pending letter: it went, or it is void, and an address that does not exist is left alone."""
        with writing(self.engine) as connection:
            number, creator = _letter(connection, reference)
            log = Log(connection, "outreach.mail", actor, now, operation_id)
            by = pipeline.policy(connection, now)
            if refused is None:
                _set(log, "contact", [number], {"outcome": SENT})
                one = queue.candidates(connection, [creator], _EMAIL)[0]
                _taken_on(log, by, one)
            else:
                _void_letter(log, number, creator, refused.outcome, refused.words)
            log.finish(json.loads(bulk.fetch(connection, "select summary from operation where id = ?", log.id)[0][0]))

    def bounced(self, bounces: Sequence[Bounce], actor: Actor, now: int) -> Mapping[str, int]:
        """Letters that came back: written down, and their addresses left alone; counts by what was done."""
        done = {BOUNCED: 0, "unknown": 0}
        with writing(self.engine) as connection:
            log = Log(connection, "outreach.bounced", actor, now)
            for bounce in bounces:
                found = _of_bounce(connection, bounce)
                done[BOUNCED if found else "unknown"] += 1
                if found:
                    _void_letter(log, *found, BOUNCED, bounce.words)
            if not log.touched:
                connection.rollback()
            else:
                log.finish({"contacts": done[BOUNCED]})
        return done


# ---------------------------------------------------------------- rows


def _set(log: Log, table: str, ids: Sequence[int], values: Mapping[str, object]) -> None:
    edits.set_fields(log, table, ids, values)


def _contact(connection: Connection, number: int) -> ContactRow:
    rows = bulk.fetch(connection, f"{_LOG} where k.id = ?", number)
    if not rows:
        raise UsageError("unknown_contact", id=number)
    return ContactRow(*rows[0])


def _template_row(row: Sequence[Any]) -> TemplateRow:
    holes = dict.fromkeys((*(outreach.check_template(row[3]) if row[3] else ()), *outreach.check_template(row[4])))
    return TemplateRow(*(*row[:5], tuple(holes), row[5], row[6] is not None, row[7]))


def _template(connection: Connection, number: int) -> TemplateRow:
    rows = bulk.fetch(connection, f"{_TEMPLATES} where t.id = ?", number)
    if not rows:
        raise UsageError("unknown_template", id=number)
    return _template_row(rows[0])


def _creator(connection: Connection, number: int) -> tuple[int | None, str | None, int | None]:
    """Main account, owner and protection of a creator; UsageError for a number that is none."""
    rows = bulk.fetch(connection, "select main_account_id, owner, protected_until from creator where id = ?", number)
    if not rows:
        raise UsageError("unknown_creator", id=number)
    account, owner, protected = rows[0]
    return account, owner, protected


def _other(connection: Connection, creator_id: int, who: str, held: Holding) -> Holding:
    statement = "select who, at from contact where creator_id = ? and voided_at is null and who <> ? order by at desc, id desc limit 1"
    rows = bulk.fetch(connection, statement, creator_id, who)
    return Holding(held.owner, held.protected_until, *rows[0]) if rows else held


# ---------------------------------------------------------------- messages


def _served(connection: Connection, by: RecruitingPolicy, creator_id: int, channel: str, actor: Actor, now: int) -> tuple[Candidate, int]:
    """A creator to whom a message may go now, and how many went out today; UsageError says why not."""
    found = queue.candidates(connection, [creator_id], channel)
    if not found:
        raise UsageError("unknown_creator", id=creator_id)
    today = queue.sent_today(connection, channel, actor.name, now)
    if not outreach.left_today(by, channel, today):
        raise UsageError("daily_limit", channel=channel, limit=by.daily_limits[channel])
    why = outreach.hindrance(by, found[0], actor.name, channel, now)
    if why == "suppressed":
        raise UsageError("suppressed", id=creator_id, channel=channel)
    if why is not None and why not in (_FORGIVEN_BY_MAIL if channel == _EMAIL else _FORGIVEN):
        raise UsageError(_REFUSALS[why], id=creator_id)
    return found[0], today


def _taken_on(log: Log, by: RecruitingPolicy, one: Candidate) -> tuple[bool, bool]:
    """Move a lead that was written to on, and let whoever wrote have him; whether it moved, whether it was nobody's."""
    moves = one.stage in by.queue_stages and by.queue_moves_to in by.moves[one.stage]
    claims = one.owner is None
    values: dict[str, object] = {"stage": int(by.queue_moves_to)} if moves else {}
    if claims:
        values |= {"owner": log.actor.name, "claimed_at": log.now, "protected_until": log.now + by.protection_days * DAY}
    if values:
        _set(log, "creator", [one.creator_id], values)
        edits.touch(log, [one.creator_id])
    if moves:
        edits.add_stage_steps(log, {one.creator_id: int(one.stage)}, Stage(by.queue_moves_to), None)
    return moves, claims


def _opt_out_line(connection: Connection) -> str:
    return pipeline.policy(connection).opt_out_line


def _so_far(connection: Connection, operation_id: int, template: str) -> dict[str, object]:
    count = bulk.fetch(connection, "select count(*) from contact where operation_id = ?", operation_id)[0][0]
    return {"contacts": count, "template": template}


def _letter(connection: Connection, reference: str) -> tuple[int, int]:
    rows = bulk.fetch(connection, "select id, creator_id from contact where message_ref = ?", reference)
    if not rows:
        raise UsageError("unknown_contact", id=reference)
    return rows[0][0], rows[0][1]


def _of_bounce(connection: Connection, bounce: Bounce) -> tuple[int, int] | None:
    """The letter that came back: by its reference, else the last one to that address."""
    for condition, value in (("k.message_ref = ?", bounce.reference), ("lower(c.email) = ?", (bounce.address or "").lower() or None)):
        if value is None:
            continue
        statement = (
            "select k.id, k.creator_id from contact k join creator c on c.id = k.creator_id"  # noqa: S608 (our own words)
            f" where k.channel = 'email' and k.direction = '{OUT}' and k.voided_at is null and {condition} order by k.at desc, k.id desc limit 1"
        )
        if rows := bulk.fetch(connection, statement, value):
            return rows[0][0], rows[0][1]
    return None


def _void_letter(log: Log, number: int, creator: int, outcome: str, words: str) -> None:
    """A letter that did not arrive is void; one that came back for good leaves its address alone."""
    _set(log, "contact", [number], {"outcome": outcome, "voided_at": log.now, "voided_by": log.actor.name, "void_reason": words[:500]})
    if outcome == BOUNCED:
        reach = suppressed.reaches(log.connection, [creator])
        only = {one: outreach.Reach(email=found.email) for one, found in reach.items()}
        suppressed.add(log, only, "do_not_contact", _EMAIL, BOUNCED)
        row = (creator, None, _EMAIL, IN, log.now, log.actor.name, words[:500] or BOUNCED, None, None, BOUNCED, None, log.id)
        log.insert("contact", contacts.COLUMNS, [row])


def catch_up(engine: Engine, actor: Actor, now: int) -> bool:
    """Raise what the passing of time brought, when a workspace is opened; whether there was anything."""
    return bool(OutreachStore(engine).catch_up(actor, now))
