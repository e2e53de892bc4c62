from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import expit
from sklearn.metrics import ndcg_score, roc_auc_score

from features.schema import (
    ORIGINAL,
    ConfigError,
    ContractError,
    InputError,
    NotFittedError,
    SchemaError,
)
from features.style_space import StyleSpace
from recsys.preference import BrowsingConfig, BrowsingPreferenceModel
from recsys.preference.viewing import ViewedCatalogue, viewing_evidence

N_ITEMS, N_LOOKS, N_USERS, SIZE = 240, 15, 240, 24
ITEM_IDS = [f"i{number:03d}" for number in range(N_ITEMS)]
STYLE_IDS = [f"s{number:02d}" for number in range(N_LOOKS)]


class Shop:
    """Users 0, 3, 6.. like one look, 1, 4, 7.. nothing, 2, 5, 8.. one category.

    Each category has a style of its own, and popular items share one: neither is taste.
    """

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        category = np.arange(N_ITEMS) % 6
        # As real codes do, all point one way, and a few directions hold most of what is left.
        spread = 1 / np.sqrt(np.arange(1, SIZE + 1))
        own = rng.normal(size=(6, SIZE)) * spread
        self.codes = (3 + own[category] + spread * rng.normal(size=(N_ITEMS, SIZE))).astype("f4")
        self.looks = (4 + 2 * spread * rng.normal(size=(N_LOOKS, SIZE))).astype("f4")
        place = StyleSpace.fit(self.codes).unit(self.codes)
        looks = StyleSpace.fit(self.looks).unit(self.looks)
        shared = place @ looks[0]
        popularity = 0.7 * rng.normal(size=N_ITEMS) + shared / shared.std()
        self.items = pd.DataFrame(
            {"item_id": ITEM_IDS, "category": [f"kind {number}" for number in category]}
        )
        self.kind = np.arange(N_USERS) % 3
        self.users = [f"u{number:03d}" for number in range(N_USERS)]
        self.utility = np.zeros((N_USERS, N_LOOKS))
        rows = []
        for user in range(N_USERS):
            interest = rng.dirichlet(np.full(6, 0.1 if self.kind[user] == 2 else 2.0))
            log_odds = popularity + np.log(interest + 1e-9)[category]
            if self.kind[user] == 0:
                favourite = looks[rng.integers(N_LOOKS)]
                pull = place @ favourite
                log_odds += 1.2 * pull / pull.std()
                self.utility[user] = looks @ favourite
            viewed = np.argsort(-(log_odds + rng.gumbel(size=N_ITEMS)))[: rng.integers(20, 40)]
            rows += [(self.users[user], ITEM_IDS[item]) for item in viewed]
        self.views = pd.DataFrame(rows, columns=["user_id", "item_id"]).astype("str")

    def fit(self, views: pd.DataFrame | None = None) -> BrowsingPreferenceModel:
        views = self.views if views is None else views
        return BrowsingPreferenceModel().fit(
            views, self.items, ITEM_IDS, self.codes, STYLE_IDS, self.looks
        )

    def of(self, kind: int) -> list[str]:
        return self.users[kind::3]


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def fitted(shop: Shop) -> BrowsingPreferenceModel:
    return shop.fit()


def test_looks_are_ranked_right_for_shoppers_with_a_taste(
    shop: Shop, fitted: BrowsingPreferenceModel
) -> None:
    truth = shop.utility[shop.kind == 0]
    guess = fitted.affinity_matrix(shop.of(0))[:, :-1]
    gains = truth - truth.min(axis=1, keepdims=True)
    chance = ndcg_score(gains, np.random.default_rng(0).random(truth.shape), k=5)
    assert ndcg_score(gains, guess, k=5) > 0.85 > chance + 0.2
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(truth, guess, strict=True)]
    assert np.mean(correlation) > 0.7


def test_strength_tells_taste_from_none_and_from_love_of_a_category(
    shop: Shop, fitted: BrowsingPreferenceModel
) -> None:
    strength = fitted.users(shop.users)["style_strength"].to_numpy()
    assert ((strength >= 0) & (strength <= 1)).all()
    for other in (1, 2):
        rows = (shop.kind == 0) | (shop.kind == other)
        assert roc_auc_score(shop.kind[rows] == 0, strength[rows]) > 0.9
        assert np.median(strength[shop.kind == other]) < 0.2
    assert np.median(strength[shop.kind == 0]) > 0.8


def test_where_nobody_has_a_taste_nobody_is_given_one(shop: Shop) -> None:
    indifferent = shop.views[shop.views["user_id"].isin([*shop.of(1), *shop.of(2)])]
    model = shop.fit(indifferent)
    assert (model.users()["style_strength"] > 0.5).mean() < 0.05
    assert np.abs(model.affinity_matrix(shop.of(1))).mean() < 0.3


def test_score_and_information_are_derivatives_of_the_likelihood() -> None:
    rng = np.random.default_rng(1)
    space = rng.normal(size=(40, 3))
    # Every item has the same many viewers, so that popularity is even and one viewer is little.
    pairs = np.array([(u, (u * 7 + k * 5) % 40) for u in range(400) for k in range(8)])
    pairs = np.unique(pairs, axis=0)
    shop = ViewedCatalogue.of(pairs, np.zeros(40, dtype=np.int64), space)
    found = viewing_evidence(pairs, shop, 400)
    viewed = np.isin(np.arange(40), pairs[pairs[:, 0] == 3, 1])

    def log_likelihood(taste: np.ndarray) -> float:
        low, high = -50.0, 50.0
        for _ in range(100):  # the shopper's own rate, profiled out
            rate = (low + high) / 2
            p = expit(rate + space @ taste)
            low, high = (rate, high) if p.sum() < viewed.sum() else (low, rate)
        return float(np.log(np.where(viewed, p, 1 - p)).sum())

    def slope(taste: np.ndarray) -> np.ndarray:
        return approx_fprime(taste, log_likelihood, 1e-5)

    assert found.score[3] == pytest.approx(slope(np.zeros(3)), abs=0.1)
    curvature = -np.stack([slope(step) - slope(-step) for step in 0.05 * np.eye(3)]) / 0.1
    assert found.information[3] == pytest.approx(curvature, abs=0.1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_information_is_never_negative_and_everything_viewed_says_nothing(
    seed: int, n_items: int
) -> None:
    rng = np.random.default_rng(seed)
    category, space = rng.integers(0, 3, n_items), rng.normal(size=(n_items, 2))
    viewed = rng.random((5, n_items)) < 0.4
    viewed[0] = True
    pairs = np.argwhere(viewed)
    found = viewing_evidence(pairs, ViewedCatalogue.of(pairs, category, space), 5)
    assert (np.linalg.eigvalsh(found.information) > -1e-9).all()
    assert np.isfinite(found.score).all()
    assert not found.score[0].any()
    assert not found.information[0].any()


def test_order_and_repeats_of_views_change_nothing(
    shop: Shop, fitted: BrowsingPreferenceModel
) -> None:
    shuffled = pd.concat([shop.views, shop.views.head(500)]).sample(frac=1, random_state=3)
    again = shop.fit(shuffled)
    pd.testing.assert_frame_equal(again.users(), fitted.users())
    pd.testing.assert_frame_equal(again.affinity(), fitted.affinity())


def test_a_bot_that_views_everything_has_no_taste_and_leaves_others_theirs(
    shop: Shop, fitted: BrowsingPreferenceModel
) -> None:
    bot = pd.DataFrame({"user_id": "bot", "item_id": np.tile(ITEM_IDS, 400)}).astype("str")
    model = shop.fit(pd.concat([shop.views, bot]))
    assert model.users(["bot"])["style_strength"].item() < 0.2
    before, after = fitted.affinity_matrix(shop.of(0)), model.affinity_matrix(shop.of(0))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99


def test_a_loaded_model_gives_the_same_scores(
    shop: Shop, fitted: BrowsingPreferenceModel, tmp_path: Path
) -> None:
    with pytest.raises(NotFittedError, match=r"no browsing\.json"):
        BrowsingPreferenceModel.load(tmp_path)
    fitted.save(tmp_path / "model")
    again = BrowsingPreferenceModel.load(tmp_path / "model")
    asked = [*shop.users, "nobody"]
    pd.testing.assert_frame_equal(again.users(asked), fitted.users(asked), check_exact=True)
    pd.testing.assert_frame_equal(again.affinity(), fitted.affinity(), check_exact=True)
    assert again.config == fitted.config


def test_tables_keep_the_contract(shop: Shop, fitted: BrowsingPreferenceModel) -> None:
    users = fitted.users(["u000", "nobody"])
    assert users["cold"].tolist() == [False, True]
    assert users["n_events"].tolist() == [(shop.views["user_id"] == "u000").sum(), 0]
    assert users["style_strength"].tolist()[1] == 0
    assert [len(point) for point in users["style_embedding"]] == [SIZE, SIZE]
    affinity = fitted.affinity(["u000", "nobody"])
    assert affinity["style_id"].tolist() == [*STYLE_IDS, ORIGINAL] * 2
    assert affinity["affinity"].tolist()[N_LOOKS:] == [0.0] * (N_LOOKS + 2)
    assert fitted.users()["user_id"].tolist() == sorted(shop.users)


def test_pictures_that_are_missing_are_left_out(shop: Shop) -> None:
    codes, looks = shop.codes.copy(), shop.looks.copy()
    codes[:20], looks[2] = np.nan, np.nan
    model = BrowsingPreferenceModel().fit(
        shop.views, shop.items.iloc[:-10], ITEM_IDS, codes, STYLE_IDS, looks
    )
    matrix = model.affinity_matrix(shop.users)
    assert np.isfinite(matrix).all()
    assert not matrix[:, 2].any()
    known = shop.views["item_id"].isin(ITEM_IDS[20:-10])
    assert model.users()["n_events"].sum() == known.sum()


@pytest.mark.parametrize("case", ["no views", "no items", "no looks", "photos alike"])
def test_with_nothing_to_learn_from_everyone_is_indifferent(shop: Shop, case: str) -> None:
    views = shop.views.head(0) if case == "no views" else shop.views
    items = shop.items.head(0) if case == "no items" else shop.items
    codes = np.ones_like(shop.codes) if case == "photos alike" else shop.codes
    looks = shop.looks[:0] if case == "no looks" else shop.looks
    model = BrowsingPreferenceModel().fit(
        views, items, ITEM_IDS, codes, STYLE_IDS[: len(looks)], looks
    )
    users = model.users(shop.users)
    assert not model.affinity_matrix(shop.users).any()
    if case != "no looks":
        assert (users["style_strength"] <= 0.2).all()


def test_unusable_input_is_refused_with_what_was_expected(shop: Shop) -> None:
    good = (shop.views, shop.items, ITEM_IDS, shop.codes, STYLE_IDS, shop.looks)

    def refused(
        position: int, value: object, words: str, kind: type[Exception] = SchemaError
    ) -> None:
        arguments = [*good[:position], value, *good[position + 1 :]]
        with pytest.raises(kind, match=words):
            BrowsingPreferenceModel().fit(*arguments)  # type: ignore[arg-type]

    refused(0, shop.views[["user_id"]], "views lack .'item_id'")
    refused(0, shop.views.assign(event_type="impression"), "hold impressions")
    refused(0, shop.views.assign(style_id="s01"), "fit StylePreferenceModel instead")
    refused(1, shop.items[["item_id"]], "items lack .'category'")
    refused(3, shop.codes[1:], "one row per item_id", ContractError)
    refused(5, shop.looks[:, 0], "one row per style_id", ContractError)
    refused(5, shop.looks[:, 1:], "one size")
    with pytest.raises(NotFittedError):
        BrowsingPreferenceModel().users()
    for setting in ("n_components", "taste_sd", "iterations"):
        with pytest.raises(ConfigError, match=setting):
            BrowsingConfig(**{setting: 0})  # type: ignore[arg-type]


def test_a_column_of_a_table_names_users_as_well_as_a_list(
    shop: Shop, fitted: BrowsingPreferenceModel
) -> None:
    some = pd.Series(shop.users[:3], dtype="str")
    pd.testing.assert_frame_equal(fitted.affinity(some), fitted.affinity(shop.users[:3]))
    pd.testing.assert_frame_equal(fitted.users(some), fitted.users(shop.users[:3]))
    assert fitted.affinity([]).empty


def test_ids_that_are_no_text_are_refused_at_every_entry(
    shop: Shop, fitted: BrowsingPreferenceModel
) -> None:
    numbers = shop.views.assign(user_id=7)
    for ask in (
        lambda: fitted.affinity_matrix([7]),  # type: ignore[list-item]
        lambda: fitted.users([7.0]),  # type: ignore[list-item]
        lambda: shop.fit(numbers),
        lambda: shop.fit(shop.views.assign(item_id=7)),
    ):
        with pytest.raises(ContractError, match="expected text in every place"):
            ask()
    with pytest.raises(InputError, match="views: item_id: none of 1 ids is known"):
        shop.fit(shop.views.assign(item_id="other"))


def test_shoppers_who_were_not_in_the_fit_are_known_by_their_own_views(
    shop: Shop, fitted: BrowsingPreferenceModel
) -> None:
    some = shop.users[:30]
    views = shop.views[shop.views["user_id"].isin(some)]
    strangers = views.assign(user_id="x" + views["user_id"])
    served = fitted.for_users(pd.concat([strangers, views]))
    names = [f"x{user}" for user in some]
    np.testing.assert_array_equal(served.affinity_matrix(some), fitted.affinity_matrix(some))
    # All that they lack is that their own views are in the popularity of what they viewed.
    np.testing.assert_allclose(
        served.affinity_matrix(names), fitted.affinity_matrix(some), atol=0.1
    )
    assert served.users(names)["n_events"].tolist() == fitted.users(some)["n_events"].tolist()
    alone = fitted.for_users(strangers[strangers["user_id"] == names[0]])
    np.testing.assert_allclose(
        alone.affinity_matrix(names[:1]), served.affinity_matrix(names[:1]), rtol=1e-6, atol=1e-9
    )
