"""Painting on local workers and on a Ray cluster: seconds, memory, and whether the bytes are equal.

    python -m benchmarks.engines [--items 48] [--looks 8] [--repeats 3]

Catalogue jobs over data/samples in turn: one local worker, two, and two actors of a Ray cluster
that is started on this machine before; each of all items, and of half of them, whose difference is
what further pictures cost. Sets are made before and copied, so that all paint the same.
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
Told = dict[str, float]
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
    asked.add_argument("--items", type=int, default=48)
    asked.add_argument("--looks", type=int, default=8)
    asked.add_argument("--repeats", type=int, default=3)
    told = asked.parse_args()
    print(describe("torch", "ray"), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "job.py"
        script.write_text(textwrap.dedent(JOB))
        _paint(script, "local, 2 workers", told.items, told.looks, folder / "first")
        sizes = (told.items // 2, told.items)
        rows: dict[str, list[tuple[Told, Told]]] = {engine: [] for engine in ENGINES}
        pictures: dict[str, dict[str, bytes]] = {}
        for _ in range(told.repeats):
            for engine in ENGINES:
                found = []
                for items in sizes:
                    out = folder / "out"
                    out.mkdir()
                    shutil.copytree(folder / "first/sets", out / "sets")
                    found.append(_paint(script, engine, items, told.looks, out))
                    files = sorted((out / "renders").rglob("*.jpg"))
                    pictures[engine] = {file.name: file.read_bytes() for file in files}
                    shutil.rmtree(out)
                rows[engine].append((found[0], found[1]))
    half, whole = (int(one["renders"]) for one in rows[ENGINES[0]][0])
    print(f"\n{whole} pictures, and {half} of them, {told.repeats} times each, in turn\n")
    print(
        "| engine | seconds, median (range) | times one worker | seconds for the second half | "
        "times one worker | peak GiB | same bytes |"
    )
    print("|---|---|---|---|---|---|---|")
    one = rows[ENGINES[0]]
    for engine, found_rows in rows.items():
        seconds, one_s = _seconds(found_rows), _seconds(one)
        further, one_further = _further(found_rows), _further(one)
        same = "yes" if pictures[engine] == pictures[ENGINES[0]] else "no"
        print(
            f"| {engine} | {statistics.median(seconds):.1f} ({min(seconds):.1f} to "
            f"{max(seconds):.1f}) | {_gain(one_s, seconds):.2f} | {statistics.median(further):.1f} "
            f"| {_gain(one_further, further):.2f} | {max(row[1]['gib'] for row in found_rows):.2f} "
            f"| {same} |"
        )


def _seconds(rows: list[tuple[Told, Told]]) -> list[float]:
    return [whole["seconds"] for _, whole in rows]


def _further(rows: list[tuple[Told, Told]]) -> list[float]:
    """Seconds of the whole less those of its half."""
    return [whole["seconds"] - half["seconds"] for half, whole in rows]


def _gain(one: list[float], other: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def _paint(script: Path, engine: str, items: int, looks: int, out: Path) -> Told:
    name, count = engine.split(", ")
    command = [sys.executable, str(script), name, count[0], str(items), str(looks)]
    done = subprocess.run([*command, str(out)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: Told = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
