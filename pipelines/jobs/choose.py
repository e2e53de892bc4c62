"""Recommendations and tastes in; the look, strength and propensity of every feed row out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.schema import ORIGINAL, ConfigError
from pipelines.arrays import stack_vectors
from pipelines.jobs.tastes import load_tastes
from pipelines.workspace import Workspace
from recsys.guardrails import guarded, permitted
from recsys.policy import draw, look_probabilities
from recsys.preference import StylePreferenceModel
from recsys.prototypes import PrototypeIndex

if TYPE_CHECKING:
    from pipelines.config import RunConfig


@dataclass(frozen=True)
class LookConfig:
    """Which looks a shopper may be shown, and in how many steps of strength.

    Eligible are the looks of the `prototypes_per_user` prototypes nearest to the shopper, and the
    original photo. Strengths are rounded to one of `strength_steps` so that shoppers share renders.
    """

    prototypes_per_user: int = 3
    strength_steps: int = 4

    def __post_init__(self) -> None:
        if self.prototypes_per_user < 1 or self.strength_steps < 1:
            raise ConfigError("looks: prototypes_per_user and strength_steps must be at least 1")


def rounded_strength(strength: np.ndarray[Any, Any], steps: int) -> np.ndarray[Any, Any]:
    """Strengths in [0, 1] rounded to multiples of 1/steps, float64; 0 means the original photo."""
    return np.asarray(np.round(np.asarray(strength, dtype=np.float64) * steps) / steps)


def eligible_looks(
    embeddings: np.ndarray[Any, Any],
    strength: np.ndarray[Any, Any],
    prototypes: PrototypeIndex,
    looks: list[str],
    renderable: set[str],
    per_user: int,
) -> np.ndarray[Any, Any]:
    """Which of `looks` each shopper may be shown, bool (users, looks).

    `embeddings` (users, 100), `strength` (users,). The original is always eligible, and alone for
    strength 0; others only where their picture could be read (`renderable`).
    """
    nearest, _ = prototypes.search(embeddings, per_user)
    column = {look: j for j, look in enumerate(looks)}
    allowed = np.zeros((len(embeddings), len(looks)), dtype=bool)
    members = {
        prototype: [column[look] for look in prototypes.members(prototype) if look in renderable]
        for prototype in {p for row in nearest for p in row if p}
    }
    for user, row in enumerate(nearest):
        for prototype in row:
            if prototype:
                allowed[user, members[prototype]] = True
    allowed[strength == 0.0] = False
    allowed[:, column[ORIGINAL]] = True
    return allowed


def choose(workspace: Workspace, config: RunConfig) -> dict[str, Any]:
    """Write `tables/chosen.parquet`: the recommendations with style_id,
    style_propensity and strength."""
    recommendations = workspace.read("tables/recommendations.parquet")
    users = workspace.read("users.parquet").set_index("user_id")
    affinity = workspace.read("style_affinity.parquet").pivot_table(
        index="user_id", columns="style_id", values="affinity", sort=True
    )
    looks = [str(look) for look in affinity.columns]
    renderable = set(workspace.read("tables/look_pictures.parquet")["style_id"])
    prototypes = PrototypeIndex.load(workspace.path("models/prototypes"))

    shoppers = recommendations["user_id"].drop_duplicates()
    users = users.loc[shoppers]
    strength = rounded_strength(users["style_strength"].to_numpy(), config.looks.strength_steps)
    allowed = eligible_looks(
        stack_vectors(users["style_embedding"]),
        strength,
        prototypes,
        looks,
        renderable,
        config.looks.prototypes_per_user,
    )
    row = users.index.get_indexer(pd.Index(recommendations["user_id"]))
    keys = [
        f"{user}\0{item}"
        for user, item in zip(recommendations["user_id"], recommendations["item_id"], strict=True)
    ]
    spread = None
    if config.policy.kind == "thompson":
        tastes = load_tastes(workspace.path("models/preference"))
        if not isinstance(tastes, StylePreferenceModel):
            raise ConfigError(
                "policy.kind is thompson, but the log never shows a look: plain photos do not tell "
                "how unsure a look is; show looks by epsilon_greedy or softmax first"
            )
        order = pd.Index([*tastes.style_ids, ORIGINAL]).get_indexer(pd.Index(looks))
        spread = tastes.uncertainty_matrix(shoppers)[:, order]
    probabilities = look_probabilities(
        affinity.loc[shoppers].to_numpy(),
        permitted(allowed, looks, config.guard_rails),
        config.policy,
        spread,
        config.seed,
    )
    probabilities = guarded(probabilities, looks, config.guard_rails)
    choice, propensity = draw(probabilities[row], keys, config.seed)
    chosen = recommendations.assign(
        style_id=np.asarray(looks, dtype=object)[choice], style_propensity=propensity
    )
    chosen["style_id"] = chosen["style_id"].astype("str")
    chosen["strength"] = np.where(chosen["style_id"] == ORIGINAL, 0.0, strength[row])
    workspace.write("tables/chosen.parquet", chosen)
    return {
        "rows": len(chosen),
        "originals": int((chosen["style_id"] == ORIGINAL).sum()),
        "looks_used": int(chosen["style_id"].nunique()),
    }
