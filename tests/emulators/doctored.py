# SPDX-License-Identifier: Apache-2.0
"""Answers that are sound JSON and no longer what the contract says: fields gone, renamed, of another type, rows twice, wrong sums."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.emulators.server import Fault, Reply, Request, Server


def _doctored(change: Callable[[Any, random.Random, Mapping[str, Any]], None]) -> Fault:
    """A fault that changes what a sound answer holds."""

    def fault(_server: Server, request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
        reply = answer()
        body = zlib.decompress(reply.body, 31) if ("Content-Encoding", "gzip") in reply.headers else reply.body
        told = json.loads(body)
        if told.get("code", 0) == 0:
            change(told.get("data", told), random.Random(f"{options.get('seed', 0)} {request.target}"), options)
        return replace(reply, body=json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(), headers=())

    return fault


def holders(value: object, field: str) -> Iterable[dict[str, Any]]:
    """Every object that holds a field, at any depth."""
    if isinstance(value, dict):
        if field in value:
            yield value
        for inner in value.values():
            yield from holders(inner, field)
    elif isinstance(value, list):
        for inner in value:
            yield from holders(inner, field)


def _rows(data: dict[str, Any]) -> list[Any]:
    return next((value for value in data.values() if isinstance(value, list)), [])


def _drop(data: Any, dice: random.Random, options: Mapping[str, Any]) -> None:
    """``field`` is missing, in a ``share`` of the rows."""
    for one in list(holders(data, options["field"])):
        if dice.random() < options.get("share", 1):
            del one[options["field"]]


def _rename(data: Any, _dice: random.Random, options: Mapping[str, Any]) -> None:
    """``field`` is called ``to``."""
    for one in list(holders(data, options["field"])):
        one[options["to"]] = one.pop(options["field"])


def _retype(data: Any, dice: random.Random, options: Mapping[str, Any]) -> None:
    """``field`` comes as text, object or list, in a ``share`` of the rows."""
    make: dict[str, Callable[[Any], object]] = {"text": str, "object": lambda value: {"value": value}, "list": lambda value: [value], "null": lambda _: None}
    for one in list(holders(data, options["field"])):
        if dice.random() < options.get("share", 1):
            one[options["field"]] = make[options.get("to", "text")](one[options["field"]])


FUZZ: Final = ("12", "1.2w", "10万+", "--", float("nan"), float("inf"), -1, "", None, True, 10**30)


def _fuzz(data: Any, dice: random.Random, options: Mapping[str, Any]) -> None:
    """``field`` holds what platforms write into numbers, in a ``share`` of the rows."""
    values = options.get("values", FUZZ)
    for one in list(holders(data, options["field"])):
        if dice.random() < options.get("share", 0.3):
            one[options["field"]] = dice.choice(values)


def _set(data: Any, _dice: random.Random, options: Mapping[str, Any]) -> None:
    """``field`` holds ``value``."""
    for one in list(holders(data, options["field"])):
        one[options["field"]] = options["value"]


def _duplicate(data: Any, dice: random.Random, options: Mapping[str, Any]) -> None:
    """A ``share`` of the rows comes twice in its page."""
    rows = _rows(data)
    rows[:] = [copy for row in rows for copy in ([row, row] if dice.random() < options.get("share", 0.1) else [row])]


def _miscount(data: Any, _dice: random.Random, options: Mapping[str, Any]) -> None:
    """The total is wrong ``by`` some."""
    for name in ("total_count", "total_number"):
        for one in holders(data, name):
            one[name] += options.get("by", 3)


def _swallow(data: Any, _dice: random.Random, options: Mapping[str, Any]) -> None:
    """The last ``rows`` of a page never come."""
    rows = _rows(data)
    del rows[len(rows) - int(options.get("rows", 1)) :]


DOCTORED: Final = {
    "drop": _doctored(_drop),
    "rename": _doctored(_rename),
    "retype": _doctored(_retype),
    "fuzz": _doctored(_fuzz),
    "set": _doctored(_set),
    "duplicate": _doctored(_duplicate),
    "miscount": _doctored(_miscount),
    "swallow": _doctored(_swallow),
}
