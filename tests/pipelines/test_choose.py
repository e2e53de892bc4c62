"""Only looks near the shopper, that can be painted, at a strength that is worth it."""

import numpy as np
import pytest

from features.schema import ORIGINAL, ConfigError
from pipelines.jobs.choose import LookConfig, eligible_looks, rounded_strength
from recsys.prototypes import PrototypeIndex

LOOKS = ["a", "b", "c", "d", ORIGINAL]


@pytest.fixture
def prototypes():
    codes = np.zeros((4, 100), dtype=np.float32)
    codes[:2, 0] = [1.0, 0.9]
    codes[2:, 1] = [1.0, 0.9]
    return codes, PrototypeIndex.fit(LOOKS[:4], codes, n_prototypes=2)


def test_the_nearest_prototypes_looks_and_the_original_are_eligible(prototypes):
    codes, index = prototypes
    allowed = eligible_looks(codes[[0, 2]], np.ones(2), index, LOOKS, set(LOOKS[:4]), 1)
    assert allowed.tolist() == [[True, True, False, False, True], [False, False, True, True, True]]


def test_a_look_without_a_picture_is_never_eligible(prototypes):
    codes, index = prototypes
    allowed = eligible_looks(codes[[0]], np.ones(1), index, LOOKS, {"b", "c"}, 2)
    assert allowed.tolist() == [[False, True, True, False, True]]


def test_strength_zero_leaves_the_original_alone(prototypes):
    codes, index = prototypes
    allowed = eligible_looks(codes[[0]], np.zeros(1), index, LOOKS, set(LOOKS[:4]), 2)
    assert allowed.tolist() == [[False, False, False, False, True]]


def test_strengths_are_rounded_so_that_shoppers_share_renders():
    rounded = rounded_strength(np.array([0.0, 0.1, 0.2, 0.49, 0.9, 1.0]), 4)
    assert rounded.tolist() == [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]


def test_a_look_config_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="must be at least 1"):
        LookConfig(prototypes_per_user=0)
