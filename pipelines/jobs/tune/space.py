"""Which settings are searched, and how a point of the unit cube stands for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pipelines.config import RunConfig

_DIGITS: Final = 3

Value = float | int | str


class Gene(NamedTuple):
    """One setting that is searched: its dotted key, and its range or the values it may take."""

    key: str
    low: float = 0.0
    high: float = 1.0
    values: tuple[Value, ...] = ()

    def decode(self, share: float) -> Value:
        """The value at `share` in 0..1 of the way from the first to the last; never beyond them."""
        if self.values:
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        value = round(self.low + share * (self.high - self.low), _DIGITS)
        return min(max(value, self.low), self.high)

    def encode(self, value: Any) -> float:
        """The share in 0..1 whose value is nearest to `value`."""
        if self.values:
            known = self.values.index(value) if value in self.values else 0
            return (known + 0.5) / len(self.values)
        span = self.high - self.low
        return min(max((float(value) - self.low) / span, 0.0), 1.0) if span > 0 else 0.0


def genes(base: RunConfig) -> tuple[Gene, ...]:
    """What is searched around `base`.

    The fidelity budget is the shop's promise: the search may tighten it, never loosen it.
    """
    budget = base.render.budget
    starts = sorted({20, 28, 36, 48, base.render.sets.start_px})
    surest = max(0.95, budget.min_mask_confidence)
    return (
        Gene("looks.strength", 0.5, 1.0),
        Gene("render.surroundings", values=("set", "paint")),
        Gene("render.place.calm", 0.0, 1.0),
        Gene("render.place.reach", 0.01, 0.2),
        Gene("render.place.most_contrast", 0.05, 0.4),
        Gene("render.sets.start_px", values=tuple(starts)),
        Gene("render.budget.max_delta_e", min(0.5, budget.max_delta_e), budget.max_delta_e),
        Gene("render.budget.min_mask_confidence", budget.min_mask_confidence, surest),
        Gene("render.budget.least_arrival", budget.least_arrival, max(0.6, budget.least_arrival)),
    )


def settings_at(searched: Sequence[Gene], point: Sequence[float]) -> dict[str, Value]:
    """Dotted key -> value of a `point` of the unit cube, a share per gene."""
    return {gene.key: gene.decode(share) for gene, share in zip(searched, point, strict=True)}


def present_settings(searched: Sequence[Gene], config: RunConfig) -> dict[str, Value]:
    """Dotted key -> value of the searched settings as `config` has them."""
    return {gene.key: _value(config, gene.key) for gene in searched}


def point_of(searched: Sequence[Gene], settings: Mapping[str, Value]) -> list[float]:
    """The point of the unit cube nearest to `settings` by dotted key."""
    return [gene.encode(settings[gene.key]) for gene in searched]


def nested(settings: dict[str, Value]) -> dict[str, Any]:
    """Dotted keys -> sections: `{"a.b": 1}` becomes `{"a": {"b": 1}}`."""
    sections: dict[str, Any] = {}
    for key, value in settings.items():
        *path, name = key.split(".")
        section = sections
        for part in path:
            section = section.setdefault(part, {})
        section[name] = value
    return sections


def _value(config: RunConfig, key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        found = getattr(found, part)
    return found
