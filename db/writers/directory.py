# SPDX-License-Identifier: Apache-2.0
"""Whom and what the sales of a long file name, looked up for all rows at once: accounts, contents and coupons as whole columns.

A row is settled here only where nothing needs to be weighed: its uid means one account, its content's number one content.
Every other row goes the way of each row by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from db import bulk, frames

if TYPE_CHECKING:
    from sqlalchemy import Connection

PLAIN, CREATOR, ACCOUNT, CONTENT, OWNER, PUBLISHED, COUPON = "plain", "creator", "account", "content", "owner", "published", "coupon_owner"
_SHARE: Final = 8
"""Reading everything pays where the file has at least one row for so many accounts and contents."""
LEAST: Final = 50_000
"""Rows of a long file."""
_UID, _REF, _CODE = "platform_uid", "content_id", "coupon"
_SEVERAL: Final = "several"
_ID: Final = pl.UInt32
_MOST: Final = 2**32
"""Ids that are told apart here."""


def found(connection: Connection, frame: pl.DataFrame, *, by_name: bool) -> pl.DataFrame | None:
    """For every row of a frame of sales: whether it is settled (``plain``), creator and account, content with its owner and day, the coupon's owner.

    None where the file is short, or names its creators in more than one way, or the store answers rows only.
    """
    if connection.dialect.name != "sqlite" or frame.height < LEAST or _UID not in frame.columns:
        return None
    sizes = bulk.fetch(connection, "select (select count(*) from account), (select coalesce(max(id), 0) from content), (select max(id) from account)")[0]
    if frame.height * _SHARE < sizes[0] + sizes[1] or max(sizes[1:], key=lambda one: one or 0) >= _MOST:
        return None
    stated = "platform" in frame.columns and frame["platform"].null_count() < frame.height
    if stated and (frame["platform"].null_count() or frame[_UID].null_count()):
        return None
    people = _people(connection, frame, stated=stated, by_name=by_name)
    contents = _contents(connection, frame)
    coupons = _coupons(connection, frame)
    if people is None or contents is None or coupons is None:
        return None
    settled = people[PLAIN] if _SEVERAL not in contents.columns else people[PLAIN] & contents[_SEVERAL].is_null()
    return pl.DataFrame([settled, people[CREATOR], people[ACCOUNT], contents[CONTENT], contents[OWNER], contents[PUBLISHED], coupons])


def _people(connection: Connection, frame: pl.DataFrame, *, stated: bool, by_name: bool) -> pl.DataFrame | None:
    known = frames.read(
        connection,
        "account",
        "platform_uid is not null",
        {"platform": ("platform", pl.String), _UID: ("platform_uid", pl.String), ACCOUNT: ("id", _ID), CREATOR: ("creator_id", _ID)},
    )
    if known is None:
        return None
    on = ["platform", _UID] if stated else [_UID]
    if not stated:
        known = known.drop("platform").unique(_UID, keep="none")
    joined = frame.select(on).join(known, on=on, how="left", maintain_order="left")
    nobody = pl.col(_UID).is_null()
    if "handle" in frame.columns:
        nobody &= frame["handle"].is_null()
    if by_name and "name" in frame.columns:
        nobody &= frame["name"].is_null()
    return joined.select((pl.col(ACCOUNT).is_not_null() | nobody).alias(PLAIN), CREATOR, ACCOUNT)


def _contents(connection: Connection, frame: pl.DataFrame) -> pl.DataFrame | None:
    if _REF not in frame.columns:
        return pl.DataFrame({name: pl.Series([None], dtype=kind).new_from_index(0, frame.height) for name, kind in _OF_CONTENT.items()})
    known = frames.read(
        connection,
        "content",
        "true",
        {_REF: ("content_id", pl.String), CONTENT: ("id", _ID), OWNER: ("creator_id", _ID), PUBLISHED: ("published_at", pl.Int64)},
    )
    if known is None:
        return None
    several = known.filter(pl.col(_REF).is_duplicated())[_REF].unique()
    if len(several):
        known = known.unique(_REF, keep="first").with_columns(pl.when(pl.col(_REF).is_in(several.implode())).then(pl.lit(1)).alias(_SEVERAL))
    return frame.select(_REF).join(known, on=_REF, how="left", maintain_order="left").drop(_REF)


_OF_CONTENT: Final = {CONTENT: _ID, OWNER: _ID, PUBLISHED: pl.Int64}


def _coupons(connection: Connection, frame: pl.DataFrame) -> pl.Series | None:
    if _CODE not in frame.columns or frame[_CODE].null_count() == frame.height:
        return pl.Series(COUPON, [None], dtype=_ID).new_from_index(0, frame.height)
    known = frames.read(connection, "creator", "coupon is not null", {_CODE: ("coupon", pl.String), COUPON: ("id", _ID)})
    if known is None:
        return None
    had = frames.read(connection, "creator_coupon", "true", {_CODE: ("coupon", pl.String), COUPON: ("creator_id", _ID)})
    if had is not None and had.height:
        known = pl.concat([known, had.join(known, on=_CODE, how="anti")])
    return frame.select(_CODE).join(known.group_by(_CODE).agg(pl.col(COUPON).min()), on=_CODE, how="left", maintain_order="left")[COUPON]
