"""Second-stage ranking: LightGBM LambdaRank (Burges 2010) with its own position-bias correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ContractError, InputError, NotFittedError
from recsys.config import RankerConfig
from recsys.ranking.quickscorer import ForestScorer


@dataclass(frozen=True)
class RankingRows:
    """Rows of ranking lists, list after list.

    `features` float32 (rows, features), NaN allowed; `labels` int64 (rows,) from 0; `groups` int64
    (lists,), sizes that sum to rows; `positions` int64 (rows,): the place each row was shown at,
    from 1, or None if no place is known; `wanted` int64 (lists,): how many items the user of each
    list went to, in the list or not, or None if that is not known.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    positions: NDArray[np.int64] | None = None
    wanted: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        rows = len(self.features)
        if len(self.labels) != rows or self.groups.sum() != rows:
            raise ContractError(
                f"got {rows} feature rows, {len(self.labels)} labels and lists of "
                f"{self.groups.sum()} rows: expected equal numbers"
            )


class Ranker:
    """Orders the candidates of a user; the same rows, config and seed give the same scores."""

    def __init__(self, config: RankerConfig = RankerConfig(), seed: int = 0) -> None:
        self.config = config
        self.seed = seed
        self._booster: lgb.Booster | None = None
        self._scorer: ForestScorer | None = None

    def fit(
        self, train: RankingRows, feature_names: Sequence[str], validation: RankingRows | None
    ) -> Self:
        """Learn to put high labels first.

        With `validation`, of later lists, training stops when its NDCG no longer rises. Raises
        InputError if no list of `train` holds two different labels, ContractError if a label has
        no gain.
        """
        if not has_contrast(train):
            raise InputError(
                "no ranking list holds two different labels: there is no order to learn"
            )
        if train.labels.max() >= len(self.config.label_gain):
            raise ContractError(
                f"label {train.labels.max()} has no gain: expected 0 to "
                f"{len(self.config.label_gain) - 1}"
            )
        data = lgb.Dataset(
            train.features,
            label=train.labels,
            group=train.groups,
            position=train.positions,
            feature_name=list(feature_names),
            params=self._parameters(),
        )
        judged = validation is not None and has_contrast(validation)
        callbacks: list[Any] = []
        valid: list[lgb.Dataset] = []
        if judged and validation is not None:
            valid.append(
                lgb.Dataset(
                    validation.features,
                    label=validation.labels,
                    group=validation.groups,
                    reference=data,
                    params=self._parameters(),
                )
            )
            callbacks.append(lgb.early_stopping(self.config.patience_rounds, verbose=False))
        self._keep(
            lgb.train(
                *(self._parameters(), data, self.config.max_rounds),
                valid_sets=valid,
                callbacks=callbacks,
            )
        )
        return self

    @property
    def rounds(self) -> int:
        """How many trees were kept."""
        return int(self._fitted().num_trees())

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores float32 (rows,) of `features` (rows, features): higher is better."""
        if not len(features):
            return np.empty(0, dtype=np.float32)
        booster = self._fitted()
        if self._scorer is None or features.shape[1] != booster.num_feature():
            raw = booster.predict(features, num_threads=self.config.num_threads)
        else:
            raw = self._scorer.score(features)
        return np.asarray(raw, dtype=np.float32)

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """What each feature adds to each score (TreeSHAP, Lundberg 2018), (rows, features)."""
        booster = self._fitted()
        if not len(features):
            return np.empty((0, booster.num_feature()), dtype=np.float32)
        parts = booster.predict(features, pred_contrib=True, num_threads=self.config.num_threads)
        return np.asarray(parts, dtype=np.float32)[:, :-1]

    def importance(self) -> pd.DataFrame:
        """feature, gain (share of the total, 0..1) and splits, by falling gain."""
        booster = self._fitted()
        gain = booster.feature_importance("gain")
        table = pd.DataFrame(
            {
                "feature": booster.feature_name(),
                "gain": gain / max(gain.sum(), 1e-12),
                "splits": booster.feature_importance("split"),
            }
        )
        return table.sort_values(["gain", "feature"], ascending=[False, True], ignore_index=True)

    def save(self, path: Path) -> None:
        """Write the trees as LightGBM text."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.trees(), encoding="utf-8")

    def trees(self) -> str:
        """The trees as LightGBM text."""
        return str(self._fitted().model_to_string())

    @classmethod
    def load(cls, path: Path, config: RankerConfig = RankerConfig(), seed: int = 0) -> Self:
        """Read what `save` wrote; raises NotFittedError if it is not there."""
        if not path.is_file():
            raise NotFittedError(f"no ranker at {path}: fit and save one there")
        ranker = cls(config, seed)
        ranker._keep(lgb.Booster(model_str=path.read_text(encoding="utf-8")))
        return ranker

    def _keep(self, booster: lgb.Booster) -> None:
        self._booster = booster
        self._scorer = ForestScorer(booster) if ForestScorer.is_known(booster) else None

    def _fitted(self) -> lgb.Booster:
        if self._booster is None:
            raise NotFittedError("the ranker was asked before fit or load")
        return self._booster

    def _parameters(self) -> dict[str, Any]:
        config = self.config
        return {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [10],
            "label_gain": list(config.label_gain),
            "learning_rate": config.learning_rate,
            "num_leaves": config.num_leaves,
            "min_data_in_leaf": config.min_data_in_leaf,
            "lambdarank_truncation_level": config.truncation,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": config.num_threads,
            "seed": self.seed,
            "verbosity": -1,
        }


def has_contrast(rows: RankingRows) -> bool:
    """Whether any list of `rows` holds two different labels, so that there is an order to learn."""
    ends = np.cumsum(rows.groups[rows.groups > 0])
    if not len(ends):
        return False
    starts = np.concatenate([[0], ends[:-1]])
    high = np.maximum.reduceat(rows.labels, starts)
    return bool((high > np.minimum.reduceat(rows.labels, starts)).any())
