# SPDX-License-Identifier: Apache-2.0
"""What happens to due posts, written in an operation: samples, drafts and the word on them, posts, figures.

Each function takes many due posts, writes what may be written, and answers which and what was left, with a fixed number of statements.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.errors import NotPermittedError
from app.rules import content
from app.rules.campaigns import LIVE, DealState
from app.rules.content import FigureSource, State
from app.rules.links import SHORT
from app.usecases.content import Fact, Left
from app.values import DAY
from db import bulk
from db.writers import deals, desk, edits, raising
from db.writers.deals import Deal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from db.writers.desk import TaskFacts
    from db.writers.operations import Log

_HOUR: Final = DAY // 24


class _Row(NamedTuple):
    """A due post as writers need it."""

    id: int
    collaboration_id: int
    creator_id: int
    account_id: int
    code: str
    deal_state: str | None
    platform: str | None
    category: str | None
    posted_at: int | None
    cancelled_at: int | None
    version: int
    deal_code: str


_ROWS: Final = (
    "select d.id, d.collaboration_id, d.creator_id, d.account_id, d.task_code, b.state, a.platform, coalesce(k.category, c.category), d.posted_at,"
    " d.cancelled_at, d.version, coalesce(b.code, b.source || ':' || b.source_id) from wanted w join deliverable d on d.id = w.id"
    " join collaboration b on b.id = d.collaboration_id join creator c on c.id = d.creator_id left join account a on a.id = d.account_id"
    " left join campaign k on k.id = b.campaign_id order by w.pos"
)


def rows(connection: Connection, ids: Iterable[int]) -> tuple[list[_Row], list[Left]]:
    """Due posts in the order asked, and those that are none."""
    asked = list(dict.fromkeys(ids))
    bulk.keep_ids(connection, asked)
    found = [_Row(*row) for row in bulk.fetch(connection, _ROWS)]
    there = {one.id for one in found}
    return found, [Left(one, "unknown_deliverable") for one in asked if one not in there]


def touch(log: Log, some: Sequence[_Row]) -> None:
    """Count versions of due posts up."""
    bulk.update(log.connection, "deliverable", ("updated_at", "version"), [(log.now, one.version + 1, one.id) for one in some])


def settle(log: Log, some: Sequence[_Row], when: int | None = None) -> None:
    """What follows from facts that changed at a moment (None: now): versions, the collaborations, events of conduct."""
    touch(log, some)
    ids = [one.id for one in some]
    deals.follow(log, ids, log.now if when is None else when)
    raising.settle(log, ids)


_FOR_FIGURES: Final = frozenset({State.T7, State.T21})
_POSTED: Final = frozenset({*_FOR_FIGURES, State.POSTED})


def note(log: Log, ids: Sequence[int], fact: Fact) -> tuple[list[_Row], list[Left]]:
    """Note a fact about due posts; those to which it cannot have happened are left."""
    some, left = rows(log.connection, ids)
    fit: list[_Row] = []
    for one in some:
        code = _unfit(one, fact)
        if code is None:
            fit.append(one)
        else:
            left.append(Left(one.id, code))
    done, more = _WRITERS[fact.state](log, fit, fact)
    if done:
        settle(log, done, fact.at)
    return done, [*left, *more]


def _unfit(one: _Row, fact: Fact) -> str | None:
    live = one.deal_state in LIVE or (one.deal_state == DealState.DONE and fact.state in _FOR_FIGURES)
    if not live:
        return "not_live"
    if one.cancelled_at is not None and fact.state is not State.POSTED:
        return "is_cancelled"
    if fact.state in _FOR_FIGURES:
        return "not_posted" if one.posted_at is None else None
    return "posted_already" if one.posted_at is not None else None


# ---------------------------------------------------------------- samples

_PARCEL: Final = "select s.id, s.{names} from wanted w join shipment s on s.id = w.id order by w.pos"
_FREE: Final = (
    "select k.sku, k.variant, k.stocked - coalesce((select sum(s.quantity) from shipment s where s.sku = k.sku and coalesce(s.variant, '') = k.variant"
    " and s.cancelled_at is null and (s.address_ok_at is not null or s.sent_at is not null)), 0) from stock k"
)


def _sample(log: Log, some: Sequence[_Row], fact: Fact) -> tuple[list[_Row], list[Left]]:
    """The parcel of each collaboration reaches a point; it is made where there is none."""
    parcels = deals.parcels(log, [Deal(one.collaboration_id, one.creator_id, one.account_id, one.deal_state, one.deal_code, 0, 0) for one in some],
                            fact.sku, fact.variant)  # fmt: skip
    said = {name: getattr(fact, name) for name in ("sku", "variant", "recipient", "phone", "address", "carrier", "waybill", "freight_fen")}
    values = {name: value for name, value in said.items() if value is not None}
    values[{State.ADDRESS_OK: "address_ok_at", State.SENT: "sent_at", State.RECEIVED: "received_at"}[fact.state]] = fact.at
    left: list[Left] = []
    if fact.state is State.ADDRESS_OK:
        short = _short(log, parcels, fact)
        left = [Left(one.id, "out_of_stock") for one in some if parcels[one.collaboration_id] in short]
        some = [one for one in some if parcels[one.collaboration_id] not in short]
    concerned = sorted({parcels[one.collaboration_id] for one in some})
    edits.set_fields(log, "shipment", concerned, values)
    price(log, concerned)
    return list(some), left


def price(log: Log, parcels: Sequence[int]) -> None:
    """What samples cost, as the stock says by now, on parcels of which it is not known."""
    bulk.keep_ids(log.connection, parcels)
    statement = (
        "select s.id, k.unit_cost_fen from wanted w join shipment s on s.id = w.id join stock k on k.sku = s.sku and k.variant = coalesce(s.variant, '')"
        " where s.unit_cost_fen is null and k.unit_cost_fen is not null"
    )
    rows = bulk.fetch(log.connection, statement)
    log.changed("shipment", ((one, {"unit_cost_fen": None}, {"unit_cost_fen": cost}) for one, cost in rows))
    bulk.update(log.connection, "shipment", ("unit_cost_fen",), [(cost, one) for one, cost in rows])


def _short(log: Log, parcels: Mapping[int, int], fact: Fact) -> set[int]:
    """Parcels for which there is no sample left; of what nobody counts there is enough."""
    free = {(row[0], row[1]): int(row[2]) for row in bulk.fetch(log.connection, _FREE)}
    bulk.keep_ids(log.connection, sorted(parcels.values()))
    out: set[int] = set()
    for number, sku, variant, quantity, confirmed in bulk.fetch(log.connection, _PARCEL.format(names="sku, s.variant, s.quantity, s.address_ok_at")):
        key = (fact.sku or sku or "", fact.variant or variant or "")
        if key not in free or confirmed is not None:
            continue
        if free[key] < quantity:
            out.add(number)
        else:
            free[key] -= quantity
    return out


# ---------------------------------------------------------------- drafts

_DRAFT: Final = ("deliverable_id", "creator_id", "kind", "version", "submitted_at", "submitted_by", "text", "file", "review_due_at")


def _draft_in(log: Log, some: Sequence[_Row], fact: Fact) -> tuple[list[_Row], list[Left]]:
    found = {one.id: one for one in desk.facts(log.connection, [one.id for one in some])}
    policy = desk.policy_in_force(log.connection, log.now)
    left = [Left(one.id, "draft_waiting") for one in some if _last(found[one.id], waiting=True) is not None]
    skip = {one.id for one in left}
    going = [one for one in some if one.id not in skip]
    due = fact.at + policy.review_hours * _HOUR
    made = [
        (one.id, one.creator_id, fact.kind, 1 + max((draft.version for draft in found[one.id].drafts if draft.kind == fact.kind), default=0), fact.at,
         log.actor.name, fact.text, fact.file, due)
        for one in going
    ]  # fmt: skip
    log.insert("draft", _DRAFT, made)
    return going, left


def _last(found: TaskFacts, *, waiting: bool) -> desk.DraftFact | None:
    last = found.drafts[-1] if found.drafts else None
    return last if last is not None and (last.decision is None) is waiting else None


def _decided(log: Log, some: Sequence[_Row], fact: Fact) -> tuple[list[_Row], list[Left]]:
    """A word on the draft that waits, at its place of the chain."""
    found = {one.id: one for one in desk.facts(log.connection, [one.id for one in some])}
    drafts = {one.id: _last(found[one.id], waiting=True) for one in some}
    left = [Left(one.id, "no_draft") for one in some if drafts[one.id] is None]
    words = [(one, draft) for one in some if (draft := drafts[one.id]) is not None]
    decision = "approve" if fact.state is State.APPROVED else "revise"
    done, more = say(log, words, decision, fact.reason, fact.at, brief_changed=fact.brief_changed)
    return done, [*left, *more]


_SIGNOFF: Final = ("draft_id", "creator_id", "place", "step", "decision", "reason", "at", "by")


def say(
    log: Log, words: Sequence[tuple[_Row, desk.DraftFact]], decision: str, reason: str | None, at: int, *, brief_changed: bool
) -> tuple[list[_Row], list[Left]]:
    """A word on many drafts; where a server knows who somebody is, nobody speaks on his own draft, or twice on one."""
    policy = desk.policy_in_force(log.connection, log.now)
    told = spoken(log.connection, [draft.id for _, draft in words])
    team, me = log.connection.dialect.name == "postgresql", log.actor.name
    left, signed, decided, done = [], [], [], []
    for one, draft in words:
        before = told.get(draft.id, [])
        if team and (draft.submitted_by == me or me in before):
            left.append(Left(one.id, "own_draft" if draft.submitted_by == me else "signed_already"))
            continue
        chain, place = policy.chain(one.category), len(before)
        verdict = content.sign(chain, place, decision)
        signed.append((draft.id, one.creator_id, place, chain[min(place, len(chain) - 1)], decision, reason, at, me))
        done.append(one)
        if verdict.decision is not None:
            decided.append((draft.id, verdict.decision))
    if left and not done and len(left) == len(words) and team:
        raise NotPermittedError(left[0].code, id=left[0].id)
    log.insert("signoff", _SIGNOFF, signed)
    changed = brief_changed if decision == "revise" else None
    empty = {"decided_at": None, "decision": None, "decided_by": None, "reason": None, "brief_changed": None}
    log.changed(
        "draft",
        ((number, empty, {"decided_at": at, "decision": word, "decided_by": me, "reason": reason, "brief_changed": changed}) for number, word in decided),
    )
    columns = ("decided_at", "decision", "decided_by", "reason", "brief_changed")
    bulk.update(log.connection, "draft", columns, [(at, word, me, reason, changed, number) for number, word in decided])
    return done, left


def spoken(connection: Connection, drafts: Sequence[int]) -> dict[int, list[str]]:
    """Who has spoken on drafts, in the order of the chain."""
    bulk.keep_ids(connection, drafts)
    out: dict[int, list[str]] = {}
    for draft, by in bulk.fetch(connection, "select s.draft_id, s.by from wanted w join signoff s on s.draft_id = w.id order by s.draft_id, s.place, s.id"):
        out.setdefault(draft, []).append(by)
    return out


# ---------------------------------------------------------------- posts

_TAKEN: Final = "select d.content_id, a.platform, d.id from deliverable d join account a on a.id = d.account_id where "
_KNOWN: Final = "select content_id, platform, account_id, id from content where "
_CONTENT: Final = ("platform", "content_id", "creator_id", "account_id", "published_at", "url")


def _posted(log: Log, some: Sequence[_Row], fact: Fact) -> tuple[list[_Row], list[Left]]:
    """One post for one due post; of many only the time is the same."""
    if fact.content_id is not None and len(some) > 1:
        return [], [Left(one.id, "one_link_each") for one in some]
    return post(log, [(one, fact) for one in some])


def post(log: Log, pairs: Sequence[tuple[_Row, Fact]]) -> tuple[list[_Row], list[Left]]:
    """Note posts, each with its own link; a content that another due post has, or another account, is left."""
    ids = [fact.content_id for _, fact in pairs if fact.content_id is not None]
    some, words = bulk.among(log.connection, "content_id", ids)
    taken = {(row[0], row[1]): row[2] for row in bulk.fetch(log.connection, _TAKEN + some.replace("content_id", "d.content_id", 1), words)}
    known = {(row[0], row[1]): row[2] for row in bulk.fetch(log.connection, _KNOWN + some, words)}
    done, left, facts = [], [], []
    for one, fact in pairs:
        key = (fact.content_id or "", one.platform or "")
        if fact.platform is not None and fact.platform != one.platform:
            left.append(Left(one.id, "other_platform"))
        elif fact.content_id is not None and taken.get(key, one.id) != one.id:
            left.append(Left(one.id, "duplicate", {"task": taken[key]}))
        elif fact.content_id is not None and known.get(key, one.account_id) != one.account_id:
            left.append(Left(one.id, "other_account"))
        else:
            taken[key] = one.id
            done.append(one)
            facts.append(fact)
    _write_posts(log, done, facts, known)
    return done, left


def _write_posts(log: Log, some: Sequence[_Row], facts: Sequence[Fact], known: Mapping[tuple[str, str], int]) -> None:
    names = ("posted_at", "content_id", "url", "cancelled_at", "cancelled_by")
    bulk.keep_ids(log.connection, [one.id for one in some])
    statement = f"select d.id, {', '.join(f'd.{name}' for name in names)} from wanted w join deliverable d on d.id = w.id"  # noqa: S608 (our names)
    before = {row[0]: dict(zip(names, row[1:], strict=True)) for row in bulk.fetch(log.connection, statement)}
    after = {
        one.id: {"posted_at": fact.at, "content_id": fact.content_id, "url": fact.url, "cancelled_at": None, "cancelled_by": None}
        for one, fact in zip(some, facts, strict=True)
    }
    told = ((one, *deals.cells(before[one], values)) for one, values in after.items())
    log.changed("deliverable", told)
    bulk.update(log.connection, "deliverable", names, [(*values.values(), one) for one, values in after.items()])
    new = [
        (one.platform, fact.content_id, one.creator_id, one.account_id, fact.at, fact.url)
        for one, fact in zip(some, facts, strict=True)
        if fact.content_id is not None and not fact.content_id.startswith(SHORT) and (fact.content_id, one.platform) not in known
    ]
    log.insert("content", _CONTENT, new)


# ---------------------------------------------------------------- figures

_METRICS: Final = (
    "select d.id, d.posted_at, m.as_of, o.kind, m.views, m.likes, m.comments, m.shares, m.saves from wanted w join deliverable d on d.id = w.id"
    " join account a on a.id = d.account_id join content c on c.content_id = d.content_id and c.platform = a.platform"
    " join content_metric m on m.content_id = c.id left join operation o on o.id = m.operation_id where m.as_of >= d.posted_at + ? order by d.id, m.as_of"
)
_FIGURE: Final = (
    "deliverable_id", "creator_id", "mark", "source", "taken_at", "views", "likes", "comments", "shares", "saves", "evidence", "by", "checked_at", "checked_by"
)  # fmt: skip
_NAMES: Final = ("views", "likes", "comments", "shares", "saves")


def _figures(log: Log, some: Sequence[_Row], fact: Fact) -> tuple[list[_Row], list[Left]]:
    """Figures at a mark: those that are given, else those that came by feed or file; a screenshot that was looked at is ``checked``."""
    mark = int(fact.state.removeprefix("t"))
    bulk.keep_ids(log.connection, [one.id for one in some])
    there = {
        row[0]: row[1:]
        for row in bulk.fetch(log.connection, "select f.deliverable_id, f.id, f.source, f.checked_at, f.checked_by, f.evidence from wanted w join post_figure f"
                                              " on f.deliverable_id = w.id where f.mark = ?", mark)
    }  # fmt: skip
    came = _came(log, mark) if not fact.figures and fact.source is None else {}
    checked = fact.source == FigureSource.CHECKED
    new, looked_at, left, done = [], [], [], []
    for one in some:
        if one.id in there:
            if checked and there[one.id][2] is None:
                looked_at.append((one, there[one.id]))
                done.append(one)
            else:
                left.append(Left(one.id, "figures_there"))
            continue
        if fact.state is State.T21 and fact.at < (one.posted_at or 0) + mark * DAY and one.id not in came:
            left.append(Left(one.id, "too_early"))
            continue
        row = came.get(one.id) or _given(fact)
        if row is None:
            left.append(Left(one.id, "no_figures"))
            continue
        looker = (fact.at, log.actor.name) if checked else (None, None)
        new.append((one.id, one.creator_id, mark, *row, fact.evidence, log.actor.name, *looker))
        done.append(one)
    log.insert("post_figure", _FIGURE, new)
    after = {"source": FigureSource.CHECKED.value, "checked_at": fact.at, "checked_by": log.actor.name}
    log.changed("post_figure", ((row[0], {"source": row[1], "checked_at": None, "checked_by": None}, after) for _, row in looked_at))
    bulk.update(log.connection, "post_figure", tuple(after), [(*after.values(), row[0]) for _, row in looked_at])
    return done, left


def _came(log: Log, mark: int) -> dict[int, tuple[Any, ...]]:
    """The first figures on or after the day, by due post: source, when, the figures."""
    out: dict[int, tuple[Any, ...]] = {}
    for task, _, as_of, kind, *figures in bulk.fetch(log.connection, _METRICS, mark * DAY):
        if as_of <= log.now:
            source = FigureSource.FETCHED if str(kind).startswith("sync.") else FigureSource.IMPORTED
            out.setdefault(task, (source.value, as_of, *figures))
    return out


def _given(fact: Fact) -> tuple[Any, ...] | None:
    """Figures that somebody names; without a number and without a screenshot there are none."""
    if not fact.figures and not fact.evidence:
        return None
    return (fact.source or FigureSource.SELF_REPORTED.value, fact.at, *(fact.figures.get(name) for name in _NAMES))


_Writer = Callable[["Log", Sequence[_Row], Fact], tuple[list[_Row], list[Left]]]
_WRITERS: Final[dict[State, _Writer]] = {
    State.ADDRESS_OK: _sample,
    State.SENT: _sample,
    State.RECEIVED: _sample,
    State.DRAFT_IN: _draft_in,
    State.REVISE: _decided,
    State.APPROVED: _decided,
    State.POSTED: _posted,
    State.T7: _figures,
    State.T21: _figures,
}


# ---------------------------------------------------------------- what is agreed beside


def extend(log: Log, ids: Sequence[int], until: int, agreed_at: int, reason: str | None) -> tuple[list[_Row], list[Left]]:
    """A later due time for due posts that are not posted."""
    some, left = rows(log.connection, ids)
    left += [Left(one.id, "posted_already" if one.posted_at is not None else "is_cancelled") for one in some if one.posted_at or one.cancelled_at]
    going = [one for one in some if one.posted_at is None and one.cancelled_at is None]
    columns = ("deliverable_id", "creator_id", "agreed_at", "until", "reason", "by")
    log.insert("extension", columns, [(one.id, one.creator_id, agreed_at, until, reason, log.actor.name) for one in going])
    settle(log, going)
    return going, left


def excuse(log: Log, ids: Sequence[int], causes: Sequence[str] | None) -> tuple[list[_Row], list[Left]]:
    """Causes on the brand's side, added to those that are named; None takes all back."""
    some, left = rows(log.connection, ids)
    bulk.keep_ids(log.connection, [one.id for one in some])
    before = dict(bulk.fetch(log.connection, "select d.id, d.causes from wanted w join deliverable d on d.id = w.id"))
    after = {one: None if causes is None else json.dumps(sorted({*json.loads(said or "[]"), *causes})) for one, said in before.items()}
    changed = [one for one in some if before[one.id] != after[one.id]]
    log.changed("deliverable", ((one.id, {"causes": before[one.id]}, {"causes": after[one.id]}) for one in changed))
    bulk.update(log.connection, "deliverable", ("causes",), [(after[one.id], one.id) for one in changed])
    settle(log, changed)
    return changed, left


def remind(log: Log, marks: Mapping[int, str]) -> tuple[list[_Row], list[Left]]:
    """That creators were reminded."""
    some, left = rows(log.connection, marks)
    log.insert(
        "reminder", ("deliverable_id", "creator_id", "mark", "at", "by"), [(one.id, one.creator_id, marks[one.id], log.now, log.actor.name) for one in some]
    )
    return some, left
