"""Uncertainty, fold-in, updates, drift and new looks of the preference model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from features.schema import ORIGINAL, ConfigError, NotFittedError, SchemaError
from recsys.preference import PreferenceConfig, StylePreferenceModel

N_LOOKS = 12
LOOKS = [f"s{place:02d}" for place in range(N_LOOKS)]
CONFIG = PreferenceConfig(n_families=3, iterations=40, half_life_days=float("inf"))
START = pd.Timestamp("2025-03-01", tz="UTC")


def _codes() -> np.ndarray:
    """Looks 0-3, 4-7 and 8-11 are near one another in style space."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(3, 100)), 4, axis=0)
    return (centres + 0.5 * rng.normal(size=(N_LOOKS, 100))).astype("float32")


def _liked(family: np.ndarray) -> np.ndarray:
    """Utility (n, N_LOOKS + 1) of shoppers fond of family 0, 1 or 2 of looks; 3 likes nothing."""
    of_look = np.append(np.arange(N_LOOKS) // 4, -1)
    return 2.0 * ((of_look == family[:, None]) & (family[:, None] < 3))


def _log(family: np.ndarray, n_events: int, seed: int, day: float = 0.0) -> pd.DataFrame:
    """Exposures of shoppers u000, u001, ... with these tastes, over ten days from `day`."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(len(family)), n_events)
    look = rng.integers(0, N_LOOKS + 1, len(user))
    position = rng.integers(1, 6, len(user))
    log_odds = -1.5 + _liked(family)[user, look] - 0.15 * position
    return pd.DataFrame(
        {
            "user_id": pd.Series([f"u{number:03d}" for number in user], dtype="str"),
            "item_id": pd.Series([f"i{n:02d}" for n in rng.integers(0, 30, len(user))]),
            "style_id": pd.Series(np.array([*LOOKS, ORIGINAL], dtype=object)[look], dtype="str"),
            "timestamp": START + pd.to_timedelta(day + 10 * rng.random(len(user)), unit="D"),
            "position": position.astype("float32"),
            "clicked": rng.random(len(user)) < expit(log_odds),
        }
    )


def _renamed(log: pd.DataFrame, letter: str) -> pd.DataFrame:
    return log.assign(user_id=letter + log["user_id"].str[1:])


FAMILY = np.arange(80) % 4


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return _log(FAMILY, 100, seed=1)


def _model(log: pd.DataFrame, config: PreferenceConfig = CONFIG) -> StylePreferenceModel:
    return StylePreferenceModel(config, seed=1).fit(log, LOOKS, _codes())


def test_uncertainty_has_the_columns_of_affinity_and_shrinks_with_evidence(
    log: pd.DataFrame,
) -> None:
    few = _renamed(_log(FAMILY, 5, seed=2), "v")
    model = _model(pd.concat([log, few]))
    sd = model.uncertainty_matrix(["nobody"])
    assert sd.dtype == np.float32
    assert sd.shape == (1, N_LOOKS + 1)
    assert (sd > 0).all()
    with_few = model.uncertainty_matrix(sorted(few["user_id"].unique())).mean()
    with_many = model.uncertainty_matrix(sorted(log["user_id"].unique())).mean()
    assert with_many < 0.6 * with_few < 0.6 * 1.05 * sd.mean()


def test_uncertainty_is_the_error_of_refits_on_fresh_clicks() -> None:
    squared, variance = [], []
    for seed in range(4):
        model = _model(_log(FAMILY, 25, seed=10 + seed))
        users = model.users()["user_id"]
        truth = _liked(FAMILY)
        truth = truth - truth.mean(axis=1, keepdims=True)
        squared.append((model.affinity_matrix(users) - truth) ** 2)
        variance.append(model.uncertainty_matrix(users).astype(float) ** 2)
    ratio = np.mean(squared) / np.mean(variance)
    assert 0.5 < ratio < 2.0
    unsure = np.concatenate(variance) > np.median(variance)
    errors = np.concatenate(squared)
    assert errors[unsure].mean() > 2 * errors[~unsure].mean()


def test_new_users_folded_in_are_as_if_fitted(log: pd.DataFrame) -> None:
    new = _renamed(_log(FAMILY, 60, seed=3), "v")
    folded = _model(log).fold_in(new)
    refitted = _model(pd.concat([log, new]))
    names = sorted(new["user_id"].unique())
    np.testing.assert_allclose(
        folded.affinity_matrix(names), refitted.affinity_matrix(names), atol=0.5
    )
    difference = folded.affinity_matrix(names) - refitted.affinity_matrix(names)
    assert np.abs(difference).mean() < 0.1
    assert folded.users()["user_id"].tolist() == refitted.users()["user_id"].tolist()
    assert folded.users()["n_events"].tolist() == refitted.users()["n_events"].tolist()


def test_folding_in_leaves_the_tastes_of_others_alone(log: pd.DataFrame) -> None:
    model = _model(log)
    names = sorted(log["user_id"].unique())
    before = model.affinity_matrix(names)
    model.fold_in(_renamed(_log(FAMILY[:4], 60, seed=3), "a"))
    np.testing.assert_allclose(model.affinity_matrix(names), before, atol=1e-6)


def test_a_daily_update_equals_a_refit_within_a_tenth_of_a_logit(log: pd.DataFrame) -> None:
    today = _log(FAMILY, 10, seed=4, day=10)
    today.loc[:20, "item_id"] = "brand new"
    updated, stale, refitted = (
        _model(log).update(today),
        _model(log),
        _model(pd.concat([log, today])),
    )
    names = sorted(log["user_id"].unique())
    refit = refitted.affinity_matrix(names)
    error = np.abs(updated.affinity_matrix(names) - refit).mean()
    assert error < 0.1
    assert error < np.abs(stale.affinity_matrix(names) - refit).mean()
    gap = updated.predict_click(today) - refitted.predict_click(today)
    assert np.abs(gap).mean() < 0.02


def test_an_update_of_nothing_changes_nothing(log: pd.DataFrame) -> None:
    model = _model(log)
    before = model.affinity()
    pd.testing.assert_frame_equal(model.update(log.iloc[:0]).affinity(), before)


def test_recent_taste_outweighs_old_where_a_half_life_is_set() -> None:
    old, new = FAMILY, (FAMILY + 1) % 4
    drifting = pd.concat([_log(old, 60, seed=5), _log(new, 30, seed=6, day=40)])
    fresh = _log(new, 40, seed=7, day=55)

    def loss(config: PreferenceConfig) -> float:
        p = _model(drifting, config).predict_click(fresh)
        return float(-np.log(np.where(fresh["clicked"], p, 1 - p)).mean())

    forgetful = PreferenceConfig(n_families=3, iterations=40, half_life_days=10)
    assert loss(forgetful) < loss(CONFIG) - 0.01


def test_an_update_lets_the_new_taste_replace_the_old() -> None:
    config = PreferenceConfig(n_families=3, iterations=40, half_life_days=10)
    old, new = _log(FAMILY, 90, seed=5), _log((FAMILY + 1) % 4, 45, seed=6, day=40)
    names = sorted(old["user_id"].unique())

    def follows(model: StylePreferenceModel) -> float:
        """How much more the new taste agrees with the affinities than the old one does."""
        affinity = model.affinity_matrix(names)
        return float((affinity * (_liked((FAMILY + 1) % 4) - _liked(FAMILY))).mean())

    assert follows(_model(old, config)) < 0
    assert follows(_model(old, config).update(new)) > 0
    assert follows(_model(old, config).update(new)) > follows(_model(old).update(new))


def test_a_look_added_by_its_picture_is_ranked_as_if_known_at_the_fit() -> None:
    log = _log(FAMILY, 100, seed=1)
    log = log[~log["style_id"].isin(["s03", "s07"])]
    known = [look for look in LOOKS if look not in ("s03", "s07")]
    place = [LOOKS.index(look) for look in known]
    model = StylePreferenceModel(CONFIG, seed=1).fit(log, known, _codes()[place])
    before = model.affinity_matrix(["u000"])
    model.add_looks(["s03", "s07"], _codes()[[3, 7]])
    assert model.style_ids == [*known, "s03", "s07"]
    after = model.affinity_matrix([f"u{n:03d}" for n in range(80)])
    np.testing.assert_array_equal(np.delete(after[0], [10, 11]), before[0])
    assert np.mean(after[FAMILY == 0, 10] > after[FAMILY == 0, 11]) > 0.9
    assert np.mean(after[FAMILY == 1, 11] > after[FAMILY == 1, 10]) > 0.9
    sd = model.uncertainty_matrix(["u000"])[0]
    assert sd[10] > sd[0]
    model.fold_in(_log(FAMILY, 5, seed=8))
    assert np.isfinite(model.affinity_matrix(["u000"])).all()


def test_a_look_without_a_picture_may_be_added(log: pd.DataFrame) -> None:
    model = _model(log).add_looks(["blank"], np.full((1, 100), np.nan, dtype="float32"))
    assert np.isfinite(model.affinity_matrix(["u000"])).all()
    assert np.isfinite(model.uncertainty_matrix(["u000"])).all()


def test_a_folded_model_survives_saving(log: pd.DataFrame, tmp_path: Path) -> None:
    model = _model(log).update(_renamed(_log(FAMILY[:8], 9, seed=9), "z"))
    model.add_looks(["new"], _codes()[:1] + np.float32(0.1))
    model.save(tmp_path)
    loaded = StylePreferenceModel.load(tmp_path)
    more = _log(FAMILY, 4, seed=11)
    names = ["u000", "z003", "nobody"]
    for one in (model, loaded):
        one.update(more)
    np.testing.assert_array_equal(loaded.affinity_matrix(names), model.affinity_matrix(names))
    np.testing.assert_array_equal(loaded.uncertainty_matrix(names), model.uncertainty_matrix(names))


@pytest.mark.parametrize("clicked", [True, False])
def test_newcomers_who_click_all_or_nothing_stay_finite(log: pd.DataFrame, clicked: bool) -> None:
    model = _model(log).update(_renamed(_log(FAMILY[:2], 300, seed=3), "v").assign(clicked=clicked))
    assert np.isfinite(model.affinity_matrix(["v000", "v001"])).all()
    assert np.isfinite(model.uncertainty_matrix(["v000", "v001"])).all()


def test_an_empty_model_takes_in_its_first_events(log: pd.DataFrame) -> None:
    model = _model(log.iloc[:0]).update(log.iloc[:50])
    assert (model.affinity_matrix(["u000"]) == 0).all()
    assert model.users(["u000"])["n_events"].tolist() == [50]


def test_bad_input_is_refused_in_one_clear_line(log: pd.DataFrame) -> None:
    model = _model(log)
    with pytest.raises(SchemaError, match="add_looks first"):
        model.fold_in(log.assign(style_id="unheard of"))
    with pytest.raises(SchemaError, match=r"exposures lack \['clicked'\]"):
        model.update(log.drop(columns="clicked"))
    with pytest.raises(SchemaError, match="style_ids must be new"):
        model.add_looks(["s00"], _codes()[:1])
    with pytest.raises(SchemaError, match="codes must have shape"):
        model.add_looks(["new"], _codes()[:2])
    with pytest.raises(NotFittedError, match="call fit"):
        StylePreferenceModel().fold_in(log)
    with pytest.raises(ConfigError, match="half_life_days must be above 0"):
        PreferenceConfig(half_life_days=0)


def test_users_served_apart_are_known_ones_as_they_were_and_new_ones_folded_in(
    log: pd.DataFrame,
) -> None:
    model, now = _model(log), START + pd.Timedelta(days=40)
    new = _renamed(_log(FAMILY[:9], 30, seed=7), "a")
    both = pd.concat([new, log[log["user_id"] < "u020"]])
    whole = model.for_users(both, now)
    known = sorted(log.loc[log["user_id"] < "u020", "user_id"].unique())
    np.testing.assert_array_equal(whole.affinity_matrix(known), model.affinity_matrix(known))
    np.testing.assert_array_equal(whole.uncertainty_matrix(known), model.uncertainty_matrix(known))
    pd.testing.assert_frame_equal(whole.users(known), model.users(known))
    expected = _model(log).fold_in(new)
    names = sorted(new["user_id"].unique())
    np.testing.assert_allclose(
        whole.affinity_matrix(names), expected.affinity_matrix(names), rtol=1e-5, atol=1e-6
    )
    assert whole.users()["user_id"].tolist() == sorted([*names, *known])
    np.testing.assert_array_equal(whole.affinity_matrix(["nobody"]), model.affinity_matrix(["u9"]))
    for name in names[:3]:
        alone = model.for_users(new[new["user_id"] == name], now)
        np.testing.assert_array_equal(alone.affinity_matrix([name]), whole.affinity_matrix([name]))
    assert len(model.for_users(log.head(0), now).users()) == 0
