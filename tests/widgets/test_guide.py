# SPDX-License-Identifier: Apache-2.0
"""The user guide: every page has its chapter in both languages, what it names exists, and it is found and read by keyboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest

from app.rules.fields import CREATOR_FIELDS
from app.usecases.creators import parse_filter
from app.words import LANGUAGES
from tests.conftest import ROOT
from widgets import catalog
from widgets.dialogs.guide import FIRST, body, chapters, inline, search

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from widgets.application import Application

FOLDER = ROOT / "resources" / "guide"
SHORT = {"zh_CN": "zh", "en": "en"}
TEXTS = sorted([*FOLDER.rglob("*.md"), *(ROOT / "docs").glob("guide.*.md")])
OF_QT = {
    "Space", "Enter", "Return", "Esc", "F2", "Home", "End", "Page Up", "Page Down", "Shift", "Ctrl", "Ctrl+C", "Ctrl+V", "Ctrl+A", "Alt+Down", "Shift+F10",
}  # fmt: skip
"""Keys of the table, the charts and of Qt itself, which are no actions; each has a test where it is at home."""
KEY = re.compile(r"(?:(?:Ctrl|Alt|Shift)\+)*(?:F\d{1,2}|Ctrl|Alt|Shift|Space|Enter|Return|Esc|Home|End|Page Up|Page Down|(?:Ctrl|Alt|Shift)\+\S+)")


def spoken(text: str) -> list[str]:
    """Code in a text that is a key, outside of blocks."""
    return [code for code in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)) if KEY.fullmatch(code)]


def test_both_languages_have_the_same_chapters_and_sections():
    one, other = (chapters(language) for language in LANGUAGES)
    assert list(one) == list(other)
    assert {key: len(chapter.sections) for key, chapter in one.items()} == {key: len(chapter.sections) for key, chapter in other.items()}
    assert FIRST in one


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_has_a_chapter(language: str):
    assert {entry.load().help_key for entry in catalog.PAGES} <= set(chapters(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_contents_for_readers_of_the_repository_name_every_chapter(language: str):
    text = (ROOT / "docs" / f"guide.{SHORT[language]}.md").read_text("utf-8")
    assert re.findall(r"resources/guide/\w+/(\w+)\.md", text) == list(chapters(language))
    for chapter in chapters(language).values():
        assert f"[{chapter.title}]" in text


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_link_and_picture_leads_somewhere(path: Path):
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8"))
    assert [one for one in targets if "://" not in one and not (path.parent / one).exists()] == []


def test_pictures_of_the_guide_are_shown_somewhere_and_modest():
    shown = {name for path in TEXTS for name in re.findall(r"docs/pictures/([\w.-]+\.png)", path.read_text("utf-8"))}
    held = {path.name: path.stat().st_size for path in (ROOT / "docs" / "pictures").glob("*.png")}
    assert set(held) == shown
    assert max(held.values()) < 200_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_that_it_names_exists(make_desk: Callable[..., Application], language: str):
    desk = make_desk(language=SHORT[language])
    for entry in catalog.PAGES:
        desk.window.go(entry.key)
    known = {action.shortcut().toString() for action in desk.window.findChildren(QAction) if not action.shortcut().isEmpty()}
    for key in chapters(language):
        text = (FOLDER / SHORT[language] / f"{key}.md").read_text("utf-8")
        assert [one for one in spoken(text) if one not in OF_QT and QKeySequence(one).toString() not in known] == [], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_keyboard_chapter_leaves_no_command_out(make_desk: Callable[..., Application], language: str):
    window = make_desk(language=SHORT[language]).window
    named = {QKeySequence(one).toString() for one in spoken((FOLDER / SHORT[language] / "keyboard.md").read_text("utf-8"))}
    assert {action.shortcut().toString() for action in window.commands.values() if not action.shortcut().isEmpty()} <= named


def test_filters_that_it_shows_are_understood(make_desk: Callable[..., Application]):
    from widgets.dialogs.guide import chapters as read

    desk = make_desk()
    assert desk.window.context is not None
    shown = 0
    for language in LANGUAGES:
        lines = [line for section in read(language)["filters"].sections for line in blocks(section.lines)]
        for line in lines:
            parse_filter(line, "Asia/Shanghai")
            shown += 1
    assert shown >= 6
    assert CREATOR_FIELDS


def blocks(lines: tuple[str, ...]) -> list[str]:
    inside, found = False, list[str]()
    for line in lines:
        if line.startswith("```"):
            inside = not inside
        elif inside:
            found.append(line)
    return found


# ---------------------------------------------------------------- how it is read


def test_a_search_finds_titles_first_and_every_word():
    found = search("zh_CN", "申诉")
    assert found[0].chapter.key == "rating"
    assert found[0].chapter.sections[found[0].at].title == "申诉"
    assert search("en", "break-even margin")
    assert search("en", "zzz") == search("en", "  ") == []


def test_markup_of_a_text_is_literal_but_for_its_own():
    assert inline("<b>x</b> **y** `<i>`") == '&lt;b&gt;x&lt;/b&gt; <b>y</b> <span class="code">&nbsp;&lt;i&gt;&nbsp;</span>'
    assert inline("[a](roi.md) [b](https://example.com)", ("roi",)) == '<a href="guide:roi">a</a> b'
    made = "".join(body(["one", "two", "", "- a", "  b", "- c", "", "1. x", "", "| k | v |", "|---|---|", "| 1 | 2 |", "", "```", "<c>", "```", "![p](q.png)"]))
    assert made.startswith("<p>one two</p><ul><li>a b</li><li>c</li></ul><ol><li>x</li></ol><table")
    assert "<pre>&lt;c&gt;</pre>" in made
    assert "q.png" not in made


def test_the_help_of_a_page_is_its_chapter_with_its_keys(make_desk: Callable[..., Application], qtbot: QtBot):
    window = make_desk().window
    window.go("rating")
    window.act("help.page")
    guide = window._side.guide
    assert guide.isVisible()
    assert guide.key == "rating"
    assert "查看当时口径" in guide.text.toPlainText()
    assert "Ctrl+Shift+N" in guide.text.toPlainText()
    window.go("today")
    assert guide.key == "today"
    QTest.keyClicks(guide.line, "PostgreSQL")
    qtbot.waitUntil(lambda: "找到" in guide.text.toPlainText())
    QTest.keyClick(guide.line, Qt.Key.Key_Return)
    assert guide.key == "team"
    guide.text.anchorClicked.emit(QUrl("guide:roi#s2"))
    assert guide.key == "roi"
    QTest.keyClick(guide.text, Qt.Key.Key_Escape)
    assert not window._side.isVisible()


def test_what_nobody_wrote_about_is_said(make_desk: Callable[..., Application], qtbot: QtBot):
    window = make_desk().window
    window.act("help.page")
    guide = window._side.guide
    guide.line.setText("zzz")
    qtbot.waitUntil(lambda: "没有找到" in guide.text.toPlainText())
    guide.line.clear()
    qtbot.waitUntil(lambda: "今日" in guide.text.toPlainText())


def test_help_is_there_before_any_workspace(make_desk: Callable[..., Application]):
    window = make_desk(None).window
    window.show_welcome()
    window.act("help.page")
    assert window._side.guide.key == FIRST
