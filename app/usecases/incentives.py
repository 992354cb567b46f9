# SPDX-License-Identifier: Apache-2.0
"""Training and incentives: courses and who passed them, what creators are entitled to, and what of it they used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from app.errors import UsageError
from app.events import CreatorsChanged, Events, OperationRecorded, RecruitingChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.values import Actor, CreditGrade, Group

KINDS: Final = ("commission", "code", "early_access")
_REFUSALS: Final = {"not_begun": "entitlement_not_begun", "over": "entitlement_over", "used_up": "entitlement_used_up", "not_for_him": "not_entitled"}


# ---------------------------------------------------------------- what is handed out


@dataclass(frozen=True, slots=True)
class CourseRow:
    """A course. Marks are in hundredths; ``taken`` and ``passed`` count creators."""

    id: int
    name: str
    pass_mark: int | None
    taken: int
    passed: int


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """How a creator did in a course; the mark is in hundredths."""

    id: int
    creator_id: int
    name: str
    course: str
    mark: int | None
    pass_mark: int | None
    taken_at: int
    passed_at: int | None


@dataclass(frozen=True, slots=True)
class EntitlementRow:
    """What creators may have. ``stock`` None: without end; ``spent_fen`` is what its uses cost; ``state``: runs, not_begun, over, used_up, ended."""

    id: int
    name: str
    kind: str
    creator_id: int | None
    creator: str | None
    group: Group | None
    grade: CreditGrade | None
    value: str
    cost_fen: int
    currency: str
    stock: int | None
    used: int
    spent_fen: int
    starts_at: int | None
    ends_at: int | None
    state: str
    version: int

    @property
    def left(self) -> int | None:
        """How many are left; None: without end."""
        return None if self.stock is None else max(0, self.stock - self.used)


@dataclass(frozen=True, slots=True)
class UseRow:
    """One use of an entitlement by a creator."""

    id: int
    entitlement_id: int
    entitlement: str
    kind: str
    creator_id: int
    name: str
    value: str
    cost_fen: int
    currency: str
    at: int
    by: str
    voided_at: int | None


@dataclass(frozen=True, slots=True)
class NewEntitlement:
    """An entitlement as somebody wrote it: for one creator, or for a group from a credit grade on; ``id`` and ``version`` of the one it replaces."""

    name: str
    kind: str
    value: str
    creator_id: int | None = None
    group: Group | None = None
    grade: CreditGrade | None = None
    cost_fen: int = 0
    currency: str = "CNY"
    stock: int | None = None
    starts_at: int | None = None
    ends_at: int | None = None
    id: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """Uses that were written down: the operation, how many, and creators with whom it was not, with a code each."""

    operation_id: int
    used: int
    left: tuple[tuple[int, str], ...]


# ---------------------------------------------------------------- port


class Incentiving(Protocol):
    """Remembers training and entitlements. One method is one transaction."""

    def courses(self) -> list[CourseRow]:
        """Courses by name."""

    def save_course(self, name: str, pass_mark: int | None, actor: Actor, now: int) -> int:
        """Add a course or give it another mark; who passed follows. Returns the operation's id, 0 if nothing changed."""

    def trainings(self, creator_id: int | None, course: str | None, limit: int) -> list[TrainingRow]:
        """Trainings, the newest first."""

    def entitlements(self, creator_id: int | None, now: int, *, ended: bool) -> list[EntitlementRow]:
        """Entitlements, or those that a creator may have."""

    def save_entitlement(self, new: NewEntitlement, actor: Actor, now: int) -> int:
        """Add or replace an entitlement; returns its id."""

    def end_entitlement(self, entitlement_id: int, actor: Actor, now: int) -> int:
        """End an entitlement; returns the operation's id."""

    def use(self, entitlement_id: int, creators: Sequence[int], actor: Actor, now: int) -> Used:
        """Write down that creators used an entitlement, as far as it lasts."""

    def void_use(self, use_id: int, reason: str, actor: Actor, now: int) -> int:
        """Take a use back; returns the operation's id."""

    def uses(self, creator_id: int | None, entitlement_id: int | None, limit: int) -> list[UseRow]:
        """Uses, the newest first."""


# ---------------------------------------------------------------- use case


class Incentives:
    """What people do to teach and reward creators."""

    def __init__(self, store: Incentiving, actor: Actor, clock: Callable[[], int], events: Events) -> None:
        """Work on a store as somebody."""
        self._store, self._actor, self._clock, self._events = store, actor, clock, events

    def courses(self) -> list[CourseRow]:
        """Courses by name, with how many took and passed them."""
        return self._store.courses()

    def save_course(self, name: str, pass_mark: float | None) -> int:
        """Add a course, or give it another mark: who passed, and the ledger, follow."""
        if not name.strip():
            raise UsageError("value_missing", field="course")
        if pass_mark is not None and not 0 <= pass_mark <= 1e6:  # noqa: PLR2004 (no mark is higher)
            raise UsageError("bad_value", field="pass_mark", value=pass_mark, reason="bad_number")
        return self._told(self._store.save_course(name.strip(), None if pass_mark is None else round(pass_mark * 100), self._actor, self._clock()))

    def trainings(self, creator_id: int | None = None, course: str | None = None, limit: int = 200) -> list[TrainingRow]:
        """Trainings of a creator, of a course or all, the newest first."""
        return self._store.trainings(creator_id, course, limit)

    def entitlements(self, creator_id: int | None = None, *, ended: bool = False) -> list[EntitlementRow]:
        """Entitlements; of a creator: those he may have, by himself, his group and his grade."""
        return self._store.entitlements(creator_id, self._clock(), ended=ended)

    def save_entitlement(self, new: NewEntitlement) -> int:
        """Add an entitlement, or replace one of the version seen; returns its id."""
        if new.kind not in KINDS:
            raise UsageError("bad_value", field="kind", value=new.kind, reason="unknown_value")
        if not new.name.strip() or not new.value.strip():
            raise UsageError("value_missing", field="name" if not new.name.strip() else "value")
        if new.cost_fen < 0 or (new.stock is not None and new.stock < 0):
            raise UsageError("bad_value", field="stock" if new.cost_fen >= 0 else "cost_fen", value=new.stock, reason="negative")
        saved = self._store.save_entitlement(new, self._actor, self._clock())
        self._told(saved)
        return saved

    def end_entitlement(self, entitlement_id: int) -> int:
        """End an entitlement from now on; what was used stays."""
        return self._told(self._store.end_entitlement(entitlement_id, self._actor, self._clock()))

    def use(self, entitlement_id: int, creators: Sequence[int]) -> Used:
        """Write down that creators used an entitlement; where its stock ends the rest are left. UsageError where nobody could."""
        done = self._store.use(entitlement_id, creators, self._actor, self._clock())
        if not done.used and done.left:
            raise UsageError(_REFUSALS[done.left[0][1]], id=done.left[0][0])
        self._told(done.operation_id)
        return done

    def void_use(self, use_id: int, reason: str) -> int:
        """Take a use back, with a reason."""
        if not reason.strip():
            raise UsageError("value_missing", field="reason")
        return self._told(self._store.void_use(use_id, reason.strip(), self._actor, self._clock()))

    def uses(self, creator_id: int | None = None, entitlement_id: int | None = None, limit: int = 200) -> list[UseRow]:
        """Uses of a creator, of an entitlement or all, the newest first."""
        return self._store.uses(creator_id, entitlement_id, limit)

    def _told(self, done: int) -> int:
        if done:
            self._events.announce(RecruitingChanged(), CreatorsChanged(), OperationRecorded())
        return done
