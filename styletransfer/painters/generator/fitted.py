"""Style codes that were fitted to a generator, kept in one safetensors file: 400 bytes a look."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from features.schema import STYLE_CODE_SIZE, InputError

_ADVICE = "expected a fitted.safetensors that `stylefeed fit-look` wrote"


@dataclass(frozen=True, eq=False)
class FittedLooks:
    """Raw style codes float32 (100,) by the digest of the look's picture file.

    `generator` is the version of the weights they were fitted to: others paint them wrongly.
    """

    generator: str
    codes: Mapping[str, NDArray[np.float32]]

    @property
    def version(self) -> str:
        """Short hash of all of it: 12 hex digits."""
        state = hashlib.blake2b(self.generator.encode(), digest_size=6)
        for digest, code in sorted(self.codes.items()):
            state.update(digest.encode() + np.asarray(code, dtype="<f4").tobytes())
        return state.hexdigest()

    def to_bytes(self) -> bytes:
        """The file."""
        tensors = {digest: np.asarray(code, np.float32) for digest, code in self.codes.items()}
        # A file of no tensors would not be told from a damaged one.
        tensors = tensors or {"none": np.zeros(STYLE_CODE_SIZE, np.float32)}
        return bytes(save(tensors, {"fitted_looks": json.dumps({"generator": self.generator})}))


def load_fitted(path: Path) -> FittedLooks:
    """Read a file of fitted looks. Raises InputError where it is none or holds other numbers."""
    if not path.is_file():
        raise InputError(f"fitted looks: no file at {path}; {_ADVICE}")
    try:
        with safe_open(path, framework="numpy") as opened:
            told = json.loads((opened.metadata() or {}).get("fitted_looks", "null"))
            codes = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"fitted looks {path} cannot be read ({error}); {_ADVICE}") from None
    if not isinstance(told, dict) or not isinstance(told.get("generator"), str):
        raise InputError(f"fitted looks {path} do not say which generator they are for; {_ADVICE}")
    for name, code in codes.items():
        if code.shape != (STYLE_CODE_SIZE,) or not np.isfinite(code).all():
            raise InputError(
                f"fitted looks {path}: {name} is no {STYLE_CODE_SIZE} finite numbers; {_ADVICE}"
            )
    codes.pop("none", None)
    return FittedLooks(told["generator"], codes)
