"""Checkpoints: tensors and facts in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from features.schema import InputError


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write `tensors` and the JSON-able `facts` to `path`: a temporary file, synced, then renamed.

    Raises InputError where the disk is full or the folder cannot be written; what was at `path`
    stays.
    """
    data = save(
        {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
        {"facts": json.dumps(facts)},
    )
    temporary = path.with_name(f".writing-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(
            f"checkpoint {path} of {len(data) / 1e6:.1f} MB cannot be written ({error.strerror}): "
            "the one before it is whole; free some space and start the command again"
        ) from error


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_checkpoint` wrote. Raises InputError for another file, or weights not finite."""
    try:
        with safe_open(path, framework="pt") as stream:
            tensors = {name: stream.get_tensor(name) for name in _names(stream)}
            facts = json.loads((stream.metadata() or {}).get("facts", "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(
            f"checkpoint {path} cannot be read ({error}): delete it to start anew"
        ) from None
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(
                f"checkpoint {path} holds NaN or infinity in {name}: expected finite weights; "
                "delete it to start anew"
            )
    return tensors, facts


def named(prefix: str, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`values` with `prefix` and a bar before each name."""
    return {f"{prefix}|{name}": value for name, value in values.items()}


def of_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `named` named."""
    start = f"{prefix}|"
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's moments and counts by number and name."""
    return {
        f"{number}|{name}": value
        for number, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
        if value is not None
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser back what `optimiser_tensors` took; its rates stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition("|")
        state.setdefault(int(number), {})[name] = value.clone()
    optimiser.load_state_dict(
        {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
    )


def load_module(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Load a module's state. Raises InputError where the layers differ."""
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{what}: the weights are of another network: {first}") from None


def _names(stream: Any) -> list[str]:
    return list(stream.keys())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
