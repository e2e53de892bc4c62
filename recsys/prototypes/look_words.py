"""Words to a look: a phrase becomes a point of style space, by what is said of the looks known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError, InputError
from features.titles import TitleEncoder

_RIDGE: Final = 0.3
_NEAREST: Final = 3
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


@dataclass(frozen=True)
class Understood:
    """A phrase as it was taken.

    `code` float32 (100,) is its point among raw style codes; `nearest` are the looks most like it
    with their weights, which sum to 1; `words` are (said, taken for) of the words that tell
    something, `unknown` those that tell nothing here.
    """

    code: NDArray[np.float32]
    nearest: list[tuple[str, float]]
    words: list[tuple[str, str]]
    unknown: list[str]


class LookWords:
    """A ridge from hashed TF-IDF vectors of descriptions to style codes, fitted on looks."""

    def fit(
        self, style_ids: Sequence[str], descriptions: Sequence[str], codes: NDArray[np.float32]
    ) -> LookWords:
        """Learn from one description (name, tags and words for its picture) and raw style code,
        `codes` float32 (n, 100), per look. Raises ContractError on lengths that differ or none."""
        if not len(style_ids) == len(descriptions) == len(codes) or not len(codes):
            raise ContractError(
                f"expected as many descriptions and codes as looks, at least one, got "
                f"{len(style_ids)}, {len(descriptions)} and {len(codes)}"
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
        return self

    def understand(self, phrase: str) -> Understood:
        """The point of style space that `phrase` describes. Raises InputError where none of its
        words says anything of the looks known."""
        words, unknown = [], []
        for said in dict.fromkeys(_WORD.findall(phrase.casefold())):
            if said in _IDLE:
                continue
            taken = said if said in self._known else _MEANS.get(said, said)
            if taken in self._known:
                words.append((said, taken))
            else:
                unknown.append(said)
        if not words:
            raise InputError(
                f"none of these words says anything of the looks here: {phrase.strip()[:80]!r}; "
                "name colours, or say warm, cool, calm, busy, light, dark, soft, bold or a look's "
                "name"
            )
        vector = self._encoder.encode([" ".join(taken for _, taken in words)])[0]
        alike = self._vectors @ vector.astype(np.float64)
        code = self._centre + alike @ self._weights
        return Understood(code.astype(np.float32), self._nearest(code, alike), words, unknown)

    def _nearest(
        self, code: NDArray[np.float64], alike: NDArray[np.float64]
    ) -> list[tuple[str, float]]:
        """Looks whose codes lie in the direction of `code`, and whose descriptions are alike."""
        theirs = self._codes - self._centre
        mine = code - self._centre
        lengths = np.linalg.norm(theirs, axis=1) * max(float(np.linalg.norm(mine)), 1e-9)
        near = theirs @ mine / np.maximum(lengths, 1e-9) + alike
        order = sorted(range(len(near)), key=lambda at: (-near[at], self._ids[at]))[:_NEAREST]
        shares = np.maximum(near[order], 1e-3) ** 2
        shares /= shares.sum()
        return [(self._ids[at], float(s)) for at, s in zip(order, shares, strict=True)]


def _normal(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
