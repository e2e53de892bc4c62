"""Quick previews: every control does what its name says, and the product stays."""

import cv2
import numpy as np
import pytest

from features.matting import Mask
from features.networks.encoders import StyleEncoder
from features.schema import ConfigError
from styletransfer.config import RenderConfig
from styletransfer.look import Look
from styletransfer.preview import Controls, LookPart, PreviewRenderer
from styletransfer.renderer import Renderer
from styletransfer.sets.shelf import SetShelf
from styletransfer.sets.store import SetStore

SIDE = 160


def _look(colours, width):
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    inside = np.sin((x + 2 * y) / width) > 0
    return np.where(inside[..., None], *np.array(colours, dtype=np.uint8)).astype(np.uint8)


@pytest.fixture(scope="module")
def parts():
    pictures = [
        _look([(200, 60, 20), (250, 190, 60)], 6),
        _look([(20, 60, 160), (90, 200, 220)], 9),
    ]
    codes = StyleEncoder().encode(pictures)
    return [LookPart(picture, code) for picture, code in zip(pictures, codes, strict=True)]


@pytest.fixture(scope="module")
def photo():
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    picture = np.full((SIDE, SIDE, 3), 225.0) - 20 * y[..., None]
    alpha = (np.hypot(x - 0.5, y - 0.5) < 0.24).astype(np.float32)
    picture[alpha > 0] = (150, 70, 60)
    return picture.astype(np.uint8), Mask(alpha, 1.0, "given")


@pytest.fixture(scope="module")
def painter():
    return PreviewRenderer(RenderConfig(size_px=SIDE))


def _show(painter, photo, parts, **controls):
    made = painter.render(photo[0], parts, Controls(**controls), photo[1])
    assert made.served_mode == "faithful", made.reason
    return made.picture


def _around(picture, photo):
    scaled = picture.astype(np.float32) / np.float32(255.0)
    return cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB)[photo[1].alpha == 0]


def _chroma(lab):
    return float(np.hypot(lab[:, 1], lab[:, 2]).mean())


def _strokes(picture):
    return float(np.abs(np.diff(picture[:30].astype(float).mean(axis=2), axis=1)).mean())


def test_a_preview_keeps_the_product_and_repaints_what_is_around_it(painter, photo, parts):
    picture = _show(painter, photo, parts[:1])
    inside = photo[1].alpha > 0
    change = np.abs(picture.astype(int) - photo[0]).mean(axis=2)
    assert change[~inside].mean() > 20
    assert change[inside].mean() < 6


def test_palette_alone_has_no_strokes_and_texture_alone_no_colours(painter, photo, parts):
    both = _show(painter, photo, parts[:1])
    palette = _show(painter, photo, parts[:1], texture=-1.0)
    texture = _show(painter, photo, parts[:1], texture=1.0)
    assert _strokes(palette) < 0.4 * _strokes(both)
    assert _chroma(_around(texture, photo)) < 0.3 * _chroma(_around(both, photo))
    assert _chroma(_around(palette, photo)) > 0.5 * _chroma(_around(both, photo))


def test_larger_motifs_have_fewer_edges(painter, photo, parts):
    assert _strokes(_show(painter, photo, parts[:1], motif=2.0)) < 0.8 * _strokes(
        _show(painter, photo, parts[:1], motif=0.6)
    )


def test_a_blend_lies_between_its_looks(painter, photo, parts):
    warm, cold = (_around(_show(painter, photo, [part]), photo)[:, 2].mean() for part in parts)
    even = [part._replace(weight=0.5) for part in parts]
    assert cold < _around(_show(painter, photo, even), photo)[:, 2].mean() < warm


def test_at_strength_0_the_photo_itself_is_shown(painter, photo, parts):
    made = painter.render(photo[0], parts[:1], Controls(strength=0.0), photo[1])
    assert np.array_equal(made.picture, photo[0])


def test_a_set_that_the_run_made_is_shown_as_it_is(tmp_path, photo, parts):
    store = SetStore(tmp_path)
    shown = PreviewRenderer(RenderConfig(size_px=SIDE, set_variants=1), store)
    before = _show(shown, photo, parts[:1])
    made = Renderer(RenderConfig(size_px=SIDE, set_variants=1), sets=SetShelf(store))
    look = Look("look", parts[0].code, picture=parts[0].picture)
    full = made.render(photo[0], [look], mask=photo[1])[0].picture
    assert not np.array_equal(before, full)
    assert np.array_equal(_show(shown, photo, parts[:1]), full)
    assert not np.array_equal(_show(shown, photo, parts[:1], motif=2.0), full)


@pytest.mark.parametrize("wrong", [{"strength": 1.1}, {"texture": -2.0}, {"motif": 0.1}])
def test_a_control_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match="a preview needs"):
        Controls(**wrong)
