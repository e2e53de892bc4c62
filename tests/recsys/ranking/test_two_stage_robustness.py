"""The feed survives what shops really send, and a new process serves the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from recsys.config import ALSConfig, RankerConfig
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.two_stage import TwoStageConfig, TwoStageRecommender

N_ITEMS, N_USERS = 40, 60
USERS = [f"u{user:02d}" for user in range(N_USERS)]
CONFIG = TwoStageConfig(
    candidates_per_model=15,
    als=ALSConfig(factors=4, iterations=5),
    ranker=RankerConfig(min_data_in_leaf=10, max_rounds=30),
)
# None of these readers runs code from a file, and a file of another kind has none.
READERS: dict[str, Callable[[Path], object]] = {
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".txt": lambda path: path.read_text(encoding="utf-8"),
    ".safetensors": load_file,
    ".npz": lambda path: {**np.load(path, allow_pickle=False)},
}
SERVE = """
import sys
from pathlib import Path
from recsys.ranking.two_stage import TwoStageRecommender
users = sys.argv[3].split(",")
TwoStageRecommender.load(Path(sys.argv[1])).recommend(users, 7).to_parquet(sys.argv[2])
"""


def catalogue() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": [f"i{n:02d}" for n in range(N_ITEMS)],
            "title": [f"kind {'abcd'[n % 4] * 3} number {n}" for n in range(N_ITEMS)],
            "category": [f"c{n % 4}" for n in range(N_ITEMS)],
            "price": np.linspace(5, 80, N_ITEMS),
        }
    )


def pictures(n: int = N_ITEMS) -> ItemFeatures:
    """Of the last `n` items."""
    rng = np.random.default_rng(3)
    content = rng.normal(size=(N_ITEMS, 8)).astype(np.float32)
    content[:, 0] += 3.0 * (np.arange(N_ITEMS) % 4)
    codes = rng.normal(size=(N_ITEMS, 100)).astype(np.float32)
    ids = catalogue()["item_id"].to_numpy(dtype=object)
    at = N_ITEMS - n
    return ItemFeatures(ids[at:], content[at:], codes[at:])


def table(users: list[str], items: list[str], kinds: list[str], minutes: list[int]) -> pd.DataFrame:
    start = pd.Timestamp("2024-01-01", tz="UTC")
    stamps = start + pd.to_timedelta(pd.Series(minutes, dtype="int64"), unit="min")
    return pd.DataFrame(
        {
            "user_id": pd.Series(users, dtype="str"),
            "item_id": pd.Series(items, dtype="str"),
            "timestamp": stamps.astype("datetime64[us, UTC]"),
            "event_type": pd.Series(kinds, dtype="str"),
            "dwell_s": np.nan,
            "position": pd.Series([pd.NA] * len(users), dtype="Int16"),
        }
    )


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Views and purchases, each user mostly of its own category, at moments of their own."""
    rng = np.random.default_rng(11)
    user = rng.integers(0, N_USERS, 600)
    own = rng.random(600) < 0.8
    item = np.where(own, 4 * rng.integers(0, 10, 600) + user % 4, rng.integers(0, 40, 600))
    kinds = rng.choice(["view", "purchase"], 600, p=[0.8, 0.2])
    return table(
        [f"u{n:02d}" for n in user], [f"i{n:02d}" for n in item], kinds.tolist(), [*range(600)]
    )


@pytest.fixture(scope="module")
def fitted(log: pd.DataFrame) -> TwoStageRecommender:
    return TwoStageRecommender(CONFIG, seed=1).fit(log, catalogue(), pictures())


def test_a_new_process_serves_the_same_bits_from_files_without_pickle(
    fitted: TwoStageRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    asked = [*USERS, "never seen"]
    out = tmp_path / "feed.parquet"
    command = [sys.executable, "-c", SERVE, str(tmp_path / "model"), str(out), ",".join(asked)]
    subprocess.run(command, check=True, timeout=120)
    pd.testing.assert_frame_equal(
        pd.read_parquet(out), fitted.recommend(asked, 7), check_exact=True
    )
    for path in (tmp_path / "model").rglob("*"):
        if path.is_file():
            READERS[path.suffix](path)


def test_a_log_in_the_wrong_order_gives_the_same_feed(
    fitted: TwoStageRecommender, log: pd.DataFrame
) -> None:
    mixed = log.sample(frac=1.0, random_state=5).reset_index(drop=True)
    again = TwoStageRecommender(CONFIG, seed=1).fit(mixed, catalogue(), pictures())
    pd.testing.assert_frame_equal(again.recommend(USERS, 7), fitted.recommend(USERS, 7))


def test_items_in_the_wrong_order_give_the_same_feed(
    fitted: TwoStageRecommender, log: pd.DataFrame
) -> None:
    mixed = catalogue().sample(frac=1.0, random_state=5)
    again = TwoStageRecommender(CONFIG, seed=1).fit(log, mixed, pictures())
    pd.testing.assert_frame_equal(again.recommend(USERS, 7), fitted.recommend(USERS, 7))


@pytest.mark.parametrize("n_pictures", [0, 20])
def test_items_without_a_picture_are_recommended_too(log: pd.DataFrame, n_pictures: int) -> None:
    model = TwoStageRecommender(CONFIG, seed=1).fit(log, catalogue(), pictures(n_pictures))
    feed = model.recommend(USERS, 5)
    assert feed.groupby("user_id").size().eq(5).all()
    blind = feed["item_id"] < f"i{N_ITEMS - n_pictures:02d}"
    assert blind.mean() > 0.3
    own = feed["item_id"].str[1:].astype(int) % 4 == feed["user_id"].str[1:].astype(int) % 4
    assert own[blind].mean() > 0.4, own.mean()


def test_users_without_events_get_the_same_full_list(fitted: TwoStageRecommender) -> None:
    feed = fitted.recommend(["stranger", "other stranger"], 7)
    first, second = (part["item_id"].tolist() for _, part in feed.groupby("user_id"))
    assert first == second
    assert len(set(first)) == 7
    assert np.isfinite(feed["score"]).all()


def test_a_bot_neither_stalls_the_fit_nor_takes_over_the_feeds(
    fitted: TwoStageRecommender, log: pd.DataFrame
) -> None:
    n = 100_000
    rng = np.random.default_rng(0)
    bot = table(
        ["bot"] * n,
        [f"i{item:02d}" for item in rng.choice([1, 2], n)],
        ["view"] * n,
        rng.integers(0, 600, n).tolist(),
    )
    start = time.perf_counter()
    stormed = pd.concat([log, bot], ignore_index=True)
    model = TwoStageRecommender(CONFIG, seed=1).fit(stormed, catalogue(), pictures())
    feed = model.recommend([*USERS, "bot"], 5)
    assert time.perf_counter() - start < 20.0
    assert feed.groupby("user_id").size().eq(5).all()
    quiet = fitted.recommend(USERS, 5)
    people = feed[feed["user_id"] != "bot"]
    same = len(people.merge(quiet, on=["user_id", "item_id"])) / len(quiet)
    assert same > 0.5, (same, people["item_id"].value_counts(normalize=True).head(3))
    own = [
        (part["item_id"].str[1:].astype(int) % 4 == part["user_id"].str[1:].astype(int) % 4).mean()
        for part in (people, quiet)
    ]
    assert own[0] > 0.8 * own[1], own
