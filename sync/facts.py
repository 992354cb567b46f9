# SPDX-License-Identifier: Apache-2.0
"""Files of facts: contents, sales, costs ... parsed as whole columns, completed by what their rows leave open, each key once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

import polars as pl

from app.errors import UsageError
from app.files import Chunk, Reject, Warn
from app.rules import cells, facts, headers
from app.rules.fields import SAME_FIELD, Kind
from sync import columns, heads, written
from sync.frames import ROW

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from app.files import ImportRequest
    from app.jobs import Job
    from app.rules.fields import Field
    from sync.heads import Sheet

_ORDERED: Final = 100_000
_SHOWN: Final = 200
_NAMED_RANGES: Final = 20
"""Cells with a range that a warning quotes."""
_AT_ONCE: Final = 2
_SEPARATOR: Final = "\x1f"
_DAY_FIRST: Final = r"^\s*[0-9０-９]{1,2}\s*[/.\-／．－]"
_REPEATED: Final = "__repeated"
_DECIMALS: Final = r"^[-−(]?\s*[¥￥$]?\s*[-−]?[\d,]+\.\d+\)?$"
_KEYS: Final = {
    "contents": ("platform", "content_id"),
    "metrics": ("platform", "content_id", "as_of"),
    "sales": ("shop", "order_id", "line_id"),
    "touchpoints": ("shop", "order_id", "platform", "platform_uid", "handle", "name", "kind", "happened_at"),
    "costs": ("platform", "platform_uid", "handle", "name", "content_id", "campaign", "kind", "amount_fen", "currency", "incurred_at"),
    "events": ("platform", "platform_uid", "handle", "name", "type", "happened_at"),
    "contacts": ("platform", "platform_uid", "handle", "name", "at", "direction", "channel", "text"),
    "trainings": ("platform", "platform_uid", "handle", "name", "course"),
    "paths": ("path",),
    "quotes": ("platform", "platform_uid", "handle", "name", "campaign", "kind", "format", "round"),
    "waybills": ("order_no",),
}
"""What makes two rows of a file one record, beside the source's own number of it."""
_OWN: Final = {"costs": "cost_id", "events": "event_id"}
_IDENTS: Final = frozenset({"order_id", "content_id", "path"})
_NAMES: Final = ("platform", "platform_uid", "handle", "name")
_BY_CONTENT: Final = frozenset({"contents", "metrics", "costs"})
"""Kinds whose rows may leave the creator to the content that they name."""


class _Lists(Mapping[str, Sequence[object]]):
    """Columns of a frame as lists, each made when somebody asks for it."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._made: dict[str, list[object]] = {}

    def __getitem__(self, name: str) -> list[object]:
        if name not in self._made:
            if name not in self._frame.columns:
                raise KeyError(name)
            self._made[name] = self._frame[name].to_list()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._frame.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._frame.columns)

    def __len__(self) -> int:
        return self._frame.width


@dataclass(slots=True)
class FactsFile:
    """Fulfils ``Parsed``: the records as columns, each key once."""

    read: int
    duplicates: int
    key: tuple[str, ...]
    mapping: Mapping[str, str]
    unmapped: Sequence[str]
    warnings: Sequence[Warn]
    rejects: Sequence[Reject]
    digest: str
    _frame: pl.DataFrame
    _sums: Mapping[str, columns.Column]
    _rows: pl.Series

    @property
    def records(self) -> int:
        """Rows left after rejects and duplicates."""
        return self._frame.height

    @property
    def table(self) -> pl.DataFrame:
        """The records, a column for each field."""
        return self._frame.drop(ROW)

    def sums(self, rejected: Collection[int] = ()) -> Mapping[str, int | float]:
        """Exact totals per numeric field over all rows but the rejected ones; ``rejected``: those that the store turned down."""
        out = [*(reject.row for reject in self.rejects), *rejected]
        good = ~self._rows.is_in(out) if out else pl.repeat(True, len(self._rows), dtype=pl.Boolean, eager=True)  # noqa: FBT003
        return {name: columns.total(column, good) for name, column in self._sums.items()}

    def chunks(self, size: int) -> Iterator[Chunk]:
        """The records, some rows at a time."""
        for first in range(0, self._frame.height, size):
            part = self._frame.slice(first, size)
            yield Chunk(part[ROW].to_list(), _Lists(part.drop(ROW)), {})


def parse(request: ImportRequest, zone: str, now: int, sheet: Sheet, job: Job, digest: str) -> FactsFile:
    """Columns, records and rejects of an opened file of facts."""
    return _Parse(request, zone, now, sheet, job, heads.mapped(sheet, request)).run(digest)


@dataclass(slots=True)
class _Parse:
    request: ImportRequest
    zone: str
    now: int
    sheet: Sheet
    job: Job
    mapped: heads.Mapped
    kind: facts.FileKind = field(init=False)
    warnings: list[Warn] = field(init=False)
    rejects: list[Reject] = field(default_factory=list)
    read: dict[str, columns.Column] = field(default_factory=dict)
    _bad: set[int] = field(default_factory=set)
    _each_once: bool = False

    def __post_init__(self) -> None:
        """Start with what was odd about the columns."""
        self.kind = facts.FILES[self.request.kind]
        self.warnings = list(self.mapped.warnings)
        if self.sheet.first.left_out:
            left = ", ".join(self.sheet.first.left_out[:10])
            self.warnings.append(Warn("parts_left" if self.sheet.parts else "sheets_left", {"sheet": self.sheet.first.sheet or "", "left": left}))

    @property
    def rows(self) -> pl.Series:
        """Numbers of the rows as a spreadsheet counts them."""
        return self.sheet.body[ROW]

    def run(self, digest: str) -> FactsFile:
        key = self._naming()
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for done, (name, read) in enumerate(zip(self.mapped.columns, pool.map(self._read, self.mapped.columns), strict=True)):
                self.job.check()
                self.job.progress("parse", done, len(self.mapped.columns))
                self.read[name] = self._checked(name, read)
        if self.kind.name in {"contents", "metrics"}:
            self._ids_from_links()
        if self.kind.name == "sales":
            self._amounts()
        if self.kind.name == "costs":
            self._rebates()
        if self.kind.name == "paths":
            self._channels()
        repeated = self._lines() if self.kind.name == "sales" else None
        self._reject_rows(key)
        frame = self._frame(repeated)
        self._warn(frame)
        self.job.check()
        collapsed = self._collapse(frame.filter(~pl.col(_REPEATED)).drop(_REPEATED) if repeated is not None else frame)
        return FactsFile(
            read=self.sheet.body.height,
            duplicates=frame.height - collapsed.height,
            key=key,
            mapping={name: self.sheet.head.labels[at] for name, at in self.mapped.columns.items()},
            unmapped=[label.strip() for label in self.mapped.unmapped],
            warnings=self.warnings,
            rejects=sorted(self.rejects, key=lambda reject: reject.row),
            digest=digest,
            _frame=collapsed,
            _sums={name: column for name, column in self.read.items() if self.kind.fields[name].numeric},
            _rows=self.rows,
        )

    def _naming(self) -> tuple[str, ...]:
        """How rows name their creator: () by uid, else handle; else what ``--key`` says."""
        key = tuple(dict.fromkeys(SAME_FIELD.get(name, name) for name in self.request.key))
        for name in key:
            if name not in _NAMES:
                raise UsageError("unknown_key_field", field=name, known=", ".join(_NAMES))
            if name not in self.mapped.columns and name != "platform":
                raise UsageError("no_key_column", field=name, known=", ".join(self.sheet.head.labels[:40]))
        return key if "name" in key else ()

    def _label(self, name: str) -> str:
        return self.sheet.head.labels[self.mapped.columns[name]].strip() if name in self.mapped.columns else name

    def _text(self, name: str, at: int) -> str:
        return str(self.sheet.body[f"c{self.mapped.columns[name]}"][at])[:_SHOWN] if name in self.mapped.columns else self._shown(at)

    def _shown(self, at: int) -> str:
        """What tells a row apart for somebody who looks for it: its first filled cell."""
        return next((text.strip() for text in self.sheet.body.row(at)[1:] if text.strip()), "")[:_SHOWN]

    def _reject(self, at: int, name: str, code: str) -> None:
        if at not in self._bad:
            self._bad.add(at)
        self.rejects.append(Reject(self.rows[at], self._label(name), self._text(name, at), code))

    # ------------------------------------------------------------ cells

    def _read(self, name: str) -> columns.Column:
        """A column's values; the arrays work beside each other."""
        texts = written.unguarded(self.sheet.body[f"c{self.mapped.columns[name]}"])
        return columns.read(self._reading(self.kind.fields[name], texts, self._label(name)), texts)

    def _checked(self, name: str, read: columns.Column) -> columns.Column:
        for at, code in read.bad.items():
            self._reject(at, name, code)
        return self._coded(name, read) if facts.coded(self.kind.name, name) else read

    def _reading(self, one: Field, texts: pl.Series, label: str) -> cells.Reading:
        sample = texts.head(_ORDERED)
        order = cells.day_order(sample.filter(sample.str.contains(_DAY_FIRST)).to_list()) if one.kind is Kind.MOMENT else None
        if order is not None:
            self.warnings.append(Warn("date_order", {"column": label, "order": "D/M/Y" if order else "M/D/Y"}))
        return cells.Reading(
            one,
            self.zone,
            yuan=one.kind is Kind.FEN and not headers.in_fen(label) and self._in_yuan(one.name, texts, label),
            day_first=order,
            from_1904=self.sheet.first.from_1904,
            ten_thousands=one.numeric and headers.in_ten_thousands(label),
        )

    def _in_yuan(self, name: str, texts: pl.Series, label: str) -> bool:
        """Shops write yuan under headers that are known; under any other the header or the decimals must say so."""
        known = headers.field_for(label, self.kind.name) == name
        return known or headers.in_yuan(label) or bool(texts.str.strip_chars().str.contains(_DECIMALS).any())

    def _coded(self, name: str, read: columns.Column) -> columns.Column:
        """Words of a column that has few of them as their codes; what means nothing is rejected."""
        words = read.values.drop_nulls().unique().to_list()
        codes = {word: facts.code_of(self.kind.name, name, word) for word in words}
        unknown = [word for word, code in codes.items() if code is None]
        if unknown:
            for at in read.values.is_in(unknown).fill_null(False).arg_true().to_list():  # noqa: FBT003
                self._reject(at, name, "unknown_value")
        read.values = read.values.replace({word: code for word, code in codes.items() if code != word}) if words else read.values
        return read

    # ------------------------------------------------------------ what rows leave open

    def _ids_from_links(self) -> None:
        """A content without an id of its own is known by its address."""
        if "url" not in self.read:
            return
        urls = self.read["url"].values
        own = self.read["content_id"].values if "content_id" in self.read else None
        found = _each(urls, facts.content_of)
        self.read["content_id"] = columns.Column(found if own is None else own.fill_null(found))

    def _rebates(self) -> None:
        """A rebate is money that comes back: a positive one is turned."""
        if not {"kind", "amount_fen"} <= self.read.keys():
            return
        amount, kind = self.read["amount_fen"], self.read["kind"].values
        wrong = ((kind == "rebate") & (amount.values > 0)).fill_null(False)  # noqa: FBT003
        self._turn(amount, wrong, "rebate_turned", "amount_fen")

    def _turn(self, column: columns.Column, wrong: pl.Series, code: str, name: str) -> None:
        places = wrong.arg_true().to_list()
        if not places:
            return
        column.values = column.values.zip_with(~wrong, -column.values)
        column.exact.update({at: -column.exact[at] for at in places if at in column.exact})
        self.warnings.append(Warn(code, {"column": self._label(name), "count": len(places), "row": self.rows[places[0]]}))

    def _channels(self) -> None:
        if "path" in self.read:
            self.read["path"].values = _each(self.read["path"].values, lambda path: facts.channels_of(path) or None)
        if "conversions" not in self.read:
            once = pl.repeat(0 if "nulls" in self.read else 1, self.sheet.body.height, dtype=pl.Int64, eager=True)
            self.read["conversions"] = columns.Column(once)

    def _amounts(self) -> None:
        """Amounts of sales: paid is quantity times price where it is not stated, what is below zero is a refund."""
        amount = self._paid()
        if amount is None:
            return
        refund = self.read.get("refund_fen")
        if refund is not None:
            below = (refund.values < 0).fill_null(False)  # noqa: FBT003
            if below.any():
                refund.values = refund.values.abs()
                refund.exact = {at: abs(value) for at, value in refund.exact.items()}
        negative = (amount.values < 0).fill_null(False)  # noqa: FBT003
        if negative.any():
            refund = refund or columns.Column(pl.Series([None] * self.sheet.body.height, dtype=pl.Int64))
            back = (-amount.values).zip_with(negative, pl.Series([0], dtype=pl.Int64).new_from_index(0, len(negative)))
            stated = refund.values.fill_null(0)
            larger = negative & (back > stated)
            refund.values = back.zip_with(larger, refund.values)
            for at in larger.arg_true().to_list():
                refund.exact.pop(at, None)
                if at in amount.exact:
                    refund.exact[at] = -amount.exact[at]
            amount.values = amount.values.zip_with(~negative, pl.Series([0], dtype=pl.Int64).new_from_index(0, len(negative)))
            amount.exact = {at: value for at, value in amount.exact.items() if not negative[at]}
            self.read["refund_fen"] = refund
        self.read["amount_fen"] = amount

    def _paid(self) -> columns.Column | None:
        stated = self.read.get("amount_fen")
        price, count = self.read.get("unit_price_fen"), self.read.get("quantity")
        if price is None or count is None:
            return stated
        product = columns.Column(_product(count.values, price.values))
        too_large = product.values.is_null() & price.values.is_not_null() & count.values.is_not_null()
        for at in too_large.arg_true().to_list():
            self._reject(at, "quantity", "too_large")
        finer = [at for at in price.exact if count.values[at] is not None]
        if finer:
            exact = {at: price.exact[at] * int(count.values[at]) for at in finer}
            whole = {at: int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP)) for at, value in exact.items()}
            product.values = product.values.scatter(list(whole), pl.Series(list(whole.values()), dtype=pl.Int64))
            product.exact = {at: value for at, value in exact.items() if value != whole[at]}
        if stated is None:
            return product
        filled = stated.values.is_null()
        stated.exact.update({at: value for at, value in product.exact.items() if filled[at]})
        stated.values = stated.values.fill_null(product.values)
        return stated

    def _lines(self) -> pl.Series | None:
        """Number the lines of each order where the file does not; exact repeats of a row are the ones to leave out."""
        order = self.read.get("order_id")
        if order is None or ("line_id" in self.read and not self.read["line_id"].values.null_count()):
            return None
        shop = self.read["shop"].values.fill_null("") if "shop" in self.read else None
        frame = pl.DataFrame({"order": order.values, **({} if shop is None else {"shop": shop})})
        own = self.read["line_id"].values if "line_id" in self.read else pl.Series("line_id", ["1"], dtype=pl.String).new_from_index(0, frame.height)
        height = frame.height
        repeated = pl.repeat(False, height, dtype=pl.Boolean, eager=True)  # noqa: FBT003
        alone = shop is None or shop.n_unique() == 1
        self._each_once = alone and order.values.n_unique() == height
        several = pl.repeat(False, height, dtype=pl.Boolean, eager=True) if self._each_once else frame.is_duplicated() & order.values.is_not_null()  # noqa: FBT003
        if "line_id" in self.read:
            own = own.fill_null("1")
        if several.any():
            places = several.arg_true()
            texts = self.sheet.body[places].select(pl.concat_str(pl.exclude(ROW), separator=_SEPARATOR).alias("text"))["text"]
            part = frame[places].with_columns(texts, pl.Series("at", places, dtype=pl.Int64))
            if "line_id" in self.read:
                part = part.with_columns(self.read["line_id"].values[places].alias("own")).filter(pl.col("own").is_null())
            keys = [name for name in part.columns if name in {"order", "shop"}]
            part = part.with_columns(~pl.struct(*keys, "text").is_first_distinct().alias("again"))
            repeated = repeated.scatter(part.filter(pl.col("again"))["at"], True)  # noqa: FBT003
            first = part.filter(~pl.col("again")).with_columns(pl.col("text").cum_count().over(keys).cast(pl.String).alias("line"))
            own = own.scatter(first["at"], first["line"])
        self.read["line_id"] = columns.Column(own.alias("line_id"))
        return repeated if repeated.any() else None

    # ------------------------------------------------------------ rows

    def _reject_rows(self, key: tuple[str, ...]) -> None:
        """What no single cell tells: totals, rows without their key, date or amount, rows that name nobody."""
        height = self.sheet.body.height
        nothing = pl.repeat(True, height, dtype=pl.Boolean, eager=True)  # noqa: FBT003

        def lacks(name: str) -> pl.Series:
            return self.read[name].values.is_null() if name in self.read else nothing

        needs = (*self.kind.needs, *(("amount_fen",) if self.kind.name == "sales" else ()))
        missing = {name: lacks(name) for name in needs}
        any_missing = pl.repeat(False, height, dtype=pl.Boolean, eager=True)  # noqa: FBT003
        for one in missing.values():
            any_missing |= one
        if any_missing.any():
            totals = self.sheet.body["c0"].str.strip_chars().is_in(headers.TOTALS)
            self._reject_all(totals & any_missing, self.kind.needs[0], "totals_row")
        self.warnings += [Warn("column_needed", {"field": name}) for name in needs if name not in self.read]
        for name, wrong in missing.items():
            self._reject_all(wrong, name, "no_fact_key" if name in _IDENTS else "value_missing")
        if self.kind.must_name:
            nobody = lacks("platform_uid") & lacks("handle")
            if key:
                nobody &= lacks("name")
            if self.kind.name in _BY_CONTENT:
                nobody &= lacks("content_id")
            self._reject_all(nobody, "platform_uid", "no_key")
        if {"happened_at", "recorded_at"} <= self.read.keys():
            early = (self.read["recorded_at"].values < self.read["happened_at"].values).fill_null(False)  # noqa: FBT003
            self._reject_all(early, "recorded_at", "recorded_early")

    def _reject_all(self, wrong: pl.Series, name: str, code: str) -> None:
        for at in wrong.arg_true().to_list():
            if at not in self._bad:
                self._reject(at, name, code)

    def _frame(self, repeated: pl.Series | None) -> pl.DataFrame:
        """Rows that can be taken."""
        named = {name: column.values.alias(name) for name, column in self.read.items()}
        if self.kind.must_name or any(name in named for name in _NAMES):
            named["platform"] = self._platform(named)
        frame = pl.DataFrame([self.rows, *named.values()])
        if repeated is not None:
            frame = frame.with_columns(repeated.alias(_REPEATED))
        if self._bad:
            frame = frame.filter(pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True).scatter(sorted(self._bad), False))  # noqa: FBT003
        return frame

    def _platform(self, named: Mapping[str, pl.Series]) -> pl.Series:
        """Platform of every row. What a file's name or header gives away is only asked where a uid alone does not do."""
        told, guessed = heads.platform_of(self.request, self.sheet)
        height = self.sheet.body.height
        if "platform" in named:
            return named["platform"] if self.request.platform is None else named["platform"].fill_null(told)
        if guessed and "platform_uid" in named and self.kind.name not in {"contents", "metrics"}:
            told = None
        elif guessed:
            self.warnings.append(Warn("platform_guessed", {"platform": told}))
        return pl.Series("platform", [told], dtype=pl.String).new_from_index(0, height)

    # ------------------------------------------------------------ one record per key

    def _collapse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """One record per key, in the order of its first row: the last filled value of each field wins; journeys add up."""
        if self._each_once or not frame.height:
            return frame
        keys = [name for name in _KEYS[self.kind.name] if name in frame.columns and frame[name].null_count() < frame.height]
        own = _OWN.get(self.kind.name)
        if own is not None and own in frame.columns:
            parts = [pl.lit("="), pl.col(own)]
            rest = pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in keys], separator=_SEPARATOR)
            frame = frame.with_columns(pl.concat_str(parts).fill_null(rest).alias("__key"))
            keys = ["__key"]
        unique = frame[keys[0]].n_unique() if len(keys) == 1 else 0
        if unique != frame.height and (len(keys) == 1 or frame.select(pl.struct(keys).n_unique()).item() != frame.height):
            frame = frame.group_by(keys, maintain_order=True).agg(self._merged(frame, keys)).select(frame.columns)
        return frame.drop("__key", strict=False)

    def _merged(self, frame: pl.DataFrame, keys: Sequence[str]) -> list[pl.Expr]:
        rest = [name for name in frame.columns if name not in keys]
        adding = {"conversions", "nulls"} if self.kind.name == "paths" else frozenset()
        return [pl.col(name).last() if name == ROW else (pl.col(name).sum() if name in adding else pl.col(name).drop_nulls().last()) for name in rest]

    # ------------------------------------------------------------ warnings

    def _warn(self, frame: pl.DataFrame) -> None:
        for name, column in self.read.items():
            for note in ("at_least", "range", "rounded"):
                places = sorted(at for at, one in column.notes.items() if one == note)
                details: dict[str, object] = {"column": self._label(name), "count": len(places), "row": self.rows[places[0]] if places else 0}
                if places and note == "range":
                    # Facts have no place for the text: whoever reads the report finds it there.
                    cells = ", ".join(f"{self.rows[at]}: {self._text(name, at)}" for at in places[:_NAMED_RANGES])
                    self.warnings.append(Warn("range_empty", {**details, "cells": cells + ("…" if len(places) > _NAMED_RANGES else "")}))
                elif places:
                    self.warnings.append(Warn(note, details))
        for name in ("paid_at", "incurred_at", "happened_at", "published_at", "as_of"):
            if name in frame.columns:
                ahead = frame.filter(pl.col(name) > self.now)[ROW]
                if len(ahead):
                    self.warnings.append(Warn("date_ahead", {"field": name, "count": len(ahead), "row": ahead[0]}))


def _each(values: pl.Series, rule: Callable[[str], str | None]) -> pl.Series:
    """A rule of one text over a column, each distinct text once."""
    known = {text: rule(text) for text in values.drop_nulls().unique().to_list()}
    return pl.Series(values.name, [None if text is None else known[text] for text in values.to_list()], dtype=pl.String)


def _product(count: pl.Series, price: pl.Series) -> pl.Series:
    """Count times price in whole fen; null where either is, or where it is beyond all measure."""
    exact = count.cast(pl.Int128) * price.cast(pl.Int128)
    return exact.set((exact.abs() > 2**62).fill_null(False), None).cast(pl.Int64)  # noqa: FBT003
