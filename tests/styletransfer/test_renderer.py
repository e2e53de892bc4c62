"""The renderer: looks in, pictures out; strength 0 is the picture itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.matting import Mask
from features.networks.encoders import StyleEncoder
from features.schema import ORIGINAL, ConfigError, ContractError, InputError
from styletransfer.config import RenderConfig
from styletransfer.faithful.gate import look_anchor
from styletransfer.look import Look, mix_codes
from styletransfer.painters.generator.network import Generator
from styletransfer.painters.generator.runtime import Backend, make_backend
from styletransfer.renderer import Renderer, render_key

MakePicture = Callable[..., NDArray[np.uint8]]
MakeCodes = Callable[..., NDArray[np.float32]]


PAINT = RenderConfig(mode="artistic")


class CountingBackend:
    """A real engine that remembers how many looks each pass had."""

    def __init__(self, inner: Backend) -> None:
        self.name, self.model_version = inner.name, inner.model_version
        self._inner = inner
        self.passes: list[int] = []

    def paint(
        self, pictures: NDArray[np.float32], codes: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        self.passes.append(len(codes))
        return self._inner.paint(pictures, codes)


@pytest.fixture(scope="module")
def engine(generator: Generator) -> Backend:
    return make_backend("onnxruntime", generator=generator)


@pytest.fixture
def counting(engine: Backend) -> CountingBackend:
    return CountingBackend(engine)


def looks(codes: NDArray[np.float32], strength: float = 1.0) -> list[Look]:
    return [Look(f"look-{row}", code, strength) for row, code in enumerate(codes)]


def test_strength_zero_and_the_null_look_are_the_very_same_pixels_without_the_generator(
    counting: CountingBackend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture = make_picture(80, 70)
    code = make_codes(1)[0]
    renders = Renderer(PAINT, backend=counting).render(
        picture, [Look("mosaic", code, 0.0), Look(ORIGINAL, code, 1.0)]
    )
    assert counting.passes == []
    for render in renders:
        assert render.picture.tobytes() == picture.tobytes()
        assert render.served_mode == ORIGINAL
        assert render.strength == 0.0


def test_a_picture_of_any_size_is_left_alone_by_the_null_look(
    engine: Backend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    tiny = make_picture(5, 9)
    [render] = Renderer(PAINT, backend=engine).render(tiny, [Look(ORIGINAL, make_codes(1)[0])])
    assert np.array_equal(render.picture, tiny)


def test_renders_come_in_the_order_of_the_looks_at_the_pictures_size(
    engine: Backend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture, codes = make_picture(75, 101), make_codes(3)
    wanted = [
        Look("a", codes[0]),
        Look(ORIGINAL, codes[0]),
        Look("b", codes[1]),
        Look("c", codes[2], 0.0),
        Look("d", codes[2]),
    ]
    renders = Renderer(PAINT, backend=engine).render(picture, wanted)
    assert [render.style_id for render in renders] == ["a", ORIGINAL, "b", "c", "d"]
    for render in renders:
        assert render.picture.shape == (75, 101, 3)
        assert render.picture.dtype == np.uint8
    for position, code in ((0, codes[0]), (2, codes[1]), (4, codes[2])):
        [alone] = Renderer(PAINT, backend=engine).render(picture, [Look("alone", code)])
        assert np.array_equal(renders[position].picture, alone.picture)


def test_looks_share_passes_within_the_memory_bound_and_give_the_same_bytes(
    counting: CountingBackend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture, wanted = make_picture(64, 64), looks(make_codes(7))
    bounded = RenderConfig(mode="artistic", pixels_per_pass=3 * 64 * 64)
    together = Renderer(bounded, counting).render(picture, wanted)
    assert counting.passes == [3, 3, 1]
    counting.passes.clear()
    one_by_one = RenderConfig(mode="artistic", pixels_per_pass=1)
    single = Renderer(one_by_one, counting).render(picture, wanted)
    assert counting.passes == [1] * 7
    for one, other in zip(together, single, strict=True):
        assert np.array_equal(one.picture, other.picture)


def test_more_strength_is_further_from_the_pictures_own_style(
    engine: Backend, make_picture: MakePicture
) -> None:
    picture = make_picture(96, 96)
    own, look = StyleEncoder().encode([picture, make_picture(96, 96, seed=5)[:, ::-1]])
    renderer = Renderer(PAINT, backend=engine)
    [start] = renderer.render(picture, [Look("own", own)])
    steps = [Look("look", look, strength) for strength in (0.25, 0.5, 0.75, 1.0)]
    distances = [
        np.abs(render.picture.astype(float) - start.picture).mean()
        for render in renderer.render(picture, steps, own_code=own)
    ]
    assert distances == sorted(distances)
    assert distances[0] > 0
    assert distances[-1] > 2 * distances[0]


def test_the_own_code_is_encoded_when_it_is_not_given(
    engine: Backend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture, half = make_picture(90, 70), looks(make_codes(1), 0.5)
    renderer = Renderer(PAINT, backend=engine)
    own = StyleEncoder().encode([picture])[0]
    [found] = renderer.render(picture, half)
    [told] = renderer.render(picture, half, own_code=own)
    [other] = renderer.render(picture, half, own_code=np.zeros(100, np.float32))
    assert np.array_equal(found.picture, told.picture)
    assert not np.array_equal(found.picture, other.picture)


def test_rendering_twice_gives_the_same_bytes(
    engine: Backend, generator: Generator, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture, wanted = make_picture(90, 83), looks(make_codes(3), 0.7)
    first = Renderer(PAINT, backend=engine).render(picture, wanted)
    fresh = make_backend("onnxruntime", generator=generator)
    second = Renderer(PAINT, backend=fresh).render(picture, wanted)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.picture, other.picture)


def test_the_renderer_opens_the_engine_its_config_names(
    generator: Generator, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    renderer = Renderer(RenderConfig(mode="artistic", backend="torch"))
    assert renderer.model_version == f"{generator.model_version}-grain"
    [render] = renderer.render(make_picture(64, 64), looks(make_codes(1)))
    assert render.served_mode == render.requested_mode == "artistic"
    assert render.seconds > 0


def test_pictures_and_looks_that_cannot_be_used_are_refused(
    engine: Backend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    renderer, wanted = Renderer(PAINT, backend=engine), looks(make_codes(1))
    with pytest.raises(InputError, match="got 12x80 px, expected 16 to 1536"):
        renderer.render(make_picture(80, 12), wanted)
    with pytest.raises(ContractError, match=r"must be uint8 of shape \(h, w, 3\)"):
        renderer.render(np.zeros((80, 80), np.uint8), wanted)
    with pytest.raises(ContractError, match=r"look 'x' has strength 1.5: expected 0 to 1"):
        Look("x", make_codes(1)[0], 1.5)
    with pytest.raises(ContractError, match=r"look 'x' .* got shape \(64,\), expected 100 finite"):
        Look("x", np.zeros(64, np.float32))
    with pytest.raises(ContractError, match="expected 100 finite"):
        Look("x", np.full(100, np.nan, np.float32))


@pytest.mark.parametrize("size", [(64, 40), (24, 64), (40, 40), (90, 16)])
def test_a_small_or_narrow_picture_is_painted_at_its_own_size(
    engine: Backend, make_picture: MakePicture, make_codes: MakeCodes, size: tuple[int, int]
) -> None:
    picture = make_picture(*size)
    [render] = Renderer(PAINT, backend=engine).render(picture, looks(make_codes(1)))
    assert render.served_mode == "artistic"
    assert render.picture.shape == picture.shape
    assert (render.picture != picture).any()


def test_configs_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="size_px is 32: expected 64 to 1536"):
        RenderConfig(size_px=32)
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        RenderConfig(threads=0)


def test_a_blend_lies_between_its_looks(make_codes: MakeCodes) -> None:
    codes = make_codes(3)
    assert np.array_equal(mix_codes(codes, np.asarray([0.0, 2.0, 0.0])), codes[1])
    np.testing.assert_allclose(
        mix_codes(codes, np.asarray([1.0, 1.0, 2.0])),
        0.25 * codes[0] + 0.25 * codes[1] + 0.5 * codes[2],
        atol=1e-6,
    )


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_blends_by_impossible_weights_are_refused(
    weights: list[float], make_codes: MakeCodes
) -> None:
    with pytest.raises(ContractError, match="cannot be blended by weights"):
        mix_codes(make_codes(2), np.asarray(weights))


def test_blends_of_misfitting_shapes_are_refused(make_codes: MakeCodes) -> None:
    with pytest.raises(ContractError, match=r"got codes \(2, 100\) and weights \(3,\)"):
        mix_codes(make_codes(2), np.ones(3))


def test_the_render_key_follows_everything_that_decides_the_pixels(make_codes: MakeCodes) -> None:
    code, other = make_codes(2)
    key = render_key("aa", None, code, "cc", 0.5, 384, "v1")
    assert key == render_key("aa", None, code.astype(np.float64), "cc", 0.5, 384, "v1")
    changed = {
        render_key("ab", None, code, "cc", 0.5, 384, "v1"),
        render_key("aa", "bb", code, "cc", 0.5, 384, "v1"),
        render_key("aa", None, other, "cc", 0.5, 384, "v1"),
        render_key("aa", None, code, "cd", 0.5, 384, "v1"),
        render_key("aa", None, code, "cc", 0.6, 384, "v1"),
        render_key("aa", None, code, "cc", 0.5, 512, "v1"),
        render_key("aa", None, code, "cc", 0.5, 384, "v2"),
    }
    assert len(changed | {key}) == 8
    assert len(key) == 32


@given(st.text(), st.text(), st.text(), st.text())
def test_render_keys_do_not_run_their_parts_together(a: str, b: str, c: str, d: str) -> None:
    code = np.zeros(100, np.float32)
    same = render_key(a, b, code, a, 1.0, 64, "v") == render_key(c, d, code, c, 1.0, 64, "v")
    assert same == ((a, b) == (c, d))


def test_faithful_keeps_the_product_and_paints_around_it(
    engine: Backend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture = make_picture(96, 96)
    alpha = np.zeros((96, 96), dtype=np.float32)
    alpha[30:70, 30:70] = 1.0
    mask = Mask(alpha, 0.95, "given")
    [render] = Renderer(RenderConfig(), engine).render(picture, looks(make_codes(1)), mask=mask)
    assert render.served_mode == "faithful"
    assert render.report is not None
    assert render.report.delta_e <= RenderConfig().budget.max_delta_e
    moved = np.abs(render.picture.astype(int) - picture).mean(axis=2)
    assert moved[:20].mean() > 3 * moved[35:65, 35:65].mean()


def test_a_mask_that_is_not_trusted_is_not_painted_around_and_the_reason_says_so(
    counting: CountingBackend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture = make_picture(96, 96)
    look = Look("a", make_codes(1)[0], 1.0, look_anchor(picture[::-1]))
    mask = Mask(np.ones((96, 96), dtype=np.float32), 0.1, "estimated")
    [render] = Renderer(RenderConfig(), counting).render(picture, [look], mask=mask)
    assert counting.passes == []
    assert render.served_mode == ORIGINAL
    assert "mask confidence 0.10" in render.reason


def test_an_item_taken_for_another_is_not_served_restyled(
    engine: Backend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture = make_picture(96, 96)
    alpha = np.zeros((96, 96), dtype=np.float32)
    alpha[30:70, 30:70] = 1.0
    [render] = Renderer(RenderConfig(), engine).render(
        picture,
        looks(make_codes(1)),
        mask=Mask(alpha, 0.95, "given"),
        recognise=lambda _: 2,
    )
    assert render.served_mode == ORIGINAL
    assert render.picture is picture
    assert "identity rank 2" in render.reason


def test_a_look_with_a_picture_is_shown_as_a_set_with_the_product_as_it_was(
    counting: CountingBackend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture, pattern = make_picture(96, 128), make_picture(96, 96, seed=5)
    alpha = np.zeros((96, 128), dtype=np.float32)
    alpha[30:80, 40:90] = 1.0
    config = RenderConfig(size_px=128)
    look = Look("a", make_codes(1)[0], 1.0, look_anchor(pattern), pattern)
    mask = Mask(alpha, 0.95, "given")
    [render] = Renderer(config, counting).render(picture, [look], mask=mask)
    [again] = Renderer(config, counting).render(picture, [look], mask=mask)
    assert counting.passes == []
    assert render.served_mode == "faithful"
    np.testing.assert_array_equal(render.picture[35:75, 45:85], picture[35:75, 45:85])
    assert not np.array_equal(render.picture[:20], picture[:20])
    np.testing.assert_array_equal(render.picture, again.picture)


def test_paint_in_place_of_sets_is_had_by_asking(
    counting: CountingBackend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture = make_picture(96, 96)
    alpha = np.zeros((96, 96), dtype=np.float32)
    alpha[30:70, 30:70] = 1.0
    look = Look("a", make_codes(1)[0], 1.0, look_anchor(picture[::-1]), picture[::-1])
    painted = RenderConfig(surroundings="paint")
    Renderer(painted, counting).render(picture, [look], mask=Mask(alpha, 0.95, "given"))
    assert counting.passes == [1]


def test_a_look_of_a_few_pixels_is_painted_by_its_code(
    counting: CountingBackend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture, tiny = make_picture(96, 96), make_picture(16, 16, seed=5)
    alpha = np.zeros((96, 96), dtype=np.float32)
    alpha[30:70, 30:70] = 1.0
    look = Look("tiny", make_codes(1)[0], 1.0, look_anchor(tiny), tiny)
    [render] = Renderer(RenderConfig(), counting).render(
        picture, [look], mask=Mask(alpha, 0.95, "given")
    )
    assert counting.passes == [1]
    assert render.picture.shape == (96, 96, 3)


def test_renders_smaller_than_the_smallest_set_get_one(
    counting: CountingBackend, make_picture: MakePicture, make_codes: MakeCodes
) -> None:
    picture, pattern = make_picture(64, 64), make_picture(64, 64, seed=5)
    alpha = np.zeros((64, 64), dtype=np.float32)
    alpha[20:44, 20:44] = 1.0
    look = Look("a", make_codes(1)[0], 1.0, look_anchor(pattern), pattern)
    [render] = Renderer(RenderConfig(size_px=64), counting).render(
        picture, [look], mask=Mask(alpha, 0.95, "given")
    )
    assert counting.passes == []
    assert render.picture.shape == (64, 64, 3)
