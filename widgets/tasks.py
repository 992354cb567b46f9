# SPDX-License-Identifier: Apache-2.0
"""The only file that knows threads and processes: work runs there, its result arrives here, on the main thread."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import multiprocessing
import signal
import threading
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, Final, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.errors import CancelledError, ProductError, WorkspaceError
from app.events import CreatorsChanged, Event, OperationRecorded, PoliciesChanged, ReturnsChanged, SyncChanged
from app.values import local

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from app.services import Open, Services
    from app.usecases.workspace import Foreign
    from app.values import Actor, WorkspaceRef
    from widgets.messages import Messages

T = TypeVar("T")
_LANES: Final = {"write": 1, "read": 3, "net": 2, "child": 2, "open": 1, "beside": 1}
_SAVING: Final = frozenset({"write", "child"})
_TOLD_EVERY: Final = 0.1
_PATIENCE: Final = 0.6
"""Seconds a cancelled child has to stop by itself before it is ended; the database takes back what it had not finished."""

_EAR: Final = 0.5
"""Seconds between two looks of the listener at whether it is still wanted."""
_SOONEST: Final = 1.0
_LATEST: Final = 30.0
"""Seconds between two tries to reach a team's database: the first, and the longest after doubling."""

_EVERYTHING: Final = (CreatorsChanged(), PoliciesChanged(), ReturnsChanged(), SyncChanged(), OperationRecorded())

_numbers = itertools.count(1)


@dataclass(eq=False, slots=True, weakref_slot=True)
class Task:
    """Something under way; also the ``Job`` that its work may ask."""

    title: str = ""
    id: int = field(default_factory=lambda: next(_numbers))
    phase: str = ""
    done: int = 0
    total: int | None = None
    ended: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)
    _tell: Callable[[Task], None] | None = None
    _told: float = 0.0

    def cancel(self) -> None:
        """Ask it to stop; what has not begun never will."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Tell how far a phase is; shown at most ten times a second."""
        new = phase != self.phase
        self.phase, self.done, self.total = phase, done, total
        now = time.monotonic()
        if self._tell is not None and (new or now - self._told >= _TOLD_EVERY):
            self._told = now
            self._tell(self)

    def check(self) -> None:
        """Raise ``CancelledError`` if the user asked to stop."""
        if self._stop.is_set():
            raise CancelledError


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be done, where, and who is told."""

    owner: weakref.ref[QObject] | None
    work: Callable[[Task], Any]
    done: Callable[[Any], None] | None
    failed: Callable[[ProductError], None] | None
    lane: str
    events: tuple[Event, ...] = ()
    probes: bool = False
    """It asks whether the database is there, and so does not wait until it is."""

    @property
    def wanted(self) -> bool:
        """Whether there is still somebody to tell."""
        owner = None if self.owner is None else self.owner()
        return self.owner is None or (owner is not None and shiboken6.isValid(owner))


@dataclass(frozen=True, slots=True)
class _Ended:
    """What a lane hands over: the result, or the failure."""

    task: Task
    order: _Order
    result: object
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class _Heard:
    """Somebody else wrote into this workspace, or the way to it changed."""

    services: Services


@dataclass(frozen=True, slots=True)
class _Told:
    """What others did, on its way to the main thread."""

    done: tuple[Foreign, ...]


class Tasks(QObject):
    """Runs work off the main thread and delivers on it. A task gets no widget; its owner gone, its result is dropped."""

    announced = Signal(object)
    """Every ``app.events.Event``."""
    started = Signal(object)
    progressed = Signal(object)
    finished = Signal(object)
    others = Signal(object)
    """What somebody else did: a tuple of ``app.usecases.workspace.Foreign``."""
    lost = Signal()
    """The way to the team's database is gone; ``lost_since`` says when, ``since`` in words."""
    found = Signal()
    """It is back, and everything counts as changed."""
    _delivered = Signal(object)

    def __init__(self, opener: Open | None, ref: WorkspaceRef | None, actor: Actor, messages: Messages) -> None:
        """Know how a child process opens the workspace, and who tells failures that nobody else handles."""
        super().__init__()
        self.opener, self._ref, self._actor = opener, ref, actor
        self._messages = messages
        self._services: Services | None = None
        self._silence: Callable[[], None] | None = None
        self._lanes = {name: ThreadPoolExecutor(size, thread_name_prefix=f"koc-{name}") for name, size in _LANES.items()}
        self._running: dict[Task, Future[None]] = {}
        self._version = 0
        self._mark: int | None = None
        self._seeing = threading.Lock()
        self._looking = False
        self._closed = False
        self.lost_since: float | None = None
        self._parked: list[tuple[Task, _Order]] = []
        self._pause = _SOONEST
        self._again = QTimer(self, singleShot=True)
        self._again.timeout.connect(self.knock)
        self._deaf: threading.Event | None = None
        self._ear: threading.Thread | None = None
        self._delivered.connect(self._arrived, Qt.ConnectionType.QueuedConnection)

    # ------------------------------------------------------------ workspace

    @property
    def messages(self) -> Messages:
        """Who tells failures; a window that speaks another language brings its own."""
        return self._messages

    @messages.setter
    def messages(self, messages: Messages) -> None:
        self._messages = messages

    def attach(self, services: Services | None) -> None:
        """Work on an open workspace and listen to its events; None lets go."""
        if self._silence is not None:
            self._silence()
            self._silence = None
        if self._deaf is not None:
            self._deaf.set()
            self._deaf = None
        self._come_back()
        self._services, self._version, self._mark = services, 0, None
        if services is not None:
            self._ref, self._actor = services.ref, services.actor
            self._silence = services.events.listen(self._heard)
            if services.ref.is_url:
                self._deaf = threading.Event()
                self._ear = threading.Thread(target=self._listen, args=(services, self._deaf), name="koc-ear", daemon=True)
                self._ear.start()

    def poll(self) -> None:
        """Look, in a thread, whether somebody else wrote; what they did is announced as if it had been done here."""
        if self.lost_since is None:
            self._look()

    def knock(self) -> None:
        """Try now whether a team's database can be reached again."""
        self._again.stop()
        self._look()

    def _look(self) -> None:
        services = self._services
        if services is None or self._closed or self._looking:
            return
        self._looking = True
        order = _Order(weakref.ref(self), lambda _: self._news(services), self._saw, self._saw_nothing, "read", probes=True)
        self._start(Task(_tell=self._hand), order)

    def _news(self, services: Services) -> tuple[Foreign, ...] | None:
        """What was done since the last look; None where something was written of which the audit chain knows nothing."""
        with self._seeing:
            version, before = services.workspace.data_version(), self._version
            if version == before and self._mark is not None:
                return ()
            news = services.workspace.news(self._mark)
            first, self._version, self._mark = self._mark is None, version, news.mark
            return news.done if first or news.done else None

    def _saw(self, done: tuple[Foreign, ...] | None) -> None:
        self._looking = False
        if self.lost_since is not None:
            self._find()
        elif done is None:
            for event in (CreatorsChanged(), SyncChanged(), OperationRecorded()):
                self.announced.emit(event)
        else:
            self._tell_of(done)

    def _saw_nothing(self, _: ProductError) -> None:
        self._looking = False
        if self.lost_since is not None:
            self._pause = min(2 * self._pause, _LATEST)
            self._again.start(int(1000 * self._pause))

    def _tell_of(self, done: tuple[Foreign, ...]) -> None:
        events: dict[type[Event], Event] = {}
        for event in (event for one in done for event in one.events()):
            known = events.get(type(event))
            many = not event.ids or (known is not None and not known.ids)
            events[type(event)] = type(event)(() if many else tuple(dict.fromkeys((*(known.ids if known else ()), *event.ids))))
        for event in events.values():
            self.announced.emit(event)
        strangers = tuple(one for one in done if (one.by, one.device) != (self._actor.name, self._actor.device))
        if strangers:
            self.others.emit(strangers)

    def _heard(self, event: Event) -> None:
        # Read before anybody reloads: a change of others in between is then seen by the reload or by the next look.
        self._note_version()
        self._hand(event)

    def _note_version(self) -> None:
        """What we wrote ourselves is known; what others wrote in between is told."""
        services = self._services
        if services is not None and threading.current_thread() is not threading.main_thread():
            try:
                done = self._news(services)
            except ProductError:
                self._version = 0  # the next look begins anew
                return
            self._hand(_Told(tuple(one for one in done or () if (one.by, one.device) != (self._actor.name, self._actor.device))))

    # ------------------------------------------------------------ a team's database

    def _listen(self, services: Services, deaf: threading.Event) -> None:
        """Hear of others' writes as they happen, for as long as this workspace is open."""
        pause = _SOONEST
        while not deaf.is_set():
            try:
                ear = services.workspace.ear()
            except ProductError:
                deaf.wait(pause)
                pause = min(2 * pause, _LATEST)
                continue
            if ear is None:
                return
            pause = _SOONEST
            try:
                self._hand(_Heard(services))  # of what was written before we listened nobody tells
                while not deaf.is_set():
                    if ear.wait(_EAR):
                        self._hand(_Heard(services))
            except ProductError:
                self._hand(_Heard(services))
            finally:
                ear.close()

    @property
    def since(self) -> str:
        """When the way was lost, as a clock shows it."""
        return f"{local(int(1_000_000 * (self.lost_since or time.time())), self._messages.labels.zone):%H:%M}"

    def _lose(self) -> None:
        """Remember since when, and begin to try again."""
        if self.lost_since is None:
            self.lost_since, self._pause = time.time(), _SOONEST
            self._again.start(int(1000 * self._pause))
            self.lost.emit()

    def _find(self) -> None:
        """Go on with what waited; everything may have changed."""
        self._come_back()
        self.found.emit()
        for event in _EVERYTHING:
            self.announced.emit(event)

    def _come_back(self) -> None:
        self._again.stop()
        self.lost_since = None
        parked, self._parked = self._parked, []
        for task, order in parked:
            if task.cancelled or not order.wanted:
                self._running.pop(task, None)
            else:
                self._start(task, order)

    # ------------------------------------------------------------ threads

    def run(
        self,
        owner: QObject | None,
        work: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[ProductError], None] | None = None,
        *,
        lane: str = "read",
        title: str = "",
    ) -> Task:
        """Run work in a lane (``read``, ``write``, ``net``); a title shows it in the status bar."""
        return self._submit(owner, lambda _: work(), done, failed, lane, title)

    def run_job(
        self,
        owner: QObject | None,
        work: Callable[[Task], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[ProductError], None] | None = None,
        *,
        lane: str = "read",
        title: str = "",
    ) -> Task:
        """Likewise, for work that reports progress to its job and obeys cancel."""
        return self._submit(owner, work, done, failed, lane, title)

    def _submit(
        self,
        owner: QObject | None,
        work: Callable[[Task], Any],
        done: Callable[[Any], None] | None,
        failed: Callable[[ProductError], None] | None,
        lane: str,
        title: str,
        events: tuple[Event, ...] = (),
    ) -> Task:
        # An owner that is one of our own kind lives as long as we do; a widget may go at any time.
        order = _Order(None if owner is None else weakref.ref(owner), work, done, failed, lane, events)
        task = Task(title, _tell=self._hand)
        if self._closed:
            task.cancel()
            return task
        self._start(task, order)
        if title:
            self.started.emit(task)
        return task

    def _start(self, task: Task, order: _Order) -> None:
        if self.lost_since is not None and order.lane in _SAVING:
            self._running[task] = _over()
            self._hand(_Ended(task, order, None, WorkspaceError("way_lost", since=self.since)))
            return

        def lead() -> None:
            result: object = None
            error: BaseException | None = None
            try:
                task.check()
                if self.lost_since is not None and order.lane == "read" and not order.probes:
                    raise WorkspaceError("database_unreachable", reason="")  # noqa: TRY301 (it would only wait for what is known)
                result = order.work(task)
            except BaseException as raised:  # noqa: BLE001 (whatever it is, it is told on the main thread)
                error = raised
            if order.events and error is None:
                self._note_version()
            self._hand(_Ended(task, order, result, error))

        self._running[task] = self._lanes[order.lane].submit(lead)

    def _hand(self, what: object) -> None:
        """To the main thread, from any thread."""
        if not self._closed:
            self._delivered.emit(what)

    def _arrived(self, what: object) -> None:
        if isinstance(what, Event):
            self.announced.emit(what)
        elif isinstance(what, Task):
            if not what.ended and what.title:
                self.progressed.emit(what)
        elif isinstance(what, _Heard):
            if what.services is self._services:
                self.poll()
        elif isinstance(what, _Told):
            self._tell_of(what.done)
        elif isinstance(what, _Ended):
            self._end(what)

    def _end(self, ended: _Ended) -> None:
        task, order = ended.task, ended.order
        if self._gone(ended.error):
            self._lose()
            if order.lane == "read" and not order.probes and not task.cancelled:
                # Looking again does no harm: it waits until the way is back, and what stands on the screen stays.
                self._running[task] = _over()
                self._parked.append((task, order))
                return
        task.ended = True
        self._running.pop(task, None)
        if task.title:
            self.finished.emit(task)
        if ended.error is None:
            for event in order.events:
                self.announced.emit(event)
        if order.wanted:
            self._deliver(ended)

    def _deliver(self, ended: _Ended) -> None:
        task, order = ended.task, ended.order
        if ended.error is None:
            if order.done is not None and not task.cancelled:
                order.done(ended.result)
            return
        error = self._in_words(ended.error)
        if order.failed is not None:
            order.failed(error)
        elif not isinstance(error, CancelledError) or task.title:
            self._messages.show(error)

    def _gone(self, error: BaseException | None) -> bool:
        """Whether the way to the open workspace's database is gone."""
        return isinstance(error, WorkspaceError) and error.code == "database_unreachable" and self._services is not None and self._services.ref.is_url

    def _in_words(self, error: BaseException) -> ProductError:
        """A failure that can be shown; what nobody foresaw is reported and named by its report."""
        if isinstance(error, ProductError):
            return error
        return ProductError("unexpected", log_id=self._messages.report(error))

    # ------------------------------------------------------------ processes

    def run_child(
        self,
        owner: QObject | None,
        job_function: Callable[..., T],
        arguments: Sequence[object],
        done: Callable[[T], None] | None = None,
        failed: Callable[[ProductError], None] | None = None,
        *,
        title: str,
    ) -> Task:
        """Run ``job_function(services, job, *arguments)`` in a process that opens the workspace itself.

        The function stands at the top of a module. Cancel takes effect within a second.
        """
        order = (self.opener, self._ref, self._actor, job_function, tuple(arguments))
        told = (CreatorsChanged(), PoliciesChanged(), OperationRecorded())
        return self._submit(owner, lambda task: _lead_child(task, order), done, failed, "child", title, told)

    def run_beside(
        self,
        owner: QObject | None,
        function: Callable[..., T],
        arguments: Sequence[object],
        done: Callable[[T], None] | None = None,
        failed: Callable[[ProductError], None] | None = None,
    ) -> Task:
        """Run ``function(*arguments)`` in a process that stays: for what is short but would keep the interpreter from the window, as drawing does.

        The function stands at the top of a module; one after the other, in the order asked for.
        """
        return self._submit(owner, lambda _: _BESIDE.do(function, tuple(arguments)), done, failed, "beside", "")

    # ------------------------------------------------------------ end

    def busy(self) -> list[Task]:
        """What is under way and has a title: what a user would miss."""
        return [task for task in self._running if task.title]

    def idle(self) -> bool:
        """Whether nothing at all is under way."""
        return not self._running

    def close(self, seconds: float = 3.0) -> bool:
        """Stop everything; whether all of it did within the time."""
        for task in self._running:
            task.cancel()
        self._closed = True
        self._parked.clear()
        self.attach(None)
        if self._ear is not None:
            self._ear.join(seconds)
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)
        begun = [future for future in self._running.values() if not future.cancelled()]  # one cancelled in its queue never counts as done
        left = wait(begun, timeout=seconds).not_done
        self._running.clear()
        return not left


def _over() -> Future[None]:
    """Stands for work that waits for no thread."""
    future: Future[None] = Future()
    future.set_result(None)
    return future


# ---------------------------------------------------------------- beside


class _Beside:
    """The process beside the program; it begins with the first thing to do, and ends with the program."""

    def __init__(self) -> None:
        """Begin nothing yet."""
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def do(self, function: Callable[..., T], arguments: tuple[object, ...]) -> T:
        """Have something done there; once more where the process was gone."""
        order = ForkingPickler.dumps((function, arguments))
        with self._lock:
            answer = self._asked(order)
            if answer is None:
                answer = self._asked(order)
        if answer is None:
            raise ProductError("child_gone", exit=-1)
        good, what = answer
        if not good:
            raise what
        done: T = what
        return done

    def _asked(self, order: memoryview) -> tuple[bool, Any] | None:
        """The answer; None where nobody gave one."""
        pipe = self._pipe or self._begun()
        try:
            pipe.send_bytes(order)
            answer: tuple[bool, Any] = pipe.recv()
        except (EOFError, OSError):
            self.end()
            return None
        return answer

    def _begun(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = ours
        return ours

    def end(self) -> None:
        """Let the process go."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.join(1)
            if self._process.is_alive():
                self._process.terminate()
                self._process.join(1)
            self._process.close()
        self._pipe = self._process = None


_BESIDE: Final = _Beside()
atexit.register(_BESIDE.end)


def _serve(pipe: Connection) -> None:
    """What the process beside does until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the program, not with a key
    while True:
        try:
            function, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (True, function(*arguments))
        except BaseException as error:  # noqa: BLE001 (told to whoever asked)
            answer = (False, error if isinstance(error, ProductError) else _sendable(error))
        pipe.send(answer)


# ---------------------------------------------------------------- child


def _lead_child(task: Task, order: tuple[Any, ...]) -> object:
    """Start a child, pass its progress on, tell it to stop, hand over what it made."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    # No daemon: the child reads workbooks in a child of its own, which daemons may not have; it stops when we are gone.
    process = context.Process(target=_child, args=(theirs, order), daemon=False)
    process.start()
    theirs.close()
    asked = 0.0
    try:
        while True:
            if task.cancelled:
                asked = _ask_to_stop(ours, asked)
                if time.monotonic() - asked > _PATIENCE:
                    raise CancelledError
            if not ours.poll(0.05):
                if not process.is_alive() and not ours.poll():
                    raise ProductError("child_gone", exit=process.exitcode)
                continue
            kind, what = ours.recv()
            if kind == "progress":
                task.progress(*what)
            elif kind == "done":
                return what
            else:
                raise what
    except EOFError as error:
        raise (CancelledError() if task.cancelled else ProductError("child_gone", exit=process.exitcode)) from error
    finally:
        ours.close()
        process.join(0.2)
        if process.is_alive():
            process.terminate()
            process.join(1)
        process.close()


def _ask_to_stop(pipe: Connection, asked: float) -> float:
    """Send the word once; returns when it was sent."""
    if asked:
        return asked
    with contextlib.suppress(OSError):  # it ended meanwhile; what it left in the pipe is read next
        pipe.send("stop")
    return time.monotonic()


class _PipeJob:
    """The child's end of a job. It also stops when the parent is gone."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._told, self._phase = 0.0, ""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # the parent is gone: stop as well
            self._pipe.recv()
        self._stop.set()

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Tell how far a phase is; at most ten times a second."""
        now = time.monotonic()
        if phase != self._phase or now - self._told >= _TOLD_EVERY:
            self._told, self._phase = now, phase
            self.send("progress", (phase, int(done), None if total is None else int(total)))

    def check(self) -> None:
        """Raise ``CancelledError`` if the user asked to stop."""
        if self._stop.is_set():
            raise CancelledError

    def send(self, kind: str, what: object) -> None:
        """One message to the parent, whole."""
        with self._lock:
            self._pipe.send((kind, what))


def _child(pipe: Connection, order: tuple[Any, ...]) -> None:
    """What the child process does."""
    opener, ref, actor, function, arguments = order
    job = _PipeJob(pipe)
    try:
        services = opener(ref, actor)
        try:
            result = function(services, job, *arguments)
        finally:
            services.close()
        job.send("done", result)
    except OSError:
        raise  # the parent is gone; nobody to tell
    except BaseException as error:  # noqa: BLE001 (told to the parent)
        job.send("failed", error if isinstance(error, ProductError) else _sendable(error))
    finally:
        pipe.close()


def _sendable(error: BaseException) -> BaseException:
    """A failure that survives the pipe, with its place as text."""
    import traceback  # noqa: PLC0415 (only a failure needs it)

    return RuntimeError("".join(traceback.format_exception(error)))
