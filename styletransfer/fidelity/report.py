"""The numbers that say the product survived, for one render."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class FidelityReport:
    """What was measured on one render beside its original; None: not measured.

    Inside the mask: `delta_e` and `delta_e_p95`, mean and 95th percentile CIEDE2000;
    `ssim`, of lightness; `edge_f1`, edges kept. `silhouette` is the outline's IoU as read off the
    render, `silhouette_original` off the photo. `identity_rank` is 1 when the render's own item
    comes first in the catalogue. `text` is the share of characters read alike.
    `arrival` is the look's colours' arrival outside the mask, between photo (0) and look (1), and
    `look_distance` what is left of the way, in Lab units.
    """

    delta_e: float
    delta_e_p95: float
    ssim: float
    edge_f1: float
    silhouette: float
    silhouette_original: float
    identity_rank: int | None = None
    text: float | None = None
    arrival: float | None = None
    look_distance: float | None = None

    def to_dict(self) -> dict[str, float | int | None]:
        """The figures by name, floats rounded to 4 digits, for JSON and tables."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }
