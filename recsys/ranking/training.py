"""What the recommender learns from a log: models of a moment, and lists that train the ranker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.config import EventWeights
from features.events import event_weights, interactions, split_at
from features.ids import IdMap
from recsys.candidates import CandidateModel, Interactions
from recsys.candidates.model import Sources
from recsys.candidates.registry import CANDIDATE_MODELS, candidate_model
from recsys.config import RankerConfig, TwoStageConfig
from recsys.ranking.calibration import ScoreCalibrator
from recsys.ranking.features import feature_names
from recsys.ranking.item_content import complete_content
from recsys.ranking.lambdarank import Ranker, RankingRows
from recsys.ranking.snapshot import ItemFeatures, Snapshot, gather
from recsys.ranking.windows import join_lists, label_lists, positive_users, window_starts

MIN_OUTCOMES: Final = 20
"""Events, and rows without one, from which a probability is learned."""

Tastes = Callable[[pd.DataFrame], pd.DataFrame]
"""Past events -> user_id, style_embedding, style_strength, optional look_affinity."""


@dataclass(frozen=True)
class TrainingLists:
    """Ranking lists of each window, the names of their features, and where the windows start.

    The last window is held out: it is `validation`, all before it `train`.
    """

    windows: list[RankingRows]
    names: list[str]
    cuts: list[pd.Timestamp]

    @cached_property
    def train(self) -> RankingRows:
        """The lists of all windows but the last."""
        return join_lists(self.windows[:-1])

    @property
    def validation(self) -> RankingRows:
        """The lists of the last window."""
        return self.windows[-1]

    def report(self) -> dict[str, Any]:
        """Counts for the record."""
        return {
            "cuts_utc": [cut.isoformat() for cut in self.cuts],
            "training_lists": len(self.train.groups),
            "training_rows": len(self.train.labels),
            "training_positives": int((self.train.labels > 0).sum()),
        }


def learn(
    events: pd.DataFrame,
    items: pd.DataFrame,
    features: ItemFeatures,
    tastes: pd.DataFrame | None,
    now: pd.Timestamp,
    config: TwoStageConfig,
    weights: EventWeights,
    seed: int,
) -> tuple[list[CandidateModel], Snapshot]:
    """Candidate models and the snapshot of `events`, all before `now`.

    Items without a picture get content vectors from what else is known of them. A model that
    nothing is known for (no categories, no pictures or titles), that the catalogue is too large for
    (EASE), or whose items are not wanted (History, when seen items are excluded) is left out.
    """
    item_map = IdMap.sorted(items["item_id"])
    table = interactions(events, event_weights(events, weights, now))
    log = Interactions.from_table(table, items=item_map)
    known = gather(events, log, items, features, tastes, now)
    known = replace(known, content=complete_content(known.content, items, item_map, seed))
    short = replace(weights, half_life_days=config.recent_half_life_days)
    recent = interactions(events, event_weights(events, short, now))
    sources = Sources(
        log,
        Interactions.from_table(recent, log.users, item_map),
        known.category,
        known.content,
        config,
        seed,
    )
    fitted = [candidate_model(name).of(sources) for name in CANDIDATE_MODELS]
    return [model for model in fitted if model is not None], known


def training_lists(
    events: pd.DataFrame,
    items: pd.DataFrame,
    features: ItemFeatures,
    tastes: Tastes | None,
    config: TwoStageConfig,
    weights: EventWeights,
    seed: int,
) -> TrainingLists | None:
    """Lists whose labels are later than all their features, or None for a log too short.

    `tastes` is called once, on the past of the first window: fitting is expensive, and what was
    learned then stays in the past of every later window.
    """
    touches = events[events["event_type"] != "impression"]
    cuts = window_starts(touches, config.windows, config.window_share)
    if not cuts:
        return None
    names: list[str] = []
    lists: list[RankingRows] = []
    early: pd.DataFrame | None = None
    for index, cut in enumerate(cuts):
        past, later = split_at(events, cut)
        window = later if index + 1 == len(cuts) else split_at(later, cuts[index + 1])[0]
        if index == 0 and tastes is not None:
            early = tastes(past)
        models, known = learn(past, items, features, early, cut, config, weights, seed)
        names = feature_names([model.name for model in models])
        users = _drawn(positive_users(window), config.max_lists_per_window, seed)
        available = np.ones(len(known.interactions.items), dtype=bool)
        quotas = [config.quota(model.name, 1) for model in models]
        lists.append(
            label_lists(window, users, models, known, available, quotas, config.exclude_seen)
        )
    return TrainingLists(lists, names, cuts)


def fit_ranker(
    lists: TrainingLists, config: RankerConfig, seed: int
) -> tuple[Ranker, ScoreCalibrator | None]:
    """A ranker of as many rounds as suit the last window, trained on all windows with it.

    The last window is nearest to what will be served; left out, it would be the costliest part of
    the log to lose. The calibrator is learned before that, from what the ranker of the earlier
    windows says of the last: the chance of an event of a user who has any in it, None where fewer
    than MIN_OUTCOMES rows had one or had none. Raises InputError as `Ranker.fit`.
    """
    stopped = Ranker(config, seed).fit(lists.train, lists.names, lists.validation)
    calibrator = fit_calibrator(stopped.score(lists.validation.features), lists.validation)
    every = replace(config, max_rounds=stopped.rounds)
    ranker = Ranker(every, seed).fit(join_lists([lists.train, lists.validation]), lists.names, None)
    return ranker, calibrator


def fit_calibrator(scores: NDArray[np.float32], rows: RankingRows) -> ScoreCalibrator | None:
    """A curve from `scores` (rows,) to the chance of a label, None for under MIN_OUTCOMES of each.

    The model behind `scores` must not have learned from `rows`.
    """
    touched = rows.labels > 0
    if min(touched.sum(), (~touched).sum()) < MIN_OUTCOMES:
        return None
    return ScoreCalibrator().fit(scores, touched)


def _drawn(users: list[str], most: int, seed: int) -> list[str]:
    if len(users) <= most:
        return users
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(users, most, replace=False).tolist())
