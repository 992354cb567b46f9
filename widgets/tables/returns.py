# SPDX-License-Identifier: Apache-2.0
"""Columns of returns: the word before the number, the interval as a bar, groups and months, the orders behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app import documents
from app.rules.rating.value import Reason, Word
from app.values import Tier, ValueGrade
from widgets.labels import NOTHING
from widgets.tables.columns import Badge, Column, Whiskers
from widgets.tables.roster import bookable_badge, bookable_why

if TYPE_CHECKING:
    from app.rules.report import Figures
    from app.usecases.roi import OrderLine, Outcome, ReturnRow
    from widgets.labels import Labels

_WORDS: Final = {Word.REPEAT: "ok_soft", Word.WATCH: "warning_soft", Word.STOP: "danger_soft"}
_GRADES: Final = {ValueGrade.S: "ok_soft", ValueGrade.A: "ok_soft", ValueGrade.B: "accent_soft", ValueGrade.N: "tier_unranked"}
_SAID: Final = {Word.REPEAT: "word.repeat", Word.WATCH: "word.watch", Word.STOP: "word.stop"}
_WHY: Final = {
    Reason.GRADE: "roi.why.grade",
    Reason.SANCTION: "roi.why.sanction",
    Reason.LOSS: "roi.why.loss",
    Reason.SAFE: "roi.why.safe",
    Reason.ON_TARGET: "roi.why.on_target",
    Reason.COMMISSION_ONLY: "roi.why.commission_only",
    Reason.NO_DATA: "roi.why.no_data",
    Reason.UNSEEN: "roi.why.unseen",
    Reason.UNSURE: "roi.why.unsure",
    Reason.OFF_TARGET: "roi.why.off_target",
}
_LEANS: Final = ((0.25, "roi.lean.own"), (0.6, "roi.lean.both"), (2.0, "roi.lean.peers"))
_YUAN: Final = 100
_LONG: Final = 10_000
_WIDEST: Final = 4.0
"""Break-evens that fit into an interval's cell; what is beyond is cut off with a sign."""


@dataclass(slots=True)
class Scale:
    """What the bars of one table share: how far they reach, and where the lines stand."""

    most: float = 5.0
    break_even: float | None = None
    target: float | None = None

    def fit(self, highest: float, margin: float, target: float | None) -> None:
        """Reach as far as what is shown, within reason."""
        self.break_even = 1 / margin if margin > 0 else None
        self.target = target
        line = max(self.break_even or 1.0, target or 0.0)
        self.most = max(line * 1.5, min(highest, line * _WIDEST)) * 1.02

    def bar(self, one: Figures) -> Whiskers | None:
        """The interval of somebody, where there is one."""
        if one.p10 is None or one.p25 is None or one.p50 is None or one.p75 is None or one.p90 is None:
            return None
        low, mild, middle, high, top = (value / self.most for value in (one.p10, one.p25, one.p50, one.p75, one.p90))
        line = self.break_even or 0.0
        token = "accent" if line <= 0 or one.p10 < line <= one.p90 else "ok" if one.p10 >= line else "danger"
        marks = [(value / self.most, name) for value, name in ((self.break_even, "text_muted"), (self.target, "warning")) if value is not None]
        return Whiskers(low, mild, middle, high, top, token, tuple(marks))


# ---------------------------------------------------------------- words


def amount(fen: int | None, labels: Labels) -> str:
    """An amount as people say it: ``¥12.3万``; to the fen below ten thousand yuan."""
    if fen is None:
        return NOTHING
    if abs(fen) < _LONG * _YUAN:
        return labels.money(fen)
    return f"{'-' if fen < 0 else ''}¥{labels.count(round(abs(fen) / _YUAN))}"


def times(value: float | None, labels: Labels) -> str:
    """A return on spend as 1 : x."""
    return labels("roi.no_data") if value is None else f"1:{value:.2f}"


def chance(value: float | None, labels: Labels) -> str:
    """A probability; what is nearly sure is not said to be."""
    if value is None:
        return labels("roi.no_data")
    return ">99%" if value > 0.995 else "<1%" if value < 0.005 else f"{value * 100:.0f}%"  # noqa: PLR2004 (what rounds to all or nothing)


def roas(one: Figures, labels: Labels) -> str:
    """Net ROAS; without a cost there is nothing to divide by."""
    return labels("roi.no_cost") if one.roas is None else times(one.roas, labels)


def interval(one: Figures, labels: Labels) -> str:
    """The 80 % interval in short."""
    if one.p10 is None or one.p90 is None:
        return labels("roi.no_data") if one.fixed_fen > 0 else labels("roi.commission_only")
    return f"{one.p10:.2f}–{one.p90:.2f}"


def interval_sentence(one: Figures, labels: Labels) -> str:
    """The 80 % interval as a sentence."""
    if one.p10 is None or one.p50 is None or one.p90 is None:
        return labels("roi.sentence.no_data" if one.fixed_fen > 0 else "roi.sentence.commission_only")
    return labels("roi.sentence.interval", low=f"{one.p10:.2f}", high=f"{one.p90:.2f}", middle=f"{one.p50:.2f}")


def lean(weight: float | None, labels: Labels) -> str:
    """How far an estimate leans on peers, in words."""
    if weight is None:
        return NOTHING
    return next(labels(key) for most, key in _LEANS if weight < most)


def why(one: Outcome, labels: Labels) -> str:
    """What decided the word, as a sentence."""
    grade = one.person.credit_grade or ""
    sanction = labels(f"sanction.{one.person.sanction}") if one.person.sanction else ""
    return labels(_WHY[one.reason], grade=grade, sanction=sanction)


def word_said(word: Word, labels: Labels) -> str:
    """The operator's word."""
    return labels(_SAID[word])


def word_badge(word: Word, labels: Labels) -> Badge:
    """The operator's word as a coloured one."""
    return Badge(word_said(word, labels), _WORDS[word])


def grade_badge(grade: ValueGrade) -> Badge:
    """A value grade as a coloured letter."""
    return Badge(grade.code, _GRADES[grade])


def _tier(one: Outcome, labels: Labels) -> tuple[Badge, ...]:
    tier: Tier | None = one.person.tier
    return () if tier is None else (Badge(labels.rank(tier), f"tier_{tier.code}"),)


def interval_tip(one: Figures, labels: Labels) -> str:
    """The interval as a sentence, with what the lines mean where there are any."""
    return f"{interval_sentence(one, labels)}\n{labels('roi.lines_tip')}" if one.p10 is not None else interval_sentence(one, labels)


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _known(value: float | None) -> str:
    return "text_muted" if value is None else "text"


# ---------------------------------------------------------------- creators


def outcome_columns(scale: Scale) -> tuple[Column, ...]:
    """A creator's return; the bars share a scale."""
    return (
        Column(
            "word", "roi.word", lambda row, labels: word_said(row.word, labels), sort="word", width=84, badges=lambda row, labels: (word_badge(row.word, labels),),
            tip=why,
        ),
        Column("name", "roi.by.creator", lambda row, _: row.person.name, width=150),
        Column(
            "bookable", "field.bookable", lambda row, labels: labels.rank(row.person.booking.word), width=92,
            badges=lambda row, labels: (bookable_badge(row.person.booking, labels),), tip=lambda row, labels: bookable_why(row.person.booking, labels),
        ),
        Column("platform", "field.platform", lambda row, labels: labels.platform(row.person.platform), width=104),
        Column("tier", "field.tier", lambda row, labels: labels.rank(row.person.tier), width=92, badges=_tier),
        _money("net", "net_fen"),
        _money("landed", "landed_fen"),
        Column(
            "roas", "roi.roas", lambda row, labels: roas(row.figures, labels), sort="roas", width=92, right=True, ink=lambda row: _known(row.figures.roas),
            tip=lambda row, labels: labels("roi.roas_tip", roas=roas(row.figures, labels)), plain=lambda row, _: _decimal(row.figures.roas),
        ),
        Column(
            "interval", "roi.interval", lambda row, labels: interval(row.figures, labels), sort="p50", width=176, bar=lambda row: scale.bar(row.figures),
            ink=lambda row: _known(row.figures.p10), tip=lambda row, labels: interval_tip(row.figures, labels),
        ),
        _estimate("p25", "roi.p25", "p25"),
        _chance("above_break_even", "roi.above_break_even", "p_above_break_even"),
        _chance("above_target", "roi.above_target", "p_above_target"),
        Column(
            "peer_weight", "roi.peer_weight", lambda row, labels: lean(row.figures.peer_weight, labels), sort="peer_weight", width=118,
            ink=lambda row: _known(row.figures.peer_weight), tip=lambda row, labels: labels("roi.lean_tip", share=labels.percent(row.figures.peer_weight)),
            plain=lambda row, _: _decimal(row.figures.peer_weight),
        ),
        Column(
            "value_grade", "roi.value_grade", lambda row, _: row.value_grade.code, sort="value_grade", width=96,
            badges=lambda row, _: (grade_badge(row.value_grade),), tip=lambda row, labels: labels.rank(row.value_grade),
        ),
        Column(
            "sales", "roi.sales", lambda row, labels: labels.count(row.figures.sales), sort="sales", width=96, right=True, hidden=True,
            number=lambda row: row.figures.sales, plain=lambda row, _: str(row.figures.sales),
        ),
        Column(
            "roi", "roi.roi", lambda row, labels: labels.percent(row.figures.roi), width=110, right=True, hidden=True, ink=lambda row: _known(row.figures.roi),
        ),
        Column("why", "roi.why", why, width=380, hidden=True),
    )  # fmt: skip


def _money(key: str, name: str, *, width: int = 108) -> Column:
    return Column(
        key, f"roi.{key}", lambda row, labels: amount(getattr(row.figures, name), labels), sort=key, width=width, right=True,
        tip=lambda row, labels: labels.money(getattr(row.figures, name)), plain=lambda row, _: f"{getattr(row.figures, name) / _YUAN:.2f}",
        number=lambda row: getattr(row.figures, name), worded=lambda fen, labels: labels.money(round(fen)),
    )  # fmt: skip


def _estimate(key: str, title: str, name: str) -> Column:
    return Column(
        key, title, lambda row, labels: times(getattr(row.figures, name), labels), sort=key, width=132, right=True,
        ink=lambda row: _known(getattr(row.figures, name)), plain=lambda row, _: _decimal(getattr(row.figures, name)),
        order=lambda row: getattr(row.figures, name),
    )  # fmt: skip


def _chance(key: str, title: str, name: str) -> Column:
    return Column(
        key, title, lambda row, labels: chance(getattr(row.figures, name), labels), sort=key, width=120, right=True,
        ink=lambda row: _known(getattr(row.figures, name)), plain=lambda row, _: _decimal(getattr(row.figures, name)),
        order=lambda row: getattr(row.figures, name),
    )  # fmt: skip


# ---------------------------------------------------------------- groups


@dataclass(frozen=True, slots=True)
class Grouped:
    """A row of another dimension, numbered for the table; ``label`` is in words."""

    id: int
    key: int | str | None
    label: str
    figures: Figures
    value_grade: ValueGrade | None


RANKED: Final = frozenset({"interval", "p25", "above_break_even", "above_target", "peer_weight", "value_grade"})
"""Columns that only creators and accounts have: what is summed over many has no interval of its own."""


def grouped(by: str, rows: tuple[ReturnRow, ...], labels: Labels) -> list[Grouped]:
    """Rows of a report for the table."""
    return [Grouped(at, row.key, documents.return_label(by, row, labels.words), row.figures, row.value_grade) for at, row in enumerate(rows, 1)]


def group_columns(scale: Scale) -> tuple[Column, ...]:
    """What accounts, groups, months and products brought back."""
    return (
        Column("label", "roi.of", lambda row, _: row.label, sort="label", width=240, tip=lambda row, _: row.label),
        _money("net", "net_fen"),
        _money("landed", "landed_fen"),
        Column(
            "roas", "roi.roas", lambda row, labels: roas(row.figures, labels), sort="roas", width=92, right=True, ink=lambda row: _known(row.figures.roas),
            order=lambda row: row.figures.roas, plain=lambda row, _: _decimal(row.figures.roas),
        ),
        Column(
            "roi", "roi.roi", lambda row, labels: labels.percent(row.figures.roi), sort="roi", width=110, right=True,
            ink=lambda row: _known(row.figures.roi), order=lambda row: row.figures.roi,
        ),
        Column(
            "sales", "roi.sales", lambda row, labels: labels.count(row.figures.sales), sort="sales", width=96, right=True,
            number=lambda row: row.figures.sales, plain=lambda row, _: str(row.figures.sales),
        ),
        _money("fixed", "fixed_fen"),
        _money("variable", "variable_fen", width=124),
        Column(
            "interval", "roi.interval", lambda row, labels: interval(row.figures, labels), sort="interval", width=176, bar=lambda row: scale.bar(row.figures),
            ink=lambda row: _known(row.figures.p10), tip=lambda row, labels: interval_tip(row.figures, labels), order=lambda row: row.figures.p50,
        ),
        _estimate("p25", "roi.p25", "p25"),
        _chance("above_break_even", "roi.above_break_even", "p_above_break_even"),
        _chance("above_target", "roi.above_target", "p_above_target"),
        Column(
            "peer_weight", "roi.peer_weight", lambda row, labels: lean(row.figures.peer_weight, labels), sort="peer_weight", width=118,
            order=lambda row: row.figures.peer_weight, ink=lambda row: _known(row.figures.peer_weight),
        ),
        Column(
            "value_grade", "roi.value_grade", lambda row, _: "" if row.value_grade is None else row.value_grade.code, sort="value_grade", width=96,
            badges=lambda row, _: () if row.value_grade is None else (grade_badge(row.value_grade),), order=lambda row: row.value_grade,
        ),
    )  # fmt: skip


# ---------------------------------------------------------------- orders


def _ties(row: OrderLine, labels: Labels) -> str:
    return labels("list.separator").join(labels(f"roi.tie.{one}") for one in row.ties)


ORDERS: Final = (
    Column("paid_at", "roi.order.paid_at", lambda row, labels: labels.time(row.paid_at), sort="paid_at", width=136, order=lambda row: row.paid_at),
    Column(
        "credited", "roi.order.credited", lambda row, labels: labels.money(row.credited_fen), sort="credited", width=112, right=True,
        number=lambda row: row.credited_fen, worded=lambda fen, labels: labels.money(round(fen)), plain=lambda row, _: f"{row.credited_fen / _YUAN:.2f}",
    ),
    Column(
        "amount", "roi.order.amount", lambda row, labels: labels.money(row.amount_fen), sort="amount", width=112, right=True,
        number=lambda row: row.amount_fen, worded=lambda fen, labels: labels.money(round(fen)), plain=lambda row, _: f"{row.amount_fen / _YUAN:.2f}",
    ),
    Column(
        "refund", "roi.order.refund", lambda row, labels: labels.money(row.refund_fen) if row.refund_fen else "", sort="refund", width=104, right=True,
        number=lambda row: row.refund_fen, worded=lambda fen, labels: labels.money(round(fen)), plain=lambda row, _: f"{row.refund_fen / _YUAN:.2f}",
    ),
    Column("owners", "roi.order.owners", lambda row, labels: labels("list.separator").join(row.owners) or labels("roi.unattributed"), sort="owners", width=140),
    Column("ties", "roi.order.ties", _ties, sort="ties", width=110),
    Column("product", "roi.by.product", lambda row, _: row.product or "", sort="product", width=180),
    Column("shop", "roi.order.shop", lambda row, _: row.shop, sort="shop", width=130),
    Column("order_id", "roi.order.order_id", lambda row, _: row.order_id, sort="order_id", width=180),
)  # fmt: skip
"""An order line as it counts for somebody."""
