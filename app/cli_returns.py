# SPDX-License-Identifier: Apache-2.0
"""The commands of ``koc`` that split sales over creators and say what every creator brought back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app import documents
from app.cli_files import AsOf, Context
from app.grammar import command, group, moment_of, session_of
from app.rules.models import MODELS, PATH_MODELS
from app.terminal import Digits, pairs, table, yuan
from app.usecases.roi import DIMENSIONS, Asked, ReturnReport, Span
from app.values import ValueGrade, day_start
from app.words import Words

if TYPE_CHECKING:
    from app.rules.report import Figures

_attribute = group("attribute")
_SHOWN_RETURNS: Final = 20
Model = Annotated[str | None, typer.Option(metavar="|".join(MODELS), help="help.option.model")]
Since = Annotated[str | None, typer.Option("--from", metavar="DATE", help="help.option.since")]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="help.option.until_day")]


@command(_attribute, "run", "attribute_run")
def _attribute_run(context: Context, model: Model = None, since: Since = None, until: Until = None) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        done = services.roi.attribute(_span(since, until, services.roi.zone), model, job)
    words = session.words
    amounts = [(words(f"roi.{name}"), yuan(getattr(done, f"{name}_fen"))) for name in ("net", "attributed", "unattributed")]
    rows = [(words("roi.model"), words(f"model.{done.model}")), (words("roi.sales"), f"{done.sales:,}"), *amounts]
    abroad = documents.left_out(done.left_out, words)
    session.answer(documents.split(done), lambda: pairs(rows) + abroad)


@command(_attribute, "paths", "attribute_paths")
def _attribute_paths(
    context: Context,
    model: Annotated[str, typer.Option(metavar="|".join(PATH_MODELS), help="help.option.path_model")],
    order: Annotated[int | None, typer.Option(metavar="1–3", help="help.option.order")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        found, seconds = services.roi.paths(model, order)
    words = session.words
    header = [words("roi.channel"), words("roi.removal"), words("roi.credit")]
    rows = [[one.channel, _decimal(one.removal, 4), _decimal(one.credit, 2)] for one in found.channels]
    note = words("cli.paths", model=words(f"model.{model}"), n=f"{found.conversions:,}", p=_percent(found.p))
    session.answer(documents.channels(found, seconds), lambda: f"{note}\n{table(header, rows)}")


def _roi(
    context: Context,
    by: Annotated[str, typer.Option(metavar="|".join(DIMENSIONS), help="help.option.by")] = "creator",
    as_of: AsOf = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    top: Annotated[int | None, typer.Option(min=1, metavar="N", help="help.option.top")] = None,
    target: Annotated[float | None, typer.Option(metavar="X", help="help.option.target")] = None,
    policy: Annotated[int | None, typer.Option(metavar="VERSION", help="help.option.policy")] = None,
) -> None:
    session = session_of(context)
    shown_rows = top if top is not None or session.as_json else _SHOWN_RETURNS
    with session.services() as services, session.job() as job:
        zone = services.roi.zone
        asked = Asked(by, _span(since, until, zone), moment_of(as_of, zone), model, shown_rows, target, policy)
        done = services.roi.report(asked, job)
    session.answer(documents.returned(done, session.words), lambda: _returns_text(session.words, done))


def _returns_text(words: Words, done: ReturnReport) -> str:
    ranked = done.by in {"creator", "account"}
    targeted = done.target is not None
    names = ["net", "landed", "sales", "roas", "roi"]
    names += ["p25", "interval", "above_break_even", *(["above_target"] if targeted else []), "peer_weight", "value_grade"] if ranked else []
    header = [words(f"roi.by.{done.by}"), *(words(f"roi.{name}") for name in names)]
    rows = [_return_cells(documents.return_label(done.by, one, words), one.figures, _grade(words, one.value_grade), names) for one in done.rows]
    total = _return_cells(words("roi.total"), done.total, "", names)
    notes = words("cli.roi", model=words(f"model.{done.model}"), margin=_percent(done.margin), unattributed=yuan(done.unattributed_fen))
    shown = words("roi.shown_of", shown=f"{len(done.rows):,}", found=f"{done.found:,}")
    said = (notes, documents.left_out(done.left_out, words), shown)
    return table(header, [*rows, total]) + "\n".join(one for one in said if one)


def _return_cells(label: str, one: Figures, grade: str, names: Sequence[str]) -> list[object]:
    cells_: dict[str, object] = {
        "net": yuan(one.net_fen),
        "landed": yuan(one.landed_fen),
        "sales": one.sales,
        "roas": _times(one.roas),
        "roi": _percent(one.roi),
        "p25": _times(one.p25),
        "interval": None if one.p10 is None or one.p90 is None else Digits(f"{one.p10:.2f}–{one.p90:.2f}"),
        "above_break_even": _percent(one.p_above_break_even),
        "above_target": _percent(one.p_above_target),
        "peer_weight": _percent(one.peer_weight),
        "value_grade": grade,
    }
    return [label, *(cells_[name] for name in names)]


def _grade(words: Words, grade: ValueGrade | None) -> str:
    return "" if grade is None else words(f"valuegrade.{grade.code}")


def _times(value: float | None) -> Digits | None:
    return None if value is None else Digits(f"1:{value:.2f}")


def _percent(value: float | None) -> Digits | None:
    return None if value is None else Digits(f"{100 * value:.1f}%")


def _decimal(value: float | None, places: int) -> Digits | None:
    return None if value is None else Digits(f"{value:,.{places}f}")


def _span(since: str | None, until: str | None, zone: str) -> Span:
    """Days with both ends; a time is meant as it is."""
    return Span(None if since is None else _begin(since, zone), moment_of(until, zone))


def _begin(text: str, zone: str) -> int:
    try:
        return day_start(date.fromisoformat(text), zone)
    except ValueError:
        return moment_of(text, zone) or 0


def add_to(koc: typer.Typer) -> None:
    """Put these commands under the program's word."""
    koc.add_typer(_attribute, name="attribute")
    command(koc, "roi", "roi")(_roi)
