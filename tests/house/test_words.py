# SPDX-License-Identifier: Apache-2.0
"""Every code has words in every language, every sentence is used, and languages agree on placeholders."""

from __future__ import annotations

import ast
import enum
import gettext
import io
import re
import string
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest
from babel.messages import mofile, pofile

from app import settings, values
from app.rules.fields import CREATOR_FIELDS, PLATFORMS
from app.rules.headers import _ALIASES
from app.words import LANGUAGES
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from babel.messages.catalog import Catalog

CODE: Final = ("app", "db", "sync", "widgets")
TOLD: Final = frozenset({"words", "labels", "plural"})
"""Names of what turns a key into a sentence."""
ERRORS: Final = frozenset({"ProductError", "UsageError", "InputRefusedError", "WorkspaceError", "PlatformError", "NotPermittedError"})
KEY: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-zA-Z0-9_]+)+")


# ---------------------------------------------------------------- the catalogues


@cache
def catalogue(language: str) -> Catalog:
    with (ROOT / "resources" / "i18n" / f"{language}.po").open("rb") as file:
        return pofile.read_po(file)


@cache
def sentences(language: str) -> dict[str, tuple[str, ...]]:
    """Forms of each sentence by key."""
    found = {}
    for message in catalogue(language):
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            found[key] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def of_family(family: str) -> set[str]:
    """What stands under ``family.`` in the first language."""
    return {key.removeprefix(f"{family}.") for key in sentences(LANGUAGES[0]) if key.startswith(f"{family}.")}


# ---------------------------------------------------------------- the code


@dataclass(frozen=True, slots=True)
class Call:
    """A call with a constant first argument."""

    name: str
    first: str
    given: frozenset[str]
    open: bool
    """Whether more is handed in that only the running program knows."""
    place: str


@dataclass(slots=True)
class Said:
    """What the code says: constants, patterns of f-strings, calls."""

    constants: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)


@cache
def said() -> Said:
    found = Said()
    for room in CODE:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                _collect(found, node, path)
    for kind in (one for one in vars(values).values() if isinstance(one, type) and issubclass(one, enum.Enum)):
        found.constants |= {form for name in kind.__members__ for form in (name, name.lower())} | {kind.__name__.lower()}
    found.constants |= set(_ALIASES)
    return found


def _collect(found: Said, node: ast.AST, path: Path) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.constants.add(node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else "(.+)" for part in node.values]
        if any("\\." in part for part in parts if part != "(.+)"):
            found.patterns.add("".join(parts))
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
        given = frozenset(one.arg for one in node.keywords if one.arg)
        is_open = any(one.arg is None for one in node.keywords)
        found.calls.append(Call(name.lstrip("_"), node.args[0].value, given, is_open, f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"))


# ---------------------------------------------------------------- languages agree


def test_every_sentence_stands_in_every_language():
    first, *others = (set(sentences(language)) for language in LANGUAGES)
    for other in others:
        assert first ^ other == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty(language: str):
    assert [key for key, forms in sentences(language).items() if not all(form.strip() for form in forms)] == []


def test_languages_agree_on_placeholders():
    first, second = (sentences(language) for language in LANGUAGES)
    differing = []
    for key, forms in first.items():
        names = [placeholders(form) for form in (*forms, *second.get(key, ()))]
        largest = set().union(*names)
        # One of something may be said without its number.
        if any(one not in (largest, largest - {"n"}, largest - {"count"}) for one in names):
            differing.append(key)
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_text(language: str):
    fresh = io.BytesIO()
    mofile.write_mo(fresh, catalogue(language))
    fresh.seek(0)
    compiled = io.BytesIO((ROOT / "resources" / "i18n" / f"{language}.mo").read_bytes())
    told, written = ({key: text for key, text in gettext.GNUTranslations(one)._catalog.items() if key} for one in (compiled, fresh))  # type: ignore[attr-defined]
    assert told == written


def test_english_has_no_chinese_left_over():
    allowed = {"setting.language.zh_CN", "warning.at_least"}
    left = {key for key, forms in sentences("en").items() if any(re.search(r"[\u4e00-\u9fff]", form) for form in forms)}
    assert left <= allowed | {key for key in left if key.startswith(("filter.", "import."))}, left - allowed


# ---------------------------------------------------------------- every code has words


def test_every_key_named_in_the_code_has_a_sentence():
    missing = [
        f"{call.place} {call.first}"
        for call in said().calls
        if call.name in TOLD and not call.place.startswith("app/rules/") and KEY.fullmatch(call.first) and call.first not in sentences(LANGUAGES[0])
    ]
    assert missing == []


def test_every_sentence_gets_its_placeholders():
    short = []
    for call in said().calls:
        forms = sentences(LANGUAGES[0]).get(call.first, ()) if call.name in TOLD else sentences(LANGUAGES[0]).get(f"error.{call.first}", ())
        if call.open or not forms or (call.name not in TOLD and call.name not in ERRORS):
            continue
        wanted = set().union(*map(placeholders, forms)) - call.given - ({"n"} if call.name == "plural" else set())
        if wanted:
            short.append((call.place, call.first, wanted))
    assert short == []


def test_every_error_has_a_sentence():
    from db.engine import _BY_NAME

    raised = {call.first for call in said().calls if call.name in ERRORS} | {code for _, code in _BY_NAME} | {"cancelled"}
    assert raised - of_family("error") == set()


def test_every_refusal_of_a_cell_or_row_has_words():
    raised = {call.first for call in said().calls if call.name == "BadCellError"}
    assert raised - of_family("reject") == set()


def test_every_warning_check_and_kept_has_words():
    raised = {(call.name, call.first) for call in said().calls}
    for kind, family in (("Warn", "warning"), ("Check", "check"), ("progress", "phase")):
        assert {first for name, first in raised if name == kind} - of_family(family) == set(), family


def test_every_rank_field_platform_and_setting_has_words():
    ranks = [one for one in vars(values).values() if isinstance(one, type) and issubclass(one, values.Ranked) and one is not values.Ranked]
    for kind in ranks:
        assert {member.code for member in kind} - of_family(kind.__name__.lower()) == set(), kind
    assert set(CREATOR_FIELDS) - of_family("field") == set()
    assert {name for name in _ALIASES if name not in CREATOR_FIELDS} - of_family("field") == set()
    assert set(PLATFORMS) - of_family("platform") == set()
    wanted = {one.key for one in settings.DECLARED} | {f"{one.key}.{choice}" for one in settings.DECLARED for choice in one.choices}
    assert wanted - of_family("setting") == set()


def test_every_sentence_is_used():
    """A sentence nobody says is one that somebody translates in vain."""
    code = said()
    patterns = [re.compile(one) for one in code.patterns]

    def is_used(key: str) -> bool:
        if key in code.constants:
            return True
        matches = (pattern.fullmatch(key) for pattern in patterns)
        return any(match is not None and all(part.isdecimal() or is_used(part) for part in match.groups()) for match in matches)

    assert sorted(key for key in sentences(LANGUAGES[0]) if not is_used(key)) == []


# ---------------------------------------------------------------- words stand in the catalogues only

CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
SPOKEN: Final = ("app/rules/", "app/filters.py", "app/sample.py", "app/sample_desk.py", "app/sample_facts.py", "app/sample_recruiting.py")
"""What reads people's own words, or invents them."""


def _docstrings(tree: ast.AST) -> set[int]:
    """Ids of string nodes that are documentation."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}


def test_no_chinese_literal_in_code():
    """A sentence in the code speaks one language only. Signs and units of numbers are read in filters and shown by labels."""
    found = []
    for room in CODE:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            tree = ast.parse(path.read_text("utf-8"))
            documentation = _docstrings(tree)
            found += [
                f"{name}:{node.lineno} {node.value[:30]}"
                for node in ast.walk(tree)
                if not name.startswith(SPOKEN)
                and isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documentation
                and CHINESE.search(node.value)
                and node.value not in {"万", "亿"}
            ]
    assert found == []
