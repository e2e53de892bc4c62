"""Plain words for a picture are those that people would say."""

import numpy as np
import pytest

from features.images.look_traits import colour_words, measure_look, trait_words


def _plain(*colour):
    return np.full((40, 60, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize(
    ("colour", "word"),
    [
        ((220, 20, 20), "red"),
        ((250, 140, 0), "orange"),
        ((240, 220, 20), "yellow"),
        ((30, 140, 40), "green"),
        ((30, 60, 200), "blue"),
        ((130, 40, 170), "purple"),
        ((250, 120, 180), "pink"),
        ((20, 150, 150), "teal"),
        ((110, 70, 30), "brown"),
        ((128, 128, 128), "grey"),
        ((252, 252, 252), "white"),
        ((8, 8, 10), "black"),
    ],
)
def test_a_colour_has_its_name(colour, word):
    assert colour_words(_plain(*colour)) == [word]


def test_words_are_for_what_a_look_has_least_or_most_of():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)
    pictures = [_plain(20, 30, 90), _plain(140, 130, 120), noise]
    said = trait_words(np.stack([measure_look(picture) for picture in pictures]))
    assert "dark" in said[0]
    assert "cool" in said[0]
    assert {"busy", "bold"} <= set(said[2])
    assert "busy" not in said[0] + said[1]
    assert trait_words(np.zeros((0, 5))) == []
