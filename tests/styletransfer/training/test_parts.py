"""Parting, batches, discriminator, augmentation and measures of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from prdc import compute_prdc

from features.schema import ConfigError, ContractError, InputError
from styletransfer.training.adversary import Adversary
from styletransfer.training.augment import augment, next_rate
from styletransfer.training.config import LossWeights, TrainingConfig
from styletransfer.training.data import TrainingData
from styletransfer.training.discriminator import PatchDiscriminator, patch_weights
from styletransfer.training.entries import Entry, group_of, part, spread
from styletransfer.training.health import (
    Watch,
    as_levels,
    cut,
    is_better,
    is_low,
    style_directions,
    verdict,
)
from styletransfer.training.neighbours import neighbour_measures
from styletransfer.training.pictures import Pictures
from styletransfer.training.team import Team
from tests.styletransfer.training.tiny import short, tiny_data

WELL = {"recognised": 0.8, "coverage": 0.5, "spread_within": 0.8, "spread_between": 0.9}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def entries(count: int, per_group: int) -> list[Entry]:
    return [Entry(f"p{i:03}", f"g{i // per_group}", Path(f"p{i}")) for i in range(count)]


def test_no_maker_is_on_two_sides_and_the_order_does_not_matter() -> None:
    every = entries(60, per_group=3)
    parts = part(every, "photos", 0.15)
    groups = [
        {entry.group for entry in side} for side in (parts.train, parts.validation, parts.test)
    ]
    assert [len(side) for side in groups] == [14, 3, 3]
    assert len(set.union(*groups)) == 20
    assert part(every[::-1], "photos", 0.15) == parts
    assert spread(every, 5) == spread(every, 5)
    assert len(spread(every, 5)) == 5


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("fabric_tile005", "fabric_tile"),
        ("bricks-12", "bricks"),
        ("magenta_zigzag", "magenta_zigzag"),
        ("007", "007"),
    ],
)
def test_numbered_files_are_of_one_maker(name: str, group: str) -> None:
    assert group_of(name) == group


@pytest.mark.parametrize(
    ("what", "count"), [("looks", 0), ("looks", 1), ("looks", 3), ("photos", 2)]
)
def test_too_few_pictures_are_refused_in_one_line(what: str, count: int) -> None:
    with pytest.raises(
        InputError, match=f"{what}: got {count} of {count} different makers, expect"
    ):
        part(entries(count, per_group=1), what, 0.15)


def test_a_batch_is_the_same_whenever_it_is_made(make_data: Callable[..., TrainingData]) -> None:
    data, again = make_data(short()), make_data(short())
    for step in range(3):
        data.batch(step)
    one, two = data.batch(7), again.batch(7)
    for name in ("photos", "masks", "views", "patches", "codes", "looks"):
        assert torch.equal(getattr(one, name), getattr(two, name))
    assert one.photos.shape == one.patches.shape == (2, 3, 64, 64)
    assert one.masks.shape == (2, 1, 64, 64)
    assert not torch.equal(one.photos, data.batch(7, attempt=1).photos)
    assert not torch.equal(one.photos, make_data(short(), seed=1).batch(7).photos)


def test_sets_of_a_look_are_further_examples_of_it_in_its_colours(folder: Path) -> None:
    config = short(recolours=1, batch=8)
    plain = tiny_data(folder, config)
    white = np.full((96, 96, 3), 255, np.uint8)
    sets = {f"look-{number}": [white] for number in range(15)}
    with_sets = tiny_data(folder, config, sets=sets)
    ours, again, without = (one.batch(3) for one in (with_sets, with_sets, plain))
    assert torch.equal(ours.patches, again.patches)
    assert torch.equal(ours.views, without.views)
    from_sets = (ours.patches == 1).flatten(1).all(dim=1)
    assert 0 < int(from_sets.sum()) < 8
    assert not bool((without.patches == 1).flatten(1).all(dim=1).any())


def test_the_discriminator_depends_on_the_look_and_weighs_places() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(4, torch.zeros(100)).eval()
    pictures, codes = torch.rand(2, 3, 64, 64), torch.randn(2, 100)
    logits = network(pictures, codes)
    assert [tuple(one.shape) for one in logits] == [(2, 1, 8, 8), (2, 1, 4, 4)]
    assert not torch.allclose(logits[0], network(pictures, codes.flip(0))[0])
    left = torch.zeros(2, 1, 64, 64)
    left[..., :32] = 1.0
    for weight in patch_weights(left, logits):
        half = weight.shape[3] // 2
        assert float(weight[..., :half].min()) == 1.0
        assert float(weight[..., half:].max()) == 0.0


def test_augmentation_at_rate_0_changes_nothing_and_cuts_weigh_nothing() -> None:
    pictures, weight = torch.rand(8, 3, 40, 40), torch.ones(8, 1, 40, 40)
    same, also = augment(pictures, weight, 0.0, seeded(0))
    assert torch.equal(same, pictures)
    assert torch.equal(also, weight)
    moving = pictures.clone().requires_grad_()
    changed, left = augment(moving, weight, 1.0, seeded(0))
    assert not torch.equal(changed, pictures)
    assert float(left.detach().mean()) == pytest.approx(1 - 0.3**2, abs=1e-3)
    assert float(changed.detach()[(left.detach() == 0).expand_as(changed)].abs().max()) == 0.0
    changed.sum().backward()
    assert moving.grad is not None
    again, _ = augment(pictures, weight, 1.0, seeded(0))
    assert torch.equal(again, changed.detach())


def test_the_rate_grows_where_reals_are_told_too_well() -> None:
    assert next_rate(0.0, 1.0, 0.6, 40) == pytest.approx(0.01)
    assert next_rate(0.5, 0.75, 0.6, 40) == pytest.approx(0.49)  # a mean sign of .5 is below .6
    assert next_rate(0.8, 1.0, 0.6, 4000) == 0.8
    assert next_rate(0.0, 0.5, 0.6, 40) == 0.0


def test_neighbour_measures_of_the_worked_example() -> None:
    real = np.array([[0.0], [1.0], [3.0]])  # balls to the nearest other: 1, 1, 2
    made = np.array([[0.5], [0.6], [9.0]])  # balls: .1, .1, 8.4
    found = neighbour_measures(real, made, k=1)
    # .5 and .6 are in the balls of 0 and 1 only (2.4 is beyond 2), 9 in none.
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["density"] == pytest.approx(4 / 3)
    assert found["coverage"] == pytest.approx(2 / 3)
    # The balls of .5 and .6 hold no real vector, that of 9 holds 1 (8 away) and 3.
    assert found["recall"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(3))
def test_neighbour_measures_are_those_of_a_reference_and_no_two_are_swapped(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, made = rng.normal(0, 1, (40, 4)), rng.normal(0.7, 0.5, (30, 4))
    ours, theirs = neighbour_measures(real, made, 5), compute_prdc(real, made, 5)
    assert ours == pytest.approx({name: float(value) for name, value in theirs.items()})
    assert len({round(value, 6) for value in ours.values()}) == 4
    assert neighbour_measures(made, real, 5)["precision"] == pytest.approx(ours["recall"])


def test_cuts_of_looks_are_among_other_cuts_of_them_and_photos_are_not(
    make_data: Callable[..., TrainingData],
) -> None:
    watch = Watch.of(make_data(short()))
    again = np.random.default_rng(1)
    _, looks, _ = make_data(short()).validation()
    other = style_directions([cut(one, again, 64) for one in looks for _ in range(6)], watch.centre)
    same = neighbour_measures(watch.cuts, other)
    assert min(same["precision"], same["recall"], same["coverage"]) > 0.7
    photos = style_directions([as_levels(one) for one in watch.photos] * 3, watch.centre)
    unlike = neighbour_measures(watch.cuts, photos)
    assert max(unlike["precision"], unlike["coverage"]) < 0.2


def test_neighbour_measures_tell_real_from_made() -> None:
    rng = np.random.default_rng(0)
    wide, narrow = rng.standard_normal((80, 3)), 0.1 * rng.standard_normal((60, 3))
    lost_modes, too_wide = neighbour_measures(wide, narrow), neighbour_measures(narrow, wide)
    assert lost_modes["precision"] > 0.95
    assert lost_modes["recall"] < 0.2
    assert lost_modes["coverage"] < 0.5
    assert too_wide["precision"] == pytest.approx(lost_modes["recall"])
    assert too_wide["recall"] == pytest.approx(lost_modes["precision"])
    assert too_wide["density"] < 0.3 < lost_modes["density"]
    with pytest.raises(ContractError, match="of more than k = 60"):
        neighbour_measures(wide, narrow, k=60)


@pytest.mark.parametrize(
    ("change", "told", "named"),
    [
        ({}, 1.0, ""),
        ({}, None, ""),
        ({"spread_within": 0.01}, 1.0, "constant output"),
        ({"spread_between": 0.01}, 1.0, "look code ignored"),
        ({"recognised": 0.3}, 1.0, "recognised fell from 0.80 to 0.30"),
        ({"coverage": 0.1}, 1.0, "coverage fell from 0.50 to 0.10"),
        ({"spread_within": float("nan")}, 1.0, "not finite"),
        ({}, 0.001, "discriminator saturated"),
    ],
)
def test_the_verdict_names_what_is_wrong(change: dict, told: float | None, named: str) -> None:
    words = verdict(WELL | change, [WELL], told, 100)
    assert named in words
    assert bool(words) == bool(named)


def test_a_share_of_few_renders_is_no_verdict() -> None:
    assert verdict(WELL | {"recognised": 0.3}, [WELL], 1.0, 4) == ""


def test_a_share_is_low_beyond_three_standard_errors_of_the_best() -> None:
    # Of 100 renders at .5 a standard error is .05.
    assert not is_low(0.36, 0.5, 100)
    assert is_low(0.34, 0.5, 100)
    assert not is_low(0.98, 1.0, 100)
    assert not is_low(0.5, 0.5, 4)


@pytest.mark.parametrize(
    ("recognised", "ssim", "better"),
    [
        (0.6, 0.40, True),
        (0.6, 0.391, True),
        (0.9, 0.38, False),
        (0.5, 0.41, True),
        (0.5, 0.40, False),
        (0.4, 0.90, False),
    ],
)
def test_a_result_is_better_when_more_is_recognised_and_the_photo_is_kept(
    recognised: float, ssim: float, better: bool
) -> None:
    best = {"recognised": 0.5, "ssim": 0.4}
    assert is_better({"recognised": recognised, "ssim": ssim}, best, 0.4) == better


def test_what_is_not_finite_is_never_the_better_result() -> None:
    best = {"recognised": 0.5, "ssim": 0.5}
    for recognised, ssim in ((0.9, np.nan), (np.nan, 0.9), (0.9, np.inf)):
        assert not is_better({"recognised": recognised, "ssim": ssim}, best, 0.4)


def test_a_judge_that_fails_at_rest_leaves_the_discriminator_in_training() -> None:
    config = short()
    adversary = Adversary(config, torch.zeros(100), 0, Team(), torch.device("cpu"))
    with pytest.raises(ZeroDivisionError), adversary.resting():
        raise ZeroDivisionError
    assert adversary._network is not None
    assert adversary._network.training


def test_a_mask_that_was_drawn_anew_is_read_anew(folder: Path, tmp_path: Path) -> None:
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    Image.fromarray(np.full((72, 72, 3), 200, np.uint8)).save(photo)
    found = []
    for left in (8, 40):
        levels = np.zeros((72, 72), np.uint8)
        levels[20:52, left : left + 24] = 255
        Image.fromarray(levels).save(mask)
        pictures = Pictures(tmp_path / "masks")
        found.append(pictures.photo(Entry("a", "a", photo, mask)).alpha[36])
    assert found[0][20] > 0.9 > 0.1 > found[1][20]
    assert found[1][52] > 0.9 > 0.1 > found[0][52]


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"batch": 1},
        {"crop_px": 32},
        {"crop_px": 130},
        {"crop_px": 512},
        {"generator_rate": 0.0},
        {"held_out": 0.6},
        {"ema": 1.0},
        {"r1": -1.0},
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings: dict) -> None:
    with pytest.raises(ConfigError, match=f"training.{next(iter(settings))}"):
        TrainingConfig(**settings)
    with pytest.raises(ConfigError, match=r"training.weights.style is -1.0"):
        LossWeights(style=-1.0)
