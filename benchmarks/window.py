# SPDX-License-Identifier: Apache-2.0
"""From the start of a process to a painted roster: ``koc-desk`` itself, a bare table over the same rows, a bare window."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

_TURNS: Final = 5
_COMMON: Final = """
import json, sys, time
started, path = float(sys.argv[1]), sys.argv[2]
def told(app):
    with open("/proc/self/status") as status:
        size = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
    print(json.dumps({"seconds": painted - started, "memory": size}), flush=True)
    app.quit()
"""
_BARE: Final = (
    _COMMON
    + """
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow
class Window(QMainWindow):
    def paintEvent(self, event):
        global painted
        super().paintEvent(event)
        painted = time.time()
        QTimer.singleShot(0, lambda: told(app))
app = QApplication([])
window = Window(); window.resize(1280, 800); window.show()
app.exec()
"""
)
_TABLE: Final = (
    _COMMON  # noqa: S608 (our own names)
    + """
import numpy
import sqlcipher3.dbapi2 as sqlite
from PySide6.QtCore import QAbstractTableModel, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow, QTableView
raw = sqlite.connect(path)
raw.execute("pragma cache_size=-16000"); raw.execute("pragma temp_store=file")
joined = raw.execute("select group_concat(id) from (select id from creator order by followers desc, id)").fetchone()[0]
ids = numpy.fromstring(joined, dtype=numpy.int64, sep=",")
del joined
columns = "name, platform, followers, tier, stage, category, city, fee_fen"
class Model(QAbstractTableModel):
    rows = {}
    def rowCount(self, parent): return len(ids)
    def columnCount(self, parent): return 8
    def data(self, index, role):
        if role != Qt.ItemDataRole.DisplayRole: return None
        at = index.row()
        if at not in self.rows:
            self.rows[at] = raw.execute("select " + columns + " from creator where id = ?", (int(ids[at]),)).fetchone()
        return str(self.rows[at][index.column()])
class View(QTableView):
    def paintEvent(self, event):
        global painted
        super().paintEvent(event)
        painted = time.time()
        QTimer.singleShot(1500, lambda: told(app))
app = QApplication([])
window = QMainWindow(); view = View(); model = Model(); view.setModel(model)
window.setCentralWidget(view); window.resize(1280, 800); window.show()
app.exec()
"""
)
_DESK: Final = (
    _COMMON
    + """
import numpy
from PySide6.QtCore import QEvent, QObject, QTimer
from widgets import application
class Eye(QObject):
    '''Sees the first painting of the table that has rows to paint.'''
    def __init__(self, app):
        super().__init__()
        self.app, self.table, self.seen = app, None, False
        self.timer = QTimer(self, interval=2); self.timer.timeout.connect(self.look); self.timer.start()
    def look(self):
        from widgets.tables.view import TableView
        for widget in self.app.allWidgets():
            if isinstance(widget, TableView) and widget.isVisible():
                self.table = widget
                self.timer.stop()
                widget.viewport().installEventFilter(self)
                widget.viewport().update()
                return
    def eventFilter(self, watched, event):
        global painted
        if event.type() == QEvent.Type.Paint and not self.seen:
            model = self.table.model()
            if model is not None and model.rowCount() and model.record(0) is not None:
                self.seen, painted = True, time.time()
                QTimer.singleShot(1500, self.tell)
        return False
    def tell(self):
        told(self.app)
shown = application.Application.start
def start(self):
    shown(self)
    self.eye = Eye(self._app)
application.Application.start = start
def opener():
    from sync.compose import opener
    return opener()
sys.exit(application.run([path, "--page", "creators", "--lang", "zh"], opener))
"""
)


def _turn(program: str, path: Path) -> dict[str, float]:
    """One start, with what the interpreter compiled kept from the turn before, as it is where the program is installed."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, **dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), home)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(path.parent / "compiled")
        done = subprocess.run(
            [sys.executable, "-c", program, repr(time.time()), str(path)],
            check=True, stdout=subprocess.PIPE, text=True, env=environment, timeout=300, cwd=Path(__file__).resolve().parent.parent,
        )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _usual(program: str, path: Path) -> dict[str, float]:
    _turn(program, path)  # compiles
    turns = [_turn(program, path) for _ in range(_TURNS)]
    return {name: statistics.median(turn[name] for turn in turns) for name in ("seconds", "memory")}


def floor(path: Path) -> dict[str, Any]:
    """A table over the same rows, and a window with nothing in it."""
    bare, table = _usual(_BARE, path), _usual(_TABLE, path)
    return {"seconds": table["seconds"], "memory": table["memory"], "bare": bare["seconds"]}


def product(path: Path) -> dict[str, Any]:
    """``koc-desk`` on the workspace, at its roster."""
    desk = _usual(_DESK, path)
    return {"seconds": desk["seconds"], "memory": desk["memory"], "bare": desk["seconds"]}
