"""Searches the unit cube for points that no other beats in everything: NSGA-II, particle swarm.

Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II"; Zhang et al. 2018,
"A competitive mechanism based multi-objective particle swarm optimizer with fast convergence".
Both are pymoo's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.schema import ConfigError

METHODS: Final = ("nsga2", "swarm")
_MOST_AT_ONCE: Final = 12


def search(
    measure: Callable[[NDArray[np.float64]], Sequence[float]],
    start: Sequence[float],
    points: int,
    method: str,
    seed: int,
) -> None:
    """Call `measure` on at least `points` points of the unit cube, the first of them `start`.

    `measure` takes a point (n,) and returns the values to be minimised. The last generation is
    measured whole. The same `seed` and the same answers ask for the same points. Raises ConfigError
    on an unknown method or where pymoo is not installed.
    """
    if method not in METHODS:
        raise ConfigError(f"--method is {method!r}: expected {' or '.join(METHODS)}")
    try:
        from pymoo.algorithms.moo.cmopso import CMOPSO
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.problem import Problem
        from pymoo.optimize import minimize
    except ImportError as error:
        raise ConfigError(
            "tune searches with pymoo, which is not installed: pip install 'stylefeed[tune]'"
        ) from error

    count = min(points, _MOST_AT_ONCE)
    first = np.random.default_rng(seed).random((count, len(start)))
    first[0] = start
    objectives = len(measure(first[0]))

    class Cube(Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=len(start), n_obj=objectives, xl=0.0, xu=1.0)

        def _evaluate(
            self, x: NDArray[np.float64], out: dict[str, Any], *_: Any, **__: Any
        ) -> None:
            out["F"] = np.array([measure(point) for point in x])

    algorithm = (NSGA2 if method == "nsga2" else CMOPSO)(pop_size=count, sampling=first)
    minimize(Cube(), algorithm, ("n_eval", points), seed=seed)


def on_front(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which rows of `values` (n, d), all to be minimised, no other row beats -> (n,).

    A row is beaten by one that is nowhere worse and somewhere better.
    """
    no_worse = (values[:, None] <= values[None]).all(axis=2)
    better = (values[:, None] < values[None]).any(axis=2)
    return np.asarray(~(no_worse & better).any(axis=0))
