"""What the log, the catalogue and the pictures tell by one moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.array_files import map_arrays, write_arrays
from features.ids import IdMap
from features.schema import STYLE_CODE_SIZE, ContractError, NotFittedError
from features.style_space import StyleSpace
from recsys.candidates.interactions import Interactions
from recsys.candidates.sparse_selection import LARGE_FROM
from recsys.ranking.revisits import Touches, gather_touches

CONTENT_AXES: Final = 128
"""Size of the content vectors in a large catalogue."""
_FOR_AXES: Final = 20_000
RECENT_DAYS: Final = 30.0
ITEM_COLUMNS: Final = ("popularity", "recent", "last_days", "age_days", "click_rate", "price")
TASTE_COLUMNS: Final = ("style_strength", "look_affinity")


@dataclass(frozen=True)
class ItemFeatures:
    """What the encoders say about the items' pictures.

    `item_ids` (n,), unique; `content` float32 (n, d), content embeddings; `style_codes` float32
    (n, 100), raw style codes of the original pictures; `space` is the one that all codes of a job
    share (None: one fitted on these pictures). Raises ContractError on a length mismatch.
    """

    item_ids: NDArray[np.object_]
    content: NDArray[np.float32]
    style_codes: NDArray[np.float32]
    space: StyleSpace | None = None

    def __post_init__(self) -> None:
        n = len(self.item_ids)
        if len(self.content) != n or self.style_codes.shape != (n, STYLE_CODE_SIZE):
            raise ContractError(
                f"got {n} item ids, content {self.content.shape} and style codes "
                f"{self.style_codes.shape}: expected ({n}, d) and ({n}, {STYLE_CODE_SIZE})"
            )

    @cached_property
    def directions(self) -> NDArray[np.float32]:
        """Centred unit vectors of `content`, on its main axes where the catalogue is large.

        Products of vectors of `CONTENT_AXES` numbers stay affordable for every user's candidates
        (principal components, Jolliffe 2002).
        """
        if len(self.content) < LARGE_FROM or self.content.shape[1] <= CONTENT_AXES:
            return _centred_units(self.content)
        centre = self.content.mean(axis=0)
        some = self.content[:: max(len(self.content) // _FOR_AXES, 1)] - centre
        _, axes = np.linalg.eigh(some.T.astype(np.float64) @ some)
        main = axes[:, -CONTENT_AXES:].astype(np.float32)
        return units(np.asarray((self.content - centre) @ main, dtype=np.float32))

    @property
    def style_space(self) -> StyleSpace:
        """The space in which items and users are compared."""
        if self.space is not None:
            return self.space
        if not len(self.style_codes):
            return StyleSpace(np.zeros(STYLE_CODE_SIZE, dtype=np.float32))
        return StyleSpace.fit(self.style_codes)


@dataclass(frozen=True)
class Snapshot:
    """Everything known at one moment; nothing later can be in it.

    Arrays follow `interactions.items` (n) and `interactions.users` (u). `item_columns` float32
    (n, 6) by ITEM_COLUMNS, NaN unknown; `category` int64 (n,), -1 unknown; `content` (n, d) unit
    vectors, centred over the pictures, zeros if unknown; `style` (n, 100) and `taste_style`
    (u, 100) the items' and users' directions in the style space, likewise; `taste`
    (u, 2) by TASTE_COLUMNS, NaN unknown; `shown`: how often each user was shown each item;
    `touches`: when each touched each; `space`: the style space of the directions.
    """

    interactions: Interactions
    shown: Interactions
    touches: Touches
    space: StyleSpace
    item_columns: NDArray[np.float32]
    category: NDArray[np.int64]
    content: NDArray[np.float32]
    style: NDArray[np.float32]
    taste_style: NDArray[np.float32]
    taste: NDArray[np.float32]

    def save(self, directory: Path) -> None:
        """Write snapshot.safetensors and the two matrices into `directory`."""
        self.interactions.save(directory / "interactions")
        self.shown.save(directory / "shown")
        self.touches.save(directory)
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays["style_centre"] = self.space.centre
        write_arrays(directory / "snapshot.safetensors", arrays)

    @classmethod
    def load(cls, directory: Path) -> Snapshot:
        """Read what `save` wrote; raises NotFittedError if it is not there."""
        path = directory / "snapshot.safetensors"
        if not path.is_file():
            raise NotFittedError(
                f"no snapshot.safetensors in {directory}: save a fitted model there"
            )
        interactions = Interactions.load(directory / "interactions")
        shown = Interactions.load(directory / "shown")
        arrays = map_arrays(path)
        space = StyleSpace(arrays.pop("style_centre"))
        return cls(interactions, shown, Touches.load(directory), space, **arrays)

    def for_users(
        self,
        events: pd.DataFrame,
        interactions: Interactions,
        tastes: pd.DataFrame | None,
        now: pd.Timestamp,
    ) -> Snapshot:
        """What `events`, all that other users did before `now`, tell about these users.

        `interactions`: theirs, over the same items; `tastes` as `gather` takes them. What is known
        of items stays as it is. Raises ContractError as `gather`.
        """
        _require_past(events, now)
        users = interactions.users
        taste_style, taste = _tastes(tastes, users, self.space)
        return replace(
            self,
            interactions=interactions,
            shown=_shown(events, users, interactions.items),
            touches=gather_touches(events, users, interactions.items, now, self.touches),
            taste_style=taste_style,
            taste=taste,
        )


_ARRAYS: Final = ("item_columns", "category", "content", "style", "taste_style", "taste")


def gather(
    events: pd.DataFrame,
    interactions: Interactions,
    items: pd.DataFrame,
    features: ItemFeatures,
    tastes: pd.DataFrame | None,
    now: pd.Timestamp,
) -> Snapshot:
    """What `events`, all before `now`, tell about items and users.

    `items`: item_id, optional category and price; `tastes`: user_id, style_embedding,
    style_strength, optional look_affinity (the user's highest), learned from the same events.
    Raises ContractError on an event at or after `now`.
    """
    _require_past(events, now)
    item_map = interactions.items
    known = IdMap(features.item_ids.tolist()).to_index(item_map.ids)
    table = items.drop_duplicates("item_id").set_index("item_id").reindex(pd.Index(item_map.ids))
    category = np.full(len(item_map), -1, dtype=np.int64)
    if "category" in table.columns:
        names = table["category"].replace("", np.nan)
        category = np.asarray(pd.factorize(names, sort=True)[0], dtype=np.int64)
    space = features.style_space
    taste_style, taste = _tastes(tastes, interactions.users, space)
    return Snapshot(
        interactions=interactions,
        shown=_shown(events, interactions.users, item_map),
        touches=gather_touches(events, interactions.users, item_map, now),
        space=space,
        item_columns=_item_columns(events, interactions, table, now),
        category=category,
        content=pick_rows(features.directions, known),
        style=pick_rows(space.unit(features.style_codes), known),
        taste_style=taste_style,
        taste=taste,
    )


def _require_past(events: pd.DataFrame, now: pd.Timestamp) -> None:
    if len(events) and events["timestamp"].max() >= now:
        raise ContractError(
            f"an event of {events['timestamp'].max()} is not before {now}: expected the past only"
        )


def _shown(events: pd.DataFrame, users: IdMap, items: IdMap) -> Interactions:
    """How often each user was shown each item."""
    impressions = events.loc[events["event_type"] == "impression", ["user_id", "item_id"]]
    shown = impressions.groupby(["user_id", "item_id"], as_index=False).size()
    return Interactions.from_table(shown.rename(columns={"size": "weight"}), users, items)


def _item_columns(
    events: pd.DataFrame, interactions: Interactions, table: pd.DataFrame, now: pd.Timestamp
) -> NDArray[np.float32]:
    ids = pd.Index(interactions.items.ids)
    impression = events["event_type"] == "impression"
    touches = events[~impression]
    days = (now - touches["timestamp"]).dt.total_seconds() / 86_400.0
    recent = touches.loc[days <= RECENT_DAYS, "item_id"].value_counts().reindex(ids, fill_value=0)
    ages = days.groupby(touches["item_id"].to_numpy()).agg(["min", "max"]).reindex(ids)
    shown = events.loc[impression, "item_id"].value_counts().reindex(ids, fill_value=0).to_numpy()
    clicked = touches["event_type"].isin(["view", "click"])
    clicks = touches.loc[clicked, "item_id"].value_counts().reindex(ids, fill_value=0).to_numpy()
    # Twenty impressions at the catalogue's own rate keep a rarely shown item near the average.
    rate = clicks.sum() / max(shown.sum(), 1)
    price = table["price"].to_numpy(dtype=np.float64) if "price" in table.columns else np.nan
    columns = [
        interactions.popularity,
        recent.to_numpy() / max(recent.sum(), 1),
        ages["min"].to_numpy(),
        ages["max"].to_numpy(),
        (clicks + 20.0 * rate) / (shown + 20.0),
        np.broadcast_to(price, len(ids)),
    ]
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


def _tastes(
    tastes: pd.DataFrame | None, users: IdMap, space: StyleSpace
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    style = np.zeros((len(users), STYLE_CODE_SIZE), dtype=np.float32)
    taste = np.full((len(users), len(TASTE_COLUMNS)), np.nan, dtype=np.float32)
    if tastes is None or tastes.empty:
        return style, taste
    position = users.to_index(tastes["user_id"])
    kept = position >= 0
    embeddings = np.stack(tastes["style_embedding"].to_list()).astype(np.float32)
    style[position[kept]] = space.unit(embeddings)[kept]
    for column, name in enumerate(TASTE_COLUMNS):
        if name in tastes.columns:
            taste[position[kept], column] = tastes[name].to_numpy(dtype=np.float32)[kept]
    return style, taste


def units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)


def _centred_units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(vectors):
        return np.asarray(vectors, dtype=np.float32)
    return units(np.asarray(vectors - vectors.mean(axis=0), dtype=np.float32))


def pick_rows(
    table: NDArray[np.float32], positions: NDArray[np.int64], fill: float = 0.0
) -> NDArray[np.float32]:
    """Rows of `table` at `positions`, `fill` where a position is -1."""
    padded = np.vstack([table, np.full((1, table.shape[1]), fill, dtype=np.float32)])
    return np.asarray(padded[positions], dtype=np.float32)
