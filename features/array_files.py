"""Named arrays in a file, read without being copied: processes that open it share its pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy import sparse

_DTYPES: Final = {
    **{"F64": "f8", "F32": "f4", "F16": "f2", "BOOL": "?"},
    **{"I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1"},
    **{"U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1"},
}
_PARTS: Final = ("data", "indices", "indptr")


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write `arrays` to `path` as safetensors; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file, mapped to memory: read when first touched, then shared.

    What is written to an array stays in this process and never reaches the file. The header is read
    here, since the safetensors library copies: its `load_file` holds all arrays in each process's
    own memory.
    """
    raw = np.memmap(path, dtype=np.uint8, mode="c")
    start = 8 + int(raw[:8].view("<u8")[0])
    header = json.loads(raw[8:start].tobytes())
    header.pop("__metadata__", None)
    arrays = {}
    for name, told in header.items():
        first, last = (start + place for place in told["data_offsets"])
        plain = np.asarray(raw[first:last]).view("<" + _DTYPES[told["dtype"]])
        arrays[name] = plain.reshape(told["shape"])
    return arrays


def sparse_parts(name: str, matrix: sparse.csr_matrix) -> dict[str, NDArray[Any]]:
    """`matrix` as arrays to write, under names that begin with `name`."""
    matrix.sum_duplicates()
    return {f"{name}.{part}": getattr(matrix, part) for part in _PARTS}


def sparse_from(
    name: str, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """The matrix of `shape` that `sparse_parts` took apart."""
    return sparse.csr_matrix(tuple(arrays[f"{name}.{part}"] for part in _PARTS), shape=shape)
