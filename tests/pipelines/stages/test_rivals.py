"""Rivals of an item are other products: never its own photo under another id."""

from pathlib import Path

import numpy as np

from features.images import decode, encode, perceptual_hash, resize_longest
from features.networks.encoders import ContentEncoder
from pipelines.stages.rivals import RIVALS, nearest_rivals
from styletransfer.fidelity import identity

SAMPLES = Path(__file__).parents[3] / "data" / "samples"
NAMES = ("backpack-01", "watch-06")
RNG = np.random.default_rng(0)


def _content(n, d=32):
    points = RNG.normal(size=(n, d)).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _far(n):
    """Hashes that differ in about half of their bits."""
    return RNG.integers(0, 2**63, n).astype(np.uint64)


def test_an_items_own_row_comes_first_among_its_rivals():
    content = _content(40)
    rivals = nearest_rivals(content, [f"d{i}" for i in range(40)], _far(40))
    assert [rows[0] for rows in rivals] == list(range(40))
    assert all(len(set(rows.tolist())) == len(rows) == RIVALS + 1 for rows in rivals)
    nearest = np.argsort(-(content @ content[5]))[1 : RIVALS + 1]
    assert sorted(rivals[5][1:]) == sorted(nearest)


def test_items_that_share_a_photo_are_no_rivals_however_many_they_are():
    content, hashes = _content(30), _far(30)
    of_photo = np.array([0] * 60 + list(range(1, 30)))
    rivals = nearest_rivals(content[of_photo], [f"d{i}" for i in of_photo], hashes[of_photo])
    for row in (0, 59):
        assert rivals[row][0] == row
        assert (rivals[row][1:] >= 60).all()
        assert len(rivals[row]) == RIVALS + 1
    # A photo that many items share takes one place among the rivals of others.
    assert all((rows[1:] < 60).sum() <= 1 for rows in rivals[60:])


def test_a_copy_of_a_photo_scaled_or_compressed_anew_ranks_first_beside_its_likes():
    photo, other = (
        resize_longest(decode(SAMPLES / "products" / f"{name}.jpg"), 256) for name in NAMES
    )
    copies = [photo, resize_longest(photo, 160), decode(encode(photo, "jpeg", 70))]
    content = ContentEncoder().encode([*copies, other])
    hashes = np.array([perceptual_hash(one) for one in (*copies, other)])
    rivals = nearest_rivals(content, ["a", "b", "c", "d"], hashes)
    assert [rows.tolist() for rows in rivals[:3]] == [[0, 3], [1, 3], [2, 3]]
    for rows in rivals[:3]:
        assert identity(content[1], content[rows], 0).rank == 1


def test_one_item_and_a_catalogue_of_one_photo_have_no_rivals():
    content = _content(1)
    assert [r.tolist() for r in nearest_rivals(content, ["a"], _far(1))] == [[0]]
    shared = nearest_rivals(content[[0, 0, 0]], ["a"] * 3, _far(1)[[0, 0, 0]])
    assert [r.tolist() for r in shared] == [[0], [1], [2]]


def test_products_alike_by_features_alone_stay_rivals():
    content = _content(3)
    content[1] = content[0]
    rivals = nearest_rivals(content, ["a", "b", "c"], np.array([0, 2**40 - 1, 5], np.uint64))
    assert rivals[0][1] == 1
