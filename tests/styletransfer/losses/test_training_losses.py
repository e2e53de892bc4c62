"""Losses of adversarial training against worked examples and bounds."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from features.schema import ContractError
from styletransfer.losses import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    normalised_patch_style,
    product_colour,
    style_contrast,
    style_descriptors,
    style_gap,
    style_grams,
)
from styletransfer.losses.normalised_style import unordered_cost
from styletransfer.losses.sliced_wasserstein import transport_cost_1d


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=seeded(seed), dtype=torch.float64)


def test_hinge_of_the_worked_example() -> None:
    logits = torch.tensor([[2.0, 0.5, -1.0]])
    assert float(discriminator_loss(logits, True, "hinge")) == pytest.approx((0 + 0.5 + 2) / 3)
    assert float(discriminator_loss(logits, False, "hinge")) == pytest.approx((3 + 1.5 + 0) / 3)
    assert float(generator_loss(logits, "hinge")) == pytest.approx(-0.5)


def test_binary_cross_entropy_of_the_worked_example() -> None:
    logits = torch.tensor([[math.log(3.0)]])  # a probability of .75 that it is real
    assert float(discriminator_loss(logits, True, "bce")) == pytest.approx(-math.log(0.75))
    assert float(discriminator_loss(logits, False, "bce")) == pytest.approx(-math.log(0.25))
    assert float(generator_loss(logits, "bce")) == pytest.approx(-math.log(0.75))
    undecided = discriminator_loss(torch.zeros(2, 4), True, "bce")
    assert undecided.tolist() == pytest.approx([math.log(2)] * 2)


def test_patches_that_weigh_nothing_count_for_nothing() -> None:
    logits = torch.tensor([[[[1.0, -9.0]]], [[[5.0, 5.0]]]])
    weight = torch.tensor([[[[2.0, 0.0]]], [[[0.0, 0.0]]]])
    assert generator_loss(logits, "hinge", weight).tolist() == [-1.0, 0.0]
    assert discriminator_loss(logits, False, "hinge", weight).tolist() == [2.0, 0.0]


def test_r1_of_a_linear_discriminator_is_its_weights_squared() -> None:
    slope = torch.tensor([3.0, 4.0], requires_grad=True)
    pictures = torch.rand(2, 2, generator=seeded(0)).requires_grad_()
    penalty = gradient_penalty((pictures * slope).sum(dim=1, keepdim=True), pictures)
    assert penalty.detach().tolist() == pytest.approx([25.0, 25.0])
    penalty.sum().backward()  # differentiable once more: d |w|^2 = 2 w, for two pictures
    assert slope.grad is not None
    assert slope.grad.tolist() == pytest.approx([12.0, 16.0])


def test_the_bound_is_the_mean_over_all_pairs_and_transport_never_exceeds_it() -> None:
    first, second = noise(5, 30), 3 * noise(5, 40, seed=1) - 1
    pairs = (first[:, :, None] - second[:, None, :]).square().mean(dim=(1, 2))
    torch.testing.assert_close(unordered_cost(first, second), pairs)
    assert bool((transport_cost_1d(first, second) <= pairs).all())
    # {0, 1} against {0, 2}: sorted gaps 0 and 1; all pairs 0, 4, 1, 1.
    two = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 2.0]])
    assert float(transport_cost_1d(*two)) == 0.5
    assert float(unordered_cost(*two)) == 1.5


def test_style_is_a_share_of_its_bound_and_does_not_grow_with_a_looks_contrast() -> None:
    picture, look = noise(1, 3, 64, 64), noise(1, 3, 72, 72, seed=1)
    plain = normalised_patch_style(picture, look, seeded(0))
    strong = normalised_patch_style(0.1 * picture, 0.1 * look, seeded(0))
    assert 0.0 < float(plain) < 1.0
    assert float(strong) == pytest.approx(float(plain), rel=1e-6)
    flat = torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)
    assert float(normalised_patch_style(*flat, seeded(0))) == pytest.approx(1.0)
    assert float(normalised_patch_style(picture, picture, seeded(0))) < 1e-10


def test_large_pictures_are_compared_by_as_many_drawn_patches() -> None:
    picture, look = noise(2, 3, 100, 90), noise(2, 3, 120, 120, seed=1)
    first, again = (normalised_patch_style(picture, look, seeded(4)) for _ in range(2))
    assert first.shape == (2,)
    assert torch.equal(first, again)


def test_contrast_of_the_worked_example() -> None:
    looks = torch.eye(3, dtype=torch.float64)
    own, rows = looks[:2], torch.tensor([0, 1])
    # A cosine of 1 with its own look and 0 with two others, at temperature .1.
    expected = math.log(1 + 2 * math.exp(-10))
    assert style_contrast(7 * own, own, looks, rows).tolist() == pytest.approx([expected] * 2)
    blind = style_contrast(torch.ones(2, 3, dtype=torch.float64), own, looks, rows)
    assert blind.tolist() == pytest.approx([math.log(3)] * 2)
    assert float(style_contrast(looks[1:2], own[:1], looks, rows[:1])) > math.log(3)


def test_a_looks_other_views_are_no_negatives_of_the_one_that_was_followed() -> None:
    looks = torch.eye(3, dtype=torch.float64)
    view = torch.tensor([[0.6, 0.8, 0.0]], dtype=torch.float64)
    # The look itself, row 0, is replaced by the view; row 1 is a cosine of .8 away, row 2 one of 0.
    expected = math.log(1 + math.exp(-2) + math.exp(-10))
    found = style_contrast(view, view, looks, torch.tensor([0]))
    assert found.tolist() == pytest.approx([expected])
    with pytest.raises(ContractError, match=r"\(2, 3\), \(1, 3\)"):
        style_contrast(looks[:2], view, looks, torch.tensor([0, 1]))


def test_descriptors_are_centred_layer_by_layer_and_their_cosine_is_the_layers_mean() -> None:
    maps = [noise(4, 3, 16, 16), noise(4, 5, 8, 8, seed=1) - 0.5]
    grams = style_grams(maps)
    assert [gram.norm(dim=1).tolist() for gram in grams] == [pytest.approx([1.0] * 4)] * 2
    centres = [gram.mean(dim=0) for gram in grams]
    rows = style_descriptors(grams, centres)
    assert rows.norm(dim=1).tolist() == pytest.approx([1.0] * 4)
    cosines = [
        float(torch.cosine_similarity(g[0] - c, g[1] - c, dim=0))
        for g, c in zip(grams, centres, strict=True)
    ]
    assert float(rows[0] @ rows[1]) == pytest.approx(sum(cosines) / 2)
    assert style_gap(rows[:1], rows[1:2]).tolist() == pytest.approx([1 - sum(cosines) / 2])


def test_product_colour_is_free_inside_a_cell_and_outside_the_mask() -> None:
    photo = torch.full((1, 3, 16, 16), 0.5, dtype=torch.float64)
    mask = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    mask[..., :8] = 1.0
    elsewhere = photo.clone()
    elsewhere[..., 8:] = 0.0
    assert float(product_colour(elsewhere, photo, mask)) == 0.0
    ripple = photo + 0.3 * (-1.0) ** torch.arange(16)
    assert float(product_colour(ripple, photo, mask)) < 1e-12
    assert float(product_colour(photo + 0.2, photo, mask)) == pytest.approx(0.04, rel=1e-4)
    redder = photo + 0.3 * torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    assert float(product_colour(redder, photo, mask)) == pytest.approx(0.03, rel=1e-4)
    assert float(product_colour(photo + 0.2, photo, torch.zeros_like(mask))) == 0.0


def test_gradients_are_right() -> None:
    logits = (4 * noise(2, 1, 3, 3) - 2).requires_grad_()
    weight = noise(2, 1, 3, 3, seed=1)
    check = torch.autograd.gradcheck
    for kind in ("hinge", "bce"):
        for real in (True, False):
            assert check(lambda x, k=kind, r=real: discriminator_loss(x, r, k, weight), (logits,))
        assert check(lambda x, k=kind: generator_loss(x, k, weight), (logits,))
    found, looks, own = noise(2, 5).requires_grad_(), noise(4, 5, seed=2), noise(2, 5, seed=6)
    assert check(lambda x: style_contrast(x, own, looks, torch.tensor([3, 0])), (found,))
    painted, photo = noise(1, 3, 8, 8).requires_grad_(), noise(1, 3, 8, 8, seed=3)
    assert check(lambda x: product_colour(x, photo, noise(1, 1, 8, 8, seed=4)), (painted,))


def test_the_slope_of_style_leads_towards_the_look() -> None:
    picture, look = noise(1, 3, 56, 56).requires_grad_(), 0.3 * noise(1, 3, 56, 56, seed=1)
    before = normalised_patch_style(picture, look, seeded(0))
    (slope,) = torch.autograd.grad(before.sum(), picture)
    after = normalised_patch_style(picture.detach() - 100 * slope, look, seeded(0))
    assert float(after) < float(before.detach())


def test_shapes_that_do_not_fit_are_refused() -> None:
    rows = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ContractError, match=r"must be \(b, d\), \(b, d\) and \(k, d\) with"):
        style_contrast(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(4, 5), rows)
    with pytest.raises(ContractError, match="of at least 8 px"):
        product_colour(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
