# SPDX-License-Identifier: Apache-2.0
"""Events that the program raises from facts: what was found is compared with the ledger, and entered or voided in the operation at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.rules.rating import raisers
from app.rules.rating.raisers import Confirmation, Entry
from db import bulk
from db.writers import cases, ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.rules.rating.credit import CreditPolicy
    from app.rules.rating.raisers import Finding
    from db.writers.operations import Log

    Found = tuple[int, int | None, Finding]
    """A creator, the account concerned, and what should stand for one source object of theirs."""

SUPERSEDED: Final = "superseded"
"""Why the program voids an event of its own: a newer fact says otherwise."""

_STANDING: Final = (
    "select e.creator_id, e.source, e.id, e.type, e.happened_at, e.recorded_at, e.confirmed_at, e.voided_at, e.voided_by"
    " from found f join credit_event e on e.source = f.source and e.creator_id = f.creator_id"
)
_NEW: Final = (
    "creator_id", "account_id", "type", "happened_at", "recorded_at", "confirmed_at", "confirmed_by", "filed_by", "evidence", "source", "stated",
)  # fmt: skip


def reconcile(log: Log, found: Sequence[Found], filers: Mapping[str, str] | None = None) -> int:
    """Let the ledger say what was found, for many source objects at once; a repeat changes nothing. Returns how many entries changed.

    A good fact counts at once; a bad one is proposed, and confirmed by rule or by a second person later.
    ``filers``: by source, who looked after it, and so filed what somebody else is to confirm.
    """
    if not found:
        return 0
    policy = ledger.in_force(log.connection, log.now).policy
    standing = _standing(log, found)
    voids: list[Entry] = []
    adds: list[tuple[Any, ...]] = []
    for creator, account, finding in found:
        entries = standing.get((creator, finding.source), ())
        change = raisers.reconcile(finding, entries)
        voids += [one for one in entries if one.id in change.voids]
        if change.adds is not None and change.adds.happened_at <= log.now:  # a fact dated ahead waits until it is one
            adds.append(_row(log, policy, creator, account, change.adds, (filers or {}).get(finding.source)))
    cases.mark(log, [one.id for one in voids if one.confirmed_at is None], {"voided_at": log.now, "voided_by": ledger.RULE, "void_reason": SUPERSEDED})
    for one in voids:
        if one.confirmed_at is not None:
            cases.overtake(log, one.id, SUPERSEDED)  # it may carry a sanction, which then falls with it
    log.insert("credit_event", _NEW, adds)
    return len(voids) + len(adds)


def _standing(log: Log, found: Sequence[Found]) -> dict[tuple[int, str], list[Entry]]:
    rows = dict.fromkeys((finding.source, creator) for creator, _, finding in found)
    bulk.keep(log.connection, "found", (("source", "text"), ("creator_id", "bigint")), rows)
    out: dict[tuple[int, str], list[Entry]] = {}
    for creator, source, number, kind, happened, recorded, confirmed, voided, voided_by in bulk.fetch(log.connection, _STANDING):
        overturned = voided is not None and voided_by != ledger.RULE
        out.setdefault((creator, source), []).append(Entry(number, kind, source, happened, recorded, confirmed, voided, overturned=overturned))
    return out


def _row(log: Log, policy: CreditPolicy, creator: int, account: int | None, raised: raisers.Raised, filer: str | None) -> tuple[Any, ...]:
    at_once = raisers.confirmation(policy, raised.type) is Confirmation.AT_ONCE
    confirmed = (log.now, ledger.RULE) if at_once else (None, None)
    evidence = ", ".join(raised.evidence) or None
    filed_by = filer if filer and raisers.confirmation(policy, raised.type) is Confirmation.SECOND_PERSON else ledger.RULE
    return (creator, account, raised.type, raised.happened_at, log.now, *confirmed, filed_by, evidence, raised.source, False)
