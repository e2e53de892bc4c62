from .config import (
    FidelityBudget as FidelityBudget,
    RenderConfig as RenderConfig,
)
from .faithful.gate import (
    look_anchor as look_anchor,
)
from .fidelity import (
    FidelityMeter as FidelityMeter,
    FidelityReport as FidelityReport,
)
from .look import (
    Look as Look,
    mix_codes as mix_codes,
)
from .painters.gatys import (
    paint_gatys as paint_gatys,
)
from .painters.transport import (
    paint_transport as paint_transport,
    recolour as recolour,
)
from .provenance.record import (
    Provenance as Provenance,
    embed_provenance as embed_provenance,
    read_provenance as read_provenance,
)
from .renderer import (
    Rendered as Rendered,
    Renderer as Renderer,
)

__all__ = [
    "FidelityBudget",
    "FidelityMeter",
    "FidelityReport",
    "Look",
    "Provenance",
    "RenderConfig",
    "Rendered",
    "Renderer",
    "embed_provenance",
    "look_anchor",
    "mix_codes",
    "paint_gatys",
    "paint_transport",
    "read_provenance",
    "recolour",
]
