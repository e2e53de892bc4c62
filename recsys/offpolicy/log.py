"""LoggedFeedback: what was shown, with which probability, what came of it, and the policy judged.

Its checks are the reason an estimate can be trusted: a propensity that was not logged, or not the
one of the draw, cannot be repaired afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError, InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TOLERANCE: Final = 1e-4


@dataclass(frozen=True)
class LoggedFeedback:
    """Logged rounds of one behaviour policy, and the evaluation policy to be judged by them.

    action: int (n,), from 0; reward: float (n,), finite; pscore: float (n,) in (0, 1], the
    probability with which the behaviour policy drew that action. The evaluation policy is given
    as `policy`, float (n, n_actions) or (n, n_actions, len_list), the probability of every action
    (rows sum to 1), or as `target`, float (n,) in [0, 1], that of the logged action alone; with
    `target` there is no direct method. position: int (n,), from 0 (the top), needed with a
    len_list. context: float (n, d), what is known of the row before the action. affinity: float
    (n, n_actions), how well each action suits the row, for the reward model. group: int (n,),
    rows of one shopper. Arrays are kept as float64 / int64, `policy` and `affinity` as they are.
    Raises ContractError, one line, on anything else.
    """

    action: Ints
    reward: Floats
    pscore: Floats
    policy: NDArray[np.floating] | None = None
    target: Floats | None = None
    position: Ints | None = None
    context: NDArray[np.floating] | None = None
    affinity: NDArray[np.floating] | None = None
    group: Ints | None = None

    def __post_init__(self) -> None:
        for name in ("action", "position", "group"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _whole(name, getattr(self, name)))
        for name in ("reward", "pscore", "target"):
            if getattr(self, name) is not None:
                values = np.asarray(getattr(self, name), dtype=np.float64)
                object.__setattr__(self, name, values)
        n = len(self.action)
        if n == 0:
            raise ContractError("log: no rows: expected at least one logged round")
        for name in ("reward", "pscore", "policy", "target", "position", "group"):
            self._check_length(name, n)
        for name in ("context", "affinity"):
            self._check_length(name, n)
        if not np.isfinite(self.reward).all():
            raise ContractError("log: a reward is NaN or infinite: expected a number in every row")
        check_propensities(self.pscore)
        self._check_policy()

    def _check_length(self, name: str, n: int) -> None:
        values = getattr(self, name)
        if values is not None and len(values) != n:
            raise ContractError(
                f"log: {name} has {len(values)} rows, the actions {n}: expected equal"
            )

    def _check_policy(self) -> None:
        if (self.policy is None) == (self.target is None):
            raise ContractError(
                "log: give the evaluation policy either as `policy` (probability of every action) "
                "or as `target` (probability of the logged action)"
            )
        if self.target is not None:
            if not ((self.target >= 0.0) & (self.target <= 1.0 + _TOLERANCE)).all():
                raise ContractError(
                    "log: a target propensity is outside [0, 1]: expected a probability"
                )
            return
        assert self.policy is not None
        if self.policy.ndim not in (2, 3):
            raise ContractError(
                f"log: policy has shape {self.policy.shape}: expected (n, n_actions) or "
                "(n, n_actions, len_list)"
            )
        if self.action.min() < 0 or self.action.max() >= self.policy.shape[1]:
            raise ContractError(
                f"log: actions run from {self.action.min()} to {self.action.max()}: expected 0 to "
                f"{self.policy.shape[1] - 1}, the columns of policy"
            )
        if self.policy.ndim == 3:
            self._check_position(self.policy.shape[2])
        check_distribution(self.policy, "the evaluation policy's propensities")

    def _check_position(self, len_list: int) -> None:
        if self.position is None:
            raise ContractError(f"log: policy has {len_list} positions but the log names none")
        if self.position.min() < 0 or self.position.max() >= len_list:
            raise ContractError(
                f"log: positions run from {self.position.min()} to {self.position.max()}: "
                f"expected 0 to {len_list - 1}"
            )

    def __len__(self) -> int:
        return len(self.action)

    @property
    def n_actions(self) -> int:
        """How many actions there are; without `policy`, how many the log shows."""
        return int(self.action.max()) + 1 if self.policy is None else self.policy.shape[1]

    @property
    def policy_at_position(self) -> NDArray[np.floating]:
        """Probability of every action at each row's position, (n, n_actions)."""
        if self.policy is None:
            raise ContractError(
                "log: this needs the evaluation policy's probability of every action: "
                "give `policy` instead of `target`"
            )
        return at_position(self.policy, self.position)

    @property
    def target_propensity(self) -> Floats:
        """The evaluation policy's probability of the logged action, float64 (n,)."""
        if self.target is not None:
            return self.target
        assert self.policy is not None
        return logged(self.policy, self.action, self.position)

    @property
    def weight(self) -> Floats:
        """Importance weight, float64 (n,), at least 0: target propensity / pscore."""
        return self.target_propensity / self.pscore

    def under(self, policy: NDArray[np.floating]) -> LoggedFeedback:
        """The same log with another evaluation policy, (n, n_actions[, len_list])."""
        return replace(self, policy=policy, target=None)

    def take(self, rows: NDArray[np.bool_] | Ints) -> LoggedFeedback:
        """The rows of a mask (n,) or of row numbers."""
        picked: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else values[rows]
            for name in self.__dataclass_fields__
        }
        return LoggedFeedback(**picked)


def check_propensities(pscore: Floats, rows: Ints | None = None) -> None:
    """Raise InputError, one line, where a propensity is missing, not above 0, or above 1.

    `rows`, int (n,): where each was in the user's file, for the message; without it, from 0.
    """
    for wrong, what in (
        (~np.isfinite(pscore), "is missing"),
        (pscore == 0.0, "is zero"),
        (pscore < 0.0, "is negative"),
        (pscore > 1.0, "is above 1"),
    ):
        at = np.flatnonzero(wrong)
        if len(at):
            first = at[0] if rows is None else rows[at[0]]
            raise InputError(
                f"propensities: {what} in {len(at):,} of {len(pscore):,} rows (first row "
                f"{first}): expected the probability in (0, 1] with which the shown action was "
                "drawn: log it when it is drawn"
            )


@dataclass(frozen=True)
class Floored:
    """Propensities of which none stands for more rows than the log can tell of.

    `pscore` float (n,). `rows` int (m,): those that were raised, and `smallest` of them before it;
    `floor` is what they were raised to.
    """

    pscore: Floats
    rows: Ints
    smallest: float
    floor: float


_ROWS_TOLD: Final = 500
"""Effective rows that a verdict needs: a row that stands for 1/500 of the log fails none alone."""


def floor_propensities(pscore: Floats) -> Floored:
    """Raise propensities under 1 / n, the n rows given, to 500 / n (at most 1).

    An action of a probability under 1 / n is expected less than once in the log; where it is there
    all the same, its row would stand for more rows than there are and decide every estimate by
    itself. Raised, it stands for at most 1/500 of them, and no policy that a verdict can be given
    on has a heavier row. An instance of truncated importance sampling (Ionides 2008).
    """
    n = len(pscore)
    rows = np.flatnonzero(pscore * n < 1.0)
    floor = min(_ROWS_TOLD / n, 1.0) if n else 1.0
    raised = pscore.copy()
    raised[rows] = floor
    smallest = float(pscore[rows].min()) if len(rows) else float("nan")
    return Floored(raised, rows, smallest, floor)


def check_distribution(probabilities: NDArray[np.floating], what: str) -> None:
    """Raise ContractError, one line, unless axis 1 of (n, n_actions[, len_list]) sums to 1."""
    if not probabilities.size or float(probabilities.min()) < 0.0:
        raise ContractError(f"{what}: a negative number, or none: expected probabilities in [0, 1]")
    sums = probabilities.sum(axis=1, dtype=np.float64)
    # A NaN fails the comparison, too.
    wrong = np.flatnonzero(~(np.abs(sums - 1.0) <= _TOLERANCE).reshape(len(sums), -1).all(axis=1))
    if len(wrong):
        got = sums.reshape(len(sums), -1)[wrong[0]]
        raise ContractError(
            f"{what}: do not sum to 1 in {len(wrong):,} of {len(sums):,} rows (row {wrong[0]} sums "
            f"to {got[np.argmax(np.abs(got - 1.0))]:.4g}): expected one distribution over all "
            "actions for each row"
        )


def at_position(values: NDArray[np.floating], position: Ints | None) -> NDArray[np.floating]:
    """(n, n_actions[, len_list]) -> (n, n_actions) at each row's position."""
    if values.ndim == 2:
        return values
    assert position is not None
    return values[np.arange(len(values)), :, position]


def logged(values: NDArray[np.floating], action: Ints, position: Ints | None) -> Floats:
    """(n, n_actions[, len_list]) -> float64 (n,) at each row's action and position."""
    rows = np.arange(len(values))
    picked = values[rows, action] if values.ndim == 2 else values[rows, action, position]
    return np.asarray(picked, dtype=np.float64)


def _whole(name: str, values: object) -> Ints:
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.integer):
        raise ContractError(f"log: {name} is {array.dtype}: expected whole numbers (integers)")
    return array.astype(np.int64)
