"""A set behind a product: lit as the photo was, cut to its shape, calm next to the product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import ConfigError, ContractError
from styletransfer.config import PlaceConfig
from styletransfer.sets.layout import read_layout
from styletransfer.sets.light import contact_shadow, read_light
from styletransfer.sets.place import SetPlacer
from styletransfer.sets.variant import choose_variant, picture_name

HEIGHT, WIDTH = 120, 160


@pytest.fixture
def alpha() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[40:90, 60:100] = 1.0
    return mask


@pytest.fixture
def white() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 250, np.uint8)


@pytest.fixture
def pattern() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (24, 24, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)


def test_a_shadow_on_white_is_read_as_the_ratio_of_its_light(white, alpha) -> None:
    white[90:104, 50:110] = 188  # half of the light of 250 in sRGB's own curve
    light = read_light(white, alpha)
    assert light.plain
    assert light.shadowed
    assert light.ratio[97, 80] == pytest.approx(0.53, abs=0.04)
    assert light.ratio[10:30].mean() == pytest.approx(1.0, abs=0.01)


def test_a_smooth_gradient_is_the_ground_itself_and_no_shadow(alpha) -> None:
    ramp = np.linspace(200, 250, WIDTH).astype(np.uint8)
    ground = np.broadcast_to(ramp[None, :, None], (HEIGHT, WIDTH, 3)).copy()
    light = read_light(ground, alpha)
    assert light.plain
    assert not light.shadowed
    assert np.abs(light.ratio - 1.0).max() < 0.05


def test_noise_of_a_jpeg_file_leaves_no_trace_in_the_light(white, alpha) -> None:
    noise = np.random.default_rng(0).integers(-2, 3, white.shape)
    light = read_light((white + noise).clip(0, 255).astype(np.uint8), alpha)
    assert light.plain
    assert light.ratio.std() < 0.006


def test_a_patterned_ground_does_not_show_through(alpha, pattern) -> None:
    ground = np.tile(pattern, (1, 1, 1))[:HEIGHT, :WIDTH]
    light = read_light(ground, alpha)
    assert not light.plain
    assert np.abs(light.ratio[:15] - 1.0).max() < 0.1


def test_light_stays_within_its_bounds_on_black_and_white(alpha) -> None:
    for level in (0, 255):
        light = read_light(np.full((HEIGHT, WIDTH, 3), level, np.uint8), alpha)
        assert light.ratio.min() >= 0.35
        assert light.ratio.max() <= 1.05


def test_a_standing_product_throws_its_shadow_below(alpha) -> None:
    standing, lying = contact_shadow(alpha, True), contact_shadow(alpha, False)
    assert standing[92, 80] < 0.75
    assert standing[92, 80] < standing[45, 58] - 0.1
    assert lying[60, 101] < standing[45, 101]
    assert min(standing.min(), lying.min()) >= 0.25
    assert standing[5, 5] == lying[5, 5] == 1.0


def test_a_shadow_below_means_a_floor_and_none_means_a_wall(white, alpha) -> None:
    assert read_layout(white, alpha, read_light(white, alpha)) == "wall"
    white[90:100, 55:105] = 170
    assert read_layout(white, alpha, read_light(white, alpha)) == "wall_and_floor"


def test_a_line_on_both_sides_of_the_product_means_a_floor(alpha) -> None:
    room = np.full((HEIGHT, WIDTH, 3), (200, 190, 170), np.uint8)
    room[80:] = (120, 80, 50)
    assert read_layout(room, alpha, read_light(room, alpha)) == "wall_and_floor"


def test_a_patterned_ground_without_a_line_is_seen_from_above(alpha, pattern) -> None:
    ground = pattern[:HEIGHT, :WIDTH]
    assert read_layout(ground, alpha, read_light(ground, alpha)) == "flat_lay"


def test_a_placed_set_keeps_the_photos_shape_and_range(white, alpha, pattern) -> None:
    square = pattern[:192, :192]
    placed = SetPlacer(white, alpha).place(square, 0.5, False)
    assert placed.shape == white.shape
    assert placed.dtype == np.float32
    assert placed.min() > -0.2
    assert placed.max() < 1.2


def test_a_set_is_calmer_next_to_the_product(white, alpha, pattern) -> None:
    wild, calm = (
        SetPlacer(white, alpha, PlaceConfig(calm=calm, most_contrast=1.0)).place(
            pattern, 0.0, False
        )
        for calm in (0.0, 0.6)
    )
    near, far = np.s_[42:88, 101:106], np.s_[:20, :30]
    assert calm[near].std() < 0.75 * wild[near].std()
    np.testing.assert_allclose(calm[far], wild[far], atol=0.02)


def test_a_hard_pattern_is_held_back_everywhere(white, alpha) -> None:
    checks = np.kron(np.indices((24, 24)).sum(0) % 2, np.ones((8, 8)))[..., None]
    square = np.repeat(255 * checks, 3, axis=2).astype(np.uint8)
    placed = SetPlacer(white, alpha, PlaceConfig(calm=0.0)).place(square, 0.0, False)
    assert placed[:30].std() < 0.3 < (square / 255.0).std()


@pytest.mark.parametrize("shape", [(120, 120), (90, 160), (160, 90), (64, 300)])
def test_sets_fit_photos_of_any_shape(shape, pattern) -> None:
    mask = np.zeros(shape, np.float32)
    mask[shape[0] // 3 : shape[0] // 2, shape[1] // 3 : shape[1] // 2] = 1.0
    placer = SetPlacer(np.full((*shape, 3), 240, np.uint8), mask)
    for shift in (0.0, 1.0):
        assert placer.place(pattern, shift, True).shape == (*shape, 3)


def test_windows_and_mirrors_are_variants(alpha, pattern) -> None:
    tall = np.full((160, 90, 3), 240, np.uint8)
    placer = SetPlacer(tall, np.zeros((160, 90), np.float32))
    made = [
        placer.place(pattern, *variant) for variant in ((0.0, False), (1.0, False), (0.0, True))
    ]
    assert np.abs(made[0] - made[1]).mean() > 0.02
    np.testing.assert_allclose(made[0].mean(), made[2].mean(), atol=0.02)


def test_sets_that_are_no_squares_are_refused(white, alpha, pattern) -> None:
    with pytest.raises(ContractError, match=r"the set is uint8 of shape \(100, 192, 3\)"):
        SetPlacer(white, alpha).place(pattern[:100], 0.0, False)
    with pytest.raises(ConfigError, match=r"place\.calm must be in 0\.\.1"):
        PlaceConfig(calm=2.0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_the_variant_follows_from_photo_and_look_alone(seed, variants) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    code = rng.standard_normal(100).astype(np.float32)
    one = choose_variant(picture_name(picture), code, variants)
    assert one == choose_variant(picture_name(picture.copy()), code.astype(np.float64), variants)
    assert 0 <= one.seed < variants
    assert 0.0 <= one.shift <= 1.0


def test_variants_are_spread_evenly() -> None:
    code = np.zeros(100, np.float32)
    names = [picture_name(np.full((2, 2, 3), level, np.uint8)) for level in range(200)]
    chosen = [choose_variant(name, code, 2) for name in names]
    assert 70 < sum(variant.seed for variant in chosen) < 130
    assert 70 < sum(variant.mirrored for variant in chosen) < 130
