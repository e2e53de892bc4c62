"""Hashes survive recompression and scaling, and groups are what brute force says."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from features.images import decode, encode, near_duplicates, perceptual_hash, resize
from features.schema import ConfigError


def distance(one, other):
    return int(np.bitwise_count(one ^ other))


@pytest.fixture(scope="module")
def photos():
    names = ("astronaut", "coffee", "chelsea", "rocket")
    return [getattr(skimage.data, name)() for name in names]


def test_recompressed_scaled_and_brightened_copies_keep_their_hash(photos):
    for photo in photos:
        original = perceptual_hash(photo)
        copies = [
            decode(encode(photo, "jpeg", quality=40)),
            resize(photo, photo.shape[0] // 3, photo.shape[1] // 3),
            np.clip(photo.astype(int) * 0.9 + 12, 0, 255).astype(np.uint8),
        ]
        assert max(distance(original, perceptual_hash(copy)) for copy in copies) <= 4


def test_different_photos_differ_in_many_bits(photos):
    hashes = [perceptual_hash(photo) for photo in photos]
    pairs = [distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(pairs) > 16
    assert all(hash.dtype == np.uint64 for hash in hashes)


def test_flat_pictures_share_one_hash_whatever_their_size():
    flat = [np.full((side, side + 5, 3), level, np.uint8) for side, level in ((40, 90), (99, 200))]
    assert perceptual_hash(flat[0]) == perceptual_hash(flat[1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**10 - 1), max_size=25), st.integers(0, 4))
def test_groups_are_the_connected_components_of_close_pairs(values, max_distance):
    hashes = np.array(values, dtype=np.uint64)
    expected = list(range(len(values)))
    for i, a in enumerate(values):
        for j, b in enumerate(values[:i]):
            if (a ^ b).bit_count() <= max_distance:
                old, new = expected[i], expected[j]
                expected = [new if group == old else group for group in expected]
    first_seen = {group: n for n, group in enumerate(dict.fromkeys(expected))}
    groups = near_duplicates(hashes, max_distance)
    assert groups.dtype == np.int64
    assert groups.tolist() == [first_seen[group] for group in expected]


def test_groups_are_found_across_blocks():
    hashes = np.random.default_rng(0).integers(0, 2**63, 3000, dtype=np.uint64)
    hashes[2999] = hashes[5] ^ np.uint64(0b1011)
    groups = near_duplicates(hashes)
    assert groups[2999] == groups[5]
    assert len(np.unique(groups)) == 2999


def test_a_distance_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="from 0 to 64 bits, got 65"):
        near_duplicates(np.zeros(2, np.uint64), 65)
