"""LookTrial: look policies learned before a cut in time, judged by the log after it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ORIGINAL, ConfigError, InputError
from recsys.config import PolicyConfig
from recsys.offpolicy import (
    Calibration,
    Estimate,
    Evidence,
    LoggedFeedback,
    calibration,
    cross_fit_rewards,
    estimate_all,
    support_report,
    weight_report,
)
from recsys.offpolicy.estimate import linear
from recsys.offpolicy.log import check_propensities, floor_propensities
from recsys.policy.draw import look_probabilities
from recsys.preference import StylePreferenceModel
from recsys.preference.taste_model import TasteModel

POLICIES: Final = {
    "feed": "what was really drawn and served: the policy that made the log",
    "original": "the plain photo, always",
    "uniform": "every look and the plain photo equally often",
    "best_single": "the one look with the best click rate before the cut, for everybody",
    "personal": "each shopper's look of highest expected value, the plain photo among the choices",
}

_FEWEST_SHOWN: Final = 100
_GAP, _GAP_ERRORS = 0.02, 5.0
_PRIOR_ROWS = 20.0


class LookTrial:
    """Judges look policies on `later` exposures by what `past` ones taught.

    Rows as `features.exposures.exposures` gives them; reward: clicked (0 or 1), action: the look
    that was drawn, whatever was served of it, group: the shopper. Raises InputError when a
    propensity is missing or no probability, or when the propensities cannot sum to 1 over the
    looks.
    """

    def __init__(
        self,
        past: pd.DataFrame,
        later: pd.DataFrame,
        style_ids: Sequence[str],
        style_codes: NDArray[np.float32],
        seed: int,
        config: PolicyConfig | None = None,
        model: TasteModel | None = None,
    ) -> None:
        """`style_codes` (looks, d), NaN where unknown; `config` is the personal policy's; `model`
        was fitted on `past` alone (None: it is fitted here)."""
        if past.empty or later.empty:
            raise InputError(
                f"log: {len(past)} impressions before the cut and {len(later)} after it: "
                "expected some of both: give a longer log"
            )
        self.config = config or PolicyConfig()
        self.seed = seed
        self.looks = [*style_ids, ORIGINAL]
        self.past, self.later = past, later
        self._codes = style_codes
        self._fitted = model
        self.action = pd.Index(self.looks).get_indexer(pd.Index(_drawn(later)))
        pscore = later["propensity"].to_numpy(dtype=np.float64)
        check_propensities(pscore)
        self.floored = floor_propensities(pscore)
        self.pscore = self.floored.pscore
        self.reward = later["clicked"].to_numpy(dtype=np.float64)
        self.group = pd.factorize(later["user_id"])[0]
        check_sums(self.action, self.pscore, self.looks)

    @cached_property
    def model(self) -> TasteModel:
        """Tastes told by the past alone."""
        if self._fitted is not None:
            return self._fitted
        model = StylePreferenceModel(seed=self.seed)
        return model.fit(self.past, self.looks[:-1], self._codes)

    @cached_property
    def best_single(self) -> str:
        """The look of highest self-normalised click rate before the cut."""
        past = self.past.assign(drawn=_drawn(self.past))
        past = past[past["drawn"] != ORIGINAL]
        inverse = 1.0 / floor_propensities(past["propensity"].to_numpy(dtype=np.float64)).pscore
        table = pd.DataFrame(
            {"look": past["drawn"], "shown": inverse, "clicked": inverse * past["clicked"]}
        )
        sums = table.groupby("look", sort=True)[["shown", "clicked"]].sum()
        often = table["look"].value_counts().reindex(sums.index) >= _FEWEST_SHOWN
        if not often.any():
            raise InputError(
                f"best_single: no look was shown {_FEWEST_SHOWN} times before the cut: give a "
                "longer log or compare other policies"
            )
        rate = (sums["clicked"] / sums["shown"])[often]
        return str(rate.idxmax())

    @cached_property
    def q(self) -> NDArray[np.float32]:
        """Expected clicks of every look in every later row, cross-fitted, (n, looks)."""
        context = self._context()
        even = np.broadcast_to(1.0 / len(self.looks), (len(self.later), len(self.looks)))
        log = LoggedFeedback(
            self.action,
            self.reward,
            self.pscore,
            even,
            position=self._position(),
            context=context,
            affinity=self._affinity,
            group=self.group,
        )
        return cross_fit_rewards(log, self.seed)

    def log(self, policy: str) -> LoggedFeedback:
        """The later rows with `policy`, one of POLICIES, as the policy to judge."""
        if policy == "feed":
            return LoggedFeedback(
                self.action, self.reward, self.pscore, target=self.pscore, group=self.group
            )
        return LoggedFeedback(
            self.action,
            self.reward,
            self.pscore,
            self.probabilities(policy),
            position=self._position(),
            group=self.group,
        )

    def probabilities(self, policy: str) -> NDArray[np.float64]:
        """Probability of every look in every later row, float64 (n, looks); not for `feed`."""
        n, looks = len(self.later), len(self.looks)
        seen = np.isin(self.looks, _drawn(self.later).unique())
        if policy == "uniform":
            return np.broadcast_to(seen / seen.sum(), (n, looks))
        if policy in ("original", "best_single"):
            shown = ORIGINAL if policy == "original" else self.best_single
            return np.broadcast_to(np.asarray(self.looks) == shown, (n, looks)).astype(np.float64)
        if policy != "personal":
            known = ", ".join(POLICIES)
            raise ConfigError(f"policy is {policy!r}: expected one of {known}")
        # A look without a code that the past never showed is known by nothing.
        taught = np.isin(self.looks, self.past["style_id"].unique())
        taught[:-1] |= np.isfinite(self._codes).all(axis=1) if self._codes.size else False
        taught[-1] = True
        # The value policy weighs every look against the plain photo.
        seen[-1] = True
        eligible = np.broadcast_to(seen & taught, (n, looks))
        if not (seen & taught)[:-1].any():
            raise InputError("personal: no look after the cut was ever shown before it")
        plain = len(self.looks) - 1
        return look_probabilities(
            self._affinity, eligible, self.config, self._spread, self.seed, plain
        )

    def estimates(self, policy: str) -> dict[str, Estimate]:
        """Clicks per impression under `policy`, by every estimator."""
        log = self.log(policy)
        if policy != "feed":
            return estimate_all(log, self.q)
        names = estimate_all(self.log("uniform"), self.q)
        return {name: linear(name, log.reward, log.group) for name in names}

    def evidence(self, policy: str) -> Evidence:
        """What the verdict needs to know of `policy`."""
        log = self.log(policy)
        support = None if policy == "feed" else support_report(log)
        return Evidence(policy, weight_report(log), support)

    def calibration(self) -> Calibration:
        """How well the reward model predicts the clicks on the looks that were shown."""
        return calibration(self.log("uniform"), self.q)

    @cached_property
    def _affinity(self) -> NDArray[np.float32]:
        codes, users = pd.factorize(self.later["user_id"])
        return np.asarray(self.model.affinity_matrix(users)[codes])

    @cached_property
    def _spread(self) -> NDArray[np.float32]:
        codes, users = pd.factorize(self.later["user_id"])
        return np.asarray(self.model.uncertainty_matrix(users)[codes])

    def _position(self) -> NDArray[np.int64]:
        place = self.later["position"].to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(np.nan_to_num(place, nan=1.0), dtype=np.int64) - 1

    def _context(self) -> NDArray[np.float32]:
        """What the past says of the row's shopper and item: shrunk click rate and rows of each."""
        mean = float(self.past["clicked"].mean())
        columns = []
        for key in ("user_id", "item_id"):
            told = self.past.groupby(key)["clicked"].agg(["sum", "count"])
            told = told.reindex(self.later[key]).fillna(0.0)
            count = told["count"].to_numpy(dtype=np.float64)
            rate = (told["sum"].to_numpy(dtype=np.float64) + _PRIOR_ROWS * mean) / (
                count + _PRIOR_ROWS
            )
            columns += [rate, np.log1p(count)]
        return np.column_stack(columns).astype(np.float32)


def _drawn(rows: pd.DataFrame) -> pd.Series:
    """The looks drawn in exposures; those served, where the log does not tell them apart."""
    return rows["style_drawn"] if "style_drawn" in rows else rows["style_id"]


def check_sums(
    action: NDArray[np.int64], pscore: NDArray[np.float64], looks: Sequence[str]
) -> None:
    """Raise InputError where propensities cannot sum to 1 over the looks in each row.

    A look's rows, each counted 1 / propensity times, stand for the rows in which it could be
    drawn: never for more than there are, and for the original photo, which can always be drawn,
    for all of them. `action` (n,) are columns of `looks`.
    """
    n = len(action)
    stands = np.bincount(action, weights=1.0 / pscore, minlength=len(looks)) / n
    square = np.bincount(action, weights=1.0 / pscore**2, minlength=len(looks)) / n
    error = np.sqrt(np.maximum(square - stands**2, 0.0) / n)
    reach = np.maximum(_GAP, _GAP_ERRORS * error)
    wrong = stands - 1.0 > reach
    original = looks.index(ORIGINAL) if ORIGINAL in looks else None
    if original is not None and stands[original] > 0.0:
        wrong[original] |= 1.0 - stands[original] > reach[original]
    if wrong.any():
        worst = int(np.argmax(np.where(wrong, np.abs(stands - 1.0) / reach, 0.0)))
        raise InputError(
            f"propensities: do not sum to 1 over the looks: by 1 / propensity the {n:,} rows would "
            f"be {stands[worst] * n:,.0f} ({looks[worst]!r}): expected the probability with which "
            "the shown look was drawn among all that could be drawn: log it when it is drawn"
        )
