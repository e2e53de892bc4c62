"""A mask that came with a photo is believed where the photo agrees, and never inverted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.images import decode, resize, resize_longest
from features.matting import LOW_CONFIDENCE, Mask, product_mask
from features.matting.mask import reconcile

SAMPLES = Path(__file__).parents[3] / "data" / "samples"
SHAPE = (80, 100)
SEEN = np.zeros(SHAPE, dtype=bool)
SEEN[20:60, 30:70] = True
WHOLE = np.where(SEEN, 255, 0).astype(np.uint8)
TRUSTED = Mask(SEEN.astype(np.float32), 0.99, "plain_ground")
DOUBTED = replace(TRUSTED, confidence=0.3, source="estimated")
NOTHING = Mask(np.zeros(SHAPE, np.float32), 0.0, "estimated")


@pytest.mark.parametrize("told", [TRUSTED, DOUBTED])
def test_a_mask_that_agrees_is_taken_as_it_is(told):
    soft = WHOLE.copy()
    soft[19, 30:70] = 90
    mask = reconcile(told, [soft])
    assert (mask.source, mask.confidence, mask.note) == ("given", 0.95, "")
    np.testing.assert_array_equal(mask.alpha, soft / np.float32(255))


@pytest.mark.parametrize("told", [TRUSTED, DOUBTED])
def test_an_inverted_mask_is_turned_over_and_trusted_no_more_than_the_photo(told):
    mask = reconcile(told, [255 - WHOLE])
    np.testing.assert_array_equal(mask.alpha >= 0.5, SEEN)
    assert mask.confidence <= min(told.confidence, 0.92)
    assert "inverted" in mask.note


def test_a_mask_of_something_else_gives_way_to_a_trusted_estimate():
    mask = reconcile(TRUSTED, [np.roll(WHOLE, 30, axis=1)])
    np.testing.assert_array_equal(mask.alpha, TRUSTED.alpha)
    assert (mask.source, mask.confidence) == ("plain_ground", 0.99)
    assert "overlap by 14 % only: estimated instead" in mask.note


def test_where_the_estimate_is_in_doubt_too_neither_is_relied_on():
    mask = reconcile(DOUBTED, [np.roll(WHOLE, 30, axis=1)])
    assert mask.source == "given"
    assert mask.confidence < LOW_CONFIDENCE
    assert "neither is relied on" in mask.note


def test_without_an_estimate_a_mask_is_believed_unless_it_holds_the_border():
    assert reconcile(NOTHING, [WHOLE]).confidence == 0.95
    mask = reconcile(NOTHING, [255 - WHOLE])
    assert mask.confidence < LOW_CONFIDENCE
    assert "border" in mask.note


@pytest.mark.parametrize("confidence", [0.97, 0.8])
def test_a_mask_that_leaves_out_the_wearer_is_not_believed(confidence):
    worn = Mask(SEEN.astype(np.float32), confidence, "worn")
    garment = WHOLE.copy()
    garment[:29] = 0
    mask = reconcile(worn, [garment])
    assert "leaves out 22 % of the product and its wearer" in mask.note
    if confidence >= LOW_CONFIDENCE:
        np.testing.assert_array_equal(mask.alpha, worn.alpha)
    else:
        assert mask.confidence < LOW_CONFIDENCE
    # A part of what stands in front that is no person may be left out.
    assert reconcile(replace(worn, source="estimated"), [garment]).confidence == 0.95


def test_of_several_readings_the_one_that_fits_is_taken_the_first_if_both_do():
    upside_down = np.roll(WHOLE, 35, axis=0)
    mask = reconcile(TRUSTED, [upside_down, WHOLE])
    assert (mask.confidence, mask.note) == (0.95, "")
    np.testing.assert_array_equal(mask.alpha >= 0.5, SEEN)
    nearly = WHOLE.copy()
    nearly[20:22] = 0
    np.testing.assert_array_equal(reconcile(TRUSTED, [nearly, WHOLE]).alpha * 255, nearly)


@pytest.fixture(scope="module")
def sample():
    """A drawn photo and its exact mask, 192 px."""
    item = pd.read_csv(SAMPLES / "items.csv").iloc[3]
    photo = resize_longest(decode(SAMPLES / item["image_path"]), 192)
    return photo, resize(decode(SAMPLES / item["mask_path"]), *photo.shape[:2])[..., 0]


def test_a_real_mask_is_believed_and_its_inverse_never(sample):
    photo, truth = sample
    mask = product_mask(photo, given=truth)
    assert (mask.source, mask.confidence) == ("given", 0.95)
    inverted = product_mask(photo, given=255 - truth)
    assert inverted.confidence < 0.95
    overlap = (inverted.alpha >= 0.5) & (truth >= 128)
    assert overlap.sum() > 0.9 * (truth >= 128).sum()
