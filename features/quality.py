"""How good and how varied the data is: pictures, catalogue, looks, events, popularity."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.config import QualityConfig
from features.exposures import matched_exposures
from features.images import luma, near_duplicates, perceptual_hash, resize_longest
from features.schema import EVENT_TYPES, ORIGINAL, SchemaError

STATS_COLUMNS: Final = ("width_px", "height_px", "brightness", "contrast", "sharpness", "phash")
# Sharpness is compared between pictures of any size, so it is measured at one size.
_SHARPNESS_SIZE_PX: Final = 256


def picture_stats(picture: NDArray[np.uint8]) -> dict[str, Any]:
    """Measure one picture, (h, w, 3) uint8.

    Returns `width_px`, `height_px`; `brightness`, the mean luma, and `contrast`, the luma's 5 to
    95 percentile range, both in 0..255; `sharpness`, the variance of the luma's Laplacian at
    256 px (Pech-Pacheco et al. 2000) over the luma's own, so that a pale picture is not taken for
    a blurred one; and `phash`, the perceptual hash as uint64.
    """
    tone = luma(picture)
    low, high = np.percentile(tone, [5, 95])
    small = luma(resize_longest(picture, _SHARPNESS_SIZE_PX))
    return {
        "width_px": int(picture.shape[1]),
        "height_px": int(picture.shape[0]),
        "brightness": float(tone.mean()),
        "contrast": float(high - low),
        "sharpness": float(cv2.Laplacian(small, cv2.CV_32F).var() / max(small.var(), 1.0)),
        "phash": perceptual_hash(picture),
    }


def quality_report(
    events: pd.DataFrame,
    items: pd.DataFrame,
    styles: pd.DataFrame,
    pictures: pd.DataFrame,
    bot_users: Collection[str] = (),
    config: QualityConfig = QualityConfig(),
) -> dict[str, dict[str, Any]]:
    """Report the quality and the diversity of a shop's data, ready for JSON.

    `events`, `items` and `styles` are validated tables. `pictures` has a row for every item whose
    picture could be read: item_id and what `picture_stats` gives; an item without a row counts as
    broken, unless it names no picture. `bot_users` are users set aside as bots. Every finding is a
    count with the ids of a few examples, in ascending order. Gini is 0 where all share alike, near
    1 where one has all; an effective number is exp(entropy), the count of equal parts that would be
    as varied (Hill 1973). Raises SchemaError when `pictures` lacks a column.
    """
    missing = [name for name in ("item_id", *STATS_COLUMNS) if name not in pictures.columns]
    if missing:
        raise SchemaError(
            f"pictures: column {missing[0]!r} is missing: found {', '.join(pictures.columns)}; "
            "expected item_id and the fields of picture_stats"
        )
    return {
        "pictures": _pictures(items, pictures, config),
        "catalogue": _catalogue(events, items, config),
        "looks": _looks(events, styles, config),
        "events": _events(events, config),
        "shoppers": _shoppers(events, bot_users, config),
        "popularity": _popularity(events, items),
    }


def gini(amounts: NDArray[Any]) -> float:
    """Gini coefficient of amounts >= 0, shape (n,): 0 when all are equal; 0 when nothing is."""
    ordered = np.sort(np.asarray(amounts, dtype=np.float64))
    n, total = len(ordered), ordered.sum()
    if not total:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def effective_number(amounts: NDArray[Any]) -> float:
    """exp(Shannon entropy) of amounts >= 0, shape (n,): from 1 to n; 0 when nothing is."""
    total = float(np.sum(amounts))
    if not total:
        return 0.0
    shares = np.asarray(amounts, dtype=np.float64)[np.asarray(amounts) > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _pictures(items: pd.DataFrame, pictures: pd.DataFrame, config: QualityConfig) -> dict[str, Any]:
    pictures = pictures.sort_values("item_id", kind="stable")
    ids = pictures["item_id"]
    shorter = pictures[["width_px", "height_px"]].min(axis=1)
    groups = near_duplicates(pictures["phash"].to_numpy(np.uint64), config.duplicate_bits)
    n_alike = np.bincount(groups, minlength=1)
    repeated = pd.Series(ids.to_numpy(), index=groups)[(n_alike > 1)[groups]]
    together = [sorted(group) for _, group in repeated.groupby(level=0)]
    named = items["item_id"][items["image_path"].notna()]
    return {
        "items": len(items),
        "readable": len(pictures),
        **_found("broken", named[~named.isin(ids)], config),
        **_found("too_small", ids[shorter < config.min_side_px], config),
        **_found("low_contrast", ids[pictures["contrast"] < config.min_contrast], config),
        **_found("blurred", ids[pictures["sharpness"] < config.min_sharpness], config),
        "near_duplicates": len(repeated) - len(together),
        "near_duplicate_examples": together[: config.n_examples],
        "median_shorter_side_px": _median(shorter),
        "median_brightness": _median(pictures["brightness"]),
        "median_contrast": _median(pictures["contrast"]),
    }


def _catalogue(events: pd.DataFrame, items: pd.DataFrame, config: QualityConfig) -> dict[str, Any]:
    category = items["category"].fillna("")
    named = category[category != ""]
    per_category = named.value_counts()
    unseen = items["item_id"][~items["item_id"].isin(events["item_id"])]
    report: dict[str, Any] = {
        "categories": len(per_category),
        "effective_categories": effective_number(per_category.to_numpy()),
        **_found("without_category", items["item_id"][category == ""], config),
        **_found("without_title", items["item_id"][items["title"].fillna("") == ""], config),
        **_found("without_events", unseen, config),
        "items_by_category": _counts(per_category),
    }
    by_item = items.set_index("item_id")["category"].fillna("")
    seen = events["item_id"].map(by_item)
    actions = seen[(events["event_type"] != "impression") & seen.notna() & (seen != "")]
    return {**report, "actions_by_category": _counts(actions.value_counts())}


def _looks(events: pd.DataFrame, styles: pd.DataFrame, config: QualityConfig) -> dict[str, Any]:
    shown = events["style_id"].fillna(ORIGINAL)
    impressions = events["event_type"] == "impression"
    looks = pd.Index([*sorted(styles["style_id"]), ORIGINAL])
    per_look = shown[impressions].value_counts().reindex(looks, fill_value=0)
    actions = shown[~impressions].value_counts().reindex(looks, fill_value=0)
    painted = per_look.drop(ORIGINAL)
    amounts = painted.to_numpy()
    seldom = painted[(painted > 0) & (painted < config.min_impressions_per_look)]
    unseen = painted.index[((painted == 0) & (actions.drop(ORIGINAL) == 0)).to_numpy()]
    total = int(per_look.sum())
    return {
        "looks": len(painted),
        **_found("never_shown", unseen, config),
        **_found("seldom_shown", seldom.index, config),
        "effective_looks": effective_number(amounts),
        "impressions_gini": gini(amounts),
        "original_share": float(per_look[ORIGINAL] / total) if total else None,
        "impressions_by_look": _counts(per_look),
        "actions_by_look": _counts(actions),
    }


def _events(events: pd.DataFrame, config: QualityConfig) -> dict[str, Any]:
    per_type = events["event_type"].value_counts().reindex(EVENT_TYPES, fill_value=0)
    report: dict[str, Any] = {"events": len(events), "events_by_type": _counts(per_type)}
    if events.empty:
        return report
    if per_type["impression"]:
        matches = matched_exposures(events)[1]
        report["outcomes_without_impression"] = matches.unmatched
        report["outcomes_without_impression_share"] = matches.unmatched_share
    times = events["timestamp"].sort_values().reset_index(drop=True)
    days = times.dt.floor("D").drop_duplicates()
    n_days = (days.iloc[-1] - days.iloc[0]).days + 1
    hours = times.diff().dt.total_seconds() / 3600
    gaps = hours[hours >= config.min_gap_hours].sort_values(ascending=False, kind="stable")
    return {
        **report,
        "first_utc": times.iloc[0].isoformat(),
        "last_utc": times.iloc[-1].isoformat(),
        "days": n_days,
        "days_without_events": n_days - len(days),
        "gaps": len(gaps),
        "longest_gap_hours": float(hours.max()) if len(times) > 1 else 0.0,
        "gap_examples": [
            {
                "from_utc": times[end - 1].isoformat(),
                "to_utc": times[end].isoformat(),
                "hours": float(length),
            }
            for end, length in gaps.head(config.n_examples).items()
        ],
    }


def _shoppers(
    events: pd.DataFrame, bot_users: Collection[str], config: QualityConfig
) -> dict[str, Any]:
    per_user = events["user_id"].value_counts()
    acting = events.loc[events["event_type"] != "impression", "user_id"]
    passive = per_user.index.difference(pd.Index(acting.unique()))
    return {
        "shoppers": len(per_user),
        **_found("one_event", per_user.index[(per_user == 1).to_numpy()], config),
        **_found("only_impressions", passive, config),
        **_found("bots", bot_users, config),
        "median_events": _median(per_user),
        "most_events": int(per_user.max()) if len(per_user) else 0,
        "activity_gini": gini(per_user.to_numpy()),
    }


def _popularity(events: pd.DataFrame, items: pd.DataFrame) -> dict[str, Any]:
    impressions = events["event_type"] == "impression"
    report: dict[str, Any] = {}
    for name, rows in (("impressions", impressions), ("actions", ~impressions)):
        per_item = events.loc[rows, "item_id"].value_counts()
        amounts = per_item.reindex(items["item_id"], fill_value=0).to_numpy()
        top = np.sort(amounts)[::-1][: max(1, len(amounts) // 10)]
        report[f"{name}_gini"] = gini(amounts)
        report[f"{name}_share_of_top_tenth"] = float(top.sum() / max(amounts.sum(), 1.0))
        report[f"effective_items_by_{name}"] = effective_number(amounts)
    return report


def _found(name: str, ids: Iterable[str], config: QualityConfig) -> dict[str, Any]:
    ordered = sorted({str(one) for one in ids})
    return {name: len(ordered), f"{name}_examples": ordered[: config.n_examples]}


def _counts(counts: pd.Series[int]) -> dict[str, int]:
    """Counts by name, largest first, ties by name."""
    pairs = [(str(name), int(count)) for name, count in counts.items()]
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _median(values: pd.Series[Any]) -> float | None:
    return float(values.median()) if len(values) else None
