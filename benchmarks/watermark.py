"""Watermarks that survive, and what they cost, beside `invisible-watermark`.

    pip install --no-deps invisible-watermark PyWavelets
    python -m benchmarks.watermark

The same 32-bit payloads go into the same pictures: clothing photos, sample products and photos
painted in looks, a third each. A mark has survived when every bit is read. The peer takes pictures
from 256 x 256 px on and has no way to say that a picture is not marked; it is judged by its bits.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from benchmarks.machine import describe
from features.images import decode, resize_longest
from features.networks.encoders import StyleEncoder
from styletransfer.config import RenderConfig
from styletransfer.look import Look
from styletransfer.provenance.watermark import MAX_TRIALS, detect, embed
from styletransfer.renderer import Renderer

KEY = 1
DATA = Path("../shared/data")
Picture = NDArray[np.uint8]


def _file(picture: Picture, format: str, quality: int) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=format, quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _half(picture: Picture, filter: Image.Resampling = Image.Resampling.BICUBIC) -> Picture:
    height, width = picture.shape[:2]
    half = Image.fromarray(picture).resize((width // 2, height // 2), filter)
    return np.asarray(half)


ATTACKS: dict[str, Callable[[Picture], Picture]] = {
    "untouched": lambda p: p,
    "JPEG 75": lambda p: _file(p, "JPEG", 75),
    "JPEG 50": lambda p: _file(p, "JPEG", 50),
    "WebP 80": lambda p: _file(p, "WEBP", 80),
    "half": _half,
    "half, bilinear": lambda p: _half(p, Image.Resampling.BILINEAR),
    "half, JPEG 75": lambda p: _file(_half(p), "JPEG", 75),
    "JPEG 75, half, JPEG 75": lambda p: _file(_half(_file(p, "JPEG", 75)), "JPEG", 75),
    "half, WebP 80": lambda p: _file(_half(p), "WEBP", 80),
}


class Ours:
    name = "stylefeed"
    min_side_px = 64

    def embed(self, picture: Picture, payload: int) -> Picture:
        return embed(picture, payload, KEY)

    def detect(self, picture: Picture) -> int | None:
        return detect(picture, KEY).payload


class InvisibleWatermark:
    min_side_px = 256

    def __init__(self, method: str) -> None:
        self.name = f"invisible-watermark {method}"
        self._method = method

    def embed(self, picture: Picture, payload: int) -> Picture:
        from imwatermark import WatermarkEncoder

        encoder = WatermarkEncoder()
        encoder.set_watermark("bytes", payload.to_bytes(4, "big"))
        marked = encoder.encode(np.ascontiguousarray(picture[..., ::-1]), self._method)
        return np.ascontiguousarray(marked[..., ::-1])

    def detect(self, picture: Picture) -> int | None:
        from imwatermark import WatermarkDecoder

        if min(picture.shape[:2]) * max(picture.shape[:2]) < 256 * 256:
            return None
        decoder = WatermarkDecoder("bytes", 32)
        return int.from_bytes(
            decoder.decode(np.ascontiguousarray(picture[..., ::-1]), self._method), "big"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=36, help="per size, a third of each kind")
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 384, 1024])
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(describe("opencv-python-headless", "pillow"))
    methods: list[Ours | InvisibleWatermark] = [Ours()]
    try:
        import imwatermark  # noqa: F401

        methods += [InvisibleWatermark("dwtDct"), InvisibleWatermark("dwtDctSvd")]
    except ImportError:
        print("invisible-watermark is not installed: its rows are left out", file=sys.stderr)
    for size in arguments.sizes:
        pictures = _pictures(size, arguments.pictures // 3)
        print(f"\n{len(pictures)} pictures of {size} px\n")
        print(
            "| method | PSNR dB, median (least) | delta-E 2000, mean (most) | embed, ms | "
            "detect, ms | " + " | ".join(ATTACKS) + " |"
        )
        print("|" + "---|" * (5 + len(ATTACKS)))
        for method in methods:
            fit = [p for p in pictures if min(p.shape[:2]) >= method.min_side_px]
            if fit:
                print(_row(method, fit), flush=True)
    _false_positives(_pictures(256, arguments.pictures // 3))


def _row(method: Ours | InvisibleWatermark, pictures: list[Picture]) -> str:
    method.detect(method.embed(pictures[0], 0))
    psnr, delta_e, embed_s, detect_s = [], [], [], []
    survived = dict.fromkeys(ATTACKS, 0)
    for number, picture in enumerate(pictures):
        payload = 0xC0FFEE00 + number
        began = time.process_time()
        marked = method.embed(picture, payload)
        embed_s.append(time.process_time() - began)
        noise = np.mean((marked.astype(np.float64) - picture) ** 2)
        psnr.append(10 * np.log10(255**2 / max(noise, 1e-9)))
        delta_e.append(float(deltaE_ciede2000(rgb2lab(picture), rgb2lab(marked)).mean()))
        for name, attack in ATTACKS.items():
            attacked = attack(marked)
            began = time.process_time()
            survived[name] += method.detect(attacked) == payload
            if name == "untouched":
                detect_s.append(time.process_time() - began)
    counts = " | ".join(f"{count}/{len(pictures)}" for count in survived.values())
    return (
        f"| {method.name} | {statistics.median(psnr):.1f} ({min(psnr):.1f}) | "
        f"{statistics.mean(delta_e):.2f} ({max(delta_e):.2f}) | "
        f"{1e3 * statistics.median(embed_s):.1f} | {1e3 * statistics.median(detect_s):.1f} | "
        f"{counts} |"
    )


def _false_positives(pictures: list[Picture], keys: int = 60) -> None:
    confidences, found, seconds = [], 0, []
    for picture in pictures:
        for key in range(2, 2 + keys):
            began = time.process_time()
            detection = detect(picture, key)
            seconds.append(time.process_time() - began)
            found += detection.found
            confidences.append(detection.confidence)
    print(
        f"\nUnmarked: {found} found in {len(confidences)} detections of {len(pictures)} pictures "
        f"with {keys} keys (by construction at most {MAX_TRIALS / 2**24:.1e} each); confidence "
        f"{statistics.mean(confidences):.2f} on average, {max(confidences):.2f} at most; "
        f"{1e3 * statistics.median(seconds):.1f} ms"
    )


def _pictures(size: int, n: int) -> list[Picture]:
    photos = _spread(DATA / "products_clothing_cc0", n)
    products = _spread(Path("data/samples/products"), n)
    plain = [resize_longest(decode(path), size, upscale=True) for path in photos + products]
    looks = _spread(DATA / "styles_paintings_a_dev", 4) + _spread(DATA / "styles_textures_a_dev", 4)
    codes = StyleEncoder().encode([decode(path) for path in looks])
    renderer = Renderer(RenderConfig(size_px=size))
    painted = []
    for number, picture in enumerate(plain[: len(photos)]):
        look = Look("look", codes[number % len(codes)])
        painted.append(renderer.render(picture, [look])[0].picture)
    return plain + painted


def _spread(folder: Path, n: int) -> list[Path]:
    paths = sorted(folder.rglob("*.jpg"))
    return paths[:: max(1, len(paths) // n)][:n]


if __name__ == "__main__":
    main()
