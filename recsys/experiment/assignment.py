"""Who, or when, sees which arm of an experiment: by salted hash of the user, or by the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ids import text_ids
from features.schema import ConfigError, InputError
from recsys.policy.draw import uniform

HOLDOUT: Final = "holdout"
"""The arm of users who are in no experiment."""

_HOLDOUT_SALT: Final = "stylefeed holdout"


def split_users(
    user_ids: Iterable[str], shares: Mapping[str, float], salt: str, holdout: float = 0.0
) -> NDArray[np.str_]:
    """Arm of each user, str (n,): one of `shares`, or `holdout`.

    `shares`: arm -> share above 0, summing to 1. A user's arm depends on the user and `salt`
    alone; another salt (one per experiment) splits afresh. `holdout` in [0, 1) is the share of
    users kept out of every experiment: the same users whatever the salt, and more of them, never
    others, as it grows. Raises ConfigError on shares that do not fit,
    ContractError on ids that are no text.
    """
    if not shares or min(shares.values()) <= 0.0 or abs(sum(shares.values()) - 1.0) > 1e-9:
        raise ConfigError(f"split: shares are {dict(shares)}: expected above 0 and summing to 1")
    if HOLDOUT in shares or not salt:
        raise ConfigError(f"split: expected a salt, and no arm called {HOLDOUT!r}")
    if not 0.0 <= holdout < 1.0:
        raise ConfigError(f"split: holdout is {holdout}: expected in [0, 1)")
    codes, users = pd.factorize(text_ids(user_ids, "split: user_ids"))
    arms = np.asarray([*shares, HOLDOUT])
    edges = np.cumsum(list(shares.values()))
    edges[-1] = 1.0
    place = np.array([uniform(str(user), salt) for user in users])
    arm = np.searchsorted(edges, place, side="right")
    if holdout > 0.0:
        kept_out = np.array([uniform(str(user), _HOLDOUT_SALT) for user in users]) < holdout
        arm = np.where(kept_out, len(shares), arm)
    return np.asarray(arms[arm][codes], dtype=np.str_)


def switchback(
    times: pd.Series, arms: Sequence[str], block: pd.Timedelta, salt: str
) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Arm and block number of each moment: all shoppers see one arm for a `block` of time.

    `times`: datetime64[us, UTC] (n,). Blocks are counted from 1970. Each run of len(arms)
    blocks holds every arm once, in an order drawn by `salt`, so that arms share days and hours;
    each arm has probability 1 / len(arms). Returns str (n,) and int64 (n,), which is the group of
    rows that stand or fall together. Raises ConfigError on fewer than two arms or no length.
    """
    if len(set(arms)) < 2 or len(set(arms)) != len(arms) or not salt:
        raise ConfigError(f"switchback: arms are {list(arms)}: expected two or more, and a salt")
    length = block // pd.Timedelta(microseconds=1)
    if length < 1:
        raise ConfigError(f"switchback: block is {block}: expected a length of time")
    if times.isna().any():
        raise InputError("switchback: a time is missing: expected one in every row")
    number = times.to_numpy(dtype="datetime64[us]").astype(np.int64) // length
    rounds, which = np.unique(number // len(arms), return_inverse=True)
    orders = np.stack(
        [np.argsort([uniform(f"{turn} {arm}", salt) for arm in arms]) for turn in rounds]
    )
    return np.asarray(arms, dtype=np.str_)[orders[which, number % len(arms)]], number
