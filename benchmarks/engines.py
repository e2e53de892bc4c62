"""Painting on local workers and on a Ray cluster: seconds, memory, and whether the bytes are equal.

    python -m benchmarks.engines [--items 24] [--looks 8] [--repeats 3]

Catalogue jobs over data/samples in turn: one local worker, two, and two actors of a Ray cluster
that is started on this machine before. Sets are made before and copied, so that all paint the same.
Seconds on the clock count a job whole, the encoding of its pictures and the start of its workers
too; memory is the largest PSS of the job's processes, on Ray those of the cluster too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from benchmarks.machine import describe

SAMPLES = Path("data/samples")
ENGINES = ("local, 1 worker", "local, 2 workers", "ray, 2 actors")
JOB = """
    import json, sys, time
    from pathlib import Path
    from benchmarks.processes import Watch
    from pipelines.config import parse_config
    from pipelines.jobs.catalogue import render_catalogue

    if __name__ == "__main__":
        engine, workers, items, looks, out = sys.argv[1:]
        settings = parse_config({"workers": int(workers), "engine": {"name": engine}})
        with Watch() as memory:
            if engine == "ray":
                from pipelines.engines.ray_cluster import connect
                connect("", int(workers))
            begun = time.perf_counter()
            counts = render_catalogue(
                Path("data/samples/items.csv"), Path("data/samples/styles.csv"), Path(out),
                settings, 1.0, int(items), int(looks),
            )
            seconds = time.perf_counter() - begun
            told = {"seconds": seconds, "gib": memory.peak_gib(), "renders": counts["renders"]}
        print(json.dumps(told))
"""


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description="Painting on local workers and on Ray.")
    asked.add_argument("--items", type=int, default=24)
    asked.add_argument("--looks", type=int, default=8)
    asked.add_argument("--repeats", type=int, default=3)
    told = asked.parse_args()
    print(describe("torch", "ray"), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "job.py"
        script.write_text(textwrap.dedent(JOB))
        _paint(script, "local, 2 workers", told, folder / "first")
        rows: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
        pictures: dict[str, dict[str, bytes]] = {}
        for _ in range(told.repeats):
            for engine in ENGINES:
                out = folder / "out"
                out.mkdir()
                shutil.copytree(folder / "first/sets", out / "sets")
                rows[engine].append(_paint(script, engine, told, out))
                files = sorted((out / "renders").rglob("*.jpg"))
                pictures[engine] = {file.name: file.read_bytes() for file in files}
                shutil.rmtree(out)
    renders = int(rows[ENGINES[0]][0]["renders"])
    print(f"\n{renders} pictures, {told.repeats} times each, in turn\n")
    print("| engine | seconds, median (range) | times one worker | peak GiB | same bytes |")
    print("|---|---|---|---|---|")
    first = rows[ENGINES[0]]
    for engine, found in rows.items():
        seconds = sorted(row["seconds"] for row in found)
        gain = statistics.median(
            one["seconds"] / other["seconds"] for one, other in zip(first, found, strict=True)
        )
        same = "yes" if pictures[engine] == pictures[ENGINES[0]] else "no"
        print(
            f"| {engine} | {statistics.median(seconds):.1f} ({seconds[0]:.1f} to {seconds[-1]:.1f})"
            f" | {gain:.2f} | {max(row['gib'] for row in found):.2f} | {same} |"
        )


def _paint(script: Path, engine: str, told: argparse.Namespace, out: Path) -> dict[str, float]:
    name, count = engine.split(", ")
    command = [sys.executable, str(script), name, count[0], str(told.items), str(told.looks)]
    done = subprocess.run([*command, str(out)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
