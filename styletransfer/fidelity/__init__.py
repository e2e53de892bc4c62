"""Measures of what a render kept of the product, and of how much of the look arrived."""

from styletransfer.fidelity.arrival import arrival
from styletransfer.fidelity.identity import Identity, identity, plain_views
from styletransfer.fidelity.look_colours import LookColours
from styletransfer.fidelity.look_features import FeatureEncoder, LookFeatures
from styletransfer.fidelity.look_texture import LookTexture
from styletransfer.fidelity.meter import FidelityMeter
from styletransfer.fidelity.report import FidelityReport
from styletransfer.fidelity.text import TextReader, text_similarity

__all__ = [
    "FeatureEncoder",
    "FidelityMeter",
    "FidelityReport",
    "Identity",
    "LookColours",
    "LookFeatures",
    "LookTexture",
    "TextReader",
    "arrival",
    "identity",
    "plain_views",
    "text_similarity",
]
