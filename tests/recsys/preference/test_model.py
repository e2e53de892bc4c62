from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from features.ids import IdMap
from features.schema import ORIGINAL, ConfigError, ContractError, NotFittedError, SchemaError
from recsys.preference import PreferenceConfig, StylePreferenceModel, learning
from recsys.preference.baseline import fit_effects
from recsys.preference.cells import ORDER, REACH, basis, blur, tabulate
from recsys.preference.outcomes import Grade, add_grade, learn_grade
from recsys.preference.rows import Vocabulary

N_LOOKS = 12
STYLE_IDS = [f"s{position:02d}" for position in range(N_LOOKS)]
QUICK = PreferenceConfig(n_families=3, iterations=60)


def _codes(seed: int = 0) -> np.ndarray:
    """Looks 0-3, 4-7 and 8-11 are near one another in style space."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 100))
    return (np.repeat(centres, 4, axis=0) + 0.5 * rng.normal(size=(N_LOOKS, 100))).astype("float32")


def _log(
    seed: int = 0, n_users: int = 90, n_events: int = 160, looks: int = N_LOOKS
) -> pd.DataFrame:
    """A third of the users like the plain photo, a third nothing, a third looks 0-3 or 4-7."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users), n_events)
    look = np.where(rng.random(len(user)) < 0.25, N_LOOKS, rng.integers(0, looks, len(user)))
    kind = user % 6
    liked = ((kind < 2) & (look == N_LOOKS)) | ((kind == 2) & (look < 4))
    liked |= (kind == 3) & (look >= 4) & (look < 8)
    item = rng.integers(0, 30, len(user))
    position = rng.integers(1, 6, len(user))
    log_odds = -1.5 + 2.0 * liked + 0.5 * (item == 0) - 0.15 * position
    names = np.array([*STYLE_IDS, ORIGINAL], dtype=object)
    return pd.DataFrame(
        {
            "user_id": pd.Series([f"u{number:03d}" for number in user], dtype="str"),
            "item_id": pd.Series([f"i{number:02d}" for number in item], dtype="str"),
            "style_id": pd.Series(names[look], dtype="str"),
            "position": position.astype("float32"),
            "propensity": np.float32(0.1),
            "clicked": rng.random(len(user)) < expit(log_odds),
        }
    )


@pytest.fixture(scope="module")
def fitted() -> StylePreferenceModel:
    return StylePreferenceModel(QUICK, seed=1).fit(_log(), STYLE_IDS, _codes())


def _users_of(kinds: tuple[int, ...]) -> list[str]:
    return [f"u{number:03d}" for number in range(90) if number % 6 in kinds]


def test_plain_lovers_get_the_plain_photo_first(fitted: StylePreferenceModel) -> None:
    best = fitted.affinity_matrix(_users_of((0, 1))).argmax(axis=1)
    assert np.mean(best == N_LOOKS) > 0.9


def test_family_lovers_get_looks_of_their_family(fitted: StylePreferenceModel) -> None:
    first = np.argsort(-fitted.affinity_matrix(_users_of((2,))), axis=1)[:, :4]
    second = np.argsort(-fitted.affinity_matrix(_users_of((3,))), axis=1)[:, :4]
    assert np.mean(first < 4) > 0.8
    assert np.mean((second >= 4) & (second < 8)) > 0.8


def test_strength_is_low_for_indifferent_and_high_for_others(fitted: StylePreferenceModel) -> None:
    strength = fitted.users().set_index("user_id")["style_strength"]
    assert strength.between(0, 1).all()
    assert strength[_users_of((4, 5))].median() < 0.2
    assert strength[_users_of((0, 1, 2, 3))].median() > 0.8


def test_a_look_never_shown_is_ranked_by_its_code() -> None:
    shown = _log()
    shown = shown[~shown["style_id"].isin(["s03", "s07"])]
    model = StylePreferenceModel(QUICK).fit(shown, STYLE_IDS, _codes())
    likes_first = model.affinity_matrix(_users_of((2,)))
    likes_second = model.affinity_matrix(_users_of((3,)))
    assert np.mean(likes_first[:, 3] > likes_first[:, 7]) > 0.8
    assert np.mean(likes_second[:, 7] > likes_second[:, 3]) > 0.8


def test_a_popular_item_lends_its_clicks_to_no_look() -> None:
    log = _log(n_users=60)
    rng = np.random.default_rng(5)
    hot = rng.random(len(log)) < 0.5
    log["item_id"] = log["item_id"].mask(hot, "hot")
    log["style_id"] = log["style_id"].mask(hot & (rng.random(len(log)) < 0.5), "s11")
    # The hot item is clicked nine times in ten in any look, and s11 is mostly shown on it.
    log["clicked"] = np.where(hot, rng.random(len(log)) < 0.9, rng.random(len(log)) < 0.1)
    model = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, _codes())
    population = model.affinity_matrix(["nobody"])[0]
    assert abs(population[11]) < 0.15


def test_unknown_users_get_the_population_and_no_strength(fitted: StylePreferenceModel) -> None:
    unknown = fitted.users(["nobody", "u000"])
    assert unknown["cold"].tolist() == [True, False]
    assert unknown["style_strength"][0] < 0.15
    matrix = fitted.affinity_matrix(["nobody", "no one"])
    np.testing.assert_array_equal(matrix[0], matrix[1])


def test_the_same_seed_gives_the_same_scores_whatever_the_order_of_rows() -> None:
    log = _log(n_users=30, n_events=60)
    shuffled = log.sample(frac=1, random_state=3)
    one = StylePreferenceModel(QUICK, seed=2).fit(log, STYLE_IDS, _codes())
    two = StylePreferenceModel(QUICK, seed=2).fit(shuffled, STYLE_IDS, _codes())
    np.testing.assert_array_equal(one.affinity()["affinity"], two.affinity()["affinity"])


def test_save_and_load_give_the_same_scores(fitted: StylePreferenceModel, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = StylePreferenceModel.load(tmp_path)
    assert loaded.config == fitted.config
    assert loaded.style_ids == fitted.style_ids
    pd.testing.assert_frame_equal(loaded.affinity(), fitted.affinity())
    pd.testing.assert_frame_equal(loaded.users(), fitted.users())
    log = _log(n_users=5, n_events=10)
    np.testing.assert_array_equal(loaded.predict_click(log), fitted.predict_click(log))
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".pkl", ".pickle", ".pt")]


def test_predicted_clicks_beat_the_mean_rate_on_new_impressions(
    fitted: StylePreferenceModel,
) -> None:
    fresh = _log(seed=9)
    clicked = fresh["clicked"].to_numpy(dtype=float)
    p = fitted.predict_click(fresh)
    mean = clicked.mean()
    loss = -np.mean(clicked * np.log(p) + (1 - clicked) * np.log1p(-p))
    mean_loss = -np.mean(clicked * np.log(mean) + (1 - clicked) * np.log1p(-mean))
    assert loss < mean_loss - 0.03


def test_embedding_is_a_point_among_the_looks_the_user_likes(fitted: StylePreferenceModel) -> None:
    codes = _codes()
    point = fitted.users(_users_of((2,))[:1])["style_embedding"][0]
    assert point.dtype == np.float32
    distance = np.linalg.norm(codes - point, axis=1)
    assert distance[:4].mean() < distance[4:].mean()


def test_a_log_of_the_plain_photo_only_gives_no_strength() -> None:
    log = _log(n_users=10, n_events=20)
    log["style_id"] = pd.Series([ORIGINAL] * len(log), dtype="str")
    model = StylePreferenceModel().fit(log, STYLE_IDS, _codes())
    assert (model.users()["style_strength"] == 0).all()
    assert (model.affinity_matrix(["u000"]) == 0).all()


def test_an_empty_log_gives_population_answers() -> None:
    model = StylePreferenceModel().fit(_log().iloc[:0], STYLE_IDS, _codes())
    assert len(model.users()) == 0
    assert (model.affinity_matrix(["anyone"]) == 0).all()
    assert model.users(["anyone"])["cold"].tolist() == [True]


@pytest.mark.parametrize("clicked", [True, False])
def test_users_who_click_everything_or_nothing_get_finite_scores(clicked: bool) -> None:
    log = _log(n_users=20, n_events=60)
    log["clicked"] = log["clicked"].mask(log["user_id"] == "u003", clicked)
    model = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, _codes())
    assert np.isfinite(model.affinity_matrix(["u003"])).all()
    log["clicked"] = clicked
    model = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, _codes())
    assert np.abs(model.affinity_matrix(["u003", "u004"])).max() < 0.5


def test_one_event_moves_a_user_little() -> None:
    log = pd.concat([_log(n_users=30, n_events=60), _log(n_users=1, n_events=1)])
    log.iloc[-1, log.columns.get_loc("user_id")] = "newcomer"
    model = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, _codes())
    newcomer, regular, nobody = model.affinity_matrix(["newcomer", "u003", "nobody"])
    assert np.abs(newcomer - nobody).max() < 0.5 * np.abs(regular - nobody).max()
    assert model.users(["newcomer"])["style_strength"][0] < 0.5


def test_positions_may_be_unlogged_and_codes_missing() -> None:
    log = _log(n_users=30, n_events=60).drop(columns="propensity")
    log["position"] = np.float32(np.nan)
    codes = _codes()
    codes[5] = np.nan
    model = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, codes)
    assert np.isfinite(model.affinity_matrix(["u002"])).all()
    assert np.isfinite(np.stack(model.users()["style_embedding"])).all()


def test_a_bot_with_most_of_the_events_does_not_change_the_others() -> None:
    log = _log(n_users=60)
    bot = _log(seed=4, n_users=1, n_events=30_000)
    bot["user_id"] = pd.Series(["bot"] * len(bot), dtype="str")
    noise = np.random.default_rng(0).normal(scale=0.4, size=N_LOOKS + 1)
    by_look = pd.Series(noise, index=[*STYLE_IDS, ORIGINAL])
    bot["clicked"] = np.random.default_rng(1).random(len(bot)) < expit(
        bot["style_id"].map(by_look).to_numpy(dtype=float)
    )
    model = StylePreferenceModel(QUICK).fit(pd.concat([log, bot]), STYLE_IDS, _codes())
    lovers = [name for name in _users_of((2,)) if name in set(log["user_id"])]
    first = np.argsort(-model.affinity_matrix(lovers), axis=1)[:, :4]
    assert np.mean(first < 4) > 0.7


def test_bad_input_is_refused_in_one_clear_line() -> None:
    log = _log(n_users=2, n_events=5)
    with pytest.raises(SchemaError, match=r"exposures lack \['clicked'\]"):
        StylePreferenceModel().fit(log.drop(columns="clicked"), STYLE_IDS, _codes())
    with pytest.raises(SchemaError, match="looks without a style"):
        StylePreferenceModel().fit(log, STYLE_IDS[:1], _codes()[:1])
    with pytest.raises(ContractError, match="one row per style_id"):
        StylePreferenceModel().fit(log, STYLE_IDS, _codes()[:3])
    with pytest.raises(NotFittedError, match="call fit"):
        StylePreferenceModel().users()
    with pytest.raises(NotFittedError, match="save a fitted"):
        StylePreferenceModel.load("nowhere")
    with pytest.raises(ConfigError, match="noise_sd must be above 0"):
        PreferenceConfig(noise_sd=0)


def _with_dwell(log: pd.DataFrame, slope: float) -> pd.DataFrame:
    """Clicks of a log, each with a dwell time longer by `slope` where the look is liked."""
    rng = np.random.default_rng(2)
    kind = log["user_id"].str[1:].astype(int).to_numpy() % 6
    look = log["style_id"].to_numpy()
    liked = ((kind < 2) & (look == ORIGINAL)) | ((kind == 2) & np.isin(look, STYLE_IDS[:4]))
    liked |= (kind == 3) & np.isin(look, STYLE_IDS[4:8])
    dwell_s = np.exp(1.5 + slope * liked + 0.4 * rng.normal(size=len(log)))
    clicked = log["clicked"].to_numpy()
    return log.assign(dwell_s=np.where(clicked, dwell_s, 0.0).astype("float32"))


def _hits(model: StylePreferenceModel) -> float:
    """Share of the plain and family lovers whose best look is one they like."""
    plain = model.affinity_matrix(_users_of((0, 1))).argmax(axis=1) == N_LOOKS
    first = model.affinity_matrix(_users_of((2,))).argmax(axis=1) < 4
    second = np.isin(model.affinity_matrix(_users_of((3,))).argmax(axis=1), range(4, 8))
    return float(np.concatenate([plain, first, second]).mean())


def test_dwell_sharpens_tastes_where_it_depends_on_them() -> None:
    log = _log(n_events=12)
    clicks_only = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, _codes())
    graded = StylePreferenceModel(QUICK).fit(_with_dwell(log, 1.2), STYLE_IDS, _codes())
    assert _hits(graded) > _hits(clicks_only) + 0.05


def test_dwell_that_says_nothing_about_taste_changes_nothing() -> None:
    log = _log(n_events=40)
    clicks_only = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, _codes())
    graded = StylePreferenceModel(QUICK).fit(_with_dwell(log, 0.0), STYLE_IDS, _codes())
    np.testing.assert_array_equal(graded.affinity()["affinity"], clicks_only.affinity()["affinity"])


def test_a_grade_recovers_its_slope_beside_shopper_and_item_effects() -> None:
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 80, 8000), rng.integers(0, 40, 8000)
    utility = rng.normal(size=8000)
    outcome = 2 + 0.3 * utility + 0.4 * rng.normal(size=80)[user] + 0.3 * rng.normal(size=8000)
    grade = learn_grade(*map(torch.from_numpy, (outcome, utility, user, item)))
    assert grade is not None
    assert grade.slope == pytest.approx(0.3, abs=0.02)
    assert grade.noise == pytest.approx(0.09, rel=0.1)


def test_a_grade_adds_its_normal_log_likelihood_to_the_cell() -> None:
    grade = Grade(slope=0.5, noise=0.2, residual=torch.tensor([0.3, -0.1], dtype=torch.float64))
    cells = add_grade(torch.zeros(2, ORDER, dtype=torch.float64), grade, torch.tensor([1, 1]))
    for utility in (-2.0, 0.0, 1.3):
        terms = basis(torch.tensor(utility, dtype=torch.float64))
        found = float(cells[1] @ terms) - float(cells[1] @ basis(torch.zeros(()).double()))
        exact = sum(r**2 - (r - 0.5 * utility) ** 2 for r in (0.3, -0.1)) / (2 * 0.2)
        assert found == pytest.approx(exact, abs=1e-9)
    assert float(cells[0].abs().sum()) == 0.0


def test_scores_do_not_depend_on_the_number_of_threads() -> None:
    log = _log(n_users=30, n_events=60)
    threads = torch.get_num_threads()
    one = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, _codes())
    try:
        torch.set_num_threads(2 if threads == 1 else 1)
        other = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, _codes())
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(one.affinity()["affinity"], other.affinity()["affinity"])


def test_effects_recover_a_known_logistic_model() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(scale=0.6, size=40)
    level = torch.from_numpy(rng.integers(0, 40, 40_000))
    clicked = torch.from_numpy(
        (rng.random(40_000) < expit(-1 + truth[level.numpy()])).astype("float64")
    )
    effects = fit_effects(clicked, {"item": level}, {"item": 40})
    found = effects.levels["item"].numpy() + effects.intercept
    assert np.abs(found - (truth - 1)).max() < 0.3
    assert 0.15 < effects.variances["item"] < 0.9


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(-3, 1)),
        min_size=1,
        max_size=30,
    ),
    st.floats(-REACH, REACH),
)
def test_cell_polynomial_equals_the_log_likelihood(
    rows: list[tuple[bool, float]], utility: float
) -> None:
    clicked = np.array([float(hit) for hit, _ in rows])
    offset = np.array([value for _, value in rows])
    cells = tabulate(
        torch.from_numpy(clicked),
        torch.from_numpy(offset),
        torch.zeros(len(rows), dtype=torch.int64),
        1,
    )
    found = float(cells[0] @ basis(torch.tensor(utility, dtype=torch.float64)))
    log_odds = offset + utility
    exact = float(np.sum(clicked * log_odds - np.logaddexp(0, log_odds)))
    assert found == pytest.approx(exact, abs=2e-3 * len(rows))


def test_blur_equals_the_integral_over_a_stray_liking() -> None:
    rng = np.random.default_rng(0)
    clicked = torch.from_numpy((rng.random(60) < 0.4).astype("float64"))
    offset = torch.full((60,), -0.5, dtype=torch.float64)
    plain = tabulate(clicked, offset, torch.zeros(60, dtype=torch.int64), 1)
    blurred = blur(plain, 0.3)
    stray = np.linspace(-2, 2, 801)
    for utility in (-1.0, 0.0, 0.8):
        log_odds = -0.5 + utility + stray
        hits = float(clicked.sum())
        log_likelihood = hits * log_odds - 60 * np.logaddexp(0, log_odds)
        density = np.exp(log_likelihood) * norm.pdf(stray, scale=0.3)
        exact = np.log(np.trapezoid(density, stray))
        found = float(blurred[0] @ basis(torch.tensor(utility, dtype=torch.float64)))
        assert found == pytest.approx(exact, abs=0.02)


@pytest.mark.slow
def test_the_same_scores_come_from_a_new_process(
    fitted: StylePreferenceModel, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    assert {file.suffix for file in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    script = (
        "import sys, numpy as np\n"
        "from recsys.preference import StylePreferenceModel\n"
        "model = StylePreferenceModel.load(sys.argv[1])\n"
        "names = model.users()['user_id']\n"
        "np.savez(sys.argv[2], affinity=model.affinity_matrix(names),\n"
        "         strength=model.users()['style_strength'].to_numpy())\n"
    )
    out = tmp_path / "scores.npz"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "model"), str(out)], check=True)
    names = fitted.users()["user_id"]
    with np.load(out) as scores:
        np.testing.assert_array_equal(scores["affinity"], fitted.affinity_matrix(names))
        np.testing.assert_array_equal(scores["strength"], fitted.users()["style_strength"])


def test_equal_propensities_weigh_all_rows_alike() -> None:
    log = _log(n_users=30, n_events=60)
    plain, weighted = (
        StylePreferenceModel(replace(QUICK, propensity_floor=floor), seed=2)
        .fit(log, STYLE_IDS, _codes())
        .affinity()["affinity"]
        for floor in (None, 0.01)
    )
    np.testing.assert_array_equal(weighted, plain)


def test_rarely_shown_looks_weigh_more_where_propensities_are_logged() -> None:
    log = _log(n_users=60, n_events=80)
    rare = log["style_id"].isin(STYLE_IDS[:4])
    log["propensity"] = np.where(rare, 0.02, 0.2).astype(np.float32)
    rows = Vocabulary.of(log, IdMap([*STYLE_IDS, ORIGINAL])).encode(log)
    weight = rows.inverse_propensity(0.05).numpy()
    assert weight.mean() == pytest.approx(1.0)
    ratio = weight[rare.to_numpy()] / weight[~rare.to_numpy()].max()
    np.testing.assert_allclose(ratio, 4.0, rtol=1e-6)
    unlogged = Vocabulary.of(log, IdMap([*STYLE_IDS, ORIGINAL])).encode(
        log.drop(columns="propensity")
    )
    assert (unlogged.inverse_propensity(0.05) == 1.0).all()
    config = replace(QUICK, propensity_floor=0.05)
    model = StylePreferenceModel(config, seed=2).fit(log, STYLE_IDS, _codes())
    assert np.isfinite(model.affinity()["affinity"]).all()


def test_ids_that_are_no_text_are_refused_at_every_entry(fitted: StylePreferenceModel) -> None:
    log = _log(n_users=2, n_events=4)
    numbers, mixed = log.assign(user_id=7), log.assign(user_id=["u000", 7] * 4)
    for ask in (
        lambda: fitted.affinity_matrix([7]),  # type: ignore[list-item]
        lambda: fitted.uncertainty_matrix(np.array([7])),
        lambda: fitted.affinity([7]),  # type: ignore[list-item]
        lambda: fitted.users(["u000", None]),  # type: ignore[list-item]
        lambda: fitted.predict_click(numbers),
        lambda: fitted.fold_in(numbers),
        lambda: fitted.update(mixed),
        lambda: StylePreferenceModel(QUICK).fit(mixed, STYLE_IDS, _codes()),
        lambda: StylePreferenceModel(QUICK).fit(log, list(range(N_LOOKS)), _codes()),  # type: ignore[arg-type]
    ):
        with pytest.raises(ContractError, match="expected text in every place"):
            ask()


def test_families_learned_from_some_shoppers_are_those_of_all(monkeypatch) -> None:
    log, codes = _log(n_users=240, n_events=60), _codes()
    every = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, codes)
    monkeypatch.setattr(learning, "FAMILY_SHOPPERS", 240)
    same = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, codes)
    monkeypatch.setattr(learning, "FAMILY_SHOPPERS", 120)
    some = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, codes)
    users = log["user_id"].unique()
    whole, exact, part = (m.affinity_matrix(users) for m in (every, same, some))
    assert (exact == whole).all()
    assert not (part == whole).all()
    assert np.corrcoef(part.ravel(), whole.ravel())[0, 1] > 0.95
    again = StylePreferenceModel(QUICK).fit(log, STYLE_IDS, codes)
    assert (again.affinity_matrix(users) == part).all()
