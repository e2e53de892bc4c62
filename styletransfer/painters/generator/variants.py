"""Exported variants of a generator, what was measured of each, and which one to paint with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from features.schema import InputError
from styletransfer.config import RenderConfig
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.painters.generator.runtime import Backend, make_backend, open_graph
from styletransfer.painters.generator.trained import load_painter

TABLE: Final = "variants.json"
REFERENCE: Final = ("float.onnx", "onnxruntime")
_FLAGS: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd")
_ADVICE: Final = "run `stylefeed export` again"


@dataclass(frozen=True)
class Variant:
    """A file of an ONNX model on an engine, and what it was measured at.

    `recognised`: share of renders recognised as their look; `ssim`: of luma, to the float
    generator's renders; `seconds` a picture on one thread; `digest` of the file's content.
    """

    file: str
    engine: str
    recognised: float
    ssim: float
    seconds: float
    megabytes: float
    digest: str

    @property
    def name(self) -> str:
        """As in `student-int8 on onnxruntime`."""
        return f"{Path(self.file).stem} on {self.engine}"

    @property
    def version(self) -> str:
        """What decides its pixels: content of the file, and engine."""
        return f"{Path(self.file).stem}-{self.engine}-{self.digest[:12]}"


@dataclass(frozen=True)
class Variants:
    """All variants of a generator: `generator` is its version, `processor` where it was measured,
    `size_px` the pictures' side, `renders` how many shares are of, `learned` a digest of all that
    the files are made from, `inputs` of that and of all that they were measured on; `student` of
    the content of `student.safetensors`, empty without one."""

    generator: str
    processor: str
    size_px: int
    renders: int
    learned: str
    inputs: str
    student: str
    variants: tuple[Variant, ...]

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"


def read_variants(folder: Path) -> Variants:
    """What `stylefeed export` wrote to `folder`. Raises InputError where it cannot be read."""
    path = folder / TABLE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        variants = tuple(Variant(**row) for row in told.pop("variants"))
        found = Variants(**told, variants=variants)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"exported variants: {path} cannot be read ({error}); expected a folder that "
            "`stylefeed export` wrote"
        ) from None
    if not any((one.file, one.engine) == REFERENCE for one in variants):
        raise InputError(f"exported variants: {path} lacks float.onnx on onnxruntime; {_ADVICE}")
    return found


def fastest_variant(found: Variants, allowed_loss: float, processor: str) -> tuple[Variant, str]:
    """The fastest variant that loses at most `allowed_loss` of the recognised share, and why.

    The loss is against the float generator on onnxruntime, which is also taken where nothing was
    measured on this `processor`. Engines that are not installed are left out.
    """
    (reference,) = (one for one in found.variants if (one.file, one.engine) == REFERENCE)
    if found.processor != processor:
        return reference, (
            f"{reference.name}, since variants were measured on {found.processor} and this is "
            f"{processor}: {_ADVICE} here"
        )
    openvino = find_spec("openvino") is not None
    allowed = [
        one
        for one in found.variants
        if one.recognised >= reference.recognised - allowed_loss - 1e-9
        and (openvino or not one.engine.startswith("openvino"))
    ]
    best = min(allowed, key=lambda one: (one.seconds, one.name))
    return best, (
        f"{best.name}, {1000 * best.seconds:.0f} ms a picture of {found.size_px} px (the float "
        f"generator {1000 * reference.seconds:.0f}), {best.recognised:.3f} recognised (it "
        f"{reference.recognised:.3f}, allowed loss {allowed_loss:g})"
    )


def find_variant(config: RenderConfig) -> tuple[Variant, str]:
    """The variant in `config.exported` to paint with on this processor, and why.

    Raises InputError where the variants cannot be read or are of another generator.
    """
    found = read_variants(Path(config.exported))
    painter = load_painter(Path(config.weights)) if config.weights else load_pretrained()
    if found.generator != painter.model_version:
        raise InputError(
            f"exported variants: {config.exported} is of generator {found.generator}, and "
            f"render.weights = {config.weights!r} is {painter.model_version}; export these weights"
        )
    return fastest_variant(found, config.allowed_loss, processor_name())


def open_backend(config: RenderConfig) -> Backend:
    """What `config` paints with: its engine and weights, or the best of its exported variants.

    Raises ConfigError, InputError and WeightsError as `make_backend`, `load_painter` and
    `find_variant`.
    """
    if config.backend == "auto":
        return open_variant(Path(config.exported), find_variant(config)[0], config.threads)
    trained = load_painter(Path(config.weights)) if config.weights else None
    return make_backend(config.backend, config.threads, trained)


def open_variant(folder: Path, variant: Variant, threads: int) -> Backend:
    """The engine with the variant's file. Raises InputError where the file is another one."""
    path = folder / variant.file
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise InputError(f"exported variants: {path} cannot be read ({error}); {_ADVICE}") from None
    if digest_graph(graph) != variant.digest:
        raise InputError(f"exported variants: {path} is not the file that was measured; {_ADVICE}")
    return open_graph(variant.engine, graph, variant.version, threads)


def digest_graph(graph: bytes) -> str:
    """Digest of a model's file: 32 hex digits."""
    return hashlib.blake2b(graph, digest_size=16).hexdigest()


def processor_name() -> str:
    """The processor's name and those of its instruction sets that engines choose by."""
    told: dict[str, Any] = {}
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                told.setdefault(name.strip(), value.strip())
    except OSError:
        import platform

        return platform.processor() or platform.machine()
    flags = set(f"{told.get('flags', '')} {told.get('Features', '')}".split())
    kept = ", ".join(flag for flag in _FLAGS if flag in flags)
    return f"{told.get('model name', 'unknown')} ({kept})"
