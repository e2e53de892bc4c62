"""The settings of where work is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from features.schema import ConfigError

ENGINES: Final = ("local", "ray")


@dataclass(frozen=True)
class EngineConfig:
    """Where batches of pictures and shoppers are worked at; no choice changes a result.

    `name`: "local", processes of this machine, or "ray", a Ray cluster whose machines all see the
    job's folder and the pictures under the same paths. `address` of a running cluster, host:port or
    "auto"; empty: one is started on this machine for the job.
    """

    name: str = "local"
    address: str = ""

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ConfigError(f"engine.name is {self.name!r}: expected one of {', '.join(ENGINES)}")
        if self.address and self.name != "ray":
            raise ConfigError(
                f"engine.address is {self.address!r} and engine.name {self.name!r}: only ray has "
                "one; leave it out, or set engine.name = 'ray'"
            )
