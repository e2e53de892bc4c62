"""Distance of encoder features: Gram matrices of EfficientNet-Lite0's early maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from features.networks.efficientnet import EfficientNetLite0, fold_batch_norm, load_pretrained

_STAGES: Final = 3
_SIZE_PX: Final = 256


class FeatureEncoder:
    """Gram matrices of the first three stages, each scaled to unit length.

    As a loss these leave a checkerboard; as a measure they do no harm. Pictures are first scaled
    to a longer side of 256 px.
    """

    def __init__(self, network: EfficientNetLite0 | None = None) -> None:
        """Use `network`, else load the packaged one: WeightsError."""
        self._network = fold_batch_norm(load_pretrained()) if network is None else network

    def grams(
        self, picture: NDArray[np.uint8], where: NDArray[np.bool_] | None = None
    ) -> list[Tensor]:
        """One (c, c) float32 matrix per stage of a picture (h, w, 3) uint8, `where` (h, w) only."""
        scale = _SIZE_PX / max(picture.shape[:2])
        size = tuple(max(round(side * scale), 16) for side in picture.shape[1::-1])
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        weight = np.ones(size[::-1], np.float32)
        if where is not None and where.any():
            weight = cv2.resize(where.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        with torch.no_grad():
            planes = torch.from_numpy(small.astype(np.float32) / np.float32(255.0))
            kept = torch.from_numpy(weight)[None, None]
            return [gram[0] for gram in self.grams_of(planes.permute(2, 0, 1)[None], kept)]

    def grams_of(self, pictures: Tensor, weight: Tensor | None = None) -> list[Tensor]:
        """One (b, c, c) per stage of pictures (b, 3, h, w) sRGB in 0..1 as they are.

        `weight` (b, 1, h, w) in 0..1 says how much each place counts. Differentiable.
        """
        grams = []
        for maps in self._network.feature_maps(pictures, _STAGES):
            flat = maps.flatten(2)
            seen = flat
            if weight is not None:
                places = F.adaptive_avg_pool2d(weight, (maps.shape[2], maps.shape[3]))
                seen = flat * places.flatten(2)
            gram = seen @ flat.transpose(1, 2)
            grams.append(gram / gram.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None])
        return grams


class LookFeatures:
    """A look's Gram matrices, to measure how far pictures' are from them.

    Gatys et al. 2016, "Image style transfer using convolutional neural networks", on another net.
    """

    def __init__(self, look: NDArray[np.uint8], encoder: FeatureEncoder) -> None:
        """`look` (h, w, 3) uint8 sRGB, the picture that defines the look."""
        self._encoder = encoder
        self._grams = encoder.grams(look)

    def distance(self, picture: NDArray[np.uint8], where: NDArray[np.bool_] | None = None) -> float:
        """Mean distance over the stages, 0..2, of a picture (h, w, 3) uint8; `where` only."""
        theirs = self._encoder.grams(picture, where)
        gaps = [float((a - b).norm()) for a, b in zip(theirs, self._grams, strict=True)]
        return sum(gaps) / len(gaps)


class LookRecogniser:
    """Says which of several looks a picture is in.

    Gram matrices are centred on the looks' mean, since all pictures share most of theirs; the look
    of the largest mean cosine over the stages is the nearest.
    """

    def __init__(self, looks: Mapping[str, NDArray[np.uint8]], encoder: FeatureEncoder) -> None:
        """`looks`: at least two pictures (h, w, 3) uint8 sRGB by name."""
        self._names, self._encoder = list(looks), encoder
        stages = zip(*(encoder.grams(picture) for picture in looks.values()), strict=True)
        stacked = [torch.stack(grams).flatten(1) for grams in stages]
        self._means = [grams.mean(dim=0) for grams in stacked]
        self._looks = [
            F.normalize(grams - mean, dim=1)
            for grams, mean in zip(stacked, self._means, strict=True)
        ]

    def nearest(self, picture: NDArray[np.uint8], where: NDArray[np.bool_] | None = None) -> str:
        """The name of the look nearest to `picture` (h, w, 3) uint8; `where` (h, w) only."""
        grams = [gram[None] for gram in self._encoder.grams(picture, where)]
        return self._names[int(self._cosines(grams)[0].argmax())]

    def cosines(self, pictures: Tensor) -> Tensor:
        """Mean cosine with every look (b, k) of pictures (b, 3, h, w) sRGB in 0..1 as they are.

        Differentiable. Looks were seen at a longer side of 256 px.
        """
        return self._cosines(self._encoder.grams_of(pictures))

    def _cosines(self, grams: list[Tensor]) -> Tensor:
        stages = zip(grams, self._means, self._looks, strict=True)
        told = [F.normalize(g.flatten(1) - mean, dim=1) @ looks.T for g, mean, looks in stages]
        return torch.stack(told).mean(dim=0)
