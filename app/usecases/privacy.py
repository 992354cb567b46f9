# SPDX-License-Identifier: Apache-2.0
"""Personal data: who agreed to what, who looked, everything about a person in one file, and a person taken out for good."""

from __future__ import annotations

from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from app.errors import UsageError
from app.events import CreatorsChanged, Events, OperationRecorded
from app.rules.rights import OWNER, Act
from app.values import Ranked, iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from app.rules.privacy import PrivacyPolicy
    from app.rules.rights import Rights
    from app.values import Actor

LOOKED: Final = ("open", "copy", "export", "erase")
_CHANNELS: Final = ("wechat", "phone", "email", "platform", "form", "paper", "other")


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A consent: to which purpose, in which version of the text, when and how; until it was withdrawn."""

    id: int
    creator_id: int
    purpose: str
    text_version: str
    channel: str
    given_at: int
    evidence: str | None
    by: str
    withdrawn_at: int | None
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody saw or took along personal data; ``action`` is a code under ``look.<action>``, creator 0 stands for many."""

    creator_id: int
    at: int
    by: str
    device: str
    action: str
    fields: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class ContactCard:
    """How a person is reached, as whoever asks may have it; ``whole`` where nothing is masked."""

    creator_id: int
    fields: Mapping[str, str | None]
    whole: bool
    consent: bool


@dataclass(frozen=True, slots=True)
class KeptFact:
    """Rows that stay after an erasure, without the person; ``why`` is a code under ``kept_by_law.<why>``, with the days they stay."""

    table: str
    rows: int
    why: str
    days: int


@dataclass(frozen=True, slots=True)
class Erased:
    """A person taken out: rows emptied by table, what stays and why, files deleted, copies that this cannot reach, and whether the file holds no trace."""

    creator_id: int
    removed: Mapping[str, int]
    kept: tuple[KeptFact, ...]
    files: int
    copies: tuple[str, ...]
    audit_rows: int
    swept: bool


@dataclass(frozen=True, slots=True)
class DueClass:
    """Data of a class that is past its time: how many creators or rows, the first of them by number and name, since when the oldest is due."""

    kind: str
    days: int
    count: int
    rows: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, slots=True)
class Heads:
    """How many persons the workspace knows; ``consent``: of those who can be reached, how many agreed to be."""

    persons: int
    reachable: int
    consent: int
    withdrawn: int
    erased: int


class Persons(Protocol):
    """Remembers personal data and what was done with it. One method is one transaction."""

    def policy(self) -> PrivacyPolicy:
        """The policy in force."""

    def contact(self, creator_id: int) -> Mapping[str, str | None]:
        """Personal fields of a creator."""

    def note(self, look: Look) -> None:
        """Remember that somebody looked."""

    def looks(self, creator_id: int | None, limit: int) -> list[Look]:
        """Who looked, the newest first; at one creator or at all."""

    def consents(self, creator_id: int) -> list[ConsentRow]:
        """Consents of a creator, the newest first."""

    def agree(self, creator_ids: Sequence[int], consent: Mapping[str, Any], actor: Actor, now: int) -> int:
        """Keep a consent of creators; returns the operation."""

    def withdraw(self, creator_id: int, purpose: str, actor: Actor, now: int) -> int:
        """End the consents of a creator to a purpose; returns the operation, 0 where none stood."""

    def everything(self, creator_id: int, now: int) -> tuple[dict[str, Any], list[Path]]:
        """All that is held about a creator, and the files that belong to it."""

    def write(self, path: Path, document: Mapping[str, Any], files: Sequence[Path]) -> int:
        """Write it as JSON, or with its files as ZIP, by the ending; returns the bytes written."""

    def erase(self, creator_id: int, reason: str, actor: Actor, now: int) -> Erased:
        """Take a person out."""

    def sweep(self, now: int) -> bool:
        """Leave no trace of erased rows in the file's free room; whether that was possible now."""

    def due(self, now: int, limit: int) -> list[DueClass]:
        """What is past its time, by class."""

    def heads(self) -> Heads:
        """How many persons there are."""


class Privacy:
    """What people do about personal data."""

    def __init__(
        self, store: Persons, rights: Callable[[], Rights], actor: Actor, clock: Callable[[], int], events: Events, rated: Callable[[int], Mapping[str, object]]
    ) -> None:
        """Work on a store as somebody; ``rated`` tells how a creator is rated and why."""
        self._store, self._rights, self._actor, self._clock, self._events, self._rated = store, rights, actor, clock, events, rated

    @property
    def policy(self) -> PrivacyPolicy:
        """What each personal field is for, who sees it, how long it is kept."""
        return self._store.policy()

    def contact(self, creator_id: int, *, action: str = "open") -> ContactCard:
        """How a person is reached, masked as the role asks; that somebody looked is remembered."""
        policy, role = self._store.policy(), self._role
        found = self._store.contact(creator_id)
        taking = action in {"copy", "export"}
        shown = {name: policy.shown(role, name, value, taking=taking) for name, value in found.items()}
        whole = all(shown[name] == found[name] for name in found)
        if any(shown.values()):
            self._note(creator_id, action, [name for name, value in shown.items() if value and value == found[name]] or ["masked"])
        stands = any(one.purpose == "contact" and one.withdrawn_at is None for one in self._store.consents(creator_id))
        return ContactCard(creator_id, shown, whole, stands or not policy.needs_consent("contact"))

    def looked(self, action: str, fields: Sequence[str], rows: int, creator_id: int = 0) -> None:
        """Remember that personal data of creators was seen or taken along by other means, as a table or a file of many."""
        if action not in LOOKED:
            raise UsageError("value_invalid", field="action", value=action)
        self._note(creator_id, action, fields, rows)

    def looks(self, creator_id: int | None = None, limit: int = 200) -> list[Look]:
        """Who looked, the newest first; at one creator or at all."""
        return self._store.looks(creator_id, limit)

    # ------------------------------------------------------------ consent

    def consents(self, creator_id: int) -> list[ConsentRow]:
        """Consents of a creator, the newest first."""
        return self._store.consents(creator_id)

    def agree(self, creator_ids: Sequence[int], purpose: str, channel: str, given_at: int | None = None, evidence: str | None = None) -> int:
        """Keep that creators agreed to a purpose, in the version of the text that is in force; returns the operation."""
        now, policy = self._clock(), self._store.policy()
        if purpose not in policy.purposes:
            raise UsageError("value_invalid", field="purpose", value=purpose)
        if channel not in _CHANNELS:
            raise UsageError("value_invalid", field="channel", value=channel)
        given = now if given_at is None else given_at
        if given > now:
            raise UsageError("event_ahead")
        consent = {"purpose": purpose, "text_version": policy.consent_text, "channel": channel, "given_at": given, "evidence": evidence}
        return self._operated(self._store.agree(creator_ids, consent, self._actor, now))

    def withdraw(self, creator_id: int, purpose: str) -> int:
        """End a creator's consent to a purpose; returns the operation, 0 where none stood."""
        return self._operated(self._store.withdraw(creator_id, purpose, self._actor, self._clock()))

    # ------------------------------------------------------------ the person's rights

    def export(self, creator_id: int, path: Path) -> Mapping[str, Any]:
        """Write everything held about a creator as one file, JSON or ZIP by its ending; returns what was written."""
        self._rights().demand(Act.CONTACTS)
        if path.suffix.lower() not in {".json", ".zip"}:
            raise UsageError("export_ending", path=str(path))
        now, policy = self._clock(), self._store.policy()
        document, files = self._store.everything(creator_id, now)
        document["purposes"] = [
            {"field": one.name, "purpose": one.purpose, "basis": policy.purposes[one.purpose], "on": one.on} for one in policy.fields.values()
        ]
        document["retention_days"] = dict(policy.retention)
        document["rating"] = plain(self._rated(creator_id))
        document = {"creator_id": creator_id, "exported_at": iso(now), "exported_by": self._actor.name, **document}
        size = self._store.write(path, document, files)
        self._note(creator_id, "export", ["everything"])
        rows = {name: len(some) for name, some in document["tables"].items()}
        return {"creator_id": creator_id, "file": str(path), "bytes": size, "rows": sum(rows.values()), "tables": rows, "attachments": len(files)}

    def erase(self, creator_id: int, reason: str) -> Erased:
        """Take a person out for good. It cannot be undone; what the law keeps stays without the person, and is told."""
        if not reason.strip():
            raise UsageError("value_missing", field="reason")
        if self._role not in {None, OWNER}:
            self._rights().demand(Act.USERS)
        done = self._store.erase(creator_id, reason.strip(), self._actor, self._clock())
        self._note(creator_id, "erase", ["everything"])
        self._events.announce(CreatorsChanged((creator_id,)), OperationRecorded())
        return done

    def sweep(self) -> bool:
        """Leave no trace of erased rows in the file, where that could not be done at once; whether none is left."""
        return self._store.sweep(self._clock())

    # ------------------------------------------------------------ how long, how many

    def due(self, limit: int = 100) -> list[DueClass]:
        """What is past its time, by class of data."""
        return self._store.due(self._clock(), limit)

    def heads(self) -> Heads:
        """How many persons the workspace knows."""
        return self._store.heads()

    @property
    def _role(self) -> str | None:
        role = self._rights().role
        return None if role == OWNER else role

    def _note(self, creator_id: int, action: str, fields: Sequence[str], rows: int = 1) -> None:
        self._store.note(Look(creator_id, self._clock(), self._actor.name, self._actor.device, action, tuple(fields), rows))

    def _operated(self, operation_id: int) -> int:
        if operation_id:
            self._events.announce(OperationRecorded())
        return operation_id


def plain(value: object) -> Any:  # noqa: ANN401 (JSON)
    """A record as JSON has it: codes of ranks, names of fields."""
    if isinstance(value, Ranked):
        return value.code
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(one) for name, one in asdict(value).items()}
    if isinstance(value, dict):
        return {str(plain(name)): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
