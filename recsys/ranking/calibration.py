"""Ranking scores -> probabilities of a click or a purchase, learned on a window held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from features.schema import ContractError, NotFittedError

ISOTONIC_FROM: Final = 500
"""Positives, and negatives, from which the free curve is trusted more than the logistic one."""


class ScoreCalibrator:
    """Maps scores to probabilities without ever turning their order round.

    With enough rows of either outcome the curve is isotonic regression, drawn straight between
    its steps (Zadrozny and Elkan 2002); with fewer it is Platt's logistic one with his smoothed
    targets (Platt 1999), which overfits less (Niculescu-Mizil and Caruana 2005).
    """

    def __init__(self) -> None:
        self._scores: NDArray[np.float64] | None = None
        self._values: NDArray[np.float64] = np.empty(0)
        self.method = ""

    def fit(self, scores: NDArray[np.float32], outcomes: NDArray[np.bool_]) -> Self:
        """Learn from rows that trained nothing: `scores` (n,) finite, `outcomes` (n,) bool or 0/1.

        Raises ContractError on no rows, other lengths or values. Where all outcomes are the same
        the probability is near them and never exactly 0 or 1.
        """
        x, y = _checked(scores, outcomes)
        positives, negatives = float(y.sum()), float((1 - y).sum())
        lowest, highest = 1 / (negatives + 2), (positives + 1) / (positives + 2)
        if min(positives, negatives) >= ISOTONIC_FROM:
            curve = IsotonicRegression().fit(x, y)
            self.method = "isotonic"
            self._scores = np.asarray(curve.X_thresholds_, dtype=np.float64)
            values = np.clip(curve.y_thresholds_, lowest, highest)
            self._values = np.asarray(values, dtype=np.float64)
        else:
            self.method = "platt"
            slope, offset = _platt(x, np.where(y > 0, highest, lowest))
            # Slope and offset are a straight line in log odds: two points tell it.
            self._scores = np.array([0.0, 1.0])
            self._values = np.array([offset, offset + slope])
        return self

    def probability(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities float32 (n,), in 0..1, never falling with the scores (n,)."""
        if self._scores is None:
            raise NotFittedError("ScoreCalibrator was asked before fit or load")
        x = np.asarray(scores, dtype=np.float64)
        if self.method == "platt":
            offset, other = self._values
            return np.asarray(expit(offset + (other - offset) * x), dtype=np.float32)
        return np.asarray(np.interp(x, self._scores, self._values), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write the curve as JSON."""
        if self._scores is None:
            raise NotFittedError("ScoreCalibrator was saved before fit or load")
        record = {
            "method": self.method,
            "scores": self._scores.tolist(),
            "values": self._values.tolist(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raises NotFittedError if it is not there."""
        if not path.is_file():
            raise NotFittedError(f"no calibrator at {path}: fit and save one there")
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        calibrator = cls()
        calibrator.method = str(record["method"])
        calibrator._scores = np.array(record["scores"], dtype=np.float64)
        calibrator._values = np.array(record["values"], dtype=np.float64)
        return calibrator


def calibration_error(
    probabilities: NDArray[np.float32], outcomes: NDArray[np.bool_], bins: int = 15
) -> float:
    """Mean distance between predicted and seen rates over bins of equal size, 0..1.

    The expected calibration error (Naeini et al. 2015) with bins by rank of `probabilities` (n,),
    at most `bins` of them; equal probabilities keep the order given. Raises ContractError as
    `ScoreCalibrator.fit`.
    """
    p, y = _checked(probabilities, outcomes)
    order = np.argsort(p, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return float(sum(abs((p[part] - y[part]).sum()) for part in parts) / len(order))


def _platt(x: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float]:
    """Slope, 0 or more, and offset of the logistic curve nearest to `target` by log loss."""
    middle, spread = float(x.mean()), float(x.std())
    rate = float(target.mean())
    if spread <= 1e-12 * max(1.0, abs(middle)):
        return 0.0, float(logit(rate))
    z = (x - middle) / spread

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = line[0] * z + line[1]
        error = expit(logits) - target
        value = np.mean(np.logaddexp(0, logits) - target * logits)
        return float(value), np.array([np.mean(error * z), np.mean(error)])

    start = np.array([0.0, logit(rate)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    slope = float(found.x[0]) / spread
    return slope, float(found.x[1]) - slope * middle


def _checked(
    scores: NDArray[np.float32], outcomes: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ContractError(
            f"got scores {x.shape} and outcomes {y.shape}: expected one of each for every row, "
            "and at least one row"
        )
    if not np.isfinite(x).all() or not np.isin(y, (0.0, 1.0)).all():
        raise ContractError("calibration takes finite scores and outcomes of 0 or 1, got others")
    return x, y
