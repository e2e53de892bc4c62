"""The parts that estimate a mask: border, mean field, prior, guesses, confidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.matting import LOW_CONFIDENCE
from features.matting.border import BorderConfig, border_distance, border_log_odds, frame, to_lab
from features.matting.confidence import Evidence, confidence, gather, iou
from features.matting.hypotheses import Hypothesis, SegmentConfig, hypotheses, tidy
from features.matting.mean_field import MeanFieldConfig, mean_field
from features.matting.prior import product_log_odds


def _disc(
    shape: tuple[int, int] = (90, 120), radius: float = 28.0
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A blue disc on a beige, slightly noisy ground, and where it is."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside = (rows - shape[0] / 2) ** 2 + (columns - shape[1] / 2) ** 2 < radius**2
    colours = np.where(inside[..., None], (40, 70, 160), (220, 205, 180))
    noise = np.random.default_rng(1).normal(0, 4, (*shape, 3))
    return np.clip(colours + noise, 0, 255).astype(np.uint8), inside


def test_the_frame_has_the_band_asked_for_on_all_four_sides() -> None:
    inside = frame((40, 60), 0.1)
    assert inside[:4].all()
    assert inside[-4:].all()
    assert inside[:, :4].all()
    assert inside[:, -4:].all()
    assert not inside[4:-4, 4:-4].any()


def test_colours_of_the_frame_are_near_the_border_and_others_far() -> None:
    picture, inside = _disc()
    distance = border_distance(to_lab(picture), BorderConfig())
    assert np.median(distance[~inside]) < 2.0
    assert np.median(distance[inside]) > 6.0


def test_a_ground_of_two_colours_is_near_the_border_throughout() -> None:
    picture, inside = _disc()
    picture[:45][~inside[:45]] = (30, 120, 40)
    distance = border_distance(to_lab(picture), BorderConfig())
    assert np.quantile(distance[~inside], 0.95) < 3.0


def test_border_odds_are_highest_for_other_colours_in_the_middle() -> None:
    picture, inside = _disc()
    picture[2:10, 2:10] = (40, 70, 160)
    log_odds = border_log_odds(to_lab(picture), BorderConfig())
    assert np.isfinite(log_odds).all()
    assert log_odds[45, 60] > log_odds[5, 5] > np.median(log_odds[~inside])


def test_the_mean_field_recovers_the_outline_from_a_shifted_blurry_prior() -> None:
    picture, inside = _disc()
    rows, columns = np.ogrid[:90, :120]
    off = (30.0 - np.hypot(rows - 50, columns - 68)) / 8.0
    field = mean_field(picture, to_lab(picture), off.astype(np.float32), MeanFieldConfig())
    assert field.dtype == np.float32
    assert iou(off > 0, inside) < 0.75
    assert iou(field > 0.5, inside) > 0.95


def test_without_colour_and_smoothing_the_mean_field_is_its_prior() -> None:
    picture, _ = _disc()
    prior = np.random.default_rng(0).normal(0, 2, (90, 120)).astype(np.float32)
    config = MeanFieldConfig(prior=1.0, colour=0.0, smoothing=0.0)
    field = mean_field(picture, to_lab(picture), prior, config)
    np.testing.assert_allclose(field, 1 / (1 + np.exp(-prior)), atol=1e-5)


def test_the_prior_is_a_grid_of_stride_8_and_the_same_every_time() -> None:
    picture, _ = _disc((120, 90))
    log_odds = product_log_odds(picture)
    assert log_odds.shape == (32, 24)
    assert log_odds.dtype == np.float32
    assert np.array_equal(log_odds, product_log_odds(picture.copy()))


def test_the_prior_is_higher_in_the_middle_object_than_at_the_frame() -> None:
    picture, _ = _disc((128, 128), 40)
    log_odds = product_log_odds(picture)
    assert log_odds[12:20, 12:20].mean() > log_odds[frame(log_odds.shape, 0.1)].mean() + 2


def test_guesses_come_best_first_and_cover_the_product() -> None:
    picture, inside = _disc()
    log_odds = np.where(inside, 3.0, -3.0).astype(np.float32)
    guesses = hypotheses(picture, log_odds, SegmentConfig())
    assert [guess.score for guess in guesses] == sorted(
        (guess.score for guess in guesses), reverse=True
    )
    assert iou(guesses[0].mask, inside) > 0.97
    assert 0.8 < guesses[0].overlap <= 1.0


def test_a_picture_of_a_few_pixels_gets_no_guess() -> None:
    assert hypotheses(np.zeros((11, 50, 3), np.uint8), np.zeros((1, 1), np.float32), _CONFIG) == []


_CONFIG = SegmentConfig()


def test_tidying_drops_specks_fills_pin_holes_and_keeps_real_parts() -> None:
    mask = np.zeros((60, 60), dtype=bool)
    mask[5:35, 5:35] = True
    mask[45:58, 45:58] = True  # the second shoe
    clean = mask.copy()
    mask[20, 20] = False
    mask[50, 5] = True
    assert np.array_equal(tidy(mask), clean)


def test_a_hole_as_large_as_a_sleeve_gap_stays_open() -> None:
    mask = np.zeros((60, 60), dtype=bool)
    mask[5:55, 5:55] = True
    mask[20:30, 20:25] = False
    assert np.array_equal(tidy(mask), mask)


def test_evidence_compares_the_best_guess_with_every_other() -> None:
    one = np.zeros((20, 20), dtype=bool)
    one[5:15, 5:15] = True
    half = one.copy()
    half[10:] = False
    evidence = gather(
        [Hypothesis(one, 0.9, 2.0), Hypothesis(one, 0.9, 1.5), Hypothesis(half, 0.4, 1)],
        half.astype(np.float32),
    )
    assert evidence == Evidence(
        overlap=0.9, agreement=0.75, dissent=0.5, touch=0.0, backed=0.5, missed=0.0
    )


def test_confidence_rises_with_agreement_and_overlap_and_falls_with_the_touched_frame() -> None:
    good = Evidence(overlap=0.93, agreement=0.95, dissent=0.93, touch=0.02, backed=0.9, missed=0.0)
    assert confidence(good) > 0.95
    assert confidence(good._replace(agreement=0.5, dissent=0.4)) < LOW_CONFIDENCE - 0.1
    assert confidence(good._replace(overlap=0.5)) < confidence(good)
    assert confidence(good._replace(touch=0.6)) < confidence(good)
    assert confidence(good._replace(missed=0.6)) < confidence(good)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_confidence_is_a_probability_for_any_evidence(values: list[float]) -> None:
    assert 0.0 <= confidence(Evidence(*values)) <= 1.0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([0, 0], [0, 0], 1.0), ([1, 1], [1, 0], 0.5), ([1, 0], [0, 1], 0.0), ([1, 1], [1, 1], 1.0)],
)
def test_iou(one: list[int], other: list[int], expected: float) -> None:
    assert iou(np.array([one], dtype=bool), np.array([other], dtype=bool)) == expected
