"""Words to a look: a phrase becomes a point of style space, by what is said of the looks known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError, InputError
from features.titles import TitleEncoder

_RIDGE: Final = 0.3
_NEAREST: Final = 3
# Of the words' own score, beside the meaning of the phrase as a whole.
_WORDS_SHARE: Final = 0.5
_LEAST_LIKE: Final = 0.2
_LEAST_SPELT: Final = 0.85
_SHORTEST_SPELT: Final = 4
_WORD: Final = re.compile(r"[^\W_]+")
# What people say, and the word of a look's description that means it.
_SYNONYMS: Final = {
    "calm": ("quiet", "serene", "peaceful", "gentle", "still", "minimal", "simple", "clean"),
    "busy": ("detailed", "lively", "intricate", "dense", "ornate", "rich", "patterned"),
    "warm": ("cosy", "cozy", "sunny", "autumn", "autumnal", "summer", "earthy", "golden"),
    "cool": ("cold", "icy", "winter", "wintry", "fresh", "crisp", "arctic"),
    "light": ("bright", "airy", "pale", "white"),
    "dark": ("moody", "night", "midnight", "gloomy", "deep"),
    "muted": ("faded", "subtle", "pastel", "neutral", "washed", "subdued", "monochrome"),
    "colourful": ("colorful", "vivid", "vibrant", "saturated", "playful", "joyful"),
    "soft": ("dreamy", "hazy", "misty", "delicate", "smooth"),
    "bold": ("strong", "dramatic", "striking", "graphic", "contrasty", "loud"),
    "blue": ("navy", "indigo", "sea", "ocean", "azure", "cobalt"),
    "green": ("forest", "leafy", "olive", "emerald", "jungle"),
    "grey": ("gray", "silver", "charcoal", "slate"),
    "brown": ("wooden", "terracotta", "rust", "chocolate"),
    "orange": ("amber", "peach", "apricot"),
    "yellow": ("gold", "lemon", "mustard"),
    "red": ("crimson", "scarlet", "ruby"),
    "pink": ("rose", "blush", "magenta"),
    "purple": ("violet", "lilac", "lavender", "plum"),
    "teal": ("turquoise", "aqua", "cyan"),
    "painting": ("painted", "painterly", "brush", "brushed", "oil"),
    "textile": ("fabric", "woven", "knitted", "cloth"),
}  # fmt: skip
_MEANS: Final = {said: word for word, all_said in _SYNONYMS.items() for said in all_said}
_IDLE: Final = frozenset(
    ("a", "an", "and", "the", "of", "in", "with", "like", "as", "it", "is", "to", "for", "on",
     "very", "more", "some", "look", "looks", "style", "something", "please", "make", "i", "want",
     "me", "my", "but", "or", "feel", "feeling", "colours", "colors")
)  # fmt: skip


class Sentences(Protocol):
    """What embeds sentences by their meaning."""

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1, float32 (n, size)."""
        ...

    def knows(self, word: str) -> bool:
        """Whether `word` is a word, and not misspelt."""
        ...


@dataclass(frozen=True)
class Understood:
    """A phrase as it was taken.

    `code` float32 (100,) is its point among raw style codes; `nearest` are the looks most like it
    with their weights, which sum to 1; `words` are (said, taken for) of the words that tell
    something, `unknown` those that tell nothing by themselves. `whole`: the phrase was also read as
    a whole, for its meaning.
    """

    code: NDArray[np.float32]
    nearest: list[tuple[str, float]]
    words: list[tuple[str, str]]
    unknown: list[str]
    whole: bool = False


class LookWords:
    """A ridge from hashed TF-IDF vectors of descriptions to style codes, fitted on looks.

    With `sentences`, looks are also found by the meaning of a phrase as a whole.
    """

    def __init__(self, sentences: Sentences | None = None) -> None:
        """`sentences` None: by words alone."""
        self._sentences = sentences

    def fit(
        self,
        style_ids: Sequence[str],
        titles: Sequence[str],
        descriptions: Sequence[str],
        codes: NDArray[np.float32],
    ) -> LookWords:
        """Learn from a title (name and tags), a description (that, and words for its picture) and
        a raw style code, `codes` float32 (n, 100), per look.

        Raises ContractError on lengths that differ or none.
        """
        lengths = [len(given) for given in (style_ids, titles, descriptions, codes)]
        if len(set(lengths)) > 1 or not len(codes):
            raise ContractError(
                f"expected as many titles, descriptions and codes as looks, at least one, got "
                f"{', '.join(map(str, lengths))}"
            )
        self._ids = [str(one) for one in style_ids]
        texts = [_normal(one) for one in descriptions]
        # Twice: a word that one look alone has tells that look, and is no article number.
        self._encoder = TitleEncoder().fit([*texts, *texts])
        self._vectors = self._encoder.encode(texts).astype(np.float64)
        self._known = {word for text in texts for word in text.split()}
        self._codes = codes.astype(np.float64)
        self._centre = self._codes.mean(axis=0)
        gram = self._vectors @ self._vectors.T + _RIDGE * np.eye(len(texts))
        self._weights = np.linalg.solve(gram, self._codes - self._centre)
        if self._sentences is not None:
            plain = [title.lower().replace("-", " ") for title in titles]
            self._meanings = self._sentences.encode(plain)
        return self

    def understand(self, phrase: str) -> Understood:
        """The point of style space that `phrase` describes. Raises InputError where none of its
        words says anything of the looks known."""
        words: list[tuple[str, str]] = []
        unknown: list[str] = []
        read = []
        for said in dict.fromkeys(_WORD.findall(phrase.casefold())):
            meant = self._respelt(said)
            read.append(meant)
            if said in _IDLE:
                continue
            taken = meant if meant in self._known else _MEANS.get(meant, meant)
            if taken in self._known:
                words.append((said, taken))
            else:
                unknown.append(said)
        near = np.zeros(len(self._ids))
        point: NDArray[np.float64] | None = None
        if words:
            vector = self._encoder.encode([" ".join(taken for _, taken in words)])[0]
            alike = self._vectors @ vector.astype(np.float64)
            point = self._centre + alike @ self._weights
            near += _WORDS_SHARE * (self._along(point) + alike)
        whole = False
        if self._sentences is not None and (words or unknown):
            meaning = self._meanings @ self._sentences.encode([" ".join(read)])[0]
            near += meaning
            whole = bool(words) or float(meaning.max()) >= _LEAST_LIKE
        if not words and not whole:
            raise InputError(
                f"none of these words says anything of the looks here: {phrase.strip()[:80]!r}; "
                "name colours, or say warm, cool, calm, busy, light, dark, soft, bold or a look's "
                "name"
            )
        nearest = self._nearest(near)
        if point is None:
            # Read by its meaning alone: between the looks that it is nearest to.
            shares = dict(nearest)
            point = np.array([shares.get(look, 0.0) for look in self._ids]) @ self._codes
        return Understood(np.asarray(point, dtype=np.float32), nearest, words, unknown, whole)

    def _respelt(self, said: str) -> str:
        """The known word that `said` is likely meant to be; itself where there is none."""
        if said in self._known or said in _MEANS or said in _IDLE or len(said) < _SHORTEST_SPELT:
            return said
        # What is a word of its own is never taken for another: `could` for `cold`.
        if self._sentences is None or self._sentences.knows(said):
            return said
        found = difflib.get_close_matches(
            said, sorted(self._known | _MEANS.keys()), 1, _LEAST_SPELT
        )
        return found[0] if found else said

    def _along(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much each look's code lies in the direction of `point`: cosines."""
        theirs, mine = self._codes - self._centre, point - self._centre
        lengths = np.linalg.norm(theirs, axis=1) * max(float(np.linalg.norm(mine)), 1e-9)
        return np.asarray(theirs @ mine / np.maximum(lengths, 1e-9), dtype=np.float64)

    def _nearest(self, near: NDArray[np.float64]) -> list[tuple[str, float]]:
        order = sorted(range(len(near)), key=lambda at: (-near[at], self._ids[at]))[:_NEAREST]
        shares = np.maximum(near[order], 1e-3) ** 2
        shares /= shares.sum()
        return [(self._ids[at], float(s)) for at, s in zip(order, shares, strict=True)]


def _normal(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
