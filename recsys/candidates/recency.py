"""What sells now: popularity over weights that forget within days."""

from __future__ import annotations

from typing import Self

from recsys.candidates.model import Sources
from recsys.candidates.popularity import Popularity


class RecentPopularity(Popularity):
    """`Popularity` under a name of its own, to be fitted on weights of a short half-life."""

    name = "recent"

    @classmethod
    def of(cls, sources: Sources) -> Self:
        return cls().fit(sources.recent)
