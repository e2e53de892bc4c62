"""Measures renders of one picture; what depends on the picture alone is worked out once."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.colour import delta_e_2000, lightness, to_lab
from styletransfer.fidelity.arrival import arrival
from styletransfer.fidelity.edges import Edges
from styletransfer.fidelity.look_colours import LookColours
from styletransfer.fidelity.report import FidelityReport
from styletransfer.fidelity.silhouette import Silhouette
from styletransfer.fidelity.structure import Structure

_COLOURS: Final = 4000
# A product of which less than this share lies off its outline is thin: all of it is judged.
_LEAST_SOLID: Final = 0.3


class FidelityMeter:
    """Compares renders with the picture they were made from.

    Colours are compared at a few thousand pixels, evenly spread: a downscaled picture would be
    biased.
    """

    def __init__(self, original: NDArray[np.uint8], alpha: NDArray[np.float32]) -> None:
        """`original` (h, w, 3) uint8 sRGB, `alpha` (h, w) float32, the product where >= 0.5.

        A mask without product counts the whole picture as product.
        """
        inside = alpha >= 0.5
        if not inside.any():
            inside = np.ones(alpha.shape, dtype=bool)
        self._original = original
        self._outside = alpha < 0.05
        light = lightness(original)
        # Pixels along the outline show both of its sides: the outline is judged on its own.
        solid = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        judged = solid if solid.sum() >= _LEAST_SOLID * inside.sum() else inside
        places = np.flatnonzero(judged)
        self._sparse = places[:: max(len(places) // _COLOURS, 1)]
        self._lab = to_lab(original.reshape(-1, 3)[self._sparse])
        self._structure = Structure(light, solid if solid.any() else inside)
        self._edges = Edges(light, solid)
        self._silhouette = Silhouette(inside.astype(np.float32))
        self._silhouette_original = self._silhouette.iou(original)
        self._original_distances: dict[LookColours, float] = {}

    def measure(
        self,
        render: NDArray[np.uint8],
        look: LookColours | None = None,
        identity_rank: int | None = None,
        text: float | None = None,
    ) -> FidelityReport:
        """Measure a render (h, w, 3) uint8 of the original's shape, else ContractError.

        `look` adds the arrival outside the mask; `identity_rank` and `text` come from the caller,
        who has the catalogue's embeddings and the OCR.
        """
        if render.shape != self._original.shape or render.dtype != np.uint8:
            raise ContractError(
                f"the render is {render.dtype} of shape {render.shape}, expected uint8 of shape "
                f"{self._original.shape} like its original: measure before resizing"
            )
        shift = delta_e_2000(self._lab, to_lab(render.reshape(-1, 3)[self._sparse]))
        light = lightness(render)
        arrived, distance = (None, None) if look is None else self._arrival(render, look)
        return FidelityReport(
            delta_e=float(shift.mean()),
            delta_e_p95=float(np.percentile(shift, 95)),
            ssim=self._structure.similarity(light),
            edge_f1=self._edges.f1(light),
            silhouette=self._silhouette.iou(render),
            silhouette_original=self._silhouette_original,
            identity_rank=identity_rank,
            text=text,
            arrival=arrived,
            look_distance=distance,
        )

    def _arrival(self, render: NDArray[np.uint8], look: LookColours) -> tuple[float, float]:
        where = self._outside if self._outside.any() else None
        if look not in self._original_distances:
            self._original_distances[look] = look.distance(self._original, where)
        distance = look.distance(render, where)
        return arrival(self._original_distances[look], distance), distance
