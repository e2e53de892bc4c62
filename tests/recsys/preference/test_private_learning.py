"""What all shoppers share is made of noisy sums in which each shopper's part is bounded."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from features.ids import IdMap
from features.schema import ORIGINAL, ConfigError, ContractError
from recsys.config import DP_DELTA
from recsys.preference import PreferenceConfig, StylePreferenceModel
from recsys.preference.cells import blur, tabulate
from recsys.preference.mixture import TasteMixture
from recsys.preference.noisy_sums import NoisySums, clipped_sum, noise_multiplier, secret_seed
from recsys.preference.private_learning import (
    COUNT_BOUND,
    RELEASES,
    SLOPE_BOUND,
    privacy_of,
    shopper_counts,
    shopper_slopes,
)
from recsys.preference.rows import Rows, Vocabulary

LOOKS = [f"s{number}" for number in range(6)]
KEY = b"sixteen bytes or"
CODES = np.random.default_rng(3).normal(size=(6, 20)).astype(np.float32)

MIXTURE = TasteMixture(CODES, torch.ones(7, dtype=torch.float64), 2, PreferenceConfig().prior, 0)


def _log(n_users: int = 40, n_events: int = 30, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = n_users * n_events
    return pd.DataFrame(
        {
            "user_id": pd.Series([f"u{k // n_events:03d}" for k in range(n)], dtype="str"),
            "item_id": pd.Series([f"i{k}" for k in rng.integers(0, 9, n)], dtype="str"),
            "style_id": pd.Series([[*LOOKS, ORIGINAL][k] for k in rng.integers(0, 7, n)]),
            "position": rng.integers(1, 8, n).astype("float32"),
            "clicked": rng.random(n) < 0.3,
        }
    )


def _fit(log: pd.DataFrame, epsilon: float | None = 2.0, key: bytes = KEY) -> StylePreferenceModel:
    config = PreferenceConfig(n_families=2, dp_epsilon=epsilon)
    return StylePreferenceModel(config, 1, key).fit(log, LOOKS, CODES)


@pytest.fixture(scope="module")
def fitted() -> StylePreferenceModel:
    return _fit(_log())


@pytest.mark.parametrize("epsilon", [1.0, 4.0])
def test_the_noise_is_what_the_accountant_asks_for(epsilon: float) -> None:
    told = privacy_of(PreferenceConfig(dp_epsilon=epsilon))
    multiplier = noise_multiplier(epsilon, DP_DELTA, RELEASES)
    assert told["noise_multiplier"] == pytest.approx(multiplier, abs=1e-4)
    # Balle and Wang (2018): what one sum with the noise of all of them would tell.
    mu = math.sqrt(RELEASES) / multiplier
    delta = norm.cdf(mu / 2 - epsilon / mu) - np.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
    assert delta == pytest.approx(DP_DELTA, rel=0.01)
    # And the library's other accountant, which composes the sums one by one.
    every = SelfComposedDpEvent(GaussianDpEvent(multiplier), RELEASES)
    spent = PLDAccountant().compose(every).get_epsilon(DP_DELTA)
    assert spent == pytest.approx(epsilon, rel=0.01)


def test_noise_has_the_deviation_it_is_said_to_have_and_no_sum_comes_without() -> None:
    sums = NoisySums(5.0, 2, secret_seed(KEY, [b"a log"]))
    nothing = torch.zeros(1, 40_000, dtype=torch.float64)
    first, second = sums.release([nothing], 2.0), sums.release([nothing], 2.0)
    assert float(first.std()) == pytest.approx(10.0, rel=0.02)
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.03
    with pytest.raises(RuntimeError, match="all sums"):
        sums.release([nothing], 2.0)


@st.composite
def _rows(draw: st.DrawFn) -> Rows:
    """Any log of up to six shoppers."""
    n = draw(st.integers(0, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    busy = draw(st.integers(1, 6))
    user = rng.integers(0, 6, n) % busy
    level = {
        "user": user,
        "item": rng.integers(0, 4, n),
        "position": rng.integers(0, draw(st.integers(1, 51)), n),
        "pair": np.zeros(n, dtype=np.int64),
    }
    return Rows(
        torch.from_numpy(user),
        torch.from_numpy(rng.integers(0, draw(st.integers(1, 7)), n)),
        torch.from_numpy((rng.random(n) < draw(st.floats(0, 1))).astype(np.float64)),
        {name: torch.from_numpy(values) for name, values in level.items()},
        {},
        torch.zeros(n, dtype=torch.float64),
        torch.full((n,), torch.nan, dtype=torch.float64),
    )


def _slopes(rows: Rows) -> torch.Tensor:
    offset = torch.full((len(rows.user),), -1.0, dtype=torch.float64)
    cells = blur(tabulate(rows.clicked, offset, rows.user * 7 + rows.look, 6 * 7), 0.05)
    with torch.no_grad():
        utility, shares = MIXTURE.tastes() + MIXTURE.population, MIXTURE.log_shares()
    return shopper_slopes(
        cells.reshape(6, 7, -1), utility, shares, torch.zeros(6, dtype=torch.float64), 3.0
    )


@settings(deadline=None)
@given(_rows(), st.integers(0, 5))
def test_taking_a_shopper_out_of_any_log_changes_no_sum_by_more_than_the_bound(
    rows: Rows, gone: int
) -> None:
    fewer = rows.take(rows.user != gone)
    for vectors, bound in (
        (lambda some: shopper_counts(some, 6, 7), COUNT_BOUND),
        (_slopes, SLOPE_BOUND),
    ):
        before, after = vectors(rows), vectors(fewer)
        others = torch.arange(6) != gone
        # The rows of the others are theirs alone.
        assert torch.allclose(before[others], after[others], atol=1e-9)
        with_them = clipped_sum(before, bound)
        without = clipped_sum(after[others], bound)
        assert float((with_them - without).norm()) <= bound * (1 + 1e-9)


def test_slopes_of_shoppers_add_up_to_that_of_the_likelihood() -> None:
    log = _log(6, 25)
    rows = Vocabulary.of(log, IdMap([*LOOKS, ORIGINAL])).encode(log)
    slopes = _slopes(rows).sum(dim=0)
    offset = torch.full((len(rows.user),), -1.0, dtype=torch.float64)
    cells = blur(tabulate(rows.clicked, offset, rows.user * 7 + rows.look, 6 * 7), 0.05)
    rate = torch.zeros(6, dtype=torch.float64)
    joint, _ = MIXTURE.evidence(cells.reshape(6, 7, -1), rate, 3.0)
    expected = torch.autograd.grad(torch.logsumexp(joint, dim=1).sum(), list(MIXTURE.parameters()))
    utility, shares = MIXTURE.tastes() + MIXTURE.population, MIXTURE.log_shares()
    in_utility, in_shares = slopes.split([utility.numel(), shares.numel()])
    gain = (in_utility * utility.flatten()).sum() + (in_shares * shares).sum()
    found = torch.autograd.grad(gain, list(MIXTURE.parameters()))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_shoppers_taste_follows_from_what_is_shared_and_from_their_own_rows(
    fitted: StylePreferenceModel,
) -> None:
    log = _log()
    own = log[log["user_id"] == "u007"]
    alone = fitted.for_users(own, pd.Timestamp("2026-01-01", tz="UTC"), anew=True)
    np.testing.assert_allclose(
        alone.affinity_matrix(["u007"]), fitted.affinity_matrix(["u007"]), atol=1e-6
    )
    assert fitted.uncertainty_matrix(["u007"]).min() > 0


def test_noise_is_the_same_again_and_another_for_another_log_or_key(
    fitted: StylePreferenceModel,
) -> None:
    def shared(model: StylePreferenceModel) -> np.ndarray:
        return model.affinity_matrix(["nobody known"])

    np.testing.assert_array_equal(shared(fitted), shared(_fit(_log())))
    assert (shared(fitted) != shared(_fit(_log(), key=KEY[::-1]))).any()
    first, second = (secret_seed(KEY, [part]) for part in (b"a log", b"a log less a row"))
    assert first != second


def test_without_the_setting_nothing_is_noisy_and_what_cannot_be_private_is_refused(
    fitted: StylePreferenceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = _log()
    plain = StylePreferenceModel(PreferenceConfig(n_families=2), 1).fit(log, LOOKS, CODES)
    np.testing.assert_array_equal(
        plain.affinity_matrix(["u001"]), _fit(log, epsilon=None).affinity_matrix(["u001"])
    )
    with pytest.raises(ContractError, match="noise_key has 0 bytes, expected 16"):
        _fit(log, key=b"")
    with pytest.raises(ContractError, match="without noise"):
        fitted.update(log)
    for outside in (0.0, float("nan"), 1e20):
        with pytest.raises(ConfigError, match="dp_epsilon must be a number above 0 and at most"):
            PreferenceConfig(dp_epsilon=outside)
    with pytest.raises(ConfigError, match="expected one of them"):
        PreferenceConfig(dp_epsilon=1.0, propensity_floor=0.1)
    monkeypatch.setitem(__import__("sys").modules, "dp_accounting", None)
    with pytest.raises(ConfigError, match=r"stylefeed\[dp\]"):
        noise_multiplier(1.0, DP_DELTA, RELEASES)
