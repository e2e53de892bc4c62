"""The direct method, and what every estimator takes from a reward model."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.offpolicy.estimate import Estimate, linear
from recsys.offpolicy.log import Floats, LoggedFeedback, at_position, logged


class Predicted(NamedTuple):
    """Predicted reward of each row, float64 (n,): of its logged action, and under the policy."""

    of_logged: Floats
    of_policy: Floats


Rewards: TypeAlias = NDArray[np.floating] | Predicted
"""Expected reward of every action, (n, n_actions) or (n, n_actions, len_list), or what
`predicted` made of it for this log and policy."""


def dm(log: LoggedFeedback, q: Rewards) -> Estimate:
    """Direct method: mean over rows of the predicted reward of the policy's own actions."""
    return linear("DM", predicted(log, q).of_policy, log.group)


def predicted(log: LoggedFeedback, q: Rewards) -> Predicted:
    """What the estimators need of `q`; worth keeping where many of them are asked.

    Raises ContractError where `q` does not fit the log, or the log has no `policy`.
    """
    if isinstance(q, Predicted):
        return q
    fits = q.ndim in (2, 3) and q.shape[:2] == (len(log), log.n_actions)
    if not fits or (q.ndim == 3 and log.position is None):
        raise ContractError(
            f"q has shape {q.shape}: expected ({len(log)}, {log.n_actions}), with a third axis "
            "only where the log has positions"
        )
    policy, rewards = log.policy_at_position, at_position(q, log.position)
    of_policy = np.einsum("na,na->n", policy, rewards, dtype=np.float64)
    return Predicted(logged(q, log.action, log.position), np.asarray(of_policy, dtype=np.float64))
