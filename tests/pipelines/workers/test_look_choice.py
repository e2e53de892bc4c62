"""Only looks that can be painted, at the set strength, with words that say why."""

import numpy as np
import pytest

from features.schema import ORIGINAL, ConfigError
from pipelines.config import LookConfig
from pipelines.workers.look_choice import (
    LIKED,
    LIKED_BY_OTHERS,
    TRIED,
    eligible_looks,
    look_reasons,
)
from recsys.prototypes.index import PrototypeIndex

LOOKS = ["a", "b", "c", "d", ORIGINAL]


@pytest.fixture
def prototypes():
    codes = np.zeros((4, 100), dtype=np.float32)
    codes[:2, 0] = [1.0, 0.9]
    codes[2:, 1] = [1.0, 0.9]
    return codes, PrototypeIndex.fit(LOOKS[:4], codes, n_prototypes=2)


def test_the_nearest_prototypes_looks_and_the_original_are_eligible(prototypes):
    codes, index = prototypes
    allowed = eligible_looks(codes[[0, 2]], index, LOOKS, set(LOOKS[:4]), 1)
    assert allowed.tolist() == [[True, True, False, False, True], [False, False, True, True, True]]


def test_every_look_is_eligible_unless_prototypes_are_asked_for(prototypes):
    codes, index = prototypes
    assert eligible_looks(codes[[0]], index, LOOKS, set(LOOKS[:4]), 0).all()


def test_a_look_without_a_picture_is_never_eligible(prototypes):
    codes, index = prototypes
    for per_user in (0, 2):
        allowed = eligible_looks(codes[[0]], index, LOOKS, {"b", "c"}, per_user)
        assert allowed.tolist() == [[False, True, True, False, True]]


def test_the_words_say_why_a_look_was_drawn():
    drawn = np.array(["a", "a", "b", ORIGINAL], dtype=object)
    words = look_reasons(drawn, np.array([True, True, False, False]), np.array([1, 0, 1, 1]) > 0)
    assert words.tolist() == [LIKED, LIKED_BY_OTHERS, TRIED, ""]


def test_a_look_config_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="expected at least 0"):
        LookConfig(prototypes_per_user=-1)
    with pytest.raises(ConfigError, match=r"the strength of 's1' is 0\.0: expected over 0"):
        LookConfig(strength_of={"s1": 0.0})
