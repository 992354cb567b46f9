# SPDX-License-Identifier: Apache-2.0
"""${message}.

Rules for whoever writes here: one revision, one purpose; data moves in SQL, not in rows fetched; nothing of
``app`` or ``db.models`` is imported (they change, a revision never does); SQLite rebuilds tables in batch mode with
foreign keys off; whatever fails rolls the whole upgrade back. Raise the number in the file's name.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Bring a workspace here."""
    ${upgrades if upgrades else "pass"}
