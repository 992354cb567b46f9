# SPDX-License-Identifier: Apache-2.0
"""The user guide beside the work: its chapters are our own packaged texts, read offline, searched, and opened at the page in question."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QTextBrowser, QVBoxLayout, QWidget

import resources
from widgets.messages import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from widgets.labels import Labels
    from widgets.theme import Theme

ORDER: Final = (
    "start", "import", "today", "creators", "filters", "tiers", "recruiting", "campaigns", "content", "roi", "rating", "settlement", "monitoring", "syncing",
    "history", "team", "keyboard", "command",
)  # fmt: skip
"""Chapters as they are read; one that is not named here stands after them."""

FIRST: Final = "start"
_TOKENS: Final = ("text", "text_muted", "accent", "border", "hover", "surface", "warning")
_FOLDERS: Final = {"zh_CN": "zh", "en": "en"}
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_SPAN: Final = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")
_RULE: Final = re.compile(r"\|[\s:|-]+\|")
_ABOUT: Final = 90
_WAIT_MS: Final = 150


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines under it, as written."""

    title: str
    lines: tuple[str, ...]

    @property
    def words(self) -> str:
        """What a search looks at."""
        text = " ".join(line for line in self.lines if not line.startswith(("![", "```")) and not _RULE.fullmatch(line))
        return re.sub(r"\s+", " ", _LINK.sub(r"\1", text).replace("**", "").replace("`", "").replace("|", " ")).strip()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One text of the guide; its first section bears its title."""

    key: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """What it is called."""
        return self.sections[0].title


@lru_cache
def chapters(language: str) -> dict[str, Chapter]:
    """Every chapter in a language, by its key, in the order of reading."""
    folder = _FOLDERS[language]
    held = [name.removesuffix(".md") for name in resources.names("guide", folder) if name.endswith(".md")]
    held.sort(key=lambda key: (ORDER.index(key) if key in ORDER else len(ORDER), key))
    return {key: Chapter(key, tuple(_sections(resources.text("guide", folder, f"{key}.md")))) for key in held}


def _sections(text: str) -> Iterator[Section]:
    title, lines = "", list[str]()
    for line in text.splitlines():
        if re.match(r"##? ", line):
            if title:
                yield Section(title, tuple(lines))
            title, lines = line.lstrip("# ").strip(), []
        elif not line.startswith("<!--"):
            lines.append(line)
    yield Section(title, tuple(lines))


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that answers a search, with the words around the first that was found."""

    chapter: Chapter
    at: int
    about: str


def search(language: str, needle: str) -> list[Hit]:
    """Sections that hold every word of a search; those that are called so stand first."""
    wanted = needle.casefold().split()
    found: list[tuple[int, Hit]] = []
    for chapter in chapters(language).values():
        for at, section in enumerate(chapter.sections):
            title, words = section.title.casefold(), section.words
            whole = f"{title} {words.casefold()}"
            if wanted and all(one in whole for one in wanted):
                place = max(0, words.casefold().find(wanted[0]) - 24)
                about = ("…" if place else "") + words[place : place + _ABOUT] + ("…" if len(words) > place + _ABOUT else "")
                found.append((0 if all(one in title for one in wanted) else 1, Hit(chapter, at, about)))
    return [hit for _, hit in sorted(found, key=lambda pair: pair[0])]


# ---------------------------------------------------------------- as the browser takes it


def inline(text: str, known: Sequence[str] = ()) -> str:
    """A line with its code, bold words and links to other chapters; everything else is literal."""
    parts, end = [], 0
    for match in _LINK.finditer(text):
        parts.append(_spans(text[end : match.start()]))
        words, target = match.groups()
        key = target.partition("#")[0].removesuffix(".md")
        parts.append(f'<a href="guide:{key}">{_spans(words)}</a>' if key in known else _spans(words))
        end = match.end()
    return "".join((*parts, _spans(text[end:])))


def _spans(text: str) -> str:
    parts, end = [], 0
    for match in _SPAN.finditer(text):
        code, bold = match.groups()
        parts.append(html.escape(text[end : match.start()]))
        parts.append(f'<span class="code">&nbsp;{html.escape(code)}&nbsp;</span>' if code is not None else f"<b>{html.escape(bold)}</b>")
        end = match.end()
    return "".join((*parts, html.escape(text[end:])))


def body(lines: Sequence[str], known: Sequence[str] = ()) -> Iterator[str]:
    """Paragraphs, lists, tables and code. Pictures are left out: what they show stands beside the panel."""
    at = 0
    while at < len(lines):
        kind = _kind(lines[at])
        end = at + 1
        if kind == "code":
            while end < len(lines) and not lines[end].startswith("```"):
                end += 1
            yield f"<pre>{html.escape(chr(10).join(lines[at + 1 : end]))}</pre>"
            end += 1
        elif kind in {"ul", "ol"}:
            while end < len(lines) and (_kind(lines[end]) == kind or lines[end].startswith("  ")):
                end += 1
            yield f"<{kind}>{''.join(f'<li>{inline(item, known)}</li>' for item in _items(lines[at:end]))}</{kind}>"
        elif kind == "table":
            while end < len(lines) and _kind(lines[end]) == "table":
                end += 1
            yield _table(lines[at:end], known)
        elif kind == "text":
            while end < len(lines) and _kind(lines[end]) == "text":
                end += 1
            yield f"<p>{inline(' '.join(lines[at:end]), known)}</p>"
        at = end


def _kind(line: str) -> str:
    heads = (("```", "code"), ("- ", "ul"), ("|", "table"), ("![", "picture"))
    if re.match(r"\d+\. ", line):
        return "ol"
    return next((kind for head, kind in heads if line.startswith(head)), "text" if line.strip() else "")


def _items(lines: Sequence[str]) -> list[str]:
    """Points of a list; a line that is set in goes on with the one before."""
    items: list[str] = []
    for line in lines:
        if line.startswith("  ") and items:
            items[-1] += " " + line.strip()
        else:
            items.append(re.sub(r"^(- |\d+\. )", "", line))
    return items


def _table(lines: Sequence[str], known: Sequence[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if not _RULE.fullmatch(line)]
    head, *rest = rows
    made = ["<tr>" + "".join(f'<th align="left">{inline(cell, known)}</th>' for cell in head) + "</tr>"]
    made += ["<tr>" + "".join(f"<td>{inline(cell, known)}</td>" for cell in row) + "</tr>" for row in rest]
    return f'<table cellspacing="0" cellpadding="5" width="100%">{"".join(made)}</table>'


def style(theme: Theme) -> str:
    """How the browser draws it in a look."""
    colour = {name: theme.colour(name).name() for name in _TOKENS}
    return f"""
        p, li, td, th {{ color: {colour["text"]}; line-height: 150%; }}
        ul, ol {{ margin-left: 0; -qt-list-indent: 1; }}
        p, ul, ol, pre, table {{ margin-top: 0; margin-bottom: {theme.px(9)}px; }}
        h1 {{ font-size: {theme.px(14)}px; margin-bottom: {theme.px(8)}px; color: {colour["text"]}; }}
        h2 {{ font-size: {theme.px(12)}px; margin-top: {theme.px(14)}px; margin-bottom: {theme.px(6)}px; color: {colour["text"]}; }}
        .code {{ background-color: {colour["hover"]}; }}
        pre {{ background-color: {colour["hover"]}; color: {colour["text"]}; white-space: pre-wrap; }}
        th {{ color: {colour["text_muted"]}; font-weight: normal; }}
        a {{ color: {colour["accent"]}; text-decoration: none; }}
        .muted {{ color: {colour["text_muted"]}; }}
    """


class Guide(QWidget):
    """A line to search in, the chapters to choose from, and the text. ``shortcuts`` are the keys of the page, told at the end of its chapter."""

    def __init__(self, labels: Labels, theme: Theme) -> None:
        """Empty until a chapter is shown."""
        super().__init__()
        self._labels, self._theme = labels, theme
        self._language = labels.words.language
        self._key = ""
        self._shortcuts: Sequence[tuple[str, str]] = ()
        self._home = ""
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 6, 8, 0)
        box.setSpacing(8)
        self.line = QLineEdit()
        self.line.setPlaceholderText(labels("guide.search"))
        self.line.setAccessibleName(labels("guide.search"))
        self.line.setClearButtonEnabled(True)
        self.line.addAction(theme.icon("search", "text_muted"), QLineEdit.ActionPosition.LeadingPosition)
        box.addWidget(self.line)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.contents = QComboBox()
        self.contents.setAccessibleName(labels("guide.chapter"))
        for chapter in chapters(self._language).values():
            self.contents.addItem(chapter.title, chapter.key)
        caption = plain(labels("guide.chapter"), role="muted")
        caption.setBuddy(self.contents)
        row.addWidget(caption)
        row.addWidget(self.contents, 1)
        box.addLayout(row)
        self.text = QTextBrowser()
        self.text.setObjectName("guide")
        self.text.setOpenLinks(False)
        self.text.setFrameShape(QTextBrowser.Shape.NoFrame)
        self.text.setAccessibleName(labels("guide.text"))
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        self.text.document().setDefaultStyleSheet(style(theme))
        self.text.document().setDocumentMargin(2)
        self.text.document().setIndentWidth(theme.px(20))
        self.text.setFont(theme.font())
        box.addWidget(self.text, 1)
        self._pause = QTimer(self, singleShot=True, interval=_WAIT_MS)
        self._pause.timeout.connect(self._look)
        self.line.textChanged.connect(lambda _: self._pause.start())  # what is still being composed is not in the text yet
        self.line.returnPressed.connect(self._first)
        self.contents.activated.connect(lambda _: self.read(str(self.contents.currentData())))
        self.text.anchorClicked.connect(self._follow)

    @property
    def key(self) -> str:
        """Chapter that is shown."""
        return self._key

    def open_at(self, key: str, shortcuts: Sequence[tuple[str, str]]) -> None:
        """Show the chapter of a page, with the keys that work there."""
        self._home, self._shortcuts = key, shortcuts
        self.line.clear()
        self._pause.stop()
        self.read(key)

    def read(self, key: str, at: int = 0) -> None:
        """Show a chapter from one of its sections on."""
        held = chapters(self._language)
        chapter = held.get(key) or held[FIRST]
        self._key = chapter.key
        self.contents.setCurrentIndex(self.contents.findData(chapter.key))
        parts: list[str] = []
        for number, section in enumerate(chapter.sections):
            level = 2 if number else 1
            parts.append(f'<h{level}><a name="s{number}"></a>{html.escape(section.title)}</h{level}>')
            parts.extend(body(section.lines, tuple(held)))
        if chapter.key == self._home and self._shortcuts:
            parts.append(f"<h2>{html.escape(self._labels('help.shortcuts'))}</h2>")
            rows = (
                f'<tr><td width="42%"><span class="code">&nbsp;{html.escape(keys)}&nbsp;</span></td><td>{html.escape(what)}</td></tr>'
                for keys, what in self._shortcuts
            )
            parts.append(f'<table cellspacing="0" cellpadding="4" width="100%">{"".join(rows)}</table>')
        self.text.setHtml("".join(parts))
        if at:
            self.text.scrollToAnchor(f"s{at}")

    def _look(self) -> None:
        needle = self.line.text().strip()
        if not needle:
            self.read(self._key or self._home)
            return
        hits = search(self._language, needle)
        said = self._labels.plural("guide.found", len(hits)) if hits else self._labels("guide.nothing")
        parts = [f'<p class="muted">{html.escape(said)}</p>']
        for hit in hits:
            section = hit.chapter.sections[hit.at]
            title = hit.chapter.title if not hit.at else f"{hit.chapter.title} › {section.title}"
            link = f'<a href="guide:{hit.chapter.key}#s{hit.at}">{html.escape(title)}</a>'
            parts.append(f'<p>{link}<br><span class="muted">{html.escape(hit.about)}</span></p>')
        self.text.setHtml("".join(parts))

    def _first(self) -> None:
        """Enter reads the first that was found."""
        hits = search(self._language, self.line.text())
        if hits:
            self._pause.stop()
            self.read(hits[0].chapter.key, hits[0].at)

    def _follow(self, link: QUrl) -> None:
        if link.scheme() == "guide":
            at = link.fragment().removeprefix("s")
            self.read(link.path(), int(at) if at.isdigit() else 0)
