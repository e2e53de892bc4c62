"""Recommendations and tastes in; the look of every feed row, its propensity and strength out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ORIGINAL
from pipelines.config import LookConfig
from pipelines.stores.arrays import stack_vectors
from recsys.config import GuardRails, PolicyConfig
from recsys.policy.draw import draw, look_probabilities
from recsys.policy.guardrails import apply_guard_rails, find_plain_users, permit_looks
from recsys.policy.value import undecided_rows
from recsys.preference.taste_model import TasteModel
from recsys.prototypes.index import PrototypeIndex

LIKED: Final = "in a look you like"
LIKED_BY_OTHERS: Final = "in a look that others like you prefer"
TRIED: Final = "in a look to learn what you like"
_CERTAIN: Final = 0.5


def eligible_looks(
    embeddings: NDArray[np.float32],
    prototypes: PrototypeIndex,
    looks: list[str],
    renderable: set[str],
    per_user: int,
) -> NDArray[np.bool_]:
    """Which of `looks` each shopper may be shown, bool (users, looks).

    `embeddings` (users, 100). The original is always eligible, other looks only where their
    picture could be read (`renderable`) and they are of one of the `per_user` nearest prototypes
    (0: of any).
    """
    seen = np.array([look in renderable for look in looks])
    allowed = np.tile(seen, (len(embeddings), 1))
    if per_user > 0:
        column = {look: j for j, look in enumerate(looks)}
        nearest, _ = prototypes.search(embeddings, per_user)
        near = np.zeros_like(allowed)
        for user, row in enumerate(nearest):
            for prototype in filter(None, row):
                near[user, [column[look] for look in prototypes.members(prototype)]] = True
        allowed &= near
    allowed[:, looks.index(ORIGINAL)] = True
    return allowed


def look_reasons(
    drawn: NDArray[np.object_], greedy: NDArray[np.bool_], certain: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Words for the shopper on why a row's look was drawn, empty for the plain photo.

    `drawn` (n,) the looks; `greedy` (n,) whether the look is worth more to the shopper than the
    plain photo by what is known; `certain` (n,) whether the shopper is known to have a taste.
    """
    words = np.where(greedy, np.where(certain, LIKED, LIKED_BY_OTHERS), TRIED)
    return np.where(drawn == ORIGINAL, "", words).astype(object)


@dataclass(frozen=True)
class LookSettings:
    """`ids` of all looks; `renderable`: those whose picture could be read; the sections of the
    config that decide, and the job's `seed`."""

    ids: tuple[str, ...]
    renderable: frozenset[str]
    looks: LookConfig
    policy: PolicyConfig
    guard_rails: GuardRails
    seed: int


@dataclass(frozen=True)
class LookChoice:
    """`rows`: the recommendations with style_id, style_propensity, strength and look_reason;
    which shoppers are `undecided`, bool (users,), and which rows `explored`, bool (rows,)."""

    rows: pd.DataFrame
    undecided: NDArray[np.bool_]
    explored: NDArray[np.bool_]


def choose_looks(
    recommended: pd.DataFrame,
    users: pd.DataFrame,
    tastes: TasteModel,
    prototypes: PrototypeIndex,
    settings: LookSettings,
) -> LookChoice:
    """Draw the look of every one of the `recommended` rows of `users`, whom `tastes` knows.

    `users`: user_id, style_embedding and style_strength of all users of the rows, in the rows'
    order.
    """
    shoppers, policy, rails = users["user_id"], settings.policy, settings.guard_rails
    looks = sorted([*settings.ids, ORIGINAL])
    order = pd.Index([*tastes.style_ids, ORIGINAL]).get_indexer(pd.Index(looks))
    affinity = tastes.affinity_matrix(shoppers)[:, order].astype(np.float64)
    plain = looks.index(ORIGINAL)
    embeddings = stack_vectors(users["style_embedding"])
    allowed = permit_looks(
        eligible_looks(
            embeddings,
            prototypes,
            looks,
            set(settings.renderable),
            settings.looks.prototypes_per_user,
        ),
        looks,
        rails,
    )
    asked_for_plain = find_plain_users(shoppers.tolist(), rails)
    allowed[asked_for_plain] = False
    allowed[:, plain] = True
    spread = tastes.uncertainty_matrix(shoppers)[:, order]
    probabilities = look_probabilities(affinity, allowed, policy, spread, settings.seed, plain)
    probabilities = apply_guard_rails(probabilities, looks, rails)
    row = pd.Index(shoppers).get_indexer(pd.Index(recommended["user_id"]))
    keys = [
        f"{user}\0{item}"
        for user, item in zip(recommended["user_id"], recommended["item_id"], strict=True)
    ]
    choice, propensity = draw(probabilities[row], keys, settings.seed)
    drawn = np.asarray(looks, dtype=object)[choice]
    worth = affinity - policy.caution * spread > affinity[:, [plain]]
    certain = users["style_strength"].to_numpy() >= _CERTAIN
    strength_of = settings.looks.strength_of
    strength = np.array([strength_of.get(look, settings.looks.strength) for look in looks])
    reasons = look_reasons(drawn, worth[row, choice], certain[row])
    rows = recommended.assign(
        style_id=pd.array(drawn, dtype="str"),
        style_propensity=propensity,
        strength=np.where(choice == plain, 0.0, strength[choice]),
        look_reason=pd.array(reasons, dtype="str"),
    )
    undecided = undecided_rows(affinity, spread, allowed, plain) & ~asked_for_plain
    return LookChoice(rows, undecided, np.asarray(reasons == TRIED, dtype=bool))
