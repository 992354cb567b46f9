# SPDX-License-Identifier: Apache-2.0
"""Pictures as pixels: what is drawn where, in which words, and what a spreadsheet gets of it."""

from __future__ import annotations

import numpy as np
import pytest

from widgets import theme
from widgets.charts.drawn import Drawn, Hit, Look
from widgets.charts.figures import Bar, Interval, Mark, Point, Series, bars, draw, forest, readable, scatter, shortened, trend

FAMILIES = ("Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei UI", "PingFang SC", "Noto Color Emoji")


def look(width: int = 800, height: int = 300, ratio: float = 1.0, name: str = "light") -> Look:
    return Look(theme.tokens(name), FAMILIES, 13, width, height, ratio)


def interval(key: int, middle: float, label: str = "桃子测评") -> Interval:
    return Interval(key, label, middle * 0.5, middle * 0.8, middle, middle * 1.2, middle * 1.6, f"{label} 1:{middle}")


def pixels(drawn: Drawn) -> np.ndarray:
    return np.frombuffer(drawn.pixels, dtype=np.uint8).reshape(drawn.height, drawn.width, 4)


def colour(token: str, name: str = "light") -> tuple[int, ...]:
    return tuple(bytes.fromhex(theme.tokens(name)[token][1:7]))


def forested(count: int, at: Look) -> Drawn:
    marks = [Mark(1.67, "保本线", "danger"), Mark(2.0, "目标线", "warning")]
    items = [interval(key, 4.0 - key * 0.01) for key in range(1, count + 1)]
    return draw(lambda here: forest(here, items, marks, lambda n: f"前 {n} 位", ("名称", "P10", "P25", "P50", "P75", "P90"), str), at)


def test_a_forest_shows_as_many_as_there_is_height_for_and_says_how_many() -> None:
    low, high = forested(60, look(height=220)), forested(60, look(height=900))
    assert 3 <= len(low.hits) < len(high.hits) <= 60
    assert low.says.startswith(f"前 {len(low.hits)} 位")
    assert [hit.key for hit in low.hits] == list(range(1, len(low.hits) + 1))
    assert [hit.y for hit in low.hits] == sorted(hit.y for hit in low.hits)
    assert low.rows[0] == ("桃子测评", *(pytest.approx(3.99 * share) for share in (0.5, 0.8, 1.0, 1.2, 1.6)))


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0])
def test_places_to_point_at_lie_on_what_is_drawn_at_every_scale(ratio: float, name: str) -> None:
    drawn = forested(4, look(ratio=ratio, name=name))
    assert (drawn.width, drawn.height) == (800 * ratio, 300 * ratio)
    seen = pixels(drawn)
    assert tuple(seen[1, 1][:3]) == colour("surface", name)
    for hit in drawn.hits:
        x, y = round(hit.x * ratio), round(hit.y * ratio)
        around = seen[y - 4 : y + 5, x - 12 : x + 13, :3].astype(int)
        assert (np.abs(around - colour("accent", name)).sum(axis=2) < 60).any(), hit


def test_text_is_never_a_formula_nor_a_box_without_a_sign(recwarn: pytest.WarningsRecorder) -> None:
    odd = "$\\frac{1}{2}$ <b>小鹿</b> \U000f0000\u0378"
    assert readable(odd, FAMILIES) == "$\\frac{1}{2}$ <b>小鹿</b>"
    drawn = draw(lambda here: forest(here, [interval(1, 2.0, odd)], [], str, (), str), look())
    assert drawn.hits[0].text.startswith(odd)  # what a tool tip says is whole
    assert not [one for one in recwarn if "lyph" in str(one.message)]


def test_a_long_label_is_cut_by_its_width_not_its_letters() -> None:
    assert shortened("短名") == "短名"
    assert shortened("一二三四五六七八九十十一十二十三", 6) == "一二三四五…"
    assert shortened("abcdefghijkl", 6) == "abcdefgh…"[:9]


def test_a_scatter_keeps_those_who_sold_nothing_at_its_edge_and_leaves_out_who_cost_nothing() -> None:
    points = [Point(1, "甲", 100.0, 900.0, "甲"), Point(2, "乙", 1_000.0, 0.0, "乙"), Point(3, "丙", 50.0, -20.0, "丙"), Point(4, "丁", 0.0, 70.0, "丁")]
    drawn = draw(lambda here: scatter(here, points, [Mark(1.67, "保本线", "danger")], ("成本", "成交"), ("名称", "成本", "成交"), "3 点", str), look())
    at = {hit.key: hit for hit in drawn.hits}
    assert set(at) == {1, 2, 3}
    assert at[1].y < at[2].y == at[3].y
    assert at[3].x < at[1].x < at[2].x
    assert len(drawn.rows) == 4


def test_bars_of_a_waterfall_begin_where_the_one_above_ended() -> None:
    items = [Bar(1, "满分", 100, "100", "满分 100"), Bar(2, "履约", -30, "−30", "履约 −30", "danger", 100), Bar(3, "得分", 70, "70", "得分 70")]
    drawn = draw(lambda here: bars(here, items, ("项", "分"), "70 分", joined=True, note="说明"), look())
    assert [hit.x for hit in drawn.hits][1] > drawn.hits[0].x
    assert drawn.rows == (("满分", 100), ("履约", -30), ("得分", 70))


def test_a_trend_thins_out_its_words_but_not_its_data() -> None:
    values = [(float(at), float(at * at), f"{at}") for at in range(60)]
    ticks = [(float(at), f"2026-{at:02d}") for at in range(60)]
    drawn = draw(lambda here: trend(here, [Series("净", values), Series("成本", values[:3], "warning")], ticks, ("月", "净", "成本"), "", str), look())
    assert len(drawn.hits) == 63
    assert len(drawn.rows) == 60
    assert drawn.rows[2] == ("2026-02", 4.0, 4.0)
    assert drawn.rows[3] == ("2026-03", 9.0, "")
    assert isinstance(drawn.hits[0], Hit)
