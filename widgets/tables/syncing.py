# SPDX-License-Identifier: Apache-2.0
"""Columns of the sync page: connections, runs and their log, what was not taken, what no longer fits, what conflicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app import documents
from app.rules.fields import field_of
from widgets.tables.columns import Badge, Column

if TYPE_CHECKING:
    from app.usecases.syncing import Conflict, Connection, Due, Kept, Noticed, Run
    from widgets.labels import Labels

_STATES: Final = {
    "ok": "ok_soft", "new": "info_soft", "login_needed": "warning_soft", "parked": "warning_soft", "locked": "warning_soft", "disconnected": "danger_soft",
}  # fmt: skip
_ENDS: Final = {"ok": "ok", "partial": "warning", "parked": "warning", "cancelled": "text_muted", "failed": "danger"}
_SIGNS: Final = {"ok": "✓ ", "partial": "! ", "parked": "‖ ", "failed": "✗ ", "cancelled": "– ", "running": "… "}
_MONEY: Final = "_fen"
_SHOWN: Final = 400


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection with its last run, when it is due next, and what waits for somebody."""

    id: int
    connection: Connection
    now: int
    last: Run | None = None
    next_at: int | None = None
    every: tuple[int, ...] = ()
    """The intervals of its streams, each once."""
    conflicts: int = 0
    running: bool = False


@dataclass(frozen=True, slots=True)
class Logged:
    """A line of a run's log in words."""

    id: int
    at: int
    text: str


def platform(name: str, labels: Labels) -> str:
    """Name of a platform that can be connected."""
    return labels(f"connector.{name}") if labels.words.has(f"connector.{name}") else labels.platform(name)


def stream(name: str, labels: Labels) -> str:
    """Name of a feed."""
    key = f"stream.{name}"
    return labels(key) if labels.words.has(key) else name


def why(run: Run, labels: Labels) -> str:
    """Why a run is not complete, in one sentence; nothing where it is."""
    return documents.why(run, labels.words) or ""


def interval(seconds: int, labels: Labels) -> str:
    """How often something is done by itself."""
    if seconds <= 0:
        return labels("sync.every.never")
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds % size == 0:
            return labels.plural(f"sync.every.{name}", seconds // size)
    return labels.plural("sync.every.minutes", max(1, seconds // 60))


def value(name: str, what: object, labels: Labels) -> str:
    """A field's value as the conflict shows it."""
    if name.endswith(_MONEY) and isinstance(what, int) and field_of(name) is None:
        return labels.money(what)
    if name.endswith("_at") and isinstance(what, int):
        return labels.time(what)
    key = f"value.{name}.{what}"
    return labels(key) if isinstance(what, str) and labels.words.has(key) else labels.value(name, what)


def field(name: str, labels: Labels) -> str:
    """Title of a field of whatever syncing brings."""
    key = f"sync.field.{name}"
    return labels(key) if labels.words.has(key) else labels.field(name)


def _state(row: Connected, labels: Labels) -> tuple[Badge, ...]:
    state = row.connection.state
    return (Badge(labels("sync.running"), "accent_soft"),) if row.running else (Badge(labels(f"connection.state.{state}"), _STATES.get(state, "info_soft")),)


def _last(row: Connected, labels: Labels) -> str:
    if row.last is None:
        return labels("sync.never")
    said = labels("sync.some_rejected") if row.last.state == "ok" and row.last.rejected else labels(f"run.state.{row.last.state}")
    return f"{_SIGNS[_end_of(row.last)]}{labels.ago(row.last.ended_at or row.last.started_at, row.now)}  {said}"


def _end_of(run: Run) -> str:
    """How a run ended, for those who look for what needs them: complete, but with records left out, is not all."""
    return "partial" if run.state == "ok" and run.rejected else run.state


def _next(row: Connected, labels: Labels) -> str:
    if row.connection.parked_until and row.connection.parked_until > row.now:
        return labels("sync.parked_until", when=labels.time(row.connection.parked_until))
    if row.next_at is None:
        return labels("sync.every.never")
    return labels("sync.next.now") if row.next_at <= row.now else labels.time(row.next_at)


def _every(row: Connected, labels: Labels) -> str:
    return interval(row.every[0], labels) if len(row.every) == 1 else labels("sync.every.several")


CONNECTIONS: Final = (
    Column("name", "sync.col.name", lambda row, _: row.connection.name, order=lambda row: row.connection.name, sort="name", width=170),
    Column("platform", "sync.col.platform", lambda row, labels: platform(row.connection.platform, labels), width=150),
    Column("state", "sync.col.state", lambda row, labels: _state(row, labels)[0].text, badges=_state, width=130),
    Column(
        "last", "sync.col.last", _last, width=210, ink=lambda row: _ENDS.get(_end_of(row.last), "text") if row.last else "text_muted",
        tip=lambda row, labels: why(row.last, labels) if row.last else "",
    ),
    Column("next", "sync.col.next", _next, width=170),
    Column("every", "sync.col.every", _every, width=110),
    Column("expires", "sync.col.expires", lambda row, labels: labels.time(row.connection.expires_at), width=140),
    Column("conflicts", "sync.col.conflicts", lambda row, labels: labels.exact(row.conflicts) if row.conflicts else "", width=80, right=True),
)  # fmt: skip


def _count(name: str) -> Column:
    return Column(
        name, f"sync.col.{name}", lambda row, labels: labels.exact(getattr(row, name)), number=lambda row: getattr(row, name),
        order=lambda row: getattr(row, name), sort=name, width=84, right=True,
    )  # fmt: skip


def _end(row: Run, labels: Labels) -> str:
    return _SIGNS[row.state] + labels(f"run.state.{row.state}")


RUNS: Final = (
    Column("at", "history.at", lambda row, labels: labels.time(row.started_at), order=lambda row: row.started_at, sort="at", width=130),
    Column("connection", "sync.col.name", lambda row, _: row.connection, order=lambda row: row.connection, sort="connection", width=130),
    Column("stream", "sync.col.stream", lambda row, labels: stream(row.stream, labels), order=lambda row: row.stream, sort="stream", width=190),
    Column("state", "sync.col.state", _end, ink=lambda row: _ENDS.get(row.state, "text"), width=100),
    Column("error", "sync.col.error", why, width=230),
    *(_count(name) for name in ("pages", "received", "inserted", "updated", "unchanged", "rejected")),
    *(_count(name) for name in ("requests", "retries")),
    Column("seconds", "sync.col.seconds", lambda row, labels: labels("sync.seconds", seconds=f"{row.seconds:.1f}"), width=80, right=True),
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A stream with its interval and when it is pulled next."""

    id: int
    due: Due
    now: int


def _planned(row: Planned, labels: Labels) -> str:
    if row.due.next_at is None:
        return labels("sync.every.never")
    return labels("sync.next.now") if row.due.next_at <= row.now else labels.time(row.due.next_at)


PLAN: Final = (
    Column("connection", "sync.col.name", lambda row, _: row.due.connection, order=lambda row: row.due.connection, sort="connection", width=150),
    Column("stream", "sync.col.stream", lambda row, labels: stream(row.due.stream, labels), width=170),
    Column(
        "every", "sync.col.every", lambda row, labels: interval(row.due.every_seconds, labels), order=lambda row: row.due.every_seconds, sort="every", width=130
    ),
    Column("since", "sync.col.since", lambda row, labels: labels.time(row.due.since), order=lambda row: row.due.since or 0, sort="since", width=150),
    Column("next", "sync.col.next", _planned, order=lambda row: row.due.next_at or 0, sort="next", width=150),
    Column("failures", "sync.col.failures", lambda row, labels: labels.exact(row.due.failures) if row.due.failures else "", width=110, right=True),
)

LINES: Final = (
    Column("at", "history.at", lambda row, labels: labels.time(row.at), width=130),
    Column("text", "sync.col.line", lambda row, _: row.text, width=600),
)


def _reason(row: Kept, labels: Labels) -> str:
    key = f"reject.{row.refused.reason}"
    return labels(key) if labels.words.has(key) else row.refused.reason


REJECTED: Final = (
    Column("at", "history.at", lambda row, labels: labels.time(row.at), order=lambda row: row.at, sort="at", width=130),
    Column("connection", "sync.col.name", lambda row, _: row.connection, width=120),
    Column("stream", "sync.col.stream", lambda row, labels: stream(row.stream, labels), width=130),
    Column("key", "sync.col.key", lambda row, _: row.refused.key, width=170),
    Column("field", "sync.col.field", lambda row, _: row.refused.field, width=170),
    Column("reason", "sync.col.reason", _reason, width=240),
    Column("raw", "sync.col.raw", lambda row, _: row.refused.raw[:_SHOWN], plain=lambda row, _: row.refused.raw, width=420),
)


def _drift(row: Noticed, labels: Labels) -> str:
    return documents.drift_in_words(row.drift, labels.words)


DRIFT: Final = (
    Column("at", "history.at", lambda row, labels: labels.time(row.at), order=lambda row: row.at, sort="at", width=130),
    Column("connection", "sync.col.name", lambda row, _: row.connection, width=120),
    Column("stream", "sync.col.stream", lambda row, labels: stream(row.stream, labels), width=140),
    Column("what", "sync.col.drift", _drift, width=620),
)


def _side(which: str) -> Column:
    def said(row: Conflict, labels: Labels) -> str:
        return value(row.field, getattr(row, which), labels)

    return Column(which, f"sync.col.{which}", said, width=200)


CONFLICTS: Final = (
    Column("subject", "sync.col.subject", lambda row, _: row.subject, order=lambda row: row.subject, sort="subject", width=220),
    Column("field", "sync.col.field", lambda row, labels: field(row.field, labels), width=140),
    *(_side(which) for which in ("base", "mine", "theirs")),
    Column("connection", "sync.col.name", lambda row, _: row.connection, width=120),
    Column("at", "history.at", lambda row, labels: labels.time(row.at), order=lambda row: row.at, sort="at", width=130),
)


def connected(connections: tuple[Connection, ...], runs: tuple[Run, ...], due: tuple[Due, ...], conflicts: tuple[Conflict, ...], now: int) -> list[Connected]:
    """A row a connection. Its last run is the worst of each stream's last one: what somebody has to look at."""
    order = ("running", "failed", "parked", "partial", "cancelled", "ok")
    out = []
    for one in connections:
        latest: dict[str, Run] = {}
        for run in runs:
            if run.connection == one.name and (run.stream not in latest or run.id > latest[run.stream].id):
                latest[run.stream] = run
        worst = min(latest.values(), key=lambda run: (order.index(_end_of(run)), -run.id), default=None)
        own = [each for each in due if each.connection == one.name]
        nexts = [each.next_at for each in own if each.next_at is not None]
        intervals = tuple(sorted({each.every_seconds for each in own})) or (0,)
        waiting = sum(each.connection == one.name for each in conflicts)
        running = any(run.state == "running" for run in latest.values())
        out.append(Connected(one.id, one, now, worst, min(nexts, default=None), intervals, waiting, running))
    return out
