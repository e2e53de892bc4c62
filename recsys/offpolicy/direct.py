"""The direct method: trust the reward model, and what every estimator takes from one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.schema import InputError
from recsys.offpolicy.estimate import Estimate, linear
from recsys.offpolicy.log import Floats, LoggedFeedback, at_position, logged


def dm(log: LoggedFeedback, q: NDArray[np.floating]) -> Estimate:
    """Direct method: mean over rows of the predicted reward of the policy's own actions.

    q: expected reward of every action, (n, n_actions) or (n, n_actions, len_list).
    """
    return linear("DM", policy_reward(log, q), log.group)


def policy_reward(log: LoggedFeedback, q: NDArray[np.floating]) -> Floats:
    """Predicted reward of each row under the evaluation policy, float64 (n,)."""
    policy, q = log.policy_at_position, at_position(checked(log, q), log.position)
    return np.asarray(np.einsum("na,na->n", policy, q, dtype=np.float64), dtype=np.float64)


def logged_reward(log: LoggedFeedback, q: NDArray[np.floating]) -> Floats:
    """Predicted reward of each row's logged action, float64 (n,)."""
    return logged(checked(log, q), log.action, log.position)


def checked(log: LoggedFeedback, q: NDArray[np.floating]) -> NDArray[np.floating]:
    """`q` if it fits the log; raises InputError otherwise."""
    fits = q.ndim in (2, 3) and q.shape[:2] == (len(log), log.n_actions)
    if not fits or (q.ndim == 3 and log.position is None):
        raise InputError(
            f"q has shape {q.shape}: expected ({len(log)}, {log.n_actions}), with a third axis "
            "only where the log has positions"
        )
    return q
