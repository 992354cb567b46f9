# SPDX-License-Identifier: Apache-2.0
"""Builds the services: store, files, clock. The one file that names ``db``.

Doors hand down the opener, never ready services: a workspace is chosen after start and changed while running.
The stores, and SQLAlchemy with them, load when one is first asked: a window shows the roster before.
"""

from __future__ import annotations

import platform
import threading
import time
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from app.errors import CancelledError, WorkspaceError
from app.events import CreatorsChanged, Events, ReturnsChanged
from app.rules.rights import CONTACTS, Act, Rights
from app.services import Services
from app.usecases.creators import Creators
from app.usecases.facts import Facts
from app.usecases.recruiting import Recruiting
from app.usecases.team import Team
from app.usecases.workspace import Workspace
from db.first import First

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from app.files import Files, ImportRequest, Left, Parsed, Preview, Reject
    from app.jobs import Job
    from app.services import Open, Timers
    from app.usecases.campaigns import Campaigns
    from app.usecases.content import Fulfilment
    from app.usecases.creators import Ids, Question, RosterRow
    from app.usecases.identity import Identity
    from app.usecases.incentives import Incentives
    from app.usecases.outreach import Outreach
    from app.usecases.privacy import Privacy
    from app.usecases.rating import Rating
    from app.usecases.roi import Roi
    from app.usecases.syncing import Syncing
    from app.usecases.today import Today
    from app.values import Actor, WorkspaceRef
    from app.words import Words
    from db.engine import Database
    from db.stores.campaigns import ProjectStore
    from db.stores.content import WorkStore
    from db.stores.creators import CreatorStore
    from db.stores.facts import FactStore
    from db.stores.identity import IdentityStore
    from db.stores.incentives import IncentiveStore
    from db.stores.outreach import OutreachStore
    from db.stores.privacy import PrivacyStore
    from db.stores.rating import RatingStore
    from db.stores.recruiting import PipelineStore
    from db.stores.returns import ReturnStore
    from db.stores.syncing import SyncingStore
    from db.stores.team import TeamStore
    from db.stores.today import TodayStore
    from db.stores.workspace import WorkspaceStore


def now() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Opener:
    """Fulfils ``Open``; holds nothing, so that a child process can be handed it."""

    def __call__(self, ref: WorkspaceRef, actor: Actor, *, early: bool = False) -> Services:
        """Open an existing workspace; WorkspaceError says why not. ``early``: before the store is loaded, where all is as usual."""
        actor = _named(actor)
        try:
            return _services(ref, _Stores(ref, actor, First.of(ref) if early else None))
        except WorkspaceError as error:
            known = _with_password(ref) if error.code == "password_needed" else None
            if known is None:
                raise
            return _services(known, _Stores(known, actor))

    def remember(self, ref: WorkspaceRef) -> None:
        """Keep the password of a database's login in the system's keyring; PlatformError says why not."""
        from sync import passwords

        passwords.keep(ref)

    def create(self, ref: WorkspaceRef, actor: Actor, *, force: bool = False) -> Services:
        """Create a workspace; refuses to touch an existing one unless forced."""
        from db import maintenance

        actor = _named(actor)
        stores = _Stores(ref, actor)
        stores.take(maintenance.create(ref, now(), force=force), read_only=False)
        return _services(ref, stores)

    def restore(self, backup: Path, ref: WorkspaceRef, *, force: bool = False) -> Mapping[str, object]:
        """Put a verified backup in a workspace's place; the replaced file is kept beside it."""
        from db import maintenance

        return maintenance.restore(backup, ref, now(), force=force)


def _words() -> Words:
    """The language of whoever sits at this computer."""
    from app.settings import LANGUAGE, Settings
    from app.words import Words, system_language

    chosen = Settings().get(LANGUAGE)
    return Words(system_language() if chosen == "system" else chosen)


def _with_password(ref: WorkspaceRef) -> WorkspaceRef | None:
    """A database with the password that is kept for its login; None where one was typed, or none is kept."""
    if not ref.is_url or ref.secret is not None:
        return None
    from sync import passwords

    return passwords.known(ref)


def opener() -> Open:
    """What doors hand down."""
    return Opener()


def _named(actor: Actor) -> Actor:
    return actor if actor.device else replace(actor, device=platform.node())


class _Spreadsheets:
    """Fulfils ``Files``; what reads and writes them is loaded with the first file: a window's first paint has none."""

    @property
    def _files(self) -> Files:
        from sync.platforms.spreadsheet import Spreadsheets

        return Spreadsheets()

    def preview(self, request: ImportRequest) -> Preview:
        """Head of a file with the mapping it would get."""
        return self._files.preview(request)

    def parse(self, request: ImportRequest, zone: str, now: int, job: Job) -> Parsed:
        """Read, map, parse and collapse a whole file."""
        return self._files.parse(request, zone, now, job)

    def write_rejects(self, path: Path, request: ImportRequest, rejects: Sequence[Reject]) -> None:
        """Workbook of the rejected rows."""
        self._files.write_rejects(path, request, rejects)

    def write_table(self, path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
        """CSV or XLSX by ending."""
        return self._files.write_table(path, header, rows)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The stores of an open workspace."""

    shown: str
    read_only: bool
    house: WorkspaceStore
    creators: CreatorStore
    facts: FactStore
    recruiting: PipelineStore
    rating: RatingStore
    returns: ReturnStore
    syncing: SyncingStore
    team: TeamStore
    today: TodayStore
    outreach: OutreachStore
    incentives: IncentiveStore
    projects: ProjectStore
    work: WorkStore
    identity: IdentityStore
    privacy: PrivacyStore


class _Stores:
    """Loads the stores when one of them is first asked; until then ``first`` answers what it can. ``events`` are told what loading changed."""

    def __init__(self, ref: WorkspaceRef, actor: Actor, first: First | None = None) -> None:
        self._ref, self.actor, self.first = ref, actor, first
        self.rights = Rights(actor.name)
        self.events = Events()
        self._loaded: _Loaded | None = None
        self._closed = False
        self._lock = threading.Lock()

    def get(self) -> _Loaded:
        """The stores; WorkspaceError says why not."""
        with self._lock:
            if self._closed:
                raise CancelledError
            if self._loaded is None:
                from db import maintenance

                engine, read_only = maintenance.open_engine(self._ref)
                self.take(engine, read_only=read_only)
            assert self._loaded is not None  # noqa: S101 (taken above)
            return self._loaded

    def take(self, engine: Database, *, read_only: bool) -> None:
        """Work on an open database; what has come due by the passing of time is done first."""
        from db import maintenance
        from db.stores.campaigns import ProjectStore
        from db.stores.content import WorkStore, tick
        from db.stores.creators import CreatorStore
        from db.stores.facts import FactStore
        from db.stores.identity import IdentityStore
        from db.stores.incentives import IncentiveStore
        from db.stores.outreach import OutreachStore, catch_up
        from db.stores.privacy import PrivacyStore
        from db.stores.rating import RatingStore, confirm_due
        from db.stores.recruiting import PipelineStore
        from db.stores.returns import ReturnStore
        from db.stores.syncing import SyncingStore
        from db.stores.team import TeamStore, rights
        from db.stores.today import TodayStore
        from db.stores.workspace import WorkspaceStore

        house = WorkspaceStore(engine, self._ref, read_only)
        self.rights = rights(engine, self.actor)
        self.actor = replace(self.actor, name=self.rights.login)  # on a server the login decides
        may = self.rights.may
        due = not read_only and may(Act.BAND) and house.expire(now())
        raises = not read_only and may(Act.PROPOSE)
        due = (raises and catch_up(engine, self.actor, now())) or due
        due = (raises and may(Act.EDIT) and tick(engine, self.actor, now()) > 0) or due
        changed = (raises and confirm_due(engine, self.actor, now())) or due
        privacy = PrivacyStore(engine, read_only)
        changed = (not read_only and not self._ref.is_url and privacy.erase_again(self.actor, now()) > 0) or changed
        self._loaded = _Loaded(
            maintenance.shown(self._ref), read_only, house, CreatorStore(engine, now), FactStore(engine), PipelineStore(engine), RatingStore(engine),
            ReturnStore(engine, read_only or not may(Act.BAND)), SyncingStore(engine, self._ref), TeamStore(engine),
            TodayStore(engine, read_only or not may(Act.BAND)), OutreachStore(engine), IncentiveStore(engine), ProjectStore(engine), WorkStore(engine),
            IdentityStore(engine), privacy,
        )  # fmt: skip
        self._end_first()
        if changed:
            self.events.announce(CreatorsChanged())

    def close(self) -> None:
        """Let go of the workspace."""
        with self._lock:
            self._closed = True
            self._end_first()
            if self._loaded is not None:
                self._loaded.house.close()

    def _end_first(self) -> None:
        if self.first is not None:
            self.first.close()
            self.first = None


class _Later:
    """Stands for what is made when it is first asked for something."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever is asked)
        return getattr(self._get(), name)


class _House(_Later):
    """The workspace's store; letting go of it loads nothing."""

    def __init__(self, stores: _Stores) -> None:
        super().__init__(lambda: stores.get().house)
        self.close = stores.close


class _Roster(_Later):
    """The creators' store; what a window shows first is answered before it is loaded."""

    def __init__(self, stores: _Stores) -> None:
        super().__init__(lambda: stores.get().creators)
        self._stores = stores

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""
        first = self._stores.first
        return first.zone if first is not None else self._stores.get().creators.zone

    def page(self, question: Question, limit: int, offset: int) -> list[RosterRow]:
        """Some rows of the answer."""
        first = self._stores.first
        rows = first.page(limit, offset) if first is not None and first.answers(question) else None
        return self._stores.get().creators.page(question, limit, offset) if rows is None else rows

    def ids(self, question: Question) -> Ids:
        """Ids of the answer in order, shape (n,)."""
        first = self._stores.first
        ids = first.ids() if first is not None and first.answers(question) else None
        return self._stores.get().creators.ids(question) if ids is None else ids


@dataclass(frozen=True, slots=True)
class _Gate:
    """Fulfils ``Gate``: what leaves is noted where anything can be written."""

    stores: _Stores

    @property
    def withheld(self) -> tuple[str, ...]:
        """Fields that whoever writes the file may not let out."""
        off = (name for name in CONTACTS if not self.stores.get().privacy.policy().is_on(name))
        return tuple(dict.fromkeys((*self.stores.rights.withheld(), *off)))

    def note(self, left: Left) -> None:
        """Write into the audit trail what left."""
        loaded = self.stores.get()
        if not loaded.read_only:
            loaded.team.note(left, self.stores.actor, now())
            contacts = tuple(name for name in left.fields if name in CONTACTS and name not in left.withheld)
            if contacts:
                from app.usecases.privacy import Look

                loaded.privacy.note(Look(0, now(), self.stores.actor.name, self.stores.actor.device, "export", contacts, left.rows))


def _identity(stores: _Stores) -> Identity:
    from app.usecases.identity import Identity

    return Identity(stores.get().identity, stores.actor, now, stores.events)


def _privacy(stores: _Stores, rating: Callable[[], Rating], roi: Callable[[], Roi]) -> Privacy:
    from app.usecases.privacy import Privacy

    def rated(creator: int) -> dict[str, object]:
        return {"credit": rating().credit(creator), "tier": rating().show(creator), "returns": roi().one(creator)}

    return Privacy(stores.get().privacy, lambda: stores.rights, stores.actor, now, stores.events, rated)


def _services(ref: WorkspaceRef, stores: _Stores) -> Services:
    events, files, gate = stores.events, _Spreadsheets(), _Gate(stores)
    house, roster = _House(stores), _Roster(stores)
    zone, loaded = roster.zone, None if stores.first is not None else stores.get()
    actor, rights = stores.actor, stores.rights  # a server's are known by now: only a file is looked into before

    @cache
    def rating() -> Rating:
        from app.usecases.rating import Rating

        return Rating(stores.get().rating, actor, now, zone, events)

    @cache
    def roi() -> Roi:
        from app.usecases.roi import Roi

        return Roi(stores.get().returns, zone, now, events)

    @cache
    def syncing() -> Syncing:
        from app.usecases.syncing import Syncing
        from sync.catalog import CONNECTORS
        from sync.runner import Runner
        from sync.secrets import kept

        store = stores.get().syncing
        return Syncing(store, Runner(CONNECTORS, lambda: store.workspace_id, kept(), _words, now), actor, now, events)

    @cache
    def today() -> Today:
        from app.usecases.today import Today

        return Today(stores.get().today, actor, zone, now, events)

    @cache
    def outreach() -> Outreach:
        from app.usecases.outreach import Outreach
        from sync.mail import Smtp
        from sync.secrets import kept

        return Outreach(stores.get().outreach, Smtp(kept, lambda: stores.get().syncing.workspace_id), actor, now, events)

    @cache
    def incentives() -> Incentives:
        from app.usecases.incentives import Incentives

        return Incentives(stores.get().incentives, actor, now, events)

    @cache
    def campaigns() -> Campaigns:
        from app.usecases.campaigns import Campaigns

        return Campaigns(stores.get().projects, files, actor, now, events)

    @cache
    def fulfilment() -> Fulfilment:
        from app.usecases.content import Fulfilment

        return Fulfilment(stores.get().work, files, gate, actor, now, events)

    @cache
    def timers() -> Timers:
        from sync.timers import Timers

        return Timers(ref.address)

    events.listen(lambda event: roi().follow(event) if isinstance(event, ReturnsChanged) else None)
    late: Any = _Later  # stands for anything
    return Services(
        ref=ref,
        shown=ref.address if loaded is None else loaded.shown,
        zone=zone,
        read_only=loaded is not None and loaded.read_only,
        actor=actor,
        rights=rights,
        events=events,
        workspace=Workspace(cast("Any", house), actor, now, events, rights),
        creators=Creators(cast("Any", roster), files, actor, now, events, gate),
        facts=Facts(late(lambda: stores.get().facts), files, actor, now, events, gate),
        recruiting=Recruiting(late(lambda: stores.get().recruiting), actor, now, zone, events),
        outreach=late(outreach),
        incentives=late(incentives),
        identity=late(cache(partial(_identity, stores))),
        privacy=late(cache(partial(_privacy, stores, rating, roi))),
        rating=late(rating),
        roi=late(roi),
        campaigns=late(campaigns),
        fulfilment=late(fulfilment),
        syncing=late(syncing),
        today=late(today),
        timers=late(timers),
        team=Team(late(lambda: stores.get().team), rights, actor, now),
    )
