"""Recommendations and tastes in; the look of every feed row, its propensity and strength out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ORIGINAL
from pipelines.stages.encode import without_pictures
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.workspace import StageFolder
from recsys.policy.draw import draw, look_probabilities
from recsys.policy.guardrails import apply_guard_rails, find_plain_users, permit_looks
from recsys.policy.value import undecided_rows
from recsys.preference.registry import load_tastes
from recsys.prototypes.index import PrototypeIndex

if TYPE_CHECKING:
    from pipelines.config import RunConfig

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


def choose(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `tables/chosen.parquet`: the recommendations with style_id, style_propensity, strength
    and look_reason."""
    recommendations = folder.read("tables/recommendations.parquet")
    users = folder.read("users.parquet").set_index("user_id")
    shoppers = recommendations["user_id"].drop_duplicates()
    users = users.loc[shoppers]
    tastes = load_tastes(folder.path("models/preference"))
    looks = sorted([*folder.read("tables/styles.parquet")["style_id"], ORIGINAL])
    affinity = _in_order(tastes.affinity(shoppers), looks, shoppers)
    plain = looks.index(ORIGINAL)
    renderable = set(folder.read("tables/look_pictures.parquet")["style_id"])
    if without_pictures(folder.read("tables/items.parquet")):
        renderable = set()
    allowed = permit_looks(
        eligible_looks(
            stack_vectors(users["style_embedding"]),
            PrototypeIndex.load(folder.path("models/prototypes")),
            looks,
            renderable,
            config.looks.prototypes_per_user,
        ),
        looks,
        config.guard_rails,
    )
    asked_for_plain = find_plain_users(shoppers.tolist(), config.guard_rails)
    allowed[asked_for_plain] = False
    allowed[:, plain] = True
    order = pd.Index([*tastes.style_ids, ORIGINAL]).get_indexer(pd.Index(looks))
    spread = tastes.uncertainty_matrix(shoppers)[:, order]
    policy = config.policy
    probabilities = look_probabilities(affinity, allowed, policy, spread, config.seed, plain)
    probabilities = apply_guard_rails(probabilities, looks, config.guard_rails)
    row = users.index.get_indexer(pd.Index(recommendations["user_id"]))
    keys = [
        f"{user}\0{item}"
        for user, item in zip(recommendations["user_id"], recommendations["item_id"], strict=True)
    ]
    choice, propensity = draw(probabilities[row], keys, config.seed)
    drawn = np.asarray(looks, dtype=object)[choice]
    worth = affinity - policy.caution * spread > affinity[:, [plain]]
    certain = users["style_strength"].to_numpy() >= _CERTAIN
    strength = np.array([config.looks.strength_of.get(k, config.looks.strength) for k in looks])
    rows = recommendations.assign(
        style_id=pd.array(drawn, dtype="str"),
        style_propensity=propensity,
        strength=np.where(choice == plain, 0.0, strength[choice]),
        look_reason=pd.array(look_reasons(drawn, worth[row, choice], certain[row]), dtype="str"),
    )
    folder.write("tables/chosen.parquet", rows)
    undecided = undecided_rows(affinity, spread, allowed, plain) & ~asked_for_plain
    explored = (rows["look_reason"] == TRIED).to_numpy()
    return {
        "rows": len(rows),
        "originals": int((rows["style_id"] == ORIGINAL).sum()),
        "looks_used": int(rows["style_id"].nunique()),
        "undecided_users": int(undecided.sum()),
        "explored_rows": int(explored.sum()),
        "all_plain_users": int((rows["style_id"] == ORIGINAL).groupby(rows["user_id"]).all().sum()),
    }


def _in_order(table: pd.DataFrame, looks: list[str], users: pd.Series) -> NDArray[np.float64]:
    """Affinities (users, looks) of rows user_id, style_id, affinity."""
    wide = table.pivot_table(index="user_id", columns="style_id", values="affinity", sort=True)
    return np.asarray(wide.loc[users, looks].to_numpy(dtype=np.float64))
