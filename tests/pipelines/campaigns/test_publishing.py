"""Files are inside their channel's weight, and say where they come from as renders do."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from features.images import decode, encode
from features.schema import ConfigError, InputError
from pipelines.campaigns.names import file_name, readable
from pipelines.campaigns.presets import PRESETS, ChannelPreset, choose_presets
from pipelines.campaigns.publishing import publish_photo, publish_render
from styletransfer.config import RenderConfig
from styletransfer.provenance.metadata_blocks import read_blocks
from styletransfer.provenance.record import Provenance, embed_provenance, read_provenance
from styletransfer.provenance.watermark import detect, payload_of

KEY = "0123456789abcdef" * 2
TOLD = Provenance("faithful", "007", "s1", 0.8, "v1")
PRESET = ChannelPreset("small", 240, 200, "jpeg", 30_000, (0.0,) * 4, 0.9, 95, 40)


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8))
    return np.asarray(coarse.resize((240, 200), Image.Resampling.BICUBIC))


def test_a_render_keeps_its_mark_and_what_it_says_of_itself(picture):
    exif = Image.Exif()
    exif[0x8298] = "The Shop"
    photo = io.BytesIO()
    Image.fromarray(picture).save(photo, "JPEG", exif=exif)
    source = embed_provenance(encode(picture, "webp"), "webp", TOLD, photo.getvalue())
    for format in ("jpeg", "webp", "png"):
        preset = replace(PRESET, format=format, most_bytes=300_000)
        sent = publish_render(picture, preset, KEY, TOLD, source, RenderConfig())
        assert read_provenance(sent.data) == TOLD
        assert b"The Shop" in read_blocks(sent.data).exif
        found = detect(decode(sent.data), RenderConfig().watermark_key)
        assert found.payload == payload_of(KEY)


def test_the_best_quality_that_is_inside_the_weight_is_taken(picture):
    free = publish_photo(picture, PRESET, encode(picture, "jpeg"))
    assert (free.quality, len(free.data) <= PRESET.most_bytes) == (95, True)
    tight = replace(PRESET, most_bytes=len(free.data) * 2 // 3)
    sent = publish_photo(picture, tight, encode(picture, "jpeg"))
    assert len(sent.data) <= tight.most_bytes
    assert sent.quality < 95
    better = replace(tight, best_quality=sent.quality + 1, least_quality=sent.quality + 1)
    with pytest.raises(InputError):
        publish_photo(picture, better, encode(picture, "jpeg"))


def test_what_no_quality_brings_inside_the_weight_is_refused_in_words(picture):
    with pytest.raises(InputError, match="more than 900 bytes at quality 40"):
        publish_photo(picture, replace(PRESET, most_bytes=900), encode(picture, "jpeg"))


def test_a_photo_keeps_its_tags_and_claims_no_painting(picture):
    exif = Image.Exif()
    exif[0x8298] = "The Shop"
    photo = io.BytesIO()
    Image.fromarray(picture).save(photo, "JPEG", exif=exif)
    sent = publish_photo(picture, PRESET, photo.getvalue())
    assert b"The Shop" in read_blocks(sent.data).exif
    assert read_provenance(sent.data) is None


def test_presets_are_chosen_by_name_and_unknown_ones_refused():
    assert [preset.name for preset in choose_presets(["email", "web", "email"])] == ["email", "web"]
    assert len(choose_presets(None)) == len(PRESETS)
    with pytest.raises(ConfigError, match="billboard is not known"):
        choose_presets(["web", "billboard"])
    with pytest.raises(ConfigError, match="list is empty"):
        choose_presets([])


def test_a_preset_whose_product_cannot_be_inside_its_safe_area_is_refused():
    with pytest.raises(ConfigError, match="safe area"):
        ChannelPreset("odd", 100, 100, "jpeg", 1000, (0.2, 0.2, 0.2, 0.2), 0.7)


def test_names_are_safe_everywhere_and_tell_ids_apart():
    assert readable("../../Äpfel & Birnen/7") == "Apfel-Birnen-7"
    names = {file_name(item, "s", "v") for item in ("a/b", "a b", "a.b", "007", "7", "日本")}
    assert len(names) == 6
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)
    assert "-main-" in file_name("7", "", "v")
