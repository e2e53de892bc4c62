"""Files of a fitted model: arrays as safetensors, settings as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from features.array_files import map_arrays, write_arrays
from features.schema import NotFittedError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def save_model(
    directory: Path,
    name: str,
    config: DataclassInstance | None,
    seed: int,
    arrays: Mapping[str, NDArray[Any]],
) -> None:
    """Write model.json and arrays.safetensors into `directory`, made if needed."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = {"model": name, "seed": seed, "config": {} if config is None else asdict(config)}
    (directory / "model.json").write_text(json.dumps(settings), encoding="utf-8")
    write_arrays(directory / "arrays.safetensors", arrays)


def load_model(directory: Path, name: str) -> tuple[dict[str, Any], int, dict[str, NDArray[Any]]]:
    """Settings, seed and arrays, mapped to memory, that `save_model` wrote for model `name`.

    Raises NotFittedError if the files are missing or belong to another model.
    """
    path = directory / "model.json"
    if not path.is_file():
        raise NotFittedError(f"no model.json in {directory}: fit and save a {name} model there")
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings["model"] != name:
        raise NotFittedError(f"{directory} holds a {settings['model']} model: expected {name}")
    arrays = map_arrays(directory / "arrays.safetensors")
    return settings["config"], settings["seed"], arrays
