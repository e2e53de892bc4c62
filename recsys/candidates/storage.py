"""Files of a fitted model: arrays as safetensors, settings as JSON, interactions as npz."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from features.schema import NotFittedError
from recsys.candidates.interactions import Interactions

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def save_model(
    directory: Path,
    name: str,
    config: DataclassInstance | None,
    seed: int,
    interactions: Interactions,
    arrays: Mapping[str, NDArray[Any]],
) -> None:
    """Write model.json, arrays.safetensors and the interactions into `directory`."""
    interactions.save(directory)
    settings = {"model": name, "seed": seed, "config": {} if config is None else asdict(config)}
    (directory / "model.json").write_text(json.dumps(settings), encoding="utf-8")
    contiguous = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    save_file(contiguous, directory / "arrays.safetensors")


def load_model(
    directory: Path, name: str
) -> tuple[dict[str, Any], int, Interactions, dict[str, NDArray[Any]]]:
    """Settings, seed, interactions and arrays that `save_model` wrote for model `name`.

    Raises NotFittedError if the files are missing or belong to another model.
    """
    path = directory / "model.json"
    if not path.is_file():
        raise NotFittedError(f"no model.json in {directory}: fit and save a {name} model there")
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings["model"] != name:
        raise NotFittedError(f"{directory} holds a {settings['model']} model: expected {name}")
    arrays = load_file(directory / "arrays.safetensors")
    return settings["config"], settings["seed"], Interactions.load(directory), dict(arrays)
