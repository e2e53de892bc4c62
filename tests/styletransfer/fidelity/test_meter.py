"""Measures inside the mask, beside scikit-image where it has them."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from features.schema import ConfigError, ContractError
from styletransfer.colour import lightness
from styletransfer.fidelity import FidelityMeter, TextReader, identity, plain_views, text_similarity
from styletransfer.fidelity.edges import Edges
from styletransfer.fidelity.silhouette import Silhouette
from styletransfer.fidelity.structure import Structure

HEIGHT, WIDTH = 120, 150


def disc(radius_px: float = 36.0) -> np.ndarray:
    down, right = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.hypot(down - HEIGHT / 2, right - WIDTH / 2) < radius_px


def noisy(picture: np.ndarray, scale: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, scale, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [2.0, 15.0])
def test_ssim_of_a_full_mask_is_scikit_images(make_picture, scale: float) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    render = noisy(picture, scale)
    first, second = lightness(picture), lightness(render)
    _, expected = structural_similarity(
        first,
        second,
        data_range=100.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    assert Structure(first, everywhere).similarity(second) == pytest.approx(
        expected.mean(), abs=2e-4
    )


def test_ssim_does_not_look_outside_the_mask(make_picture) -> None:
    picture, inside = make_picture(HEIGHT, WIDTH), disc()
    render = picture.copy()
    render[~inside] = np.random.default_rng(0).integers(0, 256, (int((~inside).sum()), 3))
    structure = Structure(lightness(picture), inside)
    assert structure.similarity(lightness(render)) == pytest.approx(1.0, abs=1e-5)
    render[inside] = 255 - render[inside]
    assert structure.similarity(lightness(render)) < 0.6


def test_a_single_product_pixel_is_measured(make_picture) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[0, WIDTH - 1] = True
    assert Structure(lightness(picture), inside).similarity(lightness(picture)) == pytest.approx(1)


def checks() -> np.ndarray:
    down, right = np.mgrid[0:HEIGHT, 0:WIDTH]
    cells = ((down // 10 + right // 10) % 2).astype(np.uint8)
    return (60 + 120 * cells)[..., None].repeat(3, 2)


def test_edges_within_a_pixel_are_found_again_and_others_not() -> None:
    picture, inside = checks(), disc()
    edges = Edges(lightness(picture), inside)
    assert edges.f1(lightness(picture)) == 1.0
    assert edges.f1(lightness(np.roll(picture, 1, axis=1))) > 0.95
    assert edges.f1(lightness(np.roll(picture, 5, axis=1))) < 0.6
    assert edges.f1(lightness(np.full_like(picture, 128))) == 0.0


def test_a_plain_product_without_edges_keeps_them_all() -> None:
    plain = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    assert Edges(lightness(plain), disc()).f1(lightness(plain)) == 1.0
    assert Edges(lightness(plain), disc()).f1(lightness(checks())) == 0.0


def test_the_outline_is_found_where_there_is_contrast_and_only_there() -> None:
    inside = disc()
    silhouette = Silhouette(inside.astype(np.float32))
    seen = np.where(inside[..., None], 40, 220).repeat(3, 2).astype(np.uint8)
    assert silhouette.iou(seen) > 0.95
    camouflaged = noisy(np.full((HEIGHT, WIDTH, 3), 128, np.uint8), 20)
    assert silhouette.iou(camouflaged) < 0.6
    larger = np.where(disc(39)[..., None], 40, 220).repeat(3, 2).astype(np.uint8)
    assert 0.4 < silhouette.iou(larger) < 0.95


def test_a_mask_without_an_outline_loses_none() -> None:
    everywhere = np.ones((HEIGHT, WIDTH), np.float32)
    assert Silhouette(everywhere).iou(checks()) == 1.0


@pytest.mark.parametrize("scale", [3.0, 25.0])
def test_delta_e_of_every_fourth_pixel_is_not_biased(make_picture, scale: float) -> None:
    picture, inside = make_picture(2 * HEIGHT, 2 * WIDTH), np.kron(disc(), np.ones((2, 2))) > 0
    render = noisy(picture, scale)
    report = FidelityMeter(picture, inside.astype(np.float32)).measure(render)
    shift = deltaE_ciede2000(rgb2lab(picture[inside]), rgb2lab(render[inside]))
    assert report.delta_e == pytest.approx(shift.mean(), rel=0.03)
    assert report.delta_e_p95 == pytest.approx(np.percentile(shift, 95), rel=0.05)


def test_an_untouched_copy_is_perfect(make_picture) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    report = FidelityMeter(picture, disc().astype(np.float32)).measure(picture)
    assert report.delta_e == report.delta_e_p95 == 0.0
    assert report.ssim == pytest.approx(1.0, abs=1e-6)
    assert report.edge_f1 == 1.0
    assert report.silhouette == report.silhouette_original


def test_an_empty_mask_means_the_whole_picture(make_picture) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    render = picture.copy()
    render[:10] = 255 - render[:10]
    nowhere = np.zeros((HEIGHT, WIDTH), np.float32)
    assert FidelityMeter(picture, nowhere).measure(render).delta_e > 0.5


def test_a_render_of_another_size_is_refused(make_picture) -> None:
    meter = FidelityMeter(make_picture(HEIGHT, WIDTH), disc().astype(np.float32))
    with pytest.raises(ContractError, match=r"the render is uint8 of shape \(64, 64, 3\)"):
        meter.measure(make_picture(64, 64))


def test_a_report_is_written_as_json(make_picture) -> None:
    picture = make_picture(HEIGHT, WIDTH)
    report = FidelityMeter(picture, disc().astype(np.float32)).measure(noisy(picture, 5))
    written = json.loads(json.dumps(replace(report, identity_rank=1).to_dict()))
    assert written["delta_e"] == round(report.delta_e, 4)
    assert written["identity_rank"] == 1
    assert written["text"] is None


def test_identity_counts_the_items_that_are_nearer() -> None:
    catalogue = np.eye(4, dtype=np.float32)
    got = identity(np.array([0.5, 2.0, 1.0, 0.0], np.float32), catalogue, own=2)
    assert got.rank == 2
    assert got.margin == pytest.approx(-1 / np.sqrt(5.25))
    assert identity(catalogue[3], catalogue, own=3).rank == 1


def test_identity_is_not_proven_by_a_catalogue_of_equals() -> None:
    catalogue = np.ones((3, 4), np.float32) / 2
    assert identity(catalogue[0], catalogue, own=0).rank == 3


def test_the_own_item_is_known_by_the_nearest_of_its_views() -> None:
    catalogue = np.eye(4, dtype=np.float32)
    render = np.array([0.8, 0.6, 0.0, 0.0], np.float32)
    assert identity(render, catalogue, own=1).rank == 2
    views = np.array([[0.0, 0.0, 5.0, 0.0], [2.4, 1.8, 0.0, 0.0]], np.float32)
    found = identity(render, catalogue, own=1, views=views)
    assert found.rank == 1
    assert found.margin == pytest.approx(0.2, abs=1e-6)


def test_plain_views_keep_the_product_and_replace_its_ground() -> None:
    picture = np.full((8, 8, 3), (10, 200, 90), np.uint8)
    alpha = np.zeros((8, 8), np.float32)
    alpha[2:5, 2:5] = 1.0
    picture[2:5, 2:5] = 77
    views = plain_views(picture, alpha)
    assert all((view[2:5, 2:5] == 77).all() for view in views)
    assert [tuple(view[0, 0]) for view in views] == [
        (30, 30, 30), (128, 128, 128), (235, 235, 235), (10, 200, 90)
    ]  # fmt: skip
    assert plain_views(picture, np.ones_like(alpha)) == []
    assert plain_views(picture, np.zeros_like(alpha)) == []


def test_identity_refuses_other_shapes() -> None:
    with pytest.raises(ContractError, match="identity cannot be judged"):
        identity(np.ones(3, np.float32), np.ones((2, 4), np.float32), own=0)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("NASA 42", "nasa42", 1.0),
        ("CITY", "CITV", 0.75),
        ("CITY", "", 0.0),
        ("", "anything", None),
    ],
)
def test_text_is_compared_by_characters(before: str, after: str, expected: float | None) -> None:
    assert text_similarity(before, after) == expected


def test_without_ocr_the_reader_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rapidocr_onnxruntime", None)
    with pytest.raises(ConfigError, match="no-deps rapidocr-onnxruntime"):
        TextReader()


def test_ocr_reads_printed_words() -> None:
    pytest.importorskip("rapidocr_onnxruntime")
    picture = np.full((120, 360, 3), 255, np.uint8)
    cv2.putText(picture, "STYLE 42", (20, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 5)
    similarity = text_similarity("STYLE42", TextReader().read(picture))
    assert similarity is not None
    assert similarity > 0.8
