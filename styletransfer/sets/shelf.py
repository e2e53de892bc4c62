"""Sets at hand: the latest in memory, all of them in the store, each made by one worker."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from styletransfer.config import SetConfig
from styletransfer.sets.store import SetStore
from styletransfer.sets.synthesis import DEFAULT_SETS, MadeSet, SetLayout, make_set

# At 384 px a set takes 0.44 MB.
_IN_MEMORY: Final = 256


class SetRequest(NamedTuple):
    """What a set is made of: see `make_set`."""

    look: NDArray[np.uint8]
    layout: SetLayout
    side_px: int
    seed: int
    verbatim: bool = False


_Key = tuple[int, SetLayout, int, int, bool]


class SetShelf:
    """Gives sets, from memory, from the store, or made now."""

    def __init__(self, store: SetStore | None = None, config: SetConfig = DEFAULT_SETS) -> None:
        """Keep sets in `store` too, which other workers may share.

        Without it they are made as `config` says and kept in memory alone.
        """
        self._config = config
        self._store = store
        # The look's array is kept with its sets, so that its id stands for it.
        self._latest: OrderedDict[_Key, tuple[NDArray[np.uint8], MadeSet]] = OrderedDict()

    def fetch(self, requests: Sequence[SetRequest]) -> list[MadeSet]:
        """The sets of `requests`, in order; raises what `make_set` raises.

        What another worker is making is waited for last, so that workers do not queue up behind
        one another.
        """
        found: dict[int, MadeSet] = {}
        for patience in (0.0, -1.0):
            for place, request in enumerate(requests):
                if place not in found:
                    made = self._get(request, patience)
                    if made is not None:
                        found[place] = made
        return [found[place] for place in range(len(requests))]

    def _get(self, request: SetRequest, patience_s: float) -> MadeSet | None:
        key = (id(request.look), *request[1:])
        if key in self._latest:
            self._latest.move_to_end(key)
            return self._latest[key][1]
        made = self._take(request, patience_s)
        if made is not None:
            self._latest[key] = (request.look, made)
            if len(self._latest) > _IN_MEMORY:
                self._latest.popitem(last=False)
        return made

    def _take(self, request: SetRequest, patience_s: float) -> MadeSet | None:
        """From the store; None where another worker holds it for longer than `patience_s`."""
        if self._store is None:
            look, layout, side_px, seed, verbatim = request
            return make_set(look, layout, side_px, seed, self._config, verbatim)
        path = self._store.path(*request)
        if path.is_file():
            return self._store.get(*request)
        lock = FileLock(path.with_suffix(".lock"))
        try:
            with lock.acquire(timeout=patience_s):
                made = self._store.get(*request)
            path.with_suffix(".lock").unlink(missing_ok=True)
        except Timeout:
            return None
        return made
