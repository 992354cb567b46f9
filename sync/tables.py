# SPDX-License-Identifier: Apache-2.0
"""Declared tables of source fields: what each becomes, in which unit, and how strictly it is held.

From a table come the conversion, the drift that is noticed, what is refused with its text, and which raw values are kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final, Literal

from app.rules.cells import BadCellError
from app.usecases.syncing import Drift, Record, Refused
from sync.readers import COUNT, IDENT, TEXT, UNSAID, WHOLE_YUAN, YUAN, Number, Reader, UnknownWordError, json_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_USUAL: Final = 500
_YUAN: Final = 100


# ---------------------------------------------------------------- tables of source fields

Mode = Literal["identity", "money", "figure", "descriptive"]


@dataclass(frozen=True, slots=True)
class Source:
    """One source field: where it stands, what it becomes, how it is read, and how strictly it is held.

    ``identity``: a record without it is refused. ``money``: any other type is refused. ``figure``: what has one meaning is
    taken, the rest refused. ``descriptive``: what cannot be read stays unsaid. ``optional``: may be absent. ``twin``: the field
    that tells the same in whole yuan; ``aliases``: other names that sources give it.
    """

    path: str
    to: str
    reader: Reader
    mode: Mode = "descriptive"
    optional: bool = False
    twin: str = ""
    aliases: tuple[str, ...] = ()


def identity(path: str, to: str, reader: Reader = IDENT, **more: Any) -> Source:  # noqa: ANN401 (as Source)
    """A field without which a record is refused."""
    return Source(path, to, reader, "identity", **more)


def money(path: str, to: str, reader: Reader = YUAN, **more: Any) -> Source:  # noqa: ANN401
    """An amount."""
    return Source(path, to, reader, "money", **more)


def figure(path: str, to: str, reader: Reader = COUNT, **more: Any) -> Source:  # noqa: ANN401
    """A count of something."""
    return Source(path, to, reader, "figure", **more)


def told(path: str, to: str, reader: Reader = TEXT, **more: Any) -> Source:  # noqa: ANN401
    """A field that describes."""
    return Source(path, to, reader, "descriptive", **more)


@dataclass(frozen=True, slots=True)
class Table:
    """The source fields of one kind of record.

    ``known``: those that are told and not taken. ``key``: the record's key of its fields, else the one read as ``key``.
    ``open``: any other field may come.
    """

    kind: str
    fields: tuple[Source, ...]
    known: frozenset[str] = frozenset()
    key: Callable[[Mapping[str, Any]], str] | None = None
    open: bool = False

    @property
    def parents(self) -> frozenset[str]:
        """Objects that declared fields stand in."""
        paths = [path for one in self.fields for path in (one.path, one.twin, *one.aliases)]
        return frozenset(path[:at] for path in paths for at in range(len(path)) if path[at] == ".")


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows of one shape are read at once: their paths, targets and quick readers, and their pairs of twins."""

    reads: tuple[tuple[str, str, Callable[[Any], Any]], ...]
    twins: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]


@dataclass(slots=True)
class Read:
    """What became of the rows of an answer, and how many there were."""

    rows: int = 0
    records: list[Record] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Of every row that has one, refused ones included."""


class Parser:
    """Reads rows by a table; knows the shapes it has met, and tells each drift once."""

    def __init__(self, table: Table) -> None:
        """One for a walk."""
        self._table = table
        self._parents = table.parents
        self._plans: dict[tuple[str, ...], _Plan | None] = {}
        self._told: set[tuple[str, str]] = set()
        self._nameless = 0
        """Rows so far that do not tell which record they are."""
        self._paths = {path: one for one in table.fields for path in (one.path, *one.aliases)}
        self._names = {*self._paths, *(one.twin for one in table.fields if one.twin), *table.known}
        self._identities = tuple(one.to for one in table.fields if one.mode == "identity")

    def read(self, rows: Iterable[tuple[Any, Mapping[str, object]]]) -> Read:
        """Rows, each with the product fields that its address already says."""
        done = Read()
        for row, given in rows:
            done.rows += 1
            if type(row) is not dict:
                done.refused.append(Refused("", "", "not_a_record", _text_of(row)))
                continue
            flat = self._flat(row)
            shape = tuple(flat)
            plan = self._plans[shape] if shape in self._plans else self._learn(shape, flat, done)
            record = None if plan is None else self._at_once(plan, flat, given)
            if record is None:
                record = self._by_field(flat, given, done)
            if record is not None:
                done.records.append(record)
                done.keys.append(record.key)
        return done

    def _flat(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Fields that say something, by their path; those of an object that holds declared ones stand for themselves."""
        if not self._parents:
            return {name: value for name, value in row.items() if value is not None} if None in row.values() else row  # type: ignore[return-value]
        flat: dict[str, Any] = {}
        self._spread(row, "", flat)
        return flat

    def _spread(self, row: Mapping[str, Any], before: str, flat: dict[str, Any]) -> None:
        for name, value in row.items():
            if value is None:
                continue
            path = before + name
            if path in self._parents and type(value) is dict:
                self._spread(value, f"{path}.", flat)
            else:
                flat[path] = value

    def _at_once(self, plan: _Plan, flat: Mapping[str, Any], given: Mapping[str, object]) -> Record | None:
        """The record of a row that is as the contract says; None where the row needs a closer look."""
        fields: dict[str, Any] = dict(given)
        try:
            for path, to, quick in plan.reads:
                fields[to] = quick(flat[path])
            for to, twin in plan.twins:
                if abs(fields[to] - WHOLE_YUAN.quick(flat[twin])) >= _YUAN:
                    return None
        except (ValueError, TypeError, KeyError, OverflowError):
            return None
        for to in self._identities:
            if fields[to] is None:  # it was told, and says that there is none
                return None
        key = self._key(fields)
        return Record(self._table.kind, key, fields, {path: flat[path] for path in plan.paths})

    def _key(self, fields: dict[str, Any]) -> str:
        own = fields.pop("key", None)
        return str(own) if self._table.key is None else self._table.key(fields)

    # ------------------------------------------------ shapes

    def _learn(self, shape: tuple[str, ...], flat: Mapping[str, Any], done: Read) -> _Plan | None:
        """The plan of a shape met for the first time, its drift told; None where an identity is absent."""
        present = set(shape)
        reads, twins, paths, absent = [], [], [], []
        for one in self._table.fields:
            path = next((path for path in (one.path, *one.aliases) if path in present), None)
            if one.twin in present and one.twin:
                paths.append(one.twin)
                if path is None:
                    reads.append((one.twin, one.to, WHOLE_YUAN.quick))
                else:
                    twins.append((one.to, one.twin))
            if path is None:
                absent.append(one)
            else:
                reads.append((path, one.to, one.reader.quick))
                paths.append(path)
        self._shape_drift(absent, [name for name in shape if name not in self._names], flat, done)
        plan = None if any(one.mode == "identity" for one in absent) else _Plan(tuple(reads), tuple(twins), tuple(paths))
        self._plans[shape] = plan
        return plan

    def _shape_drift(self, absent: Sequence[Source], new: Sequence[str], flat: Mapping[str, Any], done: Read) -> None:
        """Missing and new fields; a missing one with a new one of its type in the same object is a renamed one."""
        left = [name for name in new if not self._table.open and _top(name) not in self._table.known]
        for one in {one.path: one for one in absent}.values():  # a field may be read twice
            other = _renamed(one, left, flat)
            if other is not None:
                left.remove(other)
                self._tell(done, one.path, "renamed", other)
            elif not one.optional:
                self._tell(done, _missing(one.path, flat), "missing")
        for name in left:
            self._tell(done, name, "new")

    def _tell(self, done: Read, path: str, kind: str, other: str = "") -> None:
        """Once for a field and a kind in a walk."""
        if (path, kind) not in self._told:
            self._told.add((path, kind))
            done.drift.append(Drift(path, kind, other[:_USUAL]))

    # ------------------------------------------------ rows that need a closer look

    def _by_field(self, flat: Mapping[str, Any], given: Mapping[str, object], done: Read) -> Record | None:
        """The record of a row with something odd in it, field by field; None where it is refused."""
        fields, raw = dict(given), _clean({path: flat[path] for path in flat if path in self._names and path not in self._table.known})
        fault: tuple[str, str] | None = None
        for one in self._table.fields:
            path = next((path for path in (one.path, *one.aliases) if path in flat), None)
            at = one.path if path is None else path
            try:
                value = UNSAID if path is None else self._patient(one, path, flat[path], done)
                if one.twin and one.twin in flat:
                    at = one.twin
                    value = self._agreeing(one, value, flat[one.twin], done)
                if one.mode == "identity" and (value is UNSAID or value is None):
                    at, value = one.path, _refuse("no_id")
            except BadCellError as error:
                fault = fault or (at, error.code)  # the others are read on: they tell which record it is
                continue
            if value is not UNSAID:
                fields[one.to] = value
        if fault is None:
            return Record(self._table.kind, self._key(fields), fields, raw)
        known = all(to in fields for to in self._identities)
        name = _clean_text(self._key(fields)) if known else ""
        self._nameless += not known
        done.refused.append(Refused(name, *fault, _text_of(raw)))
        done.keys.append(name if known else f"?{self._nameless}")
        return None

    def _patient(self, one: Source, path: str, value: Any, done: Read) -> Any:  # noqa: ANN401 (by reader)
        found = json_type(value)
        if found not in one.reader.types:
            self._tell(done, path, "type", found)
            if one.mode == "money":
                _refuse("type_changed")
        try:
            return one.reader.patient(value)
        except UnknownWordError:
            if found in one.reader.types:
                self._tell(done, path, "new", str(value))
        except BadCellError:
            if one.mode != "descriptive":
                raise
            self._tell(done, path, "type", found)
        return UNSAID

    def _agreeing(self, one: Source, value: Any, twin: Any, done: Read) -> Any:  # noqa: ANN401
        """The amount that both tell; refused where they are a yuan or more apart."""
        if (found := json_type(twin)) not in WHOLE_YUAN.types:
            self._tell(done, one.twin, "type", found)
            _refuse("type_changed")
        whole = WHOLE_YUAN.patient(twin)
        if value is not UNSAID and abs(value - whole) >= _YUAN:
            _refuse("twins_differ")
        return whole if value is UNSAID else value


def _refuse(code: str) -> Any:  # noqa: ANN401 (never returns)
    raise BadCellError(code)


def _top(path: str) -> str:
    return path.split(".", 1)[0]


def _missing(path: str, flat: Mapping[str, Any]) -> str:
    """What to call missing: the whole object where nothing of it is there."""
    home = path.rpartition(".")[0]
    return _missing(home, flat) if home and not any(name.startswith(f"{home}.") for name in flat) else path


_ALIKE: Final = 0.5


def _renamed(one: Source, new: Sequence[str], flat: Mapping[str, Any]) -> str | None:
    """The new field that a missing one has become: in the same object, of a type it had; the likest name where there are several."""
    home = one.path.rpartition(".")[0]
    fit = [name for name in new if name.rpartition(".")[0] == home and json_type(flat[name]) in one.reader.types]
    likeness = {name: SequenceMatcher(None, one.path, name).ratio() for name in fit}
    best = max(fit, key=likeness.__getitem__, default=None)
    return best if best is not None and (likeness[best] >= _ALIKE or (len(fit) == 1 and not one.optional)) else None


def _text_of(value: object) -> str:
    """A refused row as text."""
    return _clean_text(json.dumps(value, ensure_ascii=False))


def _clean_text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _clean(raw: Any) -> Any:  # noqa: ANN401 (as it came)
    """Raw values that any column holds: halves of a pair are written out."""
    match raw:
        case Number():
            return raw
        case str():
            return _clean_text(raw)
        case dict():
            return {_clean_text(name): _clean(value) for name, value in raw.items()}
        case list():
            return [_clean(value) for value in raw]
    return raw
