"""BrowsingPreferenceModel: taste in looks from the plain photos viewed, no look ever shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.array_files import map_arrays, write_arrays
from features.ids import IdMap, require_some_known, text_ids
from features.products import steady_product
from features.schema import ORIGINAL, NotFittedError, SchemaError
from features.style_space import StyleSpace
from recsys.config import BrowsingConfig
from recsys.preference.browsing_input import check_codes, check_tables
from recsys.preference.slab import Slab, chance, spike_and_slab, tastes_given
from recsys.preference.taste_model import affinity_table, taste_html, user_table
from recsys.preference.viewing import ViewedCatalogue, principal, viewing_evidence

# Prior probability that a user has a taste.
_TASTE_PRIOR = 0.1
_EMBEDDING_TEMPERATURE = 0.25
_CATALOGUE = ("category", "space", "popularity", "alone")
_SETTINGS, _TENSORS = "browsing.json", "browsing.safetensors"


class BrowsingPreferenceModel:
    """Learns tastes in looks from which of a category's photos each shopper views.

    What a shopper views of a category is compared with what others view of it, at the shopper's
    own rate: liking sofas, or what everybody likes, is no taste. A shopper has no taste or a
    direction in style space drawn from a normal distribution, both learned over all shoppers (a
    spike and slab: Mitchell and Beauchamp, JASA 1988). Nothing is drawn at random.
    """

    kind: Final = "photos viewed"

    def __init__(self, config: BrowsingConfig | None = None) -> None:
        self.config = config or BrowsingConfig()
        self._users: IdMap | None = None

    def fit(
        self,
        views: pd.DataFrame,
        items: pd.DataFrame,
        item_ids: Sequence[str],
        item_codes: NDArray[np.float32],
        style_ids: Sequence[str],
        style_codes: NDArray[np.float32],
    ) -> Self:
        """Learn from `views`, a row (user_id, item_id) per view, click, cart or purchase.

        items: item_id and category (missing values share one). item_codes float32 (n_items, d)
        and style_codes float32 (n_looks, d) in the order of their ids, a row of NaN where there
        is no picture. Repeated views of an item count once; views of items without a code or
        outside `items` are left out. Raises SchemaError on a missing column, codes of a wrong
        shape, impressions, or a log in which looks were shown.
        """
        photos = check_codes("item", item_ids, item_codes)
        looks = check_codes("style", style_ids, style_codes)
        if photos.shape[1] != looks.shape[1]:
            raise SchemaError(
                f"item and style codes must be of one size, got {photos.shape[1]} and "
                f"{looks.shape[1]}: code both with the same encoder"
            )
        check_tables(views, items)
        categories = dict(zip(items["item_id"], items["category"].fillna(""), strict=True))
        require_some_known(views["item_id"], items["item_id"], "views: item_id")
        named = text_ids(item_ids, "item_ids")
        require_some_known(items["item_id"], named, "items: item_id")
        known = np.isfinite(photos).all(axis=1) & np.isin(named, list(categories))
        catalogue = IdMap(named[known].tolist())
        category = pd.factorize(np.array([categories[i] for i in catalogue.ids], dtype=object))[0]
        self._users = IdMap.sorted(views["user_id"])
        self._looks = IdMap([*style_ids, ORIGINAL])
        self._codes = looks
        pairs = np.column_stack(
            [self._users.to_index(views["user_id"]), catalogue.to_index(views["item_id"])]
        )
        pairs = np.unique(pairs[pairs[:, 1] >= 0], axis=0)
        self._n_events = np.bincount(pairs[:, 0], minlength=len(self._users))
        space, axes = principal(photos[known], self.config.n_components)
        self._items = catalogue
        self._catalogue = ViewedCatalogue.of(pairs, category, space)
        found = viewing_evidence(pairs, self._catalogue, len(self._users))
        settings = self.config.taste_sd, self.config.iterations
        slab = spike_and_slab(found.score, found.information, *settings)
        self._covariance, self._share = slab.covariance, slab.share
        placed = np.isfinite(looks).all(axis=1)
        place = np.zeros((len(looks) + 1, axes.shape[1]))
        if placed.any():
            # The looks' own mean: a log of photos cannot say whether a painted one is liked more.
            place[:-1][placed] = StyleSpace.fit(looks[placed]).unit(looks[placed]) @ axes
        self._place = place
        self._keep(slab)
        return self

    def _keep(self, slab: Slab) -> None:
        """Take what `slab` says of `_users`."""
        self._evidence = slab.evidence
        taste = np.vstack([slab.taste, np.zeros(slab.taste.shape[1])])
        self._affinity = steady_product(taste, self._place.T)

    def for_users(self, views: pd.DataFrame, anew: bool = False) -> Self:
        """The model for the users of `views`, all that they viewed, and for no others.

        Users of the fit keep what is known of them, unless `anew`; others are folded in, each from
        their own views and by what was learned of items and of tastes. `views` as `fit` takes them.
        """
        users = IdMap.sorted(views["user_id"])
        known = self._rows(users.ids)
        other = copy(self)
        other._users = users
        pairs = np.column_stack(
            [users.to_index(views["user_id"]), self._items.to_index(views["item_id"])]
        )
        pairs = np.unique(pairs[pairs[:, 1] >= 0], axis=0)
        other._n_events = np.bincount(pairs[:, 0], minlength=len(users))
        # Nobody's own view is in the popularity that the fit saw, but for users of the fit.
        catalogue = replace(self._catalogue, alone=np.zeros_like(self._catalogue.alone))
        found = viewing_evidence(pairs, catalogue, len(users))
        new = tastes_given(found.score, found.information, self._covariance, self._share)
        other._keep(new)
        kept = np.flatnonzero((known >= 0) & (not anew))
        other._evidence[kept] = self._evidence[known[kept]]
        other._affinity[kept] = self._affinity[known[kept]]
        return other

    @property
    def style_ids(self) -> list[str]:
        """Looks in the order of the columns of `affinity_matrix`, without the plain photo."""
        self._rows(())
        return [str(name) for name in self._looks.ids[:-1]]

    def _rows(self, user_ids: Iterable[str]) -> NDArray[np.int64]:
        if self._users is None:
            raise NotFittedError("BrowsingPreferenceModel holds no tastes yet: call fit()")
        return self._users.to_index(user_ids)

    def affinity_matrix(self, user_ids: Iterable[str]) -> NDArray[np.float32]:
        """Expected utility of every look in log odds of a view, float32 (n_users, n_looks + 1).

        Columns follow the style_ids, the plain photo last: it stands at 0, the mean of the looks,
        as do looks without a code. Unknown users get zeros: what all shoppers view is popularity.
        """
        return self._affinity[self._rows(user_ids)].astype(np.float32)

    def uncertainty_matrix(self, user_ids: Iterable[str]) -> NDArray[np.float32]:
        """Standard deviation of `affinity_matrix` between taste and no taste, of the same shape.

        With probability p of any taste, its mean is affinity / p and that of no taste 0: the
        deviation is |affinity| sqrt((1 - p) / p), 0 where nothing is known of a shopper.
        """
        rows = self._rows(user_ids)
        odds = chance(np.append(self._evidence, 0.0)[rows], _TASTE_PRIOR).astype(np.float64)
        spread = np.sqrt((1.0 - odds) / np.maximum(odds, 1e-12))[:, None]
        return np.asarray(np.abs(self._affinity[rows]) * spread, dtype=np.float32)

    def affinity(self, user_ids: Iterable[str] | None = None) -> pd.DataFrame:
        """`affinity_matrix` as rows user_id, style_id (the plain photo as `original`), affinity."""
        names = self._names(user_ids)
        matrix = self.affinity_matrix(names)
        return affinity_table(names, self._looks.ids, matrix)

    def users(self, user_ids: Iterable[str] | None = None) -> pd.DataFrame:
        """One row per user: user_id, style_embedding, style_strength, n_events, cold.

        As `StylePreferenceModel.users`, but n_events counts the different items viewed that have
        a code. style_strength is the posterior probability of any taste at all, of a prior of
        0.1.
        """
        names = self._names(user_ids)
        rows = self._rows(names)
        events = np.append(self._n_events, 0)[rows]
        strength = chance(np.append(self._evidence, 0.0)[rows], _TASTE_PRIOR)
        placed = np.isfinite(self._codes).all(axis=1)
        score = self._affinity[rows][:, :-1][:, placed] / _EMBEDDING_TEMPERATURE
        weight = np.exp(score - score.max(axis=1, initial=0.0, keepdims=True))
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
        embeddings = steady_product(weight, self._codes[placed]).astype(np.float32)
        return user_table(
            names, embeddings, np.where(events > 0, strength, 0.0).astype(np.float32), events
        )

    def predict_click(self, exposures: pd.DataFrame) -> None:
        """None: which photos are viewed says nothing of clicks on looks."""

    def _names(self, user_ids: Iterable[str] | None) -> list[str]:
        self._rows(())
        assert self._users is not None
        names = self._users.ids if user_ids is None else text_ids(user_ids, "user_ids")
        return [str(name) for name in names]

    def _repr_html_(self) -> str | None:
        """The tastes of the first users."""
        return taste_html(self)

    def save(self, folder: str | Path) -> None:
        """Write the model to `folder` as browsing.safetensors and browsing.json."""
        users = self._names(None)
        place = Path(folder)
        tensors = {
            "affinity": self._affinity,
            "evidence": self._evidence,
            "n_events": self._n_events,
            "codes": self._codes,
            "place": self._place,
            "covariance": self._covariance,
            "share": np.array([self._share]),
            **{f"catalogue.{name}": table for name, table in vars(self._catalogue).items()},
        }
        write_arrays(place / _TENSORS, tensors)
        looks = self._looks.ids.tolist()
        items = self._items.ids.tolist()
        record = {"config": asdict(self.config), "users": users, "looks": looks, "items": items}
        (place / _SETTINGS).write_text(json.dumps(record), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model written by `save`; NotFittedError if there is none."""
        place = Path(folder)
        if not (place / _SETTINGS).is_file() or not (place / _TENSORS).is_file():
            raise NotFittedError(
                f"no {_SETTINGS} with {_TENSORS} in {place}: "
                "save a fitted BrowsingPreferenceModel there"
            )
        record = json.loads((place / _SETTINGS).read_text(encoding="utf-8"))
        tensors = map_arrays(place / _TENSORS)
        model = cls(BrowsingConfig(**record["config"]))
        model._users, model._looks = IdMap(record["users"]), IdMap(record["looks"])
        model._affinity, model._evidence = tensors["affinity"], tensors["evidence"]
        model._n_events, model._codes = tensors["n_events"], tensors["codes"]
        model._place, model._covariance = tensors["place"], tensors["covariance"]
        model._share, model._items = float(tensors["share"][0]), IdMap(record["items"])
        parts = {name: tensors[f"catalogue.{name}"] for name in _CATALOGUE}
        model._catalogue = ViewedCatalogue(**parts)
        return model
