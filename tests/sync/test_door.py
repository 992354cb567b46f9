# SPDX-License-Identifier: Apache-2.0
"""The headless door: what nobody foresaw is told in words, with a report, and never as a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = """
import sys
from sync import __main__ as door
door._opener = lambda: {}["token=s3cretpw"]
sys.argv = ["koc", *sys.argv[1:]]
door.main()
"""


def broken(tmp_path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONUTF8": "1"}
    return subprocess.run([sys.executable, "-c", BROKEN, *args, "info"], env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("language", "word"), [("zh", "意料之外"), ("en", "nobody foresaw")])
def test_a_bug_is_told_in_words_with_a_report(tmp_path: Path, language: str, word: str):
    done = broken(tmp_path, "--lang", language)
    assert done.returncode == 70
    assert word in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    (report,) = tmp_path.rglob("report-*.txt")
    assert str(report) in done.stderr
    text = report.read_text("utf-8")
    assert "KeyError" in text
    assert "s3cretpw" not in text


def test_a_bug_answers_one_json_document(tmp_path: Path):
    done = broken(tmp_path, "--json")
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "unexpected"
    assert error["details"]["log_id"] in error["details"]["report"]
