"""Titles that share telling words are near each other."""

import numpy as np
import pytest

from features.schema import ConfigError, NotFittedError
from features.titles import TitleEncoder

TITLES = [
    "Red cotton dress A101",
    "Blue cotton dress B202",
    "Leather boots C303",
    "Brown leather boots D404",
    "Wool hat E505",
    "",
]


def test_titles_that_share_words_are_nearer():
    vectors = TitleEncoder().fit(TITLES).encode(TITLES)
    cosine = vectors @ vectors.T
    assert cosine[0, 1] > 0.9
    assert cosine[2, 3] > 0.9
    assert abs(cosine[0, 2]) < 0.1
    assert vectors.dtype == np.float32
    assert vectors.shape == (6, 512)


def test_vectors_are_unit_or_zero_where_nothing_is_known():
    vectors = TitleEncoder(64).fit(TITLES).encode([*TITLES, "Zebra F606"])
    norms = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(norms[:4], 1, atol=1e-6)
    # 'wool', 'hat', 'zebra' and the article numbers were seen once or never.
    np.testing.assert_array_equal(norms[4:], 0)


def test_rare_words_weigh_more_than_common_ones():
    titles = ["cotton dress"] * 2 + ["cotton hat"] * 20
    vectors = TitleEncoder().fit(titles).encode(["dress", "cotton", "cotton dress"])
    assert vectors[2] @ vectors[0] > vectors[2] @ vectors[1]


def test_accents_and_case_do_not_matter():
    encoder = TitleEncoder().fit(["Café crème", "cafe creme"])
    vectors = encoder.encode(["CAFÉ CRÈME", "cafe creme"])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert np.linalg.norm(vectors[0]) == pytest.approx(1)


def test_encoding_before_fitting_says_what_to_do():
    with pytest.raises(NotFittedError, match=r"call fit\(titles\) first"):
        TitleEncoder().encode(["x"])


def test_a_size_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="title size must be from 1 to 262144, got 0"):
        TitleEncoder(0)
