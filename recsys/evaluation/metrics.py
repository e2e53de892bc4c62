"""Offline metrics of ranked lists: full ranking, binary relevance, a mean over users."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ids import check_id_columns, require_some_known
from features.schema import ContractError, InputError, SchemaError

ACCURACY = ("recall", "precision", "map", "ndcg", "mrr", "hit_rate")


def per_user_accuracy(recommendations: pd.DataFrame, truth: pd.DataFrame, k: int) -> pd.DataFrame:
    """Accuracy at `k` of every user of `truth`.

    `recommendations`: user_id, item_id, rank (from 1); `truth`: user_id, item_id (repeats count
    once). Returns one row per user of `truth` (ascending index), float64 columns in [0, 1]:
    recall, precision (over k), map (average precision over all relevant items), ndcg (ideal list
    of min(relevant, k)), mrr, hit_rate, the definitions of trec_eval. A user with no
    recommendations scores 0; users without truth are left out.
    Raises SchemaError on a missing column, InputError when no user of `truth` was recommended
    anything, ContractError on k < 1, a repeated item or rank, and ids that are no text.
    """
    top = _top(recommendations, k)
    _require(truth, ("user_id", "item_id"), "truth")
    check_id_columns(truth, ["user_id", "item_id"], "truth")
    require_some_known(truth["user_id"], recommendations["user_id"], "truth: user_id")
    relevant = truth[["user_id", "item_id"]].drop_duplicates()
    n_relevant = relevant.groupby("user_id", sort=True).size()
    hits = top.merge(relevant, on=["user_id", "item_id"], how="inner")
    hits = hits.sort_values(["user_id", "rank"], ignore_index=True)
    hits["gain"] = 1.0 / np.log2(hits["rank"] + 1.0)
    hits["precision"] = (hits.groupby("user_id").cumcount() + 1) / hits["rank"]
    per_user = hits.groupby("user_id").agg(
        n=("rank", "size"), first=("rank", "min"), gain=("gain", "sum"), area=("precision", "sum")
    )
    per_user = per_user.reindex(n_relevant.index)
    found = per_user["n"].fillna(0.0).to_numpy(dtype=np.float64)
    wanted = n_relevant.to_numpy(dtype=np.float64)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))])
    return pd.DataFrame(
        {
            "recall": found / wanted,
            "precision": found / k,
            "map": per_user["area"].fillna(0.0).to_numpy(dtype=np.float64) / wanted,
            "ndcg": per_user["gain"].fillna(0.0).to_numpy(dtype=np.float64)
            / ideal[np.minimum(n_relevant.to_numpy(dtype=np.int64), k)],
            "mrr": (1.0 / per_user["first"]).fillna(0.0).to_numpy(dtype=np.float64),
            "hit_rate": (found > 0).astype(np.float64),
        },
        index=n_relevant.index,
    )


def ranking_metrics(
    recommendations: pd.DataFrame,
    truth: pd.DataFrame,
    k: int,
    *,
    item_popularity: pd.Series | None = None,
    item_ids: NDArray[np.object_] | None = None,
    embeddings: NDArray[np.float32] | None = None,
) -> dict[str, float]:
    """Metrics at `k` of one set of recommendations.

    `recommendations`: user_id, item_id, rank (from 1), with style_id for look_diversity; `truth`:
    user_id, item_id. `item_popularity`: share of users in (0, 1] by item_id, gives novelty.
    `item_ids`: the catalogue (n,), gives coverage and gini; `embeddings`: (n, d), in the order of
    `item_ids`, gives intra_list_diversity. Returns the columns of `per_user_accuracy` averaged
    over the users of `truth`, and over all recommended lists what the arguments allow:

    - coverage: share of the catalogue shown to anybody;
    - gini: inequality of the items' exposure, 0 (even) to 1;
    - novelty: mean self-information -log2(share of users) of what is shown, in bits
      (Zhou et al. 2010);
    - intra_list_diversity: mean cosine distance within a list (Ziegler et al. 2005);
    - look_diversity: chance that two rows of a list have different looks.

    Raises as `per_user_accuracy`; InputError if no user has truth.
    """
    accuracy = per_user_accuracy(recommendations, truth, k)
    if accuracy.empty:
        raise InputError("truth has no rows: expected at least one (user_id, item_id)")
    result = {name: float(accuracy[name].mean()) for name in ACCURACY}
    result["n_users"] = float(len(accuracy))
    top = _top(recommendations, k)
    if item_popularity is not None:
        result["novelty"] = _novelty(top, item_popularity)
    if item_ids is not None:
        counts = top["item_id"].value_counts().reindex(pd.Index(item_ids), fill_value=0)
        shown = np.asarray(counts, dtype=np.float64)
        result["coverage"] = float((shown > 0).mean())
        result["gini"] = gini(shown)
        if embeddings is not None:
            result["intra_list_diversity"] = _intra_list_diversity(top, item_ids, embeddings)
    if "style_id" in top.columns:
        result["look_diversity"] = _look_diversity(top)
    return result


def gini(values: NDArray[np.floating]) -> float:
    """Gini coefficient of non-negative `values` (n,): 0 for equal shares, near 1 when one has all.

    0 for an empty or all-zero array.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n, total = len(ordered), ordered.sum()
    if n == 0 or total == 0.0:
        return 0.0
    return float(2.0 * (np.arange(1, n + 1) @ ordered) / (n * total) - (n + 1) / n)


def _require(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise SchemaError(
            f"{name} has no column {missing[0]!r}: got {list(table.columns)}, expected {columns}"
        )


def _top(recommendations: pd.DataFrame, k: int) -> pd.DataFrame:
    if k < 1:
        raise ContractError(f"k is {k}: expected at least 1")
    _require(recommendations, ("user_id", "item_id", "rank"), "recommendations")
    check_id_columns(recommendations, ["user_id", "item_id"], "recommendations")
    top = recommendations[recommendations["rank"] <= k]
    for column in ("item_id", "rank"):
        repeated = top.duplicated(["user_id", column])
        if repeated.any():
            row = top[repeated].iloc[0]
            raise ContractError(
                f"user {row['user_id']!r} has {column} {row[column]!r} twice: expected each once"
            )
    return top


def _novelty(top: pd.DataFrame, popularity: pd.Series) -> float:
    share = top["item_id"].map(popularity).to_numpy(dtype=np.float64)
    # An item nobody touched has no finite self-information; the rarest known one bounds it.
    floor = float(popularity[popularity > 0].min()) if (popularity > 0).any() else 1.0
    share = np.where(np.isfinite(share) & (share > 0), share, floor)
    return float(-np.log2(share).mean()) if len(share) else 0.0


def _intra_list_diversity(
    top: pd.DataFrame, item_ids: NDArray[np.object_], embeddings: NDArray[np.float32]
) -> float:
    rows = pd.Index(item_ids).get_indexer(pd.Index(top["item_id"]))
    known = rows >= 0
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = np.asarray(embeddings / np.maximum(norms, 1e-12), dtype=np.float64)
    vectors = unit[rows[known]]
    users, labels = pd.factorize(top["user_id"][known], sort=True)
    size = np.bincount(users, minlength=len(labels)).astype(np.float64)
    total = np.zeros((len(labels), vectors.shape[1]))
    np.add.at(total, users, vectors)
    own = np.bincount(users, weights=(vectors**2).sum(axis=1), minlength=len(labels))
    # The sum of a list's pairwise cosines is (|sum of vectors|^2 - sum of |vector|^2) / 2.
    pairs = size * (size - 1)
    similar = (total**2).sum(axis=1) - own
    lists = pairs > 0
    return float(1.0 - (similar[lists] / pairs[lists]).mean()) if lists.any() else 0.0


def _look_diversity(top: pd.DataFrame) -> float:
    size = top.groupby("user_id").size().to_numpy(dtype=np.float64)
    same = top.groupby(["user_id", "style_id"]).size()
    same_pairs = (same * (same - 1)).groupby(level="user_id").sum().to_numpy(dtype=np.float64)
    lists = size > 1
    if not lists.any():
        return 0.0
    return float(1.0 - (same_pairs[lists] / (size * (size - 1))[lists]).mean())
