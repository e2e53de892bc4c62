"""What views tell of taste once category, popularity and the shopper's own rate are allowed for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.style_space import StyleSpace

Floats = NDArray[np.float64]
_LEAST_PSEUDO_VIEWERS = 0.5


@dataclass(frozen=True)
class ViewingEvidence:
    """Score float64 (n_users, k) and information (n_users, k, k) of a taste, at no taste."""

    score: Floats
    information: Floats


@dataclass(frozen=True)
class ViewedCatalogue:
    """What `viewing_evidence` goes by: category int64 (n_items,), space float64 (n_items, k),
    popularity (n_items,), log odds of a view by a shopper of the category, and alone (n_items,),
    what one viewer less takes from them."""

    category: NDArray[np.int64]
    space: Floats
    popularity: Floats
    alone: Floats

    @classmethod
    def of(
        cls, pairs: NDArray[np.int64], category: NDArray[np.int64], space: Floats
    ) -> ViewedCatalogue:
        """That of the different (user, item) viewed, `pairs` int64 (n, 2)."""
        viewers = np.bincount(pairs[:, 1], minlength=len(space)).astype(np.float64)
        kinds = int(category.max(initial=0)) + 1
        cells = np.unique(pairs[:, 0] * kinds + category[pairs[:, 1]])
        shoppers = np.bincount(cells % kinds, minlength=kinds)
        return cls(category, space, *_popularity(viewers, category, shoppers))


def viewing_evidence(
    pairs: NDArray[np.int64], catalogue: ViewedCatalogue, n_users: int
) -> ViewingEvidence:
    """First and second derivatives of each shopper's log likelihood by their taste, at zero.

    pairs: int64 (n, 2), different (user, item) viewed. Log odds of a view = rate of the shopper in
    the category + popularity of the item + taste . place, the rate as set by the shopper's number
    of views there. Who viewed all of a category has shown no preference in it.
    """
    user, item = pairs[:, 0], pairs[:, 1]
    category, space = catalogue.category, catalogue.space
    popularity, alone = catalogue.popularity, catalogue.alone
    size = space.shape[1]
    kinds = int(category.max(initial=0)) + 1
    _, at, count = np.unique(user * kinds + category[item], return_inverse=True, return_counts=True)
    score = np.zeros((n_users, size))
    information = np.zeros((n_users, size, size))
    # All shoppers with as many views of a category share one calculation.
    alike = pd.DataFrame({"kind": category[item], "views": count[at]}).groupby(["kind", "views"])
    for key, rows in alike.indices.items():
        kind, views = cast("tuple[int, int]", key)
        members = np.flatnonzero(category == kind)
        if views == len(members):
            continue
        place, chance = space[members], _chances(popularity[members], views)
        weight = chance * (1 - chance)
        centred = place - weight @ place / weight.sum()
        who, what = user[rows], np.searchsorted(members, item[rows])
        # Popularity is what others viewed: their own view is taken out, to first order.
        own = weight[what] * alone[item[rows]]
        np.add.at(score, who, centred[what] * (1 - own)[:, None])
        several = np.unique(who)
        score[several] -= chance @ centred
        information[several] += (centred * weight[:, None]).T @ centred
    return ViewingEvidence(score, information)


def _popularity(
    viewers: Floats, category: NDArray[np.int64], shoppers: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Log odds of a view by a shopper of the category, and what one viewer less takes from them.

    Counts are shrunk to the category's mean as far as they vary no more than chance makes them
    (Gamma-Poisson by moments).
    """
    grouped = pd.Series(viewers).groupby(category)
    mean, excess = grouped.transform("mean"), grouped.transform("var").fillna(0.0)
    extra = np.maximum((excess - mean).to_numpy(), 1e-6)
    pseudo = np.maximum(mean.to_numpy() ** 2 / extra, _LEAST_PSEUDO_VIEWERS)
    others = shoppers[category] - viewers
    log_odds = np.log(viewers + pseudo) - np.log(others + pseudo)
    alone = np.log(np.maximum(viewers - 1, 0) + pseudo) - np.log(np.maximum(viewers, 1) + pseudo)
    return log_odds, alone


def _chances(log_odds: Floats, views: int) -> Floats:
    """Chances with these log odds up to a constant that add up to `views`, below their number."""
    low, high = -log_odds.max() - 40.0, -log_odds.min() + 40.0
    for _ in range(60):
        middle = (low + high) / 2
        chance = 0.5 * (1 + np.tanh(0.5 * (log_odds + middle)))
        low, high = (middle, high) if chance.sum() < views else (low, middle)
    return np.asarray(chance, dtype=np.float64)


def principal(codes: NDArray[np.float32], most: int) -> tuple[Floats, Floats]:
    """Centred codes on their first `most` axes (n, k), of total variance one, and the axes (d, k).

    codes: float32 (n, d), finite. Codes all alike are at zero, on axes of zero.
    """
    if not len(codes):
        return np.zeros((0, 1)), np.zeros((codes.shape[1], 1))
    unit = StyleSpace.fit(codes).unit(codes).astype(np.float64)
    unit -= unit.mean(axis=0)
    axes = np.linalg.svd(unit, full_matrices=False)[2][:most].T
    scale = float(np.sqrt((unit @ axes).var(axis=0).sum()))
    # Photos all alike tell nothing, and must not be blown up until they seem to.
    axes = axes / scale if scale > 1e-6 else np.zeros_like(axes)
    return unit @ axes, axes
