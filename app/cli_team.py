# SPDX-License-Identifier: Apache-2.0
"""The commands of ``koc`` about the team: who is in it, with which role."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli_files import Context
from app.errors import UsageError
from app.grammar import command, group, session_of
from app.rules.rights import Role
from app.terminal import table

if TYPE_CHECKING:
    from app.services import Services
    from app.terminal import Session

_LONGEST: Final = 1_024
_user = group("user")
Name = Annotated[str, typer.Argument(metavar="NAME", help="help.argument.user")]


@command(_user, "list", "user_list")
def _list(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        _answer(session, services)


@command(_user, "add", "user_add")
def _add(
    context: Context,
    name: Name,
    role: Annotated[str, typer.Option("--role", metavar="|".join(Role), help="help.option.role")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="help.option.password_stdin")] = False,
) -> None:
    session = session_of(context)
    with session.services() as services:
        services.team.add(name, role, _password(session) if password_stdin else None)
        _answer(session, services)


@command(_user, "remove", "user_remove")
def _remove(context: Context, name: Name) -> None:
    session = session_of(context)
    with session.services() as services:
        services.team.remove(name)
        _answer(session, services)


def _answer(session: Session, services: Services) -> None:
    members, owner, words = services.team.members(), services.team.owner(), session.words
    document = {"users": [{"name": one.name, "role": one.role} for one in members], "owner": owner}
    rows = [*([one.name, words(f"role.{one.role}")] for one in members), [owner, words("role.owner")]]
    session.answer(document, lambda: table([words("cli.user"), words("cli.role")], rows))


def _password(session: Session) -> str:
    """One line from stdin; typed unseen where a terminal is attached."""
    if sys.stdin is not None and sys.stdin.isatty():
        text = getpass.getpass(session.words("cli.password.ask") + " ", stream=sys.stderr)
    else:
        text = sys.stdin.readline(_LONGEST) if sys.stdin is not None else ""
    text = text.rstrip("\r\n")
    if not text:
        raise UsageError("nothing_on_stdin")
    return text


def add_to(koc: typer.Typer) -> None:
    """Put these commands under the program's word."""
    koc.add_typer(_user, name="user")
