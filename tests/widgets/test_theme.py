# SPDX-License-Identifier: Apache-2.0
"""Both looks are complete, readable and crisp."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QFontInfo, QGuiApplication

import resources
from app.values import Tier
from widgets import theme

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


GROUNDS = ("window", "surface", "raised", "hover")
PAIRS = [
    *itertools.product(("text", "text_muted", "accent", "danger", "warning", "ok", "placeholder"), ("window", "surface", "raised")),
    *itertools.product(("text", "text_muted"), ("hover",)),
    ("text_on_accent", "accent"),
    ("text_on_accent", "accent_hover"),
    ("selected_text", "selected"),
    ("text", "accent_soft"),
    ("accent", "accent_soft"),
    ("danger", "danger_soft"),
    ("warning", "warning_soft"),
    ("ok", "ok_soft"),
    ("text", "info_soft"),
    *((f"tier_{tier.code}_text", f"tier_{tier.code}") for tier in Tier),
]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("look", theme.NAMES)
@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
def test_contrast_is_enough(look: str, pair: tuple[str, str]):
    tokens = theme.tokens(look)
    assert contrast(tokens[pair[0]], tokens[pair[1]]) >= 4.5


@pytest.mark.parametrize("look", theme.NAMES)
def test_the_focus_ring_stands_out(look: str):
    tokens = theme.tokens(look)
    assert min(contrast(tokens["focus"], tokens[ground]) for ground in GROUNDS) >= 3


def test_both_looks_have_the_same_tokens():
    assert theme.tokens("light").keys() == theme.tokens("dark").keys()


@pytest.mark.parametrize("look", theme.NAMES)
def test_the_style_sheet_names_known_tokens_only(qapp: QApplication, look: str):
    sheet = theme.apply(qapp, look).style_sheet()
    assert "${" not in sheet
    colours = set(re.findall(r"#[0-9A-Fa-f]{6,8}\b", sheet))
    assert colours <= set(theme.tokens(look).values())


@pytest.mark.parametrize("name", [name.removesuffix(".svg") for name in resources.names("icons")])
def test_every_icon_is_drawn_in_the_colour_asked_for(qapp: QApplication, name: str):
    look = theme.apply(qapp, "dark")
    image = look.icon(name, "danger").pixmap(QSize(24, 24)).toImage()
    painted = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()) if image.pixelColor(x, y).alpha() > 160]
    wanted = look.colour("danger")
    assert painted
    assert all(abs(pixel.red() - wanted.red()) < 9 and abs(pixel.green() - wanted.green()) < 9 for pixel in painted)


def test_an_explicit_choice_wins_over_the_system(qapp: QApplication):
    assert theme.apply(qapp, "dark").name == "dark"
    assert QGuiApplication.palette().window().color() == theme.Theme("dark").colour("window")
    assert theme.apply(qapp, "light").name == "light"
    assert theme.apply(qapp, "system").name in theme.NAMES


def test_a_larger_system_font_makes_everything_larger():
    usual, large = theme.Theme("light"), theme.Theme("light", 1.5)
    assert large.row_height("compact") > usual.row_height("compact") >= 28
    assert large.font().pixelSize() == 20
    assert usual.row_height("comfortable") > usual.row_height("compact")


def test_chinese_text_has_glyphs(qapp: QApplication):
    font = theme.apply(qapp, "light").font()
    assert QFontInfo(font).pixelSize() == font.pixelSize()
