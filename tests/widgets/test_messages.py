# SPDX-License-Identifier: Apache-2.0
"""Failures are told in words, literally, with an id; secrets never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app import settings
from app.errors import CancelledError, NotPermittedError, PlatformError, ProductError, UsageError, WorkspaceError
from app.reports import struck
from app.words import LANGUAGES, Words
from widgets.labels import Labels
from widgets.messages import ErrorDialog, Messages, plain, tip

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot


pytestmark = pytest.mark.usefixtures("qapp")
NASTY = '<img src="file:///etc/passwd">'


@pytest.fixture(params=LANGUAGES)
def messages(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Messages:
    monkeypatch.setattr(settings, "log_folder", lambda: tmp_path / "log")
    return Messages(Labels(Words(request.param), "Asia/Shanghai"))


@pytest.mark.parametrize(
    "error",
    [
        UsageError("unknown_creator", id=7),
        UsageError("unknown_field", field="followers"),
        WorkspaceError("missing", path="/x/y.koc"),
        PlatformError("whatever"),
        NotPermittedError("whatever"),
        ProductError("unexpected", log_id="1"),
        CancelledError(),
    ],
    ids=lambda error: type(error).__name__ + error.code,
)
def test_every_failure_says_what_happened_what_is_safe_and_what_next(messages: Messages, error: ProductError):
    message = messages.sentence(error, "20261124-abcdef")
    for part in (message.title, message.text, message.safe, message.next):
        assert part
        assert not part.startswith("error.")
    assert "20261124-abcdef" in message.log_id
    assert "20261124-abcdef" in message.whole


def test_details_are_words(messages: Messages):
    text = messages.sentence(UsageError("value_missing", field="followers")).text
    assert messages.labels.field("followers") in text


def test_a_failure_is_toasted_logged_and_kept(messages: Messages, tmp_path: Path, qtbot: QtBot):
    with qtbot.waitSignal(messages.toasted) as toast:
        messages.show(UsageError("unknown_creator", id=7))
    assert toast.args[0].kind == "error"
    assert messages.notes == [toast.args[0]]
    assert "unknown_creator" in (tmp_path / "log" / "errors.log").read_text("utf-8")
    messages.clear()
    assert messages.notes == []


def test_stopping_is_no_failure(messages: Messages, qtbot: QtBot):
    with qtbot.waitSignal(messages.toasted) as toast:
        messages.show(CancelledError())
    assert toast.args[0].kind == "info"


def test_text_from_outside_is_shown_literally(messages: Messages, qtbot: QtBot):
    """A nickname with markup rendered a local file in a message."""
    dialog = ErrorDialog(messages.sentence(UsageError("unknown_creator", id=NASTY), "x"), messages.labels)
    qtbot.addWidget(dialog)
    labels = dialog.findChildren(QLabel)
    assert any(NASTY in label.text() for label in labels)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)
    assert plain(NASTY).textFormat() == Qt.TextFormat.PlainText
    assert "<img" not in tip(NASTY)
    assert tip("A & B") == "A & B"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:s3cretpw@host/db",
        "Authorization: Bearer s3cretpw-abcdef.1",
        "access_token=s3cretpw&x=1",
        '{"app_secret": "s3cretpw"}',
        "password='s3cretpw'",
        "https://x.test/?sign=s3cretpw",
    ],
)
def test_secrets_are_struck_out(text: str):
    assert "s3cretpw" not in struck(text)
    assert "***" in struck(text)


def test_the_last_resort_report_is_saved_without_secrets(messages: Messages, tmp_path: Path):
    with pytest.raises(ValueError, match="s3cretpw") as raised:
        int("refresh_token=s3cretpw")
    log_id = messages.report(raised.value)
    report = (tmp_path / "log" / f"report-{log_id}.txt").read_text("utf-8")
    assert "ValueError" in report
    assert "test_messages.py" in report
    assert "s3cretpw" not in report


def test_a_full_disk_does_not_hide_the_failure(messages: Messages, tmp_path: Path, qtbot: QtBot):
    (tmp_path / "log").write_text("a file where the folder should be")
    with qtbot.waitSignal(messages.toasted):
        messages.show(UsageError("unknown_creator", id=7))
    assert messages.report(RuntimeError("x"))
