# SPDX-License-Identifier: Apache-2.0
"""Prices that creators name: kept one by one or by the sheet, and what they are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.files import Reject, Upserted
from app.rules.campaigns import DealState, Format, Peer, QuoteKind, asked_in_all, format_of, kind_of
from app.rules.cells import handle_key
from app.usecases.campaigns import Left, NewQuote
from app.values import local
from db import bulk
from db.writers import deals

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.files import Parsed
    from app.jobs import Job
    from db.writers.operations import Log

_CHUNK: Final = 20_000
_SAID: Final = tuple(name for name in NewQuote.__dataclass_fields__ if name not in {"account_id", "collaboration_id", "round"})
_NEW: Final = ("account_id", "creator_id", "collaboration_id", "round", *_SAID, "quoted_at", "by", "operation_id")


def add(log: Log, some: Sequence[NewQuote]) -> tuple[list[int], list[Left]]:
    """Keep prices; a collaboration that was invited or a candidate is quoted with its first one."""
    connection = log.connection
    bulk.keep_ids(connection, {one.account_id for one in some})
    creators = dict(bulk.fetch(connection, "select a.id, a.creator_id from wanted w join account a on a.id = w.id"))
    named = sorted({one.collaboration_id for one in some if one.collaboration_id is not None})
    bulk.keep_ids(connection, named)
    rounds = dict(
        bulk.fetch(connection, "select b.id, coalesce(max(q.round), 0) from wanted w join collaboration b on b.id = w.id left join quote q"
                               " on q.collaboration_id = b.id group by b.id")
    )  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    left: list[Left] = []
    for one in some:
        deal = one.collaboration_id
        if one.account_id not in creators or (deal is not None and deal not in rounds):
            left.append(Left(one.account_id, "unknown_account" if one.account_id not in creators else "unknown_collaboration", {}))
            continue
        turn = one.round if one.round is not None else (rounds[deal] + 1 if deal is not None else 1)
        rows.append((one.account_id, creators[one.account_id], deal, turn, *(getattr(one, name) for name in _SAID), log.now, log.actor.name, log.id))
    first = log.insert("quote", _NEW, rows)
    _quoted(log, {one.collaboration_id for one in some if one.collaboration_id in rounds and one.kind == QuoteKind.QUOTE.value})
    return list(range(first, first + len(rows))), left


def _quoted(log: Log, named: Collection[int | None]) -> None:
    waiting = (
        [one for one in deals.deals(log.connection, sorted(one for one in named if one is not None)) if one.state in {DealState.CANDIDATE, DealState.INVITED}]
        if named
        else []
    )
    deals.write_state(log, waiting, DealState.QUOTED, None, log.now)


# ---------------------------------------------------------------- a sheet of them

_BY_UID: Final = (
    "select a.platform, a.platform_uid, a.id from keyed k join account a on a.platform_uid = k.word and (k.platform = '' or a.platform = k.platform)"
)
_BY_HANDLE: Final = (
    "select a.platform, a.handle_key, a.id from keyed k join account a on a.handle_key = k.word and (k.platform = '' or a.platform = k.platform)"
)
_BY_NAME: Final = (
    "select a.platform, c.name, a.id from keyed k join creator c on c.name = k.word join account a on a.creator_id = c.id"
    " and (k.platform = '' or a.platform = k.platform)"
)
_OPEN: Final = (
    "select b.account_id, k.name, k.code, b.id from wanted w join collaboration b on b.account_id = w.id left join campaign k on k.id = b.campaign_id"
    " where b.state in ('candidate', 'invited', 'quoted') order by b.id"
)


class _Ambiguous:
    """Stands for a word that several accounts go by."""


def take(connection: Connection, log: Log | None, parsed: Parsed, zone: str, job: Job) -> Upserted:
    """Keep the prices of a sheet; one that says the same as the account's last one of its kind changes nothing."""
    rejects: list[Reject] = []
    wanted: list[NewQuote] = []
    creators: set[int] = set()
    for chunk in parsed.chunks(_CHUNK):
        job.check()
        columns = chunk.columns
        names = {name: columns[name] for name in ("platform", "platform_uid", "handle", "name") if name in columns}
        found = _accounts(connection, names, len(chunk))
        open_ = _open(connection, [one for one in found if isinstance(one, int)])
        for at, row in enumerate(chunk.rows):
            cells = {name: values[at] for name, values in columns.items()}
            account, kind = found[at], format_of(str(cells.get("format") or Format.VIDEO.value))
            if not isinstance(account, int):
                rejects.append(Reject(row, None, _who(names, at), "ambiguous_creator" if account is _Ambiguous else "unknown_creator"))
            elif kind is None:
                rejects.append(Reject(row, "format", str(cells["format"]), "unknown_value"))
            else:
                wanted.append(_new(account, kind, cells, open_.get(account, []), zone))
    fresh = _fresh(connection, wanted)
    if log is not None:
        ids, _ = add(log, fresh)
        bulk.keep_ids(connection, ids)
        creators = {row[0] for row in bulk.fetch(connection, "select q.creator_id from wanted w join quote q on q.id = w.id")}
    return Upserted(None, len(fresh), 0, len(wanted) - len(fresh), (), tuple(rejects), tuple(sorted(creators)))


def _who(names: Mapping[str, Sequence[object]], at: int) -> str:
    return " ".join(str(values[at]) for values in names.values() if values[at] is not None)


def _accounts(connection: Connection, names: Mapping[str, Sequence[Any]], count: int) -> list[int | type[_Ambiguous] | None]:
    """The account that each row names: by uid, else by handle, else by the exact name."""
    out: list[int | type[_Ambiguous] | None] = [None] * count
    platforms = names.get("platform", [None] * count)
    for column, statement, fold in (("platform_uid", _BY_UID, str), ("handle", _BY_HANDLE, handle_key), ("name", _BY_NAME, str)):
        values = names.get(column)
        if values is None:
            continue
        asked = {at: (platforms[at] or "", fold(values[at])) for at in range(count) if out[at] is None and values[at] is not None}
        bulk.keep(connection, "keyed", (("platform", "text"), ("word", "text")), set(asked.values()))
        known: dict[tuple[str, str], set[int]] = {}
        for platform, word, account in bulk.fetch(connection, statement):
            known.setdefault((platform, word), set()).add(account)
            known.setdefault(("", word), set()).add(account)
        for at, key in asked.items():
            some = known.get(key, ())
            out[at] = next(iter(some)) if len(some) == 1 else _Ambiguous if some else None
    return out


def _open(connection: Connection, accounts: Iterable[int]) -> dict[int, list[tuple[str | None, str | None, int]]]:
    bulk.keep_ids(connection, set(accounts))
    out: dict[int, list[tuple[str | None, str | None, int]]] = {}
    for account, name, code, deal in bulk.fetch(connection, _OPEN):
        out.setdefault(account, []).append((name, code, deal))
    return out


def _new(account: int, kind: str, cells: Mapping[str, Any], open_: Sequence[tuple[str | None, str | None, int]], zone: str) -> NewQuote:
    campaign = cells.get("campaign")
    meant = [deal for name, code, deal in open_ if campaign in {name, code}] if campaign is not None else [deal for _, _, deal in open_]
    card = kind_of(str(cells.get("kind") or "")) is QuoteKind.RATE_CARD

    def day(name: str) -> str | None:
        return None if cells.get(name) is None else local(cells[name], zone).date().isoformat()

    return NewQuote(
        account,
        kind,
        cells["fee_fen"],
        QuoteKind.RATE_CARD.value if card else QuoteKind.QUOTE.value,
        meant[0] if len(meant) == 1 and not card else None,
        cells.get("currency") or "CNY",
        cells.get("tax_included"),
        cells.get("platform_fee_fen"),
        cells.get("rebate_bp"),
        day("valid_from"),
        day("valid_to"),
        cells.get("round"),
        cells.get("source"),
        cells.get("note"),
    )


_LAST: Final = (
    "select q.account_id, q.format, q.kind, coalesce(q.collaboration_id, 0), q.fee_fen, q.currency, q.platform_fee_fen, q.rebate_bp, q.valid_from, q.valid_to,"
    " q.source, q.note from wanted w join quote q on q.account_id = w.id order by q.id"
)


def _fresh(connection: Connection, wanted: Sequence[NewQuote]) -> list[NewQuote]:
    """Prices that are not what the account said last."""
    bulk.keep_ids(connection, {one.account_id for one in wanted})
    last = {row[:4]: row[4:] for row in bulk.fetch(connection, _LAST)}
    out = []
    for one in wanted:
        key = (one.account_id, one.format, one.kind, one.collaboration_id or 0)
        said = (one.fee_fen, one.currency, one.platform_fee_fen, one.rebate_bp, one.valid_from, one.valid_to, one.source, one.note)
        if last.get(key) != said:
            last[key] = said
            out.append(one)
    return out


# ---------------------------------------------------------------- what they are judged by

_LATEST: Final = "(select m.value from account_metric m where m.account_id = a.id and m.name = '{name}' and m.value is not null order by m.as_of desc limit 1)"
_ENGAGEMENT: Final = (
    "coalesce({avg_engagement}, nullif(coalesce({avg_likes}, 0) + coalesce({avg_comments}, 0) + coalesce({avg_shares}, 0), 0),"
    " {engagement_rate} * a.followers / 100.0)"
).format(**{name: _LATEST.format(name=name) for name in ("avg_engagement", "avg_likes", "avg_comments", "avg_shares", "engagement_rate")})
_ABOUT: Final = f"select a.id, a.platform, a.tier, c.category, {_ENGAGEMENT} from wanted w join account a on a.id = w.id join creator c on c.id = a.creator_id"  # noqa: S608
_PEERS: Final = (
    "select a.id, a.platform, a.tier, c.category, q.fee_fen, q.platform_fee_fen, q.rebate_bp, {engagement} from quote q join account a on a.id = q.account_id"
    " join creator c on c.id = a.creator_id where q.format = ? and q.currency = 'CNY' and q.quoted_at >= ? and a.platform in ({platforms})"
    " and q.id = (select l.id from quote l where l.account_id = q.account_id and l.format = q.format order by l.quoted_at desc, l.id desc limit 1)"
)
_OWN: Final = (
    "select q.account_id, q.format, q.fee_fen, q.platform_fee_fen, q.rebate_bp, q.quoted_at from wanted w join quote q on q.account_id = w.id"
    " where q.currency = 'CNY' order by q.quoted_at desc, q.id desc"
)


def about(connection: Connection, accounts: Sequence[int]) -> dict[int, tuple[int, str, int | None, str | None, float | None]]:
    """Platform, tier, category and usual engagement of accounts."""
    bulk.keep_ids(connection, accounts)
    return {row[0]: row for row in bulk.fetch(connection, _ABOUT)}


def peers(connection: Connection, kind: str, platforms: Iterable[str], since: int) -> list[Peer]:
    """What accounts of some platforms ask for one engagement in a format, by their last price."""
    words = ", ".join(f"'{one}'" for one in sorted(platforms) if one.replace("_", "").isalnum()) or "''"
    rows = bulk.fetch(connection, _PEERS.format(engagement=_ENGAGEMENT, platforms=words), kind, since)
    out = []
    for account, platform, tier, category, fee, platform_fee, rebate, engagement in rows:
        if engagement is not None and engagement > 0:
            out.append(Peer(account, platform, tier, category, asked_in_all(fee, platform_fee, rebate) / engagement))
    return out


def last(connection: Connection, accounts: Sequence[int]) -> dict[tuple[int, str], list[tuple[int, int | None, int | None, int]]]:
    """Prices of accounts by format, the newest first: fee, platform's fee, rebate, when."""
    bulk.keep_ids(connection, accounts)
    out: dict[tuple[int, str], list[tuple[int, int | None, int | None, int]]] = {}
    for account, kind, *rest in bulk.fetch(connection, _OWN):
        out.setdefault((account, kind), []).append((rest[0], rest[1], rest[2], rest[3]))
    return out
