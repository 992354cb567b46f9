# SPDX-License-Identifier: Apache-2.0
"""Questions about creators as SQL: filter, literal search and sort, answered by indexes.

The filter arrives as a syntax tree and leaves as bound parameters. Empty values sort last either way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.orm import QueryableAttribute

from app import filters
from app.errors import UsageError
from app.rules.fields import METRIC_PREFIX, SAME_FIELD, Field, Home, Kind, field_of
from app.usecases.creators import parse_filter
from db import standings
from db.models.creators import Account, AccountMetric, Creator, CreatorTag, TierStep
from db.writers import search, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from app.usecases.creators import Ids, Question, SortKey

_ANY_ACCOUNT: Final = frozenset({"platform", "platform_uid", "handle", "url", "followers_at"})
_ON_CREATOR: Final = frozenset({"followers", "fee_fen", "id", "tier", "group", "value_grade", "credit_score", "credit_grade"})
_INDEXED: Final = frozenset({"handle", "platform_uid", "tags"})
"""Fields with several values in which the search index looks too."""

_FEW_VALUES: Final = frozenset({"category", "city", "country", "owner", "coupon", "source"})


_UNCASED: Final = re.compile(r"[\x01-@\[-`{-\x7f\u3400-\u9fff]+")
"""Digits, signs and ideographs: no letter folds into them, so that what contains them is found without folding."""


def count(connection: Connection, question: Question, now: int) -> int:
    """How many creators a question has."""
    statement = select(func.count()).select_from(Creator)
    if (condition := _condition(connection, question, now)) is not None:
        statement = statement.where(condition)
    return int(connection.execute(statement).scalar_one())


def ids(connection: Connection, question: Question, now: int) -> Ids:
    """Ids of the answer in order, shape (n,)."""
    parts = [_as_array(connection, statement) for statement in _ordered(connection, question, now, whole=True)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def page(connection: Connection, question: Question, limit: int, offset: int, now: int) -> list[int]:
    """Some ids of the answer."""
    found: list[int] = []
    for statement in _ordered(connection, question, now, whole=False):
        if len(found) >= limit:
            break
        wanted = [row[0] for row in connection.execute(statement.limit(limit - len(found)).offset(offset))]
        found += wanted
        if not wanted and offset:
            size = select(func.count()).select_from(statement.order_by(None).subquery())
            offset = max(0, offset - int(connection.execute(size).scalar_one()))
        else:
            offset = 0
    return found


def _as_array(connection: Connection, statement: Select[int]) -> Ids:
    """Ids of a statement. The database joins them into one text: parsing it costs a quarter of fetching rows, and holds nobody up."""
    if connection.dialect.name == "postgresql":
        joined = connection.execute(select(func.array_to_string(func.array(statement.scalar_subquery()), ","))).scalar()
    else:
        joined = connection.execute(select(func.group_concat(statement.subquery().c.id))).scalar()
    return np.fromstring(joined, dtype=np.int64, sep=",") if joined else np.empty(0, dtype=np.int64)


def _ordered(connection: Connection, question: Question, now: int, *, whole: bool) -> list[Select[int]]:
    """Statements whose answers, one after the other, are the ids in order."""
    condition = _condition(connection, question, now)
    base = select(Creator.id) if condition is None else select(Creator.id).where(condition)
    keys = question.sort
    if len(keys) == 1 and keys[0].field in standings.FIELDS:
        return standings.ordered(base, keys[0], now, whole=whole)
    if not keys:
        return [base.order_by(Creator.id)]
    if len(keys) == 1:
        column = _value(keys[0].field)
        ordered = column.desc() if keys[0].descending else column.asc()
        sqlite = connection.dialect.name == "sqlite"
        if keys[0].descending == sqlite:
            return [base.order_by(ordered, Creator.id)]  # an empty value is SQLite's smallest, and PostgreSQL's greatest
        if sqlite or isinstance(column, QueryableAttribute):
            # Two statements, so that an index gives the order of the first and nothing is sorted.
            return [
                base.where(column.is_not(None)).order_by(ordered, Creator.id),
                base.where(column.is_(None)).order_by(Creator.id),
            ]
    return [base.order_by(*(_order(key, now) for key in keys), Creator.id)]


def _order(key: SortKey, now: int) -> ColumnElement[Any]:
    column = standings.value(key.field, now) if key.field in standings.FIELDS else _value(key.field)
    return (column.desc() if key.descending else column.asc()).nulls_last()


# ---------------------------------------------------------------- search and filter


def _condition(connection: Connection, question: Question, now: int) -> ColumnElement[bool] | None:
    parts = []
    if question.search:
        parts.append(found(connection, question.search))
    tree = parse_filter(question.where, settings.zone(connection)) if question.where.strip() else None
    if tree is not None:
        parts.append(_tree(connection, tree, now))
    return and_(*parts) if parts else None


def found(connection: Connection, needle: str) -> ColumnElement[bool]:
    """Creators whose name, handle, uid, tags or notes contain a text, whatever its case."""
    if not search.findable(needle):
        return false()
    if connection.dialect.name == "postgresql":
        return Creator.id.in_(
            text("select creator_id from creator_search where grams @> cast(:grams as text[]) and strpos(text, :needle) > 0").bindparams(
                _given("grams", search.wanted_grams(needle)), _given("needle", needle.casefold())
            )
        )
    matching = text("select rowid from creator_search where creator_search match :phrase")
    return Creator.id.in_(matching.bindparams(_given("phrase", search.phrase(needle))))


def _given(name: str, value: object) -> BindParameter[Any]:
    """A value of its own: a question may look for several texts."""
    return bindparam(name, value, unique=True)


def _tree(connection: Connection, node: filters.Node, now: int) -> ColumnElement[bool]:
    if isinstance(node, filters.And):
        return and_(*(_tree(connection, part, now) for part in node.parts))
    if isinstance(node, filters.Or):
        return or_(*(_tree(connection, part, now) for part in node.parts))
    if isinstance(node, filters.Not):
        return not_(_tree(connection, node.part, now))
    return _compare(connection, node, now)


def over(connection: Connection, node: filters.Node, of: Callable[[str], tuple[Field, ColumnElement[Any]]]) -> ColumnElement[bool]:
    """A filter over rows of any table; ``of`` gives the field of a name and its column."""
    if isinstance(node, filters.And):
        return and_(*(over(connection, part, of) for part in node.parts))
    if isinstance(node, filters.Or):
        return or_(*(over(connection, part, of) for part in node.parts))
    if isinstance(node, filters.Not):
        return not_(over(connection, node.part, of))
    one, column = of(node.field)
    return _of_one(node, Field("", one.kind, one.home), column, connection)


# ---------------------------------------------------------------- one comparison


def _compare(connection: Connection, node: filters.Compare, now: int) -> ColumnElement[bool]:
    one = _field(node.field)
    if one.name in standings.FIELDS:
        return standings.holds(connection, node, now)
    if one.name == "tier_changed_at":
        moves = select(Account.creator_id, TierStep.at).join(TierStep, TierStep.account_id == Account.id).where(TierStep.previous.is_not(None)).subquery()
        return _of_many(connection, node, moves.c.creator_id, moves.c.at)
    if one.kind is Kind.TAGS:
        return _of_many(connection, node, CreatorTag.__table__.c.creator_id, CreatorTag.__table__.c.tag)
    if one.name in _ANY_ACCOUNT:
        return _of_many(connection, node, Account.__table__.c.creator_id, Account.__table__.c[one.name])
    return _of_one(node, one, _value(one.name), connection)


def _of_many(connection: Connection, node: filters.Compare, owner: ColumnElement[Any], column: ColumnElement[Any]) -> ColumnElement[bool]:
    """A field with several values holds where any of them does; ``!=`` where none is equal."""
    if node.op in {"!=", "not in"}:
        return not_(_of_many(connection, filters.Compare(node.field, _OPPOSITE[node.op], node.values, node.position), owner, column))
    filled = _having(node, owner, column.is_not(None))
    given = tuple(value for value in node.values if value is not None)
    if not given:
        return not_(filled) if node.op in {"=", "in"} else false()
    condition = _having(node, owner, and_(column.is_not(None), _holds(node.op, column, given, connection)))
    if node.op == "~" and node.field in _INDEXED:
        condition = and_(found(connection, str(given[0])), condition)
    return or_(condition, not_(filled)) if None in node.values else condition


def _having(node: filters.Compare, owner: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Creators with such a row: looked up one by one where many have it and an index tells, else found once."""
    if node.field == "platform":
        return exists(select(literal(1)).where(owner == Creator.id, condition))
    return Creator.id.in_(select(owner).where(condition))


def _of_one(node: filters.Compare, one: Field, column: ColumnElement[Any], connection: Connection) -> ColumnElement[bool]:
    if node.op in {"!=", "not in"}:
        return not_(_of_one(filters.Compare(node.field, _OPPOSITE[node.op], node.values, node.position), one, column, connection))
    empty = column.is_(None)
    given = tuple(value for value in node.values if value is not None)
    if not given:
        return empty if node.op in {"=", "in"} else false()
    if node.op == "~" and one.name in _FEW_VALUES:
        # Few distinct values: look through those once, and let the index find their rows.
        values = select(column).where(column.is_not(None)).group_by(column)
        # PostgreSQL would ask every row instead, but not across an offset.
        distinct = (values.offset(0) if connection.dialect.name == "postgresql" else values).subquery()
        holds: ColumnElement[bool] = column.in_(select(distinct.c[0]).where(_holds("~", distinct.c[0], given, connection)))
    else:
        holds = _holds(node.op, column, given, connection)
        if node.op == "~" and one.name in {"name", "notes"}:
            holds = and_(found(connection, str(given[0])), holds)
    filled = and_(column.is_not(None), holds)
    return or_(empty, filled) if None in node.values else filled


_OPPOSITE: Final = {"!=": "=", "not in": "in"}


def _holds(op: str, column: ColumnElement[Any], values: Sequence[Any], connection: Connection) -> ColumnElement[bool]:
    """Whether a filled value holds; days are spans from their start to the next."""
    if op == "~":
        return _contains(connection, column, str(values[0]))
    if op == "in":
        return (
            or_(*(_holds("=", column, (value,), connection) for value in values))
            if any(isinstance(value, filters.Span) for value in values)
            else column.in_(values)
        )
    value = values[0]
    if isinstance(value, filters.Span):
        return _in_span(op, column, value)
    compared: dict[str, ColumnElement[bool]] = {
        "=": column == value, "<": column < value, "<=": column <= value, ">": column > value, ">=": column >= value,
    }  # fmt: skip
    return compared[op]


def _in_span(op: str, column: ColumnElement[Any], span: filters.Span) -> ColumnElement[bool]:
    compared: dict[str, ColumnElement[bool]] = {
        "=": and_(column >= span.start, column < span.end), "<": column < span.start, "<=": column < span.end,
        ">": column >= span.end, ">=": column >= span.start,
    }  # fmt: skip
    return compared[op]


def _contains(connection: Connection, column: ColumnElement[Any], needle: str) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":
        if _UNCASED.fullmatch(needle):
            return func.strpos(column, needle) > 0
        # Folding all scripts costs much; what is ASCII alone needs none of it.
        plain = func.lower(column.collate("C"))
        return func.strpos(case((func.octet_length(column) == func.length(column), plain), else_=func.koc_fold(column)), needle.casefold()) > 0
    return func.instr(func.fold(column), needle.casefold()) > 0


def _field(name: str) -> Field:
    one = field_of(name)
    if one is None or one.home is Home.ROW:
        raise UsageError("unknown_field", field=name)
    return one


def _value(name: str) -> ColumnElement[Any]:
    """The one value of a field that sorting and comparing use: the creator's, or its main account's."""
    one = _field(SAME_FIELD.get(name, name))
    if one.home is Home.CREATOR and one.kind is not Kind.TAGS:
        return getattr(Creator, one.name)  # type: ignore[no-any-return]
    if one.name in _ON_CREATOR or one.name == "platform":
        return getattr(Creator, one.name)  # type: ignore[no-any-return]
    if one.kind is Kind.TAGS:
        first = select(func.min(CreatorTag.tag)).where(CreatorTag.creator_id == Creator.id)
        return first.correlate(Creator).scalar_subquery()
    if one.home is Home.METRIC:
        latest = (
            select(AccountMetric.value)
            .where(
                AccountMetric.account_id == Creator.main_account_id,
                AccountMetric.name == one.name.removeprefix(METRIC_PREFIX),
                or_(AccountMetric.value.is_not(None), AccountMetric.raw.is_(None)),
            )
            .order_by(AccountMetric.as_of.desc())
            .limit(1)
        )
        return latest.correlate(Creator).scalar_subquery()
    if one.name == "tier_changed_at":
        moved = select(func.max(TierStep.at)).join(Account, Account.id == TierStep.account_id)
        return moved.where(Account.creator_id == Creator.id, TierStep.previous.is_not(None)).correlate(Creator).scalar_subquery()
    main = select(getattr(Account, one.name)).where(Account.id == Creator.main_account_id)
    return main.correlate(Creator).scalar_subquery()
