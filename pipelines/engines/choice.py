"""Which executor a job uses, by its settings."""

from __future__ import annotations

import os

from pipelines.engine_config import EngineConfig
from pipelines.engines.executor import Executor
from pipelines.engines.local import LocalExecutor


def open_executor(
    engine: EngineConfig, workers: int, enough: int, batch_limit_s: float
) -> Executor:
    """The executor that `engine` names: `workers` workers (0: one per core), at most `enough`.

    No worker is longer than `batch_limit_s` at a batch. On Ray, 0 workers are one per core of the
    cluster but one, which is left to the cluster itself. Raises ConfigError where Ray is not
    installed.
    """
    if engine.name == "ray":
        from pipelines.engines.ray_cluster import RayExecutor

        return RayExecutor(workers, enough, engine.address, batch_limit_s)
    return LocalExecutor(max(1, min(workers or os.cpu_count() or 1, enough)), batch_limit_s)
