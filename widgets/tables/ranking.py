# SPDX-License-Identifier: Apache-2.0
"""Where the table of returns gets its rows: a ranking in memory, cut down by a filter, a word and an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.usecases.creators import Question, SortKey
from app.usecases.roi import Asked, Leading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from app.rules.rating.value import Word
    from app.services import Services
    from app.usecases.roi import Outcome

    Ids = npt.NDArray[np.int64]

BEST: Final = (SortKey("p25", descending=True),)
"""By the cautious estimate, the best first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the table of creators is asked for."""

    asked: Asked
    search: str = ""
    where: str = ""
    word: Word | None = None
    sort: tuple[SortKey, ...] = BEST

    @property
    def cut(self) -> bool:
        """Whether somebody is left out by a filter on creators."""
        return bool(self.search or self.where)


class Ranked:
    """Where the table gets its rows: a ranking in memory. The first rows of the usual question are there before it is."""

    def __init__(self, services: Services) -> None:
        """Answer from a workspace."""
        self._services = services
        self.asked = Asked()
        self.leading: Leading | None = None
        self.counts: Mapping[Word, int] = {}

    def only(self, wanted: Wanted) -> Ids | None:
        """Ids of those whom a filter on creators leaves; None is everybody."""
        return self._services.creators.ids(Question(wanted.search, wanted.where)) if wanted.cut else None

    def page(self, wanted: Wanted, limit: int = 100, offset: int = 0) -> list[Outcome]:
        """Some rows."""
        held = self.leading
        if held is not None and not wanted.cut and wanted.word is None and wanted.sort in {(), BEST}:
            return list(held.rows[offset : offset + limit])
        return self.rows(self.ids(wanted)[offset : offset + limit].tolist())

    def ids(self, wanted: Wanted) -> Ids:
        """All ids, in order."""
        look, only = self._services.roi.outlook(wanted.asked), self.only(wanted)
        key = (wanted.sort or BEST)[0]
        places = look.rows(only, None, (key.field, key.descending))
        self.counts = look.counts(places)
        return look.ranking.sums.key[places if wanted.word is None else places[look.word[places] == wanted.word]]

    def rows(self, ids: Sequence[int]) -> list[Outcome]:
        """Rows of ids."""
        return self._services.roi.outcomes(self.asked, ids)
