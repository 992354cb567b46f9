# SPDX-License-Identifier: Apache-2.0
"""Events of conduct that due posts raise, entered in the operation that changed the facts (rules.md 2.9).

What should stand is found anew from all facts and compared with what stands, so that a repeat changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.rules import content
from app.rules.rating import raisers
from app.rules.rating.raisers import Finding
from app.values import DAY
from db import bulk
from db.writers import desk, ledger, raised

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection

    from app.rules.content import DeskPolicy
    from app.rules.rating.credit import CreditPolicy
    from db.writers.desk import TaskFacts
    from db.writers.operations import Log


def source_of(kind: str, code: str, *more: object) -> str:
    """What an event names as its source: the kind of fact and the due post's code, the same on every engine."""
    return ":".join((kind, code, *map(str, more)))


def settle(log: Log, tasks: Collection[int]) -> int:
    """Enter what due posts raise, void what they no longer do; returns how many entries changed."""
    found = desk.facts(log.connection, tasks)
    if not found:
        return 0
    credit, policy = ledger.in_force(log.connection, log.now).policy, desk.policy_in_force(log.connection, log.now)
    told = [(one.creator_id, one.account_id, finding) for one in found for finding in findings(credit, policy, one, log.now)]
    return raised.reconcile(log, told, {source_of("deliverable", one.code): one.owner for one in found if one.owner})


def findings(credit: CreditPolicy, policy: DeskPolicy, one: TaskFacts, now: int) -> Iterator[Finding]:
    """What should stand for a due post; where nothing was agreed there is nothing to judge."""
    progress, code = one.progress, one.code
    if progress.agreed_due_at is None or progress.agreed_at is None:
        return
    yield _outcome(credit, one, now)
    if progress.needs_draft:
        yield raisers.draft(credit, _draft(policy, one))
    reviews = tuple(
        raisers.Review(source_of("review", code, draft.kind, draft.version), draft.decided_at, draft.decision == "approve", draft.brief_changed)
        for draft in one.drafts
        if draft.decided_at is not None
    )
    told = raisers.Reviews(source_of("reviews", code), reviews, one.free_revisions, one.causes)
    yield raisers.first_pass(credit, told)
    yield from raisers.revisions(credit, told)
    if progress.posted_at is not None:
        yield raisers.metrics(credit, _figures(one, progress.posted_at))
        if one.keep_days is not None or one.gone_at is not None:
            keep_until = progress.posted_at + (one.keep_days or 0) * DAY
            yield raisers.kept(credit, raisers.Post(source_of("post", code), keep_until, one.gone_at, one.causes))


def _outcome(credit: CreditPolicy, one: TaskFacts, now: int) -> Finding:
    progress, source = one.progress, source_of("deliverable", one.code)
    ours = progress.cancelled_at is not None and one.cancelled_by != "creator"
    if progress.posted_at is None and (ours or (not progress.live and one.deal_state != "done" and one.cancelled_by != "creator")):
        return Finding(source, raisers.OUTCOMES)
    told = raisers.Deliverable(
        source=source,
        agreed_due=progress.agreed_due_at or 0,
        sample_days=progress.sample_days,
        sample_received_at=progress.received_at,
        extensions=progress.extensions,
        posted_at=progress.posted_at,
        cancelled_at=progress.cancelled_at if one.cancelled_by == "creator" else None,
        causes=one.causes,
        contacts=one.reminders,
    )
    return raisers.deliverable(credit, told, now)


def _draft(policy: DeskPolicy, one: TaskFacts) -> raisers.Draft:
    due = content.draft_due(policy, one.progress, content.due_at(one.progress))
    first = min((draft.submitted_at for draft in one.drafts), default=None)
    return raisers.Draft(source_of("draft", one.code), due or 0, None if due is None else first)


def _figures(one: TaskFacts, posted_at: int) -> raisers.Figures:
    last = next((figure for figure in one.figures if figure.mark == content.FIGURE_MARKS[-1]), None)
    fetched = last.taken_at if last is not None and last.source == content.FigureSource.FETCHED else None
    checked = last.checked_at if last is not None else None
    return raisers.Figures(source_of("figures", one.code), posted_at, fetched, checked, open_anomaly=one.anomaly is not None)


# ---------------------------------------------------------------- by the passing of time

_SILENT: Final = (
    "select d.id from deliverable d where d.posted_at is null and d.cancelled_at is null and d.step is not null and d.due_at <= ?"
    " and not exists (select 1 from credit_event e where e.source = 'deliverable:' || d.task_code and e.type = 'no_show'"
    " and (e.voided_at is null or e.voided_by <> ?))"
)
_SEEN: Final = (
    "select d.id, d.creator_id, d.posted_at, m.id, m.as_of, o.kind, m.views, m.likes, m.comments, m.shares, m.saves"
    " from deliverable d join account a on a.id = d.account_id join content c on c.content_id = d.content_id and c.platform = a.platform"
    " join content_metric m on m.content_id = c.id and m.as_of >= d.posted_at + {after} left join operation o on o.id = m.operation_id"
    " where d.step in ({steps}) and d.next_at <= ?"
)
_FIGURE: Final = (
    "deliverable_id", "creator_id", "mark", "source", "taken_at", "views", "likes", "comments", "shares", "saves", "evidence", "by", "checked_at", "checked_by"
)  # fmt: skip


def silent(connection: Connection, now: int) -> list[int]:
    """Due posts of which a no-show is to be proposed now."""
    days = ledger.in_force(connection, now).policy.raising.no_show_days
    return [row[0] for row in bulk.fetch(connection, _SILENT, now - days * DAY, ledger.RULE)]


def seen(connection: Connection, now: int) -> list[tuple[Any, ...]]:
    """Figures of posts at T+7 and T+21 that have come by feed or file and are not noted yet, as rows to be."""
    steps = ", ".join(f"'t{mark}'" for mark in content.FIGURE_MARKS)
    rows = bulk.fetch(connection, _SEEN.format(after=content.FIGURE_MARKS[0] * DAY, steps=steps), now)
    best: dict[tuple[int, int], tuple[Any, ...]] = {}
    for task, creator, posted_at, _, as_of, kind, *figures in sorted(rows, key=lambda row: (row[0], row[4], row[3])):
        for mark in content.FIGURE_MARKS:
            # The first figures on or after the day are those of the day.
            if as_of >= posted_at + mark * DAY and as_of <= now and (task, mark) not in best:
                source = content.FigureSource.FETCHED if str(kind).startswith("sync.") else content.FigureSource.IMPORTED
                best[task, mark] = (task, creator, mark, source.value, as_of, *figures, None, ledger.RULE, None, None)
    if not best:
        return []
    bulk.keep_ids(connection, {task for task, _ in best})
    there = {(row[0], row[1]) for row in bulk.fetch(connection, "select f.deliverable_id, f.mark from wanted w join post_figure f on f.deliverable_id = w.id")}
    return [row for key, row in sorted(best.items()) if key not in there]


def note_seen(log: Log, rows: Sequence[tuple[Any, ...]]) -> int:
    """Keep such figures; returns how many."""
    log.insert("post_figure", _FIGURE, rows)
    return len(rows)
