"""Words find the looks they describe, and what was understood is said."""

import numpy as np
import pytest

from features.schema import ContractError, InputError
from recsys.prototypes.look_words import LookWords

LOOKS = {
    "hills": "Watercolour hills painting blue light cool soft calm",
    "knife": "Autumn palette knife painting orange brown warm calm",
    "tiles": "Mosaic tiles stone yellow warm busy bold",
    "neon": "Neon night graphic black purple dark bold calm",
}


@pytest.fixture(scope="module")
def words():
    codes = np.eye(4, 100, dtype=np.float32) + 3.0
    return LookWords().fit(list(LOOKS), list(LOOKS), list(LOOKS.values()), codes)


class Meanings:
    """Sentences that are alike where they share letters."""

    def encode(self, sentences):
        letters = [[text.count(letter) for letter in "abcdefghijklm"] for text in sentences]
        rows = np.array(letters, np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1.0)

    def knows(self, word):
        return word in ("child", "could")


@pytest.mark.parametrize(
    ("phrase", "look"),
    [
        ("watercolour", "hills"),
        ("warm and calm", "knife"),
        ("MOSAIC!", "tiles"),
        ("moody, at midnight", "neon"),
        ("intricate stone", "tiles"),
    ],
)
def test_a_phrase_finds_the_look_it_describes(words, phrase, look):
    found = words.understand(phrase)
    assert found.nearest[0][0] == look
    assert sum(share for _, share in found.nearest) == pytest.approx(1.0)
    assert found.code.shape == (100,)


def test_what_was_understood_and_what_was_not_is_said(words):
    found = words.understand("a cosy autumn with zebras")
    assert found.words == [("cosy", "warm"), ("autumn", "autumn")]
    assert found.unknown == ["zebras"]


def test_a_phrase_that_says_nothing_of_the_looks_is_refused_with_what_would(words):
    with pytest.raises(InputError, match="say warm, cool"):
        words.understand("zebras")


def test_a_phrase_of_no_known_word_finds_looks_by_its_meaning_between_their_codes():
    codes = np.eye(4, 100, dtype=np.float32) + 3.0
    words = LookWords(Meanings()).fit(list(LOOKS), list(LOOKS), list(LOOKS.values()), codes)
    found = words.understand("child")
    assert (found.words, found.unknown, found.whole) == ([], ["child"], True)
    assert found.nearest[0][0] == "hills"
    shares = dict(found.nearest)
    assert found.code == pytest.approx([shares.get(one, 0.0) for one in LOOKS] @ codes)
    for nothing in ("zzz", "something like the"):
        with pytest.raises(InputError, match="say warm, cool"):
            words.understand(nothing)
    # A misspelt word is taken for the one it is near to, a word never for another.
    found = words.understand("wotercolour, could it")
    assert (found.words, found.unknown) == ([("wotercolour", "watercolour")], ["could"])


def test_tables_that_do_not_belong_together_are_refused():
    with pytest.raises(ContractError, match="as many"):
        LookWords().fit(["a"], ["a"], [], np.zeros((1, 100), np.float32))
