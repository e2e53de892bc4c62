"""The recommender learns only from the past, serves everybody, and survives tiny logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.events import split_at, time_split
from features.schema import ConfigError, ContractError, InputError, NotFittedError, SchemaError
from recsys.candidates.reason_words import POPULAR
from recsys.config import ALSConfig, RankerConfig, RerankConfig
from recsys.evaluation.metrics import ranking_metrics
from recsys.lists.reasons import SEEN, UNEXPLAINED
from recsys.ranking.snapshot import ItemFeatures
from recsys.ranking.two_stage import TwoStageConfig, TwoStageRecommender

N_ITEMS, N_USERS = 40, 60
CONFIG = TwoStageConfig(
    candidates_per_model=15,
    als=ALSConfig(factors=4, iterations=5),
    ranker=RankerConfig(min_data_in_leaf=10, max_rounds=30),
)


def catalogue() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": [f"i{n:02d}" for n in range(N_ITEMS)],
            "category": [f"c{n % 4}" for n in range(N_ITEMS)],
            "price": np.linspace(5, 80, N_ITEMS),
            "available": True,
        }
    )


def pictures() -> ItemFeatures:
    rng = np.random.default_rng(3)
    ids = catalogue()["item_id"].to_numpy(dtype=object)
    content = rng.normal(size=(N_ITEMS, 8)).astype(np.float32)
    content[:, 0] += 3.0 * (np.arange(N_ITEMS) % 4)
    return ItemFeatures(ids, content, rng.normal(size=(N_ITEMS, 100)).astype(np.float32))


def events_of(rows: list[tuple[str, str, int, str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "minute", "event_type", "position"])
    start = pd.Timestamp("2024-01-01", tz="UTC")
    stamps = (start + pd.to_timedelta(table["minute"], unit="min")).astype("datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "user_id": table["user_id"].astype("str"),
            "item_id": table["item_id"].astype("str"),
            "timestamp": stamps,
            "event_type": table["event_type"].astype("str"),
            "dwell_s": np.nan,
            "position": table["position"].astype("Int16"),
        }
    ).sort_values("timestamp", ignore_index=True)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Users of four kinds, each mostly viewing its own category, shown four items at a time."""
    rng = np.random.default_rng(11)
    rows: list[tuple[str, str, int, str, float]] = []
    for minute in range(2_000):
        user = int(rng.integers(N_USERS))
        for position, item in enumerate(rng.permutation(N_ITEMS)[:4], start=1):
            name = (f"u{user:02d}", f"i{item:02d}", 10 * minute)
            rows.append((*name, "impression", position))
            own = item % 4 == user % 4
            if rng.random() < (0.5 if own else 0.03) / position**0.5:
                rows.append((name[0], name[1], 10 * minute + 1, "view", position))
                if rng.random() < 0.3:
                    rows.append((name[0], name[1], 10 * minute + 2, "purchase", position))
    return events_of(rows)


@pytest.fixture(scope="module")
def fitted(log: pd.DataFrame) -> TwoStageRecommender:
    return TwoStageRecommender(CONFIG, seed=1).fit(log, catalogue(), pictures())


def users() -> list[str]:
    return [f"u{user:02d}" for user in range(N_USERS)]


def touched(log: pd.DataFrame) -> set[tuple[str, str]]:
    seen = log[log["event_type"] != "impression"]
    return set(zip(seen["user_id"], seen["item_id"], strict=True))


def test_everybody_gets_k_new_items_with_reasons(
    fitted: TwoStageRecommender, log: pd.DataFrame
) -> None:
    feed = fitted.recommend([*users(), "never seen"], 10)
    assert feed["user_id"].drop_duplicates().tolist() == [*users(), "never seen"]
    assert feed["rank"].tolist() == [*range(1, 11)] * (N_USERS + 1)
    assert not feed.duplicated(["user_id", "item_id"]).any()
    seen = touched(log)
    assert not any(pair in seen for pair in zip(feed["user_id"], feed["item_id"], strict=True))
    assert (feed["reason"].str.len() > 0).all()
    falls = feed.groupby("user_id")["score"].diff().dropna()
    assert (falls <= 0).all()
    assert [feed[name].dtype.name for name in ("user_id", "rank", "score")] == [
        "str",
        "int64",
        "float32",
    ]


def test_ranking_beats_popularity_on_later_events(log: pd.DataFrame) -> None:
    past, later = split_at(log, time_split(log, 0.8))
    seen = touched(past)
    truth = later.loc[later["event_type"] != "impression", ["user_id", "item_id"]]
    new = [pair not in seen for pair in zip(truth["user_id"], truth["item_id"], strict=True)]
    truth = truth[new]
    ranked = TwoStageRecommender(CONFIG, seed=1).fit(past, catalogue(), pictures())
    small = TwoStageConfig(min_training_lists=10**6)
    popular = TwoStageRecommender(small).fit(past, catalogue(), pictures())
    ndcg = [
        ranking_metrics(model.recommend(users(), 5), truth, 5)["ndcg"]
        for model in (ranked, popular)
    ]
    assert ndcg[0] > 1.5 * ndcg[1]
    assert ranked.report["training_lists"] > 20
    assert not ranked.importance().empty
    assert popular.importance().empty


def test_the_same_log_and_seed_give_the_same_feed(
    fitted: TwoStageRecommender, log: pd.DataFrame
) -> None:
    again = TwoStageRecommender(CONFIG, seed=1).fit(log, catalogue(), pictures())
    pd.testing.assert_frame_equal(again.recommend(users(), 7), fitted.recommend(users(), 7))


def test_a_users_feed_does_not_depend_on_the_other_users_asked_for(
    fitted: TwoStageRecommender,
) -> None:
    alone = fitted.recommend(["u07"], 6)
    feed = fitted.recommend(users(), 6)
    expected = feed[feed["user_id"] == "u07"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected)


def test_a_saved_recommender_serves_the_same(fitted: TwoStageRecommender, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = TwoStageRecommender.load(tmp_path)
    assert loaded.config == fitted.config
    asked = [*users(), "never seen"]
    pd.testing.assert_frame_equal(loaded.recommend(asked, 7), fitted.recommend(asked, 7))


def test_tastes_and_training_see_only_the_past_of_the_labels(log: pd.DataFrame) -> None:
    given: list[pd.DataFrame] = []

    def tastes(events: pd.DataFrame) -> pd.DataFrame:
        given.append(events)
        ids = sorted(set(events["user_id"]))
        rng = np.random.default_rng(0)
        return pd.DataFrame(
            {
                "user_id": ids,
                "style_embedding": list(rng.normal(size=(len(ids), 100)).astype(np.float32)),
                "style_strength": rng.random(len(ids)),
            }
        )

    model = TwoStageRecommender(CONFIG, seed=1).fit(log, catalogue(), pictures(), tastes)
    first, *rest = (pd.Timestamp(cut) for cut in model.report["cuts_utc"])
    assert len(given) == 2
    assert given[0]["timestamp"].max() < first
    assert given[1]["timestamp"].max() == log["timestamp"].max()
    assert len(rest) == CONFIG.windows
    assert all(cut > first for cut in rest)


def test_unavailable_items_never_come_and_known_items_come_last(log: pd.DataFrame) -> None:
    items = catalogue()
    items.loc[:27, "available"] = False
    feed = TwoStageRecommender(CONFIG, seed=1).fit(log, items, pictures()).recommend(users(), 12)
    assert (feed.groupby("user_id").size() == 12).all()
    assert feed["item_id"].min() == "i28"
    seen = touched(log)
    known = np.array([pair in seen for pair in zip(feed["user_id"], feed["item_id"], strict=True)])
    assert known.any()
    assert (known == (feed["reason"] == SEEN)).all()
    assert (pd.Series(known).groupby(feed["user_id"]).diff().dropna() >= 0).all()


def test_barred_items_never_come_and_lists_stay_full(fitted: TwoStageRecommender) -> None:
    plain = fitted.recommend(users(), 6)
    barred = plain.loc[plain["rank"] <= 3, ["user_id", "item_id"]]
    unknown = pd.DataFrame({"user_id": ["nobody", "u000"], "item_id": ["i00", "nothing"]})
    feed = fitted.recommend(users(), 6, pd.concat([barred, unknown]))
    assert feed.groupby("user_id").size().eq(6).all()
    pairs = set(zip(feed["user_id"], feed["item_id"], strict=True))
    assert pairs.isdisjoint(zip(barred["user_id"], barred["item_id"], strict=True))
    one = users()[:1]
    rest = fitted.recommend(users(), 6, barred[barred["user_id"] == one[0]])
    pd.testing.assert_frame_equal(
        rest[rest["user_id"] != one[0]], plain[plain["user_id"] != one[0]]
    )
    with pytest.raises(SchemaError, match="expected user_id and item_id"):
        fitted.recommend(one, 6, barred.drop(columns="item_id"))


def test_a_category_cap_and_variety_reach_the_feed(log: pd.DataFrame) -> None:
    varied = replace(CONFIG, rerank=RerankConfig(variety=0.3, max_per_category=2))
    model = TwoStageRecommender(varied, seed=1).fit(log, catalogue(), pictures())
    feed = model.recommend(users(), 6).merge(catalogue(), on="item_id")
    assert feed["user_id"].value_counts().eq(6).all()
    assert feed.groupby(["user_id", "category"]).size().max() == 2


def test_a_dpp_and_exploration_reach_the_feed(
    fitted: TwoStageRecommender, log: pd.DataFrame
) -> None:
    settings = RerankConfig(0.2, 3, method="dpp", exploration_slots=2)
    model = TwoStageRecommender(replace(CONFIG, rerank=settings), seed=1)
    feed = model.fit(log, catalogue(), pictures()).recommend(users(), 8)
    assert feed.groupby("user_id").size().eq(8).all()
    assert feed.merge(catalogue()).groupby(["user_id", "category"]).size().max() <= 3
    drawn = feed[feed["item_propensity"] < 1.0]
    # With one item left to draw from the draw is no draw, and its chance is 1.
    assert drawn.groupby("user_id").size().max() == 2
    assert len(drawn) > 1.9 * N_USERS
    assert drawn["rank"].min() == 2
    assert (drawn["reason"] == UNEXPLAINED).all()
    plain = fitted.recommend(users(), 8)
    first, best = (table.loc[table["rank"] == 1, "item_id"].tolist() for table in (feed, plain))
    assert first == best
    pd.testing.assert_frame_equal(
        model.recommend(["u07"], 8), feed[feed["user_id"] == "u07"].reset_index(drop=True)
    )


def test_probabilities_follow_the_scores_and_are_those_of_later_events(log: pd.DataFrame) -> None:
    past, later = split_at(log, time_split(log, 1 - CONFIG.window_share))
    model = TwoStageRecommender(CONFIG, seed=1).fit(past, catalogue(), pictures())
    active = sorted(set(later.loc[later["event_type"] == "view", "user_id"]))
    feed = model.recommend(active, 10)
    known = feed[feed["probability"].notna()].sort_values("score")
    assert len(known) > 0.9 * len(feed)
    assert known["probability"].dtype == np.float32
    assert known["probability"].between(0, 1).all()
    assert known["probability"].nunique() > 5
    assert (known["probability"].diff().dropna() >= 0).all()
    seen = touched(later)
    hit = [pair in seen for pair in zip(known["user_id"], known["item_id"], strict=True)]
    assert 0.5 < known["probability"].mean() / np.mean(hit) < 2.0


def test_without_a_ranker_no_probability_is_claimed(log: pd.DataFrame) -> None:
    small = replace(CONFIG, min_training_lists=10**6)
    feed = TwoStageRecommender(small).fit(log, catalogue(), pictures()).recommend(users(), 3)
    assert feed["probability"].isna().all()
    assert feed["item_propensity"].eq(1.0).all()


TINY = {
    "no events": [],
    "one view": [("u", "i03", 0, "view", 1.0)],
    "impressions only": [("u", "i03", minute, "impression", 1.0) for minute in range(9)],
    "one user": [("u", f"i{n:02d}", n, "view", 1.0) for n in range(9)],
    "one moment": [(f"u{n}", f"i{n:02d}", 0, "purchase", 1.0) for n in range(30)],
    "one item": [(f"u{n}", "i03", n, "click", 1.0) for n in range(90)],
}


@pytest.mark.parametrize("name", TINY)
def test_tiny_logs_serve_by_popularity(name: str) -> None:
    events = events_of(TINY[name])  # type: ignore[arg-type]
    model = TwoStageRecommender(CONFIG).fit(events, catalogue(), pictures())
    feed = model.recommend(["u", "stranger"], 5)
    assert (feed.groupby("user_id").size() == 5).all()
    assert set(feed["reason"]) <= {POPULAR, UNEXPLAINED}
    counts = events.loc[events["event_type"] != "impression", "item_id"].value_counts()
    if len(counts) and counts.iloc[0] > counts.iloc[1:].max():
        stranger = feed[feed["user_id"] == "stranger"]
        assert stranger["item_id"].iloc[0] == counts.index[0]


def test_more_items_than_the_catalogue_holds_gives_the_catalogue(
    fitted: TwoStageRecommender,
) -> None:
    feed = fitted.recommend(["u00", "stranger"], 100)
    assert (feed.groupby("user_id")["item_id"].nunique() == N_ITEMS).all()
    assert fitted.recommend([], 5).empty


def test_bad_input_is_refused(log: pd.DataFrame, tmp_path: Path) -> None:
    model = TwoStageRecommender(CONFIG)
    with pytest.raises(NotFittedError, match="before fit or load"):
        model.recommend(["u"], 1)
    with pytest.raises(NotFittedError, match=r"no two_stage\.json"):
        TwoStageRecommender.load(tmp_path)
    with pytest.raises(InputError, match="items has no rows"):
        model.fit(log, catalogue().iloc[:0], pictures())
    with pytest.raises(ContractError, match="future"):
        model.fit(log, catalogue(), pictures(), now=pd.Timestamp("2024-01-02", tz="UTC"))
    with pytest.raises(ConfigError, match=r"window_share is 0\.5 for 4 windows and one held out"):
        TwoStageConfig(window_share=0.5)
    with pytest.raises(ConfigError, match="min_training_lists is 0: expected at least 1"):
        TwoStageConfig(min_training_lists=0)


def test_a_recommender_of_an_earlier_version_is_refused(
    fitted: TwoStageRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    record = json.loads((tmp_path / "two_stage.json").read_text())
    del record["served"]
    (tmp_path / "two_stage.json").write_text(json.dumps(record))
    with pytest.raises(NotFittedError, match="earlier version: fit it again"):
        TwoStageRecommender.load(tmp_path)


def test_ids_that_are_no_text_are_refused_at_every_entry(
    fitted: TwoStageRecommender, log: pd.DataFrame
) -> None:
    barred = pd.DataFrame({"user_id": ["u00"], "item_id": ["i00"]})
    for asked, pairs in (
        ([0, 1], None),
        (["u00", None], None),
        (["u00"], barred.assign(user_id=0)),
        (["u00"], barred.assign(item_id=0.0)),
    ):
        with pytest.raises(ContractError, match="expected text in every place"):
            fitted.recommend(asked, 3, pairs)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"barred: item_id: none of 1 ids is known: got '0.0'"):
        fitted.recommend(["u00"], 3, barred.assign(item_id="0.0"))
    recommender, items = TwoStageRecommender(CONFIG), catalogue()
    for events, table in (
        (log.assign(user_id=0), items),
        (log.assign(item_id=1), items),
        (log, items.assign(item_id=np.arange(N_ITEMS))),
    ):
        with pytest.raises(ContractError, match="expected text in every place"):
            recommender.fit(events, table, pictures())


def test_tables_without_one_id_in_common_are_refused(log: pd.DataFrame) -> None:
    other = catalogue().assign(item_id=lambda table: "x" + table["item_id"])
    with pytest.raises(InputError, match=r"events: item_id: none of .* ids is known"):
        TwoStageRecommender(CONFIG).fit(log, other, pictures())


def test_a_time_without_a_zone_is_refused(log: pd.DataFrame) -> None:
    with pytest.raises(ContractError, match=r"now is 2024-06-01 .*without a time zone"):
        TwoStageRecommender(CONFIG).fit(
            log, catalogue(), pictures(), now=pd.Timestamp("2024-06-01")
        )
