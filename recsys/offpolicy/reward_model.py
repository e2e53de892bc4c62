"""The reward model: LightGBM, each row predicted by trees that did not see its fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.schema import ConfigError
from recsys.offpolicy.log import LoggedFeedback


@dataclass(frozen=True)
class RewardModelConfig:
    """Trees of the reward model and the folds of its cross-fitting.

    Rows of one group stay in one fold. Raises ConfigError out of range.
    """

    folds: int = 3
    rounds: int = 80
    learning_rate: float = 0.07
    leaves: int = 15
    smallest_leaf: int = 100

    def __post_init__(self) -> None:
        if self.folds < 2 or self.rounds < 1 or self.leaves < 2 or self.smallest_leaf < 1:
            raise ConfigError(
                f"reward model: got {self}: expected at least 2 folds, 1 round, 2 leaves and 1 row "
                "in a leaf"
            )
        if not 0.0 < self.learning_rate <= 1.0:
            raise ConfigError(
                f"reward model: learning_rate is {self.learning_rate}: expected in (0, 1]"
            )


def cross_fit_rewards(
    log: LoggedFeedback, seed: int, config: RewardModelConfig | None = None
) -> NDArray[np.float32]:
    """Expected reward of every action in every row, float32 (n, n_actions).

    Features: context, position, the action (a category) and its affinity, as far as the log has
    them. Rewards of 0 and 1 are predicted as probabilities, others by squared error. The model of a
    fold is trained on the other folds (cross-fitting: Chernozhukov et al., 2018), so the
    prediction of a row never depends on its reward, nor on its group's.
    """
    config = config or RewardModelConfig()
    fold = _folds(log, config.folds, seed)
    q = np.empty((len(log), log.n_actions), dtype=np.float32)
    for number in range(config.folds):
        held = np.flatnonzero(fold == number)
        if len(held):
            _fill(q, log, held, _train(log, np.flatnonzero(fold != number), seed, config))
    return q


def _folds(log: LoggedFeedback, folds: int, seed: int) -> NDArray[np.int64]:
    rows = (
        np.arange(len(log)) if log.group is None else np.unique(log.group, return_inverse=True)[1]
    )
    order = np.random.default_rng(seed).permutation(int(rows.max()) + 1)
    return np.asarray(order[rows] % folds, dtype=np.int64)


def _features(
    log: LoggedFeedback, rows: NDArray[np.int64], action: NDArray[np.int64] | int
) -> NDArray[np.float32]:
    """(rows, d): the action first, then its affinity, position and context where known."""
    parts: list[NDArray[Any]] = [np.broadcast_to(np.asarray(action), rows.shape)]
    if log.affinity is not None:
        parts.append(log.affinity[rows, action])
    if log.position is not None:
        parts.append(log.position[rows])
    table = np.column_stack(parts).astype(np.float32)
    if log.context is None:
        return table
    context = np.asarray(log.context[rows], dtype=np.float32)
    return np.concatenate([table, context.reshape(len(rows), -1)], axis=1)


def _train(
    log: LoggedFeedback, rows: NDArray[np.int64], seed: int, config: RewardModelConfig
) -> lgb.Booster | float:
    """A model, or the mean reward where there is nothing to learn from."""
    reward = log.reward[rows]
    if len(rows) < 2 * config.smallest_leaf or reward.min() == reward.max():
        return float(reward.mean()) if len(reward) else 0.0
    binary = bool(np.isin(reward, (0.0, 1.0)).all())
    settings = {
        "objective": "binary" if binary else "regression",
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.smallest_leaf,
        "min_data_per_group": config.smallest_leaf,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lgb.Dataset(
        _features(log, rows, log.action[rows]), reward, categorical_feature=[0], free_raw_data=True
    )
    return lgb.train(settings, data, num_boost_round=config.rounds)


def _fill(
    q: NDArray[np.float32], log: LoggedFeedback, rows: NDArray[np.int64], model: lgb.Booster | float
) -> None:
    if isinstance(model, float):
        q[rows] = model
        return
    table = _features(log, rows, 0)
    for action in range(log.n_actions):
        table[:, 0] = action
        if log.affinity is not None:
            table[:, 1] = log.affinity[rows, action]
        q[rows, action] = model.predict(table, num_threads=1)
