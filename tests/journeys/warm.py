# SPDX-License-Identifier: Apache-2.0
"""Starts ``koc`` again and again as processes of their own, from one that has loaded it: a second saved each time.

``python -m tests.journeys.warm`` reads JSON lines: ``{"argv": [...], "env": {...}, "in": FILE, "out": FILE, "err": FILE, "cwd": DIR}``
answers ``{"pid": N}``; ``{"wait": PID}`` answers ``{"code": N}``, negative for the signal that ended it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import tempfile
from typing import Any

import app
import db

_MORE = (
    "sync.__main__",
    "sync.compose",
    "sync.catalog",
    "sync.runner",
    "sync.auth",
    "sync.http",
    "sync.platforms.oceanengine",
    "sqlcipher3.dbapi2",
    "typer._adapters",
)


def _load() -> None:
    """Everything that a sync uses; no file is opened and no thread started."""
    for package in (app, db):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in found.name:
                importlib.import_module(found.name)
    for name in _MORE:
        importlib.import_module(name)


def _become(told: dict[str, Any]) -> None:
    """In the child: take the place of a freshly started program, and run it to its end."""
    for number, (name, flags) in enumerate((("in", os.O_RDONLY), ("out", os.O_WRONLY | os.O_CREAT), ("err", os.O_WRONLY | os.O_CREAT))):
        opened = os.open(told[name], flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    tempfile.tempdir = None
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the program
    sys.argv = ["koc", *told["argv"]]
    main = sys.modules["sync.__main__"].main
    main()


def serve() -> None:
    """Until the lines end."""
    _load()
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    for line in iter(sys.stdin.readline, ""):
        told = json.loads(line)
        if "wait" in told:
            _, status = os.waitpid(told["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        else:
            pid = os.fork()
            if pid == 0:
                _become(told)
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
