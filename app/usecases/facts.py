# SPDX-License-Identifier: Apache-2.0
"""Files of facts: contents and their figures, sales, touchpoints, costs, events and paths, in and out.

What people do with these facts belongs to the areas that they are of; how they come and go is the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from app import filters
from app.errors import UsageError
from app.events import CreatorsChanged, Events, OperationRecorded, ReturnsChanged
from app.files import Left, let_out, take_in
from app.jobs import Job, Quiet
from app.rules import sources
from app.rules.facts import FACTS, field_in
from app.rules.fields import Kind, platform_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from app.files import Files, Gate, ImportReport, ImportRequest, Parsed, Preview, Upserted
    from app.rules.fields import Field
    from app.values import Actor

_MANY: Final = 1000
_RETURNS: Final = frozenset({"sales", "touchpoints", "costs", "contents"})
"""Kinds that decide what creators brought back."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it was opened for somebody to look at: its head, read as what it was recognised as."""

    preview: Preview
    source: sources.Source


class FactFiles(Protocol):
    """Remembers facts. One method is one transaction."""

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""

    def take(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Take a parsed file in, all or nothing; a dry run only tells."""

    def taken_before(self) -> list[sources.Taken]:
        """How the last tables were read that were taken in, whatever their kind, the latest first."""

    def rows(self, kind: str, where: str, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
        """Values of the columns for every fact of a kind that a filter holds for, as a file carries them."""


class Facts:
    """What people do with files of facts."""

    def __init__(self, store: FactFiles, files: Files, actor: Actor, clock: Callable[[], int], events: Events, gate: Gate) -> None:
        """Work on a store, with files, as somebody; what leaves passes a gate."""
        self._store, self._files, self._actor, self._clock, self._events, self._gate = store, files, actor, clock, events, gate

    def preview(self, request: ImportRequest) -> Preview:
        """Head of a file and what its columns were taken for."""
        return self._files.preview(request)

    def open(self, request: ImportRequest, kind: str | None = None) -> Opened:
        """Head of a file with what it is: a known export, a table read before, or what its headers say. ``kind`` settles its kind."""
        preview = self._files.preview(replace(request, kind=kind or request.kind))
        source = sources.recognise(preview.headers if preview.header_row is not None else (), self._store.taken_before())
        if kind is not None and source.kind != kind:
            source = sources.Source(kind)
        if source.kind != request.kind and kind is None:
            preview = self._files.preview(replace(request, kind=source.kind))
        if source.before is not None:
            preview = replace(preview, mapping=source.columns)
        return Opened(replace(preview, platform=preview.platform or source.platform), source)

    def import_file(self, request: ImportRequest, job: Job | None = None) -> ImportReport:
        """Take a file of a kind in, all or nothing; a dry run only tells."""
        _known(request.kind)
        job, now = job or Quiet(), self._clock()
        report, done = take_in(
            self._files, request, request.kind, self._store.zone, now, job, lambda parsed: self._store.take(parsed, request, self._actor, now, job)
        )
        if done.operation_id:
            self._events.announce(CreatorsChanged(done.creator_ids if len(done.creator_ids) <= _MANY else ()), OperationRecorded())
            if request.kind in _RETURNS:
                self._events.announce(ReturnsChanged())
        return report

    def export(self, kind: str, where: str, columns: Sequence[str], path: Path, job: Job | None = None) -> int:
        """Write the facts of a kind as CSV or XLSX; returns the rows written."""
        _known(kind)
        parse_filter(kind, where, self._store.zone)
        wanted = tuple(columns) or FACTS[kind].exported
        for name in wanted:
            if field_in(kind, name) is None:
                raise UsageError("unknown_field", field=name)
        count = self._files.write_table(path, wanted, _watched(self._store.rows(kind, where, wanted), job or Quiet()))
        return let_out(self._gate, Left(kind, path.name, where, count, wanted), path)


def _known(kind: str) -> None:
    if kind not in FACTS:
        raise UsageError("unknown_kind", kind=kind, known=", ".join(FACTS))


def parse_filter(kind: str, where: str, zone: str) -> filters.Node | None:
    """Syntax tree of a filter over a kind's fields; None for an empty one."""
    return filters.parse(where, lambda name: filterable(kind, name), zone, platform_code)


def filterable(kind: str, name: str) -> Field | None:
    """Field as filters compare it: a flag by its word."""
    one = field_in(kind, name)
    return replace(one, kind=Kind.TEXT) if one is not None and one.kind is Kind.FLAG else one


def _watched(rows: Iterator[tuple[object, ...]], job: Job) -> Iterator[tuple[object, ...]]:
    for done, row in enumerate(rows):
        if done % 5000 == 0:
            job.check()
            job.progress("write", done)
        yield row
