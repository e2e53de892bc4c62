"""What is served of the paint."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import ConfigError, ContractError
from styletransfer.colour import delta_e_2000, to_lab
from styletransfer.faithful.compose import ComposeConfig, Composer
from styletransfer.faithful.grade import LookPalette, look_palette
from styletransfer.faithful.plate import take_apart

HEIGHT, WIDTH = 96, 120


@pytest.fixture
def alpha() -> np.ndarray:
    down, right = np.mgrid[0:HEIGHT, 0:WIDTH]
    reach = np.hypot(down - HEIGHT / 2, right - WIDTH / 2)
    return np.clip((30 - reach) / 2 + 0.5, 0, 1).astype(np.float32)


@pytest.fixture
def paint() -> np.ndarray:
    rng = np.random.default_rng(5)
    strokes = rng.integers(0, 256, (12, 15, 3)).astype(np.uint8)
    return strokes.repeat(8, 0).repeat(8, 1)


def colours(picture: np.ndarray) -> np.ndarray:
    """Surroundings as they are composed: float32 in 0..1."""
    return picture.astype(np.float32) / np.float32(255)


@pytest.fixture
def look(paint: np.ndarray) -> LookPalette:
    return look_palette(paint[::-1])


def test_faithful_keeps_the_product_within_its_budget(make_picture, alpha, paint, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    served = Composer(take_apart(picture, alpha)).faithful(colours(paint), look)
    sure = alpha >= 1
    shift = delta_e_2000(to_lab(picture[sure]), to_lab(served[sure]))
    assert 0.5 < shift.mean() < 2.2


def test_faithful_shows_the_paint_and_nothing_else_outside(
    make_picture, alpha, paint, look
) -> None:
    config = ComposeConfig(correction=0.0, shadow=0.0)
    composer = Composer(take_apart(make_picture(HEIGHT, WIDTH), alpha), config)
    served = composer.faithful(colours(paint), look)
    np.testing.assert_array_equal(served[alpha == 0], paint[alpha == 0])


def test_soft_edges_mix_product_and_paint_without_the_old_ground() -> None:
    _, right = np.mgrid[0:HEIGHT, 0:WIDTH]
    ramp = np.clip((right - 40) / 8.0, 0, 1).astype(np.float32)
    share = ramp[..., None]
    picture = np.round(share * (20, 20, 20) + (1 - share) * 255).astype(np.uint8)
    dark = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    config = ComposeConfig(mean_delta_e=0.0, correction=0.0, shadow=0.0)
    served = Composer(take_apart(picture, ramp), config).faithful(colours(dark), look_palette(dark))
    # Black on white laid on dark: a light fringe would be the old ground.
    assert served.max() <= 48


def test_amount_zero_is_the_original_itself(make_picture, alpha, paint, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    composer = Composer(take_apart(picture, alpha))
    for served in (
        composer.faithful(colours(paint), look, 0.0),
        composer.accent(look, 0.0),
        composer.artistic(paint, look, 0.0),
    ):
        np.testing.assert_array_equal(served, picture)


def test_smaller_amounts_move_less(make_picture, alpha, paint, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    composer = Composer(take_apart(picture, alpha))
    for compose in (
        lambda amount: composer.faithful(colours(paint), look, amount),
        lambda amount: composer.accent(look, amount),
        lambda amount: composer.artistic(paint, look, amount),
    ):
        moves = [np.abs(compose(a).astype(float) - picture).mean() for a in (0.2, 0.6, 1.0)]
        assert moves == sorted(moves)
        assert moves[0] > 0


def test_accent_holds_for_any_region(make_picture, alpha, look) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    served = Composer(take_apart(picture, alpha)).accent(look)
    shift = delta_e_2000(to_lab(picture), to_lab(served))
    assert 0.5 < shift.mean() <= 2.1
    tiles = shift.reshape(6, 16, 6, 20).mean(axis=(1, 3))
    assert tiles.max() < 3.0


def test_artistic_is_nearer_to_the_look_than_its_paint(make_picture, alpha, paint) -> None:
    pale = (160 + paint.astype(int) // 4).astype(np.uint8)
    target = look_palette(paint)
    served = Composer(take_apart(make_picture(HEIGHT, WIDTH), alpha)).artistic(pale, target)
    before, after = (
        np.linalg.norm(look_palette(one).srgb.mean - target.srgb.mean) for one in (pale, served)
    )
    assert after < 0.7 * before


def test_a_lost_shadow_is_laid_back(alpha) -> None:
    ground = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    shadow = np.zeros((HEIGHT, WIDTH), bool)
    shadow[76:84, 40:80] = True
    ground[shadow] = 60
    picture = np.where(alpha[..., None] > 0.5, np.uint8(120), ground)
    flat = np.full((HEIGHT, WIDTH, 3), 180, np.uint8)
    plate = take_apart(picture, alpha)
    target = look_palette(flat)
    kept = Composer(plate, ComposeConfig(correction=0.0)).finish_paint(flat, target)
    lost = Composer(plate, ComposeConfig(correction=0.0, shadow=0.0)).finish_paint(flat, target)
    assert kept[shadow].mean() < 0.85 * lost[shadow].mean()
    np.testing.assert_allclose(kept[:8], lost[:8], atol=0.012)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_masks_without_surroundings_or_product_are_safe(make_picture, paint, look, value) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    plate = take_apart(picture, np.full((HEIGHT, WIDTH), value, np.float32))
    served = Composer(plate).faithful(colours(paint), look)
    assert served.shape == picture.shape
    if value == 1.0:
        assert delta_e_2000(to_lab(picture), to_lab(served)).mean() < 2.2


def test_paint_of_another_size_is_refused(make_picture, alpha, look) -> None:
    composer = Composer(take_apart(make_picture(HEIGHT, WIDTH), alpha))
    with pytest.raises(ContractError, match=r"surroundings are float32 of shape \(8, 8, 3\)"):
        composer.faithful(np.zeros((8, 8, 3), np.float32), look)
    with pytest.raises(ContractError, match=r"surroundings are uint8 of shape \(8, 8, 3\)"):
        composer.finish_paint(np.zeros((8, 8, 3), np.uint8), look)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"compose\.mean_delta_e must be at least 0"):
        ComposeConfig(mean_delta_e=-1)
    with pytest.raises(ConfigError, match=r"compose\.shadow_reach in 0\.\.1"):
        ComposeConfig(shadow=1.5)
