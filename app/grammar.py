# SPDX-License-Identifier: Apache-2.0
"""How ``koc`` is spoken to: options that may stand anywhere, help and complaints in the reader's language.

typer's own words are English; what it says is told apart by class, or by its opening words, and said again here.
"""

from __future__ import annotations

import re
import sys
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from app.errors import UsageError
from app.rules import cells
from app.values import day_end
from app.words import Words, normalise, system_language

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.terminal import Session

_FLAGS: Final = frozenset({"--json", "--quiet"})
_VALUED: Final = frozenset({"--workspace", "--lang", "--as"})


def globals_first(argv: Sequence[str]) -> list[str]:
    """The options that every command has may stand anywhere."""
    first: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in _FLAGS or (word.partition("=")[0] in _VALUED and "=" in word):
            first.append(word)
        elif word in _VALUED:
            first += [word, *([value] if (value := next(words, None)) is not None else [])]
        else:
            rest.append(word)
    return first + rest


def language(args: Sequence[str]) -> str:
    """Catalogue of the language asked for last, else of the system's."""
    named = ""
    for at, word in enumerate(args):
        name, equals, value = word.partition("=")
        if name == "--lang":
            named = value if equals else next(iter(args[at + 1 : at + 2]), "")
    return normalise(named) if named else system_language()


def speak(command: Any, words: Words) -> None:  # noqa: ANN401 (typer's commands)
    """Put the keys of help texts into words, all the way down."""
    command.help = words(command.help) if command.help else None
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = words(parameter.help)
    for inner in getattr(command, "commands", {}).values():
        speak(inner, words)


def complain_of_usage(session: Session, error: typer.TyperException) -> None:
    """The parser's complaint in the reader's language."""
    code, details = _usage(error)
    if code == "usage.missing_command" and not session.as_json:
        sys.stderr.write(error.format_message() + "\n")
        return
    session.complain(code, details, session.words(f"error.{code}", **details))


Complaint = tuple[str, dict[str, object]]


def _usage(error: typer.TyperException) -> Complaint:
    """Code and parameters of a complaint: the parser tells its kinds by class, some only by their English words."""
    message = error.format_message()
    kind = type(error).__name__
    parameter = getattr(error, "param", None)
    named = "" if parameter is None else parameter.metavar or parameter.name if parameter.param_type_name == "argument" else parameter.opts[0]
    quoted = re.findall(r"'(.*?)'", message) or [message]
    by_class: dict[str, Complaint] = {
        "NoArgsIsHelpError": ("usage.missing_command", {}),
        "NoSuchOption": ("usage.no_such_option", {"text": getattr(error, "option_name", "")}),
        "MissingParameter": ("usage.missing_parameter", {"text": named}),
        "BadParameter": ("usage.bad_parameter", {"text": quoted[-1], "option": named}),
    }
    by_words: tuple[tuple[str, Complaint], ...] = (
        ("Missing command", ("usage.missing_command", {})),
        ("No such command", ("usage.no_such_command", {"text": quoted[0]})),
        ("Got unexpected extra", ("usage.too_many", {"text": message.partition("(")[2].partition("(")[2].rstrip(")")})),
    )
    other: Complaint = ("usage.other", {"text": message})
    return by_class.get(kind) or next((answer for opening, answer in by_words if message.startswith(opening)), other)


# ---------------------------------------------------------------- help in the reader's language


def _in_words(text: str, words: Words) -> str:
    """The parser's own headings in the reader's language."""
    for english, key in (("Usage:", "usage"), ("Options:", "options"), ("Arguments:", "arguments"), ("Commands:", "commands")):
        text = re.sub(rf"^{english}", words(f"help.heading.{key}"), text, flags=re.MULTILINE)
    for english, key in (("Show this message and exit.", "help"), ("[required]", "required"), ("[default: ", "default"), ("[env var: ", "variable")):
        text = text.replace(english, words(f"help.heading.{key}"))
    return text


class Command(TyperCommand):
    """A command whose help is in the reader's language."""

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401 (typer keeps its context to itself)
        """Help as people read it."""
        return _in_words(super().get_help(ctx), session_of(ctx).words)


class Group(TyperGroup):
    """Commands under one word."""

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401
        """Help as people read it."""
        return _in_words(super().get_help(ctx), session_of(ctx).words)


class OneCreator(Group):
    """``koc creator 12`` means ``koc creator show 12``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """A word that is no command is a creator to show."""
        return super().resolve_command(ctx, args if args[0] in self.commands or args[0].startswith("--") else ["show", *args])


def group(word: str, parent: typer.Typer | None = None, cls: type[Group] = Group, **settings: Any) -> typer.Typer:  # noqa: ANN401 (typer's)
    """Commands under one word; its help is the sentence ``help.<word>``."""
    made = typer.Typer(add_completion=False, help=f"help.{word}", rich_markup_mode=None, cls=cls, **{"no_args_is_help": True, **settings})
    if parent is not None:
        parent.add_typer(made, name=word)
    return made


def command(under: typer.Typer, word: str, help_key: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:  # noqa: ANN401
    """Add a command; its help is the sentence ``help.<help_key>``."""
    return under.command(word, help=f"help.{help_key}", cls=Command, **settings)


def session_of(context: Any) -> Session:  # noqa: ANN401
    """The call that a context belongs to."""
    session: Session = context.find_root().obj
    return session


# ---------------------------------------------------------------- what words mean


def pair(word: str) -> tuple[str, str]:
    """Name and value of ``NAME=VALUE``."""
    name, equals, value = word.partition("=")
    if not equals:
        raise UsageError("not_a_pair", text=word)
    return name.strip(), value.strip()


def parts(text: str) -> tuple[str, ...]:
    """Words of a list with commas, full-width ones too."""
    return tuple(part.strip() for part in text.replace("，", ",").split(",") if part.strip())


def moment_of(text: str | None, zone: str) -> int | None:
    """A day means its end, a time itself."""
    if text is None:
        return None
    try:
        return day_end(date.fromisoformat(text), zone)
    except ValueError:
        return when(text, "as_of", zone)


def when(text: str, field: str, zone: str) -> int:
    """A day means its beginning, a time itself; UsageError names the field."""
    try:
        found = cells.when(text, zone)
    except cells.BadCellError as error:
        raise UsageError("bad_value", field=field, value=text, reason=error.code) from error
    if found is None:
        raise UsageError("value_missing", field=field)
    return found
