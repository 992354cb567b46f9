# SPDX-License-Identifier: Apache-2.0
"""A creator's credit in the window: the badge in the table, the reasons beside it, in both languages, as literal text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.rules.rating.explain import explain
from app.rules.rating.ledger import Clocks
from app.usecases.creators import Question
from app.usecases.rating import CreditShown, SanctionShown
from app.values import CreditGrade, Sanction
from app.words import Words
from tests.app.rules.rating.ledgers import NOW, POLICY, TWELVE, ledger
from widgets.dialogs.credit_section import CreditSection
from widgets.labels import Labels
from widgets.tables.roster import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.page import Context

CREDIT = next(column for column in COLUMNS if column.key == "credit")


def shown(*entries: tuple[str, float], level: Sanction | None = None, proposed: bool = True) -> CreditShown:
    found = explain(POLICY, ledger(*entries), Clocks(NOW, NOW))
    return CreditShown(1, "<b>甲</b>", NOW, NOW, 3, found, {}, SanctionShown(level, 4, proposed, None if proposed else level, None, None))


def lines(qtbot: QtBot, found: CreditShown, language: str) -> str:
    section = CreditSection(found, Labels(Words(language), "Asia/Shanghai"))
    qtbot.addWidget(section)
    labels = section.findChildren(QLabel)
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
    return "\n".join(label.text() for label in labels)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh_CN", ("信用分 634，信用等级 C", "品牌自有合作记录，非征信", "履约", "逾期未发布  −110.0", "规则建议处置：警告（累计 4 分）", "再有 1 次「数据已核验」，可到 648 分，B 级", "第 3 版")),
        ("en", ("Credit score 634, grade C", "not a credit report", "Reliability", "No-show  −110.0", "proposes: Warning (4 points)", "1 × Metrics verified would make it 648, grade B", "version 3")),
    ],
)  # fmt: skip
def test_score_reasons_and_the_next_step_are_told(qtbot: QtBot, qapp: object, language: str, said: tuple[str, ...]) -> None:
    del qapp
    text = lines(qtbot, shown(*TWELVE, ("no_show", 30), level=Sanction.WARNING), language)
    for one in said:
        assert one in text


def test_a_sanction_in_force_is_no_proposal(qtbot: QtBot) -> None:
    text = lines(qtbot, shown(("no_show", 30), level=Sanction.WARNING, proposed=False), "zh_CN")
    assert "处置执行中：警告" in text
    assert "建议" not in text


def test_without_enough_data_no_reason_is_made_up(qtbot: QtBot) -> None:
    text = lines(qtbot, shown(), "zh_CN")
    assert "信用分 579，信用等级 N（数据不足）" in text
    assert "影响最大" not in text


def test_the_table_shows_a_badge(services: Services, make_context: Callable[..., Context]) -> None:
    labels = make_context().labels
    one, other = services.creators.page(Question(), 2)
    assert [badge.text for badge in CREDIT.badges(one, labels)] == ["N"]  # type: ignore[misc]
    added = services.rating.add_event(other.id, "fake_review")
    services.rating.confirm_event(added.id, "属实")
    row = services.creators.rows([other.id])[0]
    assert row.credit_grade is CreditGrade.D
    assert [badge.text for badge in CREDIT.badges(row, labels)] == [f"D {row.credit_score}"]  # type: ignore[misc]
    assert CREDIT.copied(row, labels) == "D"
    assert "非征信" in CREDIT.tip(row, labels)  # type: ignore[misc]
