"""What may be shown, and the words when something may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.images import encode
from features.matting import Mask
from features.schema import ConfigError, ContractError
from styletransfer.config import FidelityBudget
from styletransfer.faithful.gate import (
    CATALOGUE,
    ItemGate,
    LookAnchor,
    PlacedSet,
    failures,
    look_anchor,
)
from styletransfer.fidelity import FidelityReport

HEIGHT, WIDTH = 120, 150
PERFECT = FidelityReport(
    delta_e=0.0,
    delta_e_p95=0.0,
    ssim=1.0,
    edge_f1=1.0,
    silhouette=0.9,
    silhouette_original=0.9,
)


@pytest.fixture
def mask() -> Mask:
    down, right = np.mgrid[0:HEIGHT, 0:WIDTH]
    reach = np.hypot(down - HEIGHT / 2, right - WIDTH / 2)
    return Mask(np.clip((36 - reach) / 2 + 0.5, 0, 1).astype(np.float32), 0.9, "given")


@pytest.fixture
def paint() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (12, 15, 3)).astype(np.uint8).repeat(10, 0).repeat(10, 1)


@pytest.fixture
def look(paint: np.ndarray) -> LookAnchor:
    return look_anchor(paint)


CREATIVE = FidelityBudget(max_delta_e=5.0, max_delta_e_p95=20.0, min_ssim=0.9)


def test_a_trusted_mask_is_served_faithful_within_the_budget(
    make_picture, mask, paint, look
) -> None:
    served = ItemGate(make_picture(HEIGHT, WIDTH), mask).serve("faithful", paint, look)
    assert served.mode == "faithful"
    assert served.amount == 1.0
    assert served.reasons == ()
    assert served.report is not None
    assert served.report.delta_e <= CATALOGUE.max_delta_e
    assert served.report.ssim >= CATALOGUE.min_ssim
    assert failures(served.report, CATALOGUE) == ()


def test_a_larger_budget_is_used(make_picture, mask, paint, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    reports = [
        ItemGate(picture, mask, budget).serve("faithful", paint, look).report
        for budget in (CATALOGUE, CREATIVE)
    ]
    assert reports[0] is not None
    assert reports[1] is not None
    assert 2.5 < reports[1].delta_e <= 5.0
    assert reports[0].delta_e < reports[1].delta_e


def test_a_mask_that_is_not_trusted_is_served_as_the_original_and_says_so(
    make_picture, mask, paint, look
) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    gate = ItemGate(picture, Mask(mask.alpha, 0.31, "estimated"))
    assert gate.refusal == "mask confidence 0.31, at least 0.90 required"
    served = gate.serve("faithful", paint, look)
    assert served.mode == "original"
    np.testing.assert_array_equal(served.picture, picture)
    assert served.reasons == ("faithful: mask confidence 0.31, at least 0.90 required",)


def test_an_empty_mask_is_never_trusted(make_picture, paint, look) -> None:
    nothing = Mask(np.zeros((HEIGHT, WIDTH), np.float32), 1.0, "given")
    served = ItemGate(make_picture(HEIGHT, WIDTH), nothing).serve("faithful", paint, look)
    assert served.mode == "original"
    assert served.reasons == ("faithful: no product was found in the photo",)


def test_a_product_that_fills_the_frame_leaves_no_room_for_a_look(
    make_picture, paint, look
) -> None:
    alpha = np.ones((HEIGHT, WIDTH), np.float32)
    alpha[:, :6] = 0.0
    gate = ItemGate(make_picture(HEIGHT, WIDTH), Mask(alpha, 1.0, "given"))
    served = gate.serve("faithful", paint, look)
    assert served.mode == "original"
    assert "leaves 4 % of the photo to its surroundings, at least 8 % required" in served.reasons[0]


def test_a_set_leaves_the_products_own_colours_alone(make_picture, mask, paint, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    placed = PlacedSet(paint.astype(np.float32) / 255, 1.0)
    served = ItemGate(picture, mask).serve("faithful", None, look, placed=placed)
    assert served.mode == "faithful"
    np.testing.assert_array_equal(served.picture[mask.alpha >= 1], picture[mask.alpha >= 1])
    np.testing.assert_array_equal(served.picture[mask.alpha == 0], paint[mask.alpha == 0])


@pytest.mark.parametrize(("share", "mode"), [(0.6, "faithful"), (0.3, "original")])
def test_a_set_shown_too_thinly_is_the_original(
    make_picture, mask, paint, look, share, mode
) -> None:
    placed = PlacedSet(paint.astype(np.float32) / 255, share)
    served = ItemGate(make_picture(HEIGHT, WIDTH), mask).serve(
        "faithful", None, look, placed=placed
    )
    assert served.mode == mode
    if mode == "original":
        assert "little of the look arrived, its set at 0.30, at least 0.50" in served.reasons[0]


def test_a_budget_that_cannot_be_kept_ends_at_the_original(make_picture, mask, paint, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    gate = ItemGate(picture, mask, recognise=lambda render: 3)
    served = gate.serve("faithful", paint, look)
    assert served.mode == "original"
    assert served.amount == 0.0
    assert served.report is None
    np.testing.assert_array_equal(served.picture, picture)
    assert served.reasons[0] == "faithful at 1: identity rank 3, at most 1 allowed"


def test_an_accent_that_changes_nothing_is_called_the_original(
    make_picture, mask, paint, look
) -> None:
    tiny = FidelityBudget(max_delta_e=1e-4)
    unsure = Mask(mask.alpha, 0.1, "estimated")
    served = ItemGate(make_picture(HEIGHT, WIDTH), unsure, tiny).serve("accent", None, look)
    assert served.mode == "original"
    assert served.reasons == ("accent: the budget leaves no room for any change",)


def test_the_strongest_amount_that_passes_is_served(make_picture, mask, paint, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    outside = mask.alpha == 0

    def far_from_home(render: np.ndarray) -> int:
        change = np.abs(render.astype(float) - picture)[outside].mean()
        return 1 if change < 60 else 7

    gate = ItemGate(picture, mask, recognise=far_from_home)
    served = gate.serve("faithful", paint, look)
    assert served.mode == "faithful"
    assert served.amount == 0.7
    assert served.report is not None
    assert served.report.identity_rank == 1
    assert served.reasons[0] == "faithful at 1: identity rank 7, at most 1 allowed"


def test_words_that_cannot_be_read_any_more_are_refused(make_picture, mask, paint, look) -> None:
    gate = ItemGate(make_picture(HEIGHT, WIDTH), mask, read_alike=lambda render: 0.5)
    served = gate.serve("faithful", paint, look)
    assert served.mode == "original"
    assert "text kept 0.50, at least 0.80 allowed" in served.reasons[0]


def test_a_picture_without_words_has_none_to_lose(make_picture, mask, paint, look) -> None:
    gate = ItemGate(make_picture(HEIGHT, WIDTH), mask, read_alike=lambda render: None)
    assert gate.serve("faithful", paint, look).mode == "faithful"


def test_what_the_file_shows_is_judged_in_place_of_the_render(
    make_picture, mask, paint, look
) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    own = ItemGate(picture, mask, CREATIVE).serve("faithful", paint, look)
    as_jpeg = ItemGate(picture, mask, CREATIVE).serve(
        "faithful", paint, look, lambda render: encode(render, "jpeg", quality=95)
    )
    ruined = ItemGate(picture, mask).serve(
        "faithful", paint, look, lambda render: encode(render, "jpeg", quality=2)
    )
    assert own.report is not None
    assert as_jpeg.report is not None
    np.testing.assert_array_equal(as_jpeg.picture, own.picture)
    assert as_jpeg.encoded == encode(as_jpeg.picture, "jpeg", quality=95)
    assert own.report.delta_e < as_jpeg.report.delta_e <= CREATIVE.max_delta_e
    assert ruined.mode == "original"
    assert ruined.encoded is None


def test_a_shift_of_colours_alone_weakens_the_grade_before_the_paint(
    make_picture, mask, paint, look
) -> None:
    picture = make_picture(HEIGHT, WIDTH)

    def exaggerated(render: np.ndarray) -> bytes:
        change = render.astype(float) - picture
        return encode(np.clip(picture + 1.8 * change, 0, 255).astype(np.uint8), "png")

    served = ItemGate(picture, mask).serve("faithful", paint, look, exaggerated)
    assert served.mode == "faithful"
    assert served.amount == 1.0
    assert len(served.reasons) == 1
    assert served.reasons[0].startswith("faithful at 1: mean delta-E inside")


def test_artistic_is_measured_and_not_refused(make_picture, mask, paint, look) -> None:
    served = ItemGate(make_picture(HEIGHT, WIDTH), mask).serve("artistic", paint, look)
    assert served.mode == "artistic"
    assert served.report is not None
    assert failures(served.report, CATALOGUE)


def test_an_accent_recolours_the_photos_own_ground(make_picture, mask, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    served = ItemGate(picture, mask).serve("accent", None, look)
    assert served.mode == "accent"
    assert served.report is not None
    assert served.report.arrival is not None
    assert served.report.arrival >= CATALOGUE.least_arrival
    assert served.report.delta_e <= CATALOGUE.max_delta_e


def test_a_picture_in_which_little_look_arrived_is_the_original(make_picture, mask, look) -> None:
    unsure = Mask(mask.alpha, 0.1, "estimated")
    served = ItemGate(make_picture(HEIGHT, WIDTH), unsure).serve("accent", None, look)
    assert served.mode == "original"
    assert "accent at 1: little of the look arrived, 0." in served.reasons[0]
    assert "of its colours, at least 0.30 required" in served.reasons[0]


def test_asking_for_the_original_gets_it(make_picture, mask, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    served = ItemGate(picture, mask).serve("original", None, look)
    assert served.mode == "original"
    assert served.picture is picture
    assert served.reasons == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delta_e": 3.1}, "mean delta-E inside 3.10, at most 2.50 allowed"),
        ({"delta_e_p95": 12.0}, "95th percentile delta-E inside 12, at most 10 allowed"),
        ({"ssim": 0.9}, "SSIM inside 0.90, at least 0.95 allowed"),
        ({"edge_f1": 0.2}, "edges kept 0.20, at least 0.50 allowed"),
        ({"silhouette": 0.4}, "outline lost 0.50, at most 0.45 allowed"),
        ({"identity_rank": 2}, "identity rank 2, at most 1 allowed"),
        ({"text": 0.1}, "text kept 0.10, at least 0.80 allowed"),
    ],
)
def test_each_failure_names_its_number(changes, words) -> None:
    assert [str(one) for one in failures(replace(PERFECT, **changes), CATALOGUE)] == [words]


def test_a_perfect_report_fails_nothing() -> None:
    assert failures(PERFECT, CATALOGUE) == ()


def test_unknown_modes_and_missing_paint_are_refused(make_picture, mask, look) -> None:
    gate = ItemGate(make_picture(HEIGHT, WIDTH), mask)
    with pytest.raises(ContractError, match="mode 'cubist' is unknown"):
        gate.serve("cubist", None, look)
    with pytest.raises(ContractError, match="mode 'faithful' needs the generator's paint"):
        gate.serve("faithful", None, look)


def test_budgets_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_delta_e above 0"):
        FidelityBudget(max_delta_e=0)
    with pytest.raises(ConfigError, match=r"min_ssim.*in 0\.\.1"):
        FidelityBudget(min_ssim=1.2)
