"""How many requests for a feed one core answers, and how fast, from SQLite and from Redis.

    python -m benchmarks.serving [--shoppers 20000] [--seconds 10] [--folder runs/serving]

A made feed (ten rows a shopper, as the feed stage writes them) is exported; `stylefeed serve` runs
in a process bound to one core, the load generator (`benchmarks.load`) on the other ones, over
loopback with kept-open connections. A request is a GET of a random shopper, one in twenty of one
who is not known; every answer's status and shopper are checked. Two loads: as fast as 16
connections go (requests per second), and at a fixed rate of 1,000 a second, where a late answer
counts from when it was due (p50, p99). Per CPU second: requests by the processor time that the
server took for them, which other work on the machine does not change. Medians of three, fastest to
slowest. The baseline in the same run is a bare uvicorn application that sends 5 kB from memory:
what is left for any framework and store to cost.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.machine import describe
from pipelines.jobs.export_feed import export_feed
from pipelines.stages.feed import COLUMN_TYPES, FEED_COLUMNS, FIGURES
from pipelines.stores import storage
from pipelines.stores.feed_versions import point_to, write_version

LENGTH: Final = 10
REPEATS: Final = 3
RATE: Final = 1_000
ANSWER: Final = 5_000
BARE: Final = f"""
import sys, uvicorn
BODY = b"x" * {ANSWER}
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
async def app(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": HEADERS}})
    await send({{"type": "http.response.body", "body": BODY}})
uvicorn.run(app, port=int(sys.argv[1]), http="httptools", ws="none", lifespan="off",
            log_level="warning", access_log=False)
"""


def main() -> None:
    """Make, export, serve, load, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shoppers", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, default=Path("runs/serving"))
    asked = parser.parse_args()
    out = asked.folder
    shutil.rmtree(out, ignore_errors=True)
    make_feed(out, asked.shoppers)
    begun = time.process_time()
    done = export_feed(out)
    spent = time.process_time() - begun
    size = (out / done["to"]).stat().st_size
    print(describe("fastapi", "uvicorn", "uvloop", "httptools", "redis"))
    print(f"load average {os.getloadavg()[0]:.1f} before the first load")
    print(
        f"export to SQLite: {asked.shoppers:,} shoppers in {spent:.1f} s of processor time, "
        f"{1e6 * spent / asked.shoppers:.0f} us and {size / asked.shoppers:,.0f} bytes a shopper"
    )
    print("\n| from | requests/s | requests per CPU second | p50 ms | p99 ms |")
    print("|---|---|---|---|---|")
    port = _free_port()
    with _server([sys.executable, "-c", BARE, str(port)], port) as (process, _):
        _measure("nothing (bare uvicorn)", process.pid, port, 0, asked.seconds)
    serve = [sys.executable, "-m", "pipelines.cli", "serve", str(out), "--port"]
    port = _free_port()
    with _server([*serve, str(port)], port) as (process, _):
        _measure("SQLite", process.pid, port, asked.shoppers, asked.seconds)
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        print("| Redis | no redis-server or valkey-server is installed | | | |")
        return
    store = _free_port()
    options = ["--port", str(store), "--save", "", "--bind", "127.0.0.1"]
    with _server([program, *options], store):
        url = f"redis://127.0.0.1:{store}/0"
        begun = time.process_time()
        export_feed(out, url)
        spent = time.process_time() - begun
        port = _free_port()
        with _server([*serve, str(port), "--redis", url], port) as (process, _):
            _measure("Redis", process.pid, port, asked.shoppers, asked.seconds)
        print(f"\nexport to Redis: {1e6 * spent / asked.shoppers:.0f} us a shopper, without Redis")


def make_feed(out: Path, shoppers: int) -> None:
    """Publish a made feed of `shoppers`, named u0000000 and on."""
    rng = np.random.default_rng(0)
    count = shoppers * LENGTH
    numbers = np.repeat(np.arange(shoppers), LENGTH)
    items = rng.integers(0, 1_000, count)
    digest = np.array([f"{storage.digest_bytes(bytes([n % 256, n // 256]))}" for n in range(1000)])
    figures = rng.random((count, len(FIGURES))).round(6)
    names = ["mode", *FIGURES]
    rows = pd.DataFrame(
        {
            "user_id": [f"u{number:07}" for number in numbers],
            "rank": np.tile(np.arange(1, LENGTH + 1), shoppers),
            "item_id": [f"item-{item:05}" for item in items],
            "score": rng.normal(size=count),
            "probability": rng.random(count),
            "item_propensity": 1.0,
            "style_id": [f"look-{number}" for number in rng.integers(0, 50, count)],
            "style_drawn": [f"look-{number}" for number in rng.integers(0, 50, count)],
            "style_propensity": rng.uniform(0.01, 1.0, count),
            "strength": 1.0,
            "image_uri": [f"renders/{d[:2]}/{d}.jpg" for d in digest[items]],
            "original_uri": [f"originals/{d[:2]}/{d}.jpg" for d in digest[items]],
            "video_uri": None,
            "render_key": digest[items],
            "fidelity": [dict(zip(names, ["faithful", *row], strict=True)) for row in figures],
            "reason": "like what you looked at last, in a look that you often open",
            "render_note": "",
            "run_id": "made",
        }
    )[FEED_COLUMNS]

    def write(folder: Path) -> None:
        for bucket in range(16):
            path = folder / f"bucket-{bucket:02}.parquet"
            storage.write_table(path, rows[numbers % 16 == bucket], COLUMN_TYPES)

    point_to(out, write_version(out, "made", "made", write)[0])


def _measure(name: str, pid: int, port: int, shoppers: int, seconds: float) -> None:
    rates, per_cpu, middle, tail = [], [], [], []
    # Warm: imports on first use, pages of the file.
    _load(port, shoppers, 1.0, 0)
    for _ in range(REPEATS):
        before = _processor_seconds(pid)
        found = _load(port, shoppers, seconds, 0)
        rates.append(found["requests"] / found["seconds"])
        per_cpu.append(found["requests"] / (_processor_seconds(pid) - before))
        found = _load(port, shoppers, seconds, RATE)
        middle.append(found["p50_ms"])
        tail.append(found["p99_ms"])
    cells = [
        f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to "
        f"{max(values):,.{digits}f})"
        for values, digits in ((rates, 0), (per_cpu, 0), (middle, 2), (tail, 2))
    ]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _load(port: int, shoppers: int, seconds: float, rate: int) -> dict[str, Any]:
    options = [str(port), str(shoppers), str(seconds), str(rate)]
    program = [sys.executable, "-m", "benchmarks.load", *options]
    done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(command: list[str], port: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a server, bound to the first core, and wait until it accepts connections."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    )  # fmt: skip
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit(f"{command[0]} ended before it listened") from None
                time.sleep(0.05)
        yield process, port
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
