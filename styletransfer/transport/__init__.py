"""Optimal transport between colours: Gaussian, entropic and sliced."""

from styletransfer.transport.gaussian import (
    AffineMap,
    gaussian_colour_map,
    gaussian_map,
    moments,
)
from styletransfer.transport.sinkhorn import (
    EntropicMap,
    Palette,
    SinkhornPlan,
    barycentric_projection,
    entropic_map,
    palette,
    sinkhorn,
)
from styletransfer.transport.sliced import SlicedMap, sliced_map

__all__ = [
    "AffineMap",
    "EntropicMap",
    "Palette",
    "SinkhornPlan",
    "SlicedMap",
    "barycentric_projection",
    "entropic_map",
    "gaussian_colour_map",
    "gaussian_map",
    "moments",
    "palette",
    "sinkhorn",
    "sliced_map",
]
