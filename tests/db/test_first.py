# SPDX-License-Identifier: Apache-2.0
"""The roster before the store is loaded: the same rows, nothing loaded for them, and every trouble left to whoever opens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import CancelledError, WorkspaceError
from app.usecases.creators import Question, SortKey
from app.values import Actor, WorkspaceRef
from db.first import First
from sync.compose import opener

ROOT = Path(__file__).parent.parent.parent
BY_SIZE = Question(sort=(SortKey("followers", descending=True),))
_ALONE = """
import sys
from app.usecases.creators import Question, SortKey
from app.values import Actor, WorkspaceRef
from sync.compose import opener
services = opener()(WorkspaceRef(sys.argv[1]), Actor("tester"), early=True)
question = Question(sort=(SortKey("followers", descending=True),))
rows, ids = services.creators.page(question, 20), services.creators.ids(question)
print(len(rows), len(ids), services.zone, "sqlalchemy" in sys.modules)
print(services.creators.count(Question()) == len(ids), "sqlalchemy" in sys.modules)
services.close()
"""


def test_the_first_rows_are_those_of_the_store(sample: Path) -> None:
    early = opener()(WorkspaceRef(str(sample)), Actor("tester"), early=True)
    usual = opener()(WorkspaceRef(str(sample)), Actor("tester"))
    try:
        assert usual.creators.count(Question()) > 20
        assert early.creators.page(BY_SIZE, 20, 3) == usual.creators.page(BY_SIZE, 20, 3)
        assert early.creators.ids(BY_SIZE).tolist() == usual.creators.ids(BY_SIZE).tolist()
        assert (early.zone, early.shown, early.read_only) == (usual.zone, usual.shown, usual.read_only)
    finally:
        early.close()
        usual.close()


def test_nothing_is_loaded_for_them(sample: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _ALONE, str(sample)], cwd=ROOT, check=True, capture_output=True, text=True)
    first, then = done.stdout.splitlines()
    rows, ids, zone, loaded = first.split()
    assert (rows, zone, loaded) == ("20", "Asia/Shanghai", "False")
    assert int(ids) > 20
    assert then == "True True"


@pytest.mark.parametrize("harm", ["missing", "cut", "foreign", "old"])
def test_a_file_that_is_not_as_usual_is_left_to_whoever_opens_it(sample: Path, harm: str) -> None:
    first = First.of(WorkspaceRef(str(sample)))
    assert first is not None
    first.close()
    data = sample.read_bytes()
    if harm == "missing":
        sample.unlink()
    elif harm == "cut":
        sample.write_bytes(data[:-4096])
    elif harm == "foreign":
        sample.write_bytes(data[:68] + bytes(4) + data[72:])
    else:
        sample.write_bytes(data[:60] + (1).to_bytes(4, "big") + data[64:])
    assert First.of(WorkspaceRef(str(sample))) is None
    if harm != "old":
        with pytest.raises(WorkspaceError):
            opener()(WorkspaceRef(str(sample)), Actor("tester"), early=True)


def test_what_is_asked_after_the_end_loads_nothing(sample: Path) -> None:
    services = opener()(WorkspaceRef(str(sample)), Actor("tester"), early=True)
    services.close()
    with pytest.raises(CancelledError):
        services.creators.page(BY_SIZE, 20)
    assert list(sample.parent.glob(f"{sample.name}-*")) == []
