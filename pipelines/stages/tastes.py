"""Which preference model a log calls for, fitted on windows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.exposures import exposures
from features.schema import STYLE_CODE_SIZE, ConfigError
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.event_buckets import FACTS, LogFacts
from pipelines.stores.shopper_keys import read_key
from pipelines.stores.workspace import Workspace
from recsys.config import PreferenceConfig
from recsys.preference import BrowsingPreferenceModel, StylePreferenceModel
from recsys.preference.private_learning import privacy_of
from recsys.preference.taste_model import TasteModel

if TYPE_CHECKING:
    from pipelines.config import RunConfig


class TasteFitter:
    """Fits the preference model on windows of one log, and on each window once.

    Where the log shows a look, tastes are learned from the clicks on looks; where it shows plain
    photos only, from which photos of a category each shopper chose.
    """

    def __init__(
        self,
        facts: LogFacts,
        looks: pd.DataFrame,
        items: pd.DataFrame,
        pictures: pd.DataFrame,
        config: RunConfig,
    ) -> None:
        """`facts`: of the whole log; `looks`: style_id and style_code; `items`:
        item_id and category; `pictures`: item_id and style_code."""
        self._looks, self._items, self._pictures = looks, items, pictures
        self._config = config
        self.looks_shown, self._stamping = facts.looks_shown, facts.stamping
        self._fitted: dict[tuple[int, pd.Timestamp], TasteModel] = {}

    @classmethod
    def of(cls, workspace: Workspace, config: RunConfig) -> TasteFitter:
        """The fitter of the tables in `workspace`."""
        return cls(
            LogFacts.load(workspace.path(FACTS)),
            _looks_with_codes(
                workspace.read("tables/styles.parquet"),
                workspace.read("tables/look_pictures.parquet"),
            ),
            workspace.read("tables/items.parquet"),
            pd.read_parquet(
                workspace.path("tables/item_pictures.parquet"), columns=["item_id", "style_code"]
            ),
            config,
        )

    def fit(self, events: pd.DataFrame) -> TasteModel:
        """The tastes told by `events`, the log's rows up to some time, and by no others."""
        window = (len(events), events["timestamp"].max())
        if window not in self._fitted:
            self._fitted[window] = (
                self._from_looks(events) if self.looks_shown else self._from_photos(events)
            )
        return self._fitted[window]

    def tastes(self, events: pd.DataFrame) -> pd.DataFrame:
        """What the recommender knows of each shopper's taste: a row per user."""
        model = self.fit(events)
        users = model.users()
        return users.assign(look_affinity=model.affinity_matrix(users["user_id"]).max(axis=1))

    def _from_looks(self, events: pd.DataFrame) -> StylePreferenceModel:
        key = noise_key(self._config.preference)
        model = StylePreferenceModel(self._config.preference, self._config.seed, key)
        codes = stack_vectors(self._looks["style_code"])
        shown = exposures(events, self._config.log.clock_tolerance_s, self._stamping)
        return model.fit(shown, self._looks["style_id"].tolist(), codes)

    def _from_photos(self, events: pd.DataFrame) -> BrowsingPreferenceModel:
        if self._config.preference.dp_epsilon is not None:
            raise ConfigError(
                "preference.dp_epsilon is set, and the log shows no look: tastes learned from "
                "photos have no private method: leave the setting out, or log the looks shown"
            )
        return BrowsingPreferenceModel(self._config.browsing).fit(
            events[events["event_type"] != "impression"],
            self._items,
            self._pictures["item_id"].tolist(),
            stack_vectors(self._pictures["style_code"], STYLE_CODE_SIZE),
            self._looks["style_id"].tolist(),
            stack_vectors(self._looks["style_code"]),
        )


def noise_key(config: PreferenceConfig) -> bytes:
    """What noise in private tastes is drawn from; nothing where they are to be exact.

    Raises ConfigError where `dp_epsilon` is set and the key or the accountant is missing.
    """
    if config.dp_epsilon is None:
        return b""
    privacy_of(config)
    return read_key("preference.dp_epsilon, whose noise nobody may guess,")


def _looks_with_codes(styles: pd.DataFrame, pictures: pd.DataFrame) -> pd.DataFrame:
    """Every look with its style code, NaN where its picture could not be read."""
    codes = pictures.set_index("style_id")["style_code"]
    unknown = np.full(STYLE_CODE_SIZE, np.nan, dtype=np.float32)
    return styles[["style_id"]].assign(
        style_code=[codes.get(style, unknown) for style in styles["style_id"]]
    )
