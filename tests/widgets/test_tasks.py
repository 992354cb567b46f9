# SPDX-License-Identifier: Apache-2.0
"""Work off the main thread: delivered on it, dropped with its owner, cancelled in time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QObject

from app.errors import CancelledError, ProductError, UsageError
from app.events import CreatorsChanged
from app.values import Actor
from sync.compose import opener

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from app.jobs import Job
    from app.services import Services
    from widgets.page import Context


def count_slowly(services: Services, job: Job, steps: int) -> int:
    """A job that reports and can be stopped."""
    total = services.workspace.info().counts["creators"]
    for step in range(steps):
        job.check()
        job.progress("count", step, steps)
        threading.Event().wait(0.02)
    return total


def deaf(services: Services, job: Job) -> None:
    """A job that never asks whether to stop."""
    del services
    job.progress("deaf", 0)
    threading.Event().wait(60)


def refuse(services: Services, job: Job) -> None:
    """A job that fails with a code."""
    del services, job
    raise UsageError("unknown_creator", id=7)


def explode(services: Services, job: Job) -> None:
    """A job that fails in a way nobody foresaw."""
    del services, job
    raise ZeroDivisionError("token=abc123")


def test_result_arrives_on_the_main_thread(context: Context, qtbot: QtBot):
    got: list[tuple[int, bool]] = []
    ran: list[str] = []

    def work() -> int:
        ran.append(threading.current_thread().name)
        return 42

    context.tasks.run(None, work, lambda result: got.append((result, threading.current_thread() is threading.main_thread())))
    qtbot.waitUntil(lambda: bool(got))
    assert got == [(42, True)]
    assert ran[0].startswith("koc-read")


def test_failure_reaches_its_handler_and_else_the_messages(context: Context, qtbot: QtBot):
    failures: list[ProductError] = []

    def work() -> None:
        raise UsageError("unknown_creator", id=9)

    context.tasks.run(None, work, None, failures.append)
    qtbot.waitUntil(lambda: bool(failures))
    assert failures[0].code == "unknown_creator"
    with qtbot.waitSignal(context.messages.toasted) as toast:
        context.tasks.run(None, work)
    assert toast.args[0].kind == "error"


def test_result_is_dropped_when_the_owner_is_gone(context: Context, qtbot: QtBot):
    owner = QObject()
    got: list[object] = []
    gate = threading.Event()
    context.tasks.run(owner, lambda: gate.wait(5), got.append)
    owner.deleteLater()
    qtbot.waitUntil(lambda: True)
    del owner
    gate.set()
    qtbot.waitUntil(context.tasks.idle)
    assert got == []


def test_a_cancelled_task_delivers_nothing(context: Context, qtbot: QtBot):
    gate = threading.Event()
    got: list[object] = []
    failed: list[ProductError] = []
    first = context.tasks.run(None, lambda: gate.wait(5), got.append, failed.append, lane="write")
    second = context.tasks.run(None, lambda: got.append("never"), None, failed.append, lane="write")
    second.cancel()
    first.cancel()
    gate.set()
    qtbot.waitUntil(context.tasks.idle)
    assert got == []
    assert [error.code for error in failed] == ["cancelled"]


def test_events_of_a_write_arrive(context: Context, qtbot: QtBot):
    with qtbot.waitSignal(context.tasks.announced) as heard:
        context.tasks.run(None, lambda: context.services.creators.tag([1], ["新"]), lane="write")
    assert isinstance(heard.args[0], CreatorsChanged)


def test_a_change_by_another_process_is_noticed_once(context: Context, qtbot: QtBot):
    """``koc`` beside the window: the table shows what it wrote, and an own write is not announced twice."""
    heard: list[object] = []
    context.tasks.announced.connect(heard.append)
    context.tasks.poll()
    qtbot.waitUntil(context.tasks.idle)
    context.tasks.poll()
    qtbot.waitUntil(context.tasks.idle)
    assert heard == []
    context.tasks.run(None, lambda: context.services.creators.tag([1], ["自己的"]), lane="write")
    qtbot.waitUntil(lambda: len(heard) == 2)
    context.tasks.poll()
    qtbot.waitUntil(context.tasks.idle)
    assert len(heard) == 2
    other = opener()(context.services.ref, Actor("koc"))
    other.creators.tag([1], ["别人的"])
    other.close()
    context.tasks.poll()
    qtbot.waitUntil(lambda: len(heard) == 4)
    assert isinstance(heard[2], CreatorsChanged)


def test_a_child_reports_and_answers(context: Context, qtbot: QtBot):
    got: list[int] = []
    phases: list[tuple[str, int | None]] = []
    context.tasks.progressed.connect(lambda task: phases.append((task.phase, task.total)))
    with qtbot.waitSignal(context.tasks.announced, timeout=20_000):
        context.tasks.run_child(None, count_slowly, (15,), got.append, title="计数")
    qtbot.waitUntil(lambda: bool(got))
    assert got == [6]
    assert ("count", 15) in phases


@pytest.mark.parametrize("job", [count_slowly, deaf])
def test_a_child_stops_within_a_second(context: Context, qtbot: QtBot, job: Callable[..., object]):
    failed: list[ProductError] = []
    arguments = (1000,) if job is count_slowly else ()
    task = context.tasks.run_child(None, job, arguments, None, failed.append, title="很久")
    qtbot.waitUntil(lambda: bool(task.phase), timeout=20_000)
    task.cancel()
    began = time.monotonic()
    qtbot.waitUntil(lambda: bool(failed))
    assert time.monotonic() - began < 1.0
    assert isinstance(failed[0], CancelledError)


def test_a_child_fails_in_words(context: Context, qtbot: QtBot):
    failed: list[ProductError] = []
    context.tasks.run_child(None, refuse, (), None, failed.append, title="拒绝")
    context.tasks.run_child(None, explode, (), None, failed.append, title="崩溃")
    qtbot.waitUntil(lambda: len(failed) == 2, timeout=20_000)
    codes = {error.code: error for error in failed}
    assert codes["unknown_creator"].details == {"id": 7}
    assert "log_id" in codes["unexpected"].details


def test_closing_stops_what_runs_and_does_not_hang(context: Context, qtbot: QtBot):
    task = context.tasks.run_child(None, deaf, (), title="很久")
    qtbot.waitUntil(lambda: bool(task.phase), timeout=20_000)
    began = time.monotonic()
    assert context.tasks.close(5)
    assert time.monotonic() - began < 2


def test_closing_does_not_wait_for_what_never_began(context: Context):
    """Quitting took its whole patience when something still stood in a queue."""
    go = threading.Event()
    context.tasks.run(None, lambda: go.wait(5), lane="write")
    context.tasks.run(None, lambda: None, lane="write")
    threading.Timer(0.2, go.set).start()
    began = time.monotonic()
    assert context.tasks.close(5)
    assert time.monotonic() - began < 2
