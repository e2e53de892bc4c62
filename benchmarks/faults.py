"""Is a feed whole whatever happens? A reader during runs, SIGKILLs, a clock that is set.

    python -m benchmarks.faults [--runs 20] [--kills 50] [--jumps 5] [--folder runs/faults]

A small part of the sample shop, painted in the artistic mode, its three looks in three families.
Reader: `stylefeed run` and `stylefeed export-feed` in turn, each run with another
`guard_rails.share_personalised` and so another feed, while a second process reads the current feed
without a pause, and shoppers' answers from `stylefeed serve`. What it read is compared with what
the run that made that version left: a mixture is a read that differs, or an answer whose items,
looks or pictures are not those of the version that it names. Kills: `stylefeed run` is killed at a
moment drawn uniformly from the time of an undisturbed run (seed 0) and run again; all that it
leaves (feed, renders, tables, models, metrics) is compared byte for byte with the undisturbed run,
but for times: manifest, page, the seconds of renders and of stages. A run that ended before its
moment does not count and is drawn again. Clock: `stylefeed run` with two workers under libfaketime
(`apt-get install libfaketime`), which shows every process of the job a clock that is set a day
ahead, back, or a day behind every half second; what it leaves is compared in the same way, and no
worker may be replaced.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO, Any, Final

import pandas as pd

from benchmarks.machine import describe
from features.schema import InputError
from pipelines.stores.feed_versions import all_versions, current_version, read_version

SAMPLES: Final = Path("data/samples")
SETTINGS: Final = """
top_k = 4
seed = 3
[policy]
kind = "epsilon_greedy"
epsilon = 0.8
[render]
size_px = 64
mode = "artistic"
[preference]
n_families = 3
[ranking.ranker]
max_rounds = 20
"""
OF_TIMES: Final = (
    *("manifest.json", "report.html", "job.json", ".lock"),
    *("runs.jsonl", "metrics.prom"),
)
SHOWN: Final = ("rank", "item_id", "style_id", "style_drawn", "image_uri")
PROGRAM: Final = [sys.executable, "-m", "pipelines.cli"]


def main() -> None:
    """Make the shop, run both, print; exit code 1 where anything differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--jumps", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("runs/faults"))
    parser.add_argument("--reader", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.reader:
        _read_on(Path(asked.reader[0]), int(asked.reader[1]))
        return
    shutil.rmtree(asked.folder, ignore_errors=True)
    _make_shop(asked.folder / "shop")
    print(describe(), flush=True)
    whole = asked.folder / "whole"
    begun = time.perf_counter()
    _run(asked.folder, whole, SETTINGS).wait()
    seconds = time.perf_counter() - begun
    print(f"undisturbed run: {seconds:.0f} s", flush=True)
    good = _mixtures(asked.folder, asked.runs) if asked.runs else True
    good &= _kills(asked.folder, whole, asked.kills, seconds) if asked.kills else True
    good &= _jumps(asked.folder, whole, asked.jumps) if asked.jumps else True
    sys.exit(0 if good else 1)


def _mixtures(folder: Path, runs: int) -> bool:
    """Run the job `runs` times while a reader reads; prints, and returns whether all was whole."""
    out = folder / "read"
    shutil.copytree(folder / "whole", out)
    _export(out)
    serve = subprocess.Popen(
        [*PROGRAM, "serve", str(out), "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    )
    reader = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.faults", "--reader", str(out), _port(serve)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for number in range(runs):
            for name, process in (("server", serve), ("reader", reader)):
                if process.poll() is not None:
                    raise SystemExit(f"the {name} ended before run {number}: {process.returncode}")
            share = f"[guard_rails]\nshare_personalised = {(number + 0.5) / runs}\n"
            if _run(folder, out, SETTINGS + share).wait():
                raise SystemExit(f"run {number} failed")
            _export(out)
    finally:
        reader.send_signal(signal.SIGINT)
        text = reader.communicate()[0]
        serve.kill()
        serve.communicate()
    feeds, answers = json.loads(text)
    whole = {name: read_version(out / "feed" / name) for name in all_versions(out)}
    expected = {name: _digest(rows) for name, rows in whole.items()}
    mixed = sum(count for name, found, count in feeds if expected[name] != found)
    owed = {name: _owed(rows) for name, rows in whole.items()}
    torn = sum(count for user, name, found, count in answers if owed[name][user] != found)
    versions = len({name for name, _, _ in feeds})
    n_reads, n_answers = (sum(row[-1] for row in rows) for rows in (feeds, answers))
    print(
        f"reader: {runs} runs, {n_reads:,} whole reads of {versions} of {len(expected)} versions, "
        f"{mixed} mixtures; {n_answers:,} answers of {len({row[1] for row in answers})} versions, "
        f"{torn} with other items, looks or pictures than their version has",
        flush=True,
    )
    return not mixed and not torn and len(expected) > runs and n_reads > 0 and n_answers > 0


def _port(serve: subprocess.Popen[str]) -> str:
    """The port that a server which has just started says it listens on."""
    assert serve.stdout is not None
    card = ""
    for line in serve.stdout:
        card += line
        if line == "}\n":
            return str(json.loads(card)["address"].rpartition(":")[2])
    raise SystemExit(f"the server ended before it listened: {serve.wait()}")


def _owed(rows: pd.DataFrame) -> dict[str, str]:
    """By shopper, the digest of what an answer shows them."""
    ordered = rows.sort_values(["user_id", "rank"])
    return {str(user): _shown(own.to_dict("records")) for user, own in ordered.groupby("user_id")}


def _shown(items: list[dict[str, Any]]) -> str:
    shown = [[str(row[name]) for name in SHOWN] for row in items]
    return hashlib.md5(json.dumps(shown).encode()).hexdigest()


def _read_on(out: Path, port: int) -> None:
    """Read until interrupted, then print what was read how often."""
    feeds: Counter[tuple[str, str]] = Counter()
    answers: Counter[tuple[str, str, str]] = Counter()
    users = sorted(set(read_version(current_version(out))["user_id"]))
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        while True:
            folder = current_version(out)
            feeds[folder.name, _digest(read_version(folder))] += 1
            for user in users:
                connection.request("GET", f"/v1/feed/{user}")
                body = connection.getresponse().read()
                answer = json.loads(body)
                if {answer["user_id"], answer["known"]} != {user, True}:
                    raise InputError(
                        f"{user}: got {body[:80]!r}, expected the feed of that shopper"
                    )
                answers[user, answer["version"], _shown(answer["items"])] += 1
    except KeyboardInterrupt:
        print(json.dumps([[[*key, n] for key, n in counts.items()] for counts in (feeds, answers)]))


def _kills(folder: Path, whole: Path, kills: int, seconds: float) -> bool:
    """Kill and rerun `kills` times; prints, and returns whether all were equal."""
    rng, expected, equal, missed = random.Random(0), _content(whole), 0, 0
    done: Counter[str] = Counter()
    out = folder / "killed"
    for number in range(1, kills + 1):
        while True:
            shutil.rmtree(out, ignore_errors=True)
            process = _run(folder, out, SETTINGS)
            try:
                process.wait(rng.uniform(0.0, seconds))
                missed += 1
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                break
        stages = sorted((out / "stages").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        done[stages[-1].stem if stages else "nothing"] += 1
        code = _run(folder, out, SETTINGS).wait()
        found = _content(out)
        same = code == 0 and found == expected
        equal += same
        if not same:
            names = {name for name in {*found, *expected} if found.get(name) != expected.get(name)}
            print(f"kill {number}: exit {code}, DIFFERENT: {sorted(names)[:9]}", flush=True)
        if number % 5 == 0 or number == kills:
            last = ", ".join(f"{count} after {stage}" for stage, count in done.most_common())
            print(f"kills: {equal} of {number} equal, {missed} missed ({last})", flush=True)
    return equal == kills


def _jumps(folder: Path, whole: Path, jobs: int) -> bool:
    """Run `jobs` jobs whose clock is set all the time; prints, and returns whether all is equal."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        raise SystemExit("libfaketime is not installed: apt-get install libfaketime, or --jumps 0")
    rng, expected, equal, jumps = random.Random(0), _content(whole), 0, 0
    offset, out = folder / "clock", folder / "jumped"
    offset.write_text("+0")
    clock = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        **dict.fromkeys(("FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"), "1"),
    }
    for number in range(1, jobs + 1):
        shutil.rmtree(out, ignore_errors=True)
        shown = folder / "jumped.log"
        settings = f"workers = 2\n{SETTINGS}[limits]\nbatch_seconds = 600.0\n"
        with shown.open("w", encoding="utf-8") as errors:
            process = _run(folder, out, settings, {**os.environ, **clock}, errors)
            while process.poll() is None:
                _set_clock(offset, rng.choice(("-1d", "+0", "+1d")))
                jumps += 1
                time.sleep(0.5)
        found = _content(out)
        names = {name for name in {*found, *expected} if found.get(name) != expected.get(name)}
        replaced = shown.read_text(encoding="utf-8").count("another one takes its place")
        lock = (out / ".lock").exists()
        if process.returncode or names or replaced or lock:
            print(
                f"job {number}: exit {process.returncode}, {replaced} workers replaced, "
                f"lock left: {lock}, DIFFERENT: {sorted(names)[:9]}",
                flush=True,
            )
        else:
            equal += 1
    print(f"clock: {equal} of {jobs} equal, no worker replaced in these; set {jumps} times")
    return equal == jobs


def _set_clock(offset: Path, by: str) -> None:
    written = offset.with_suffix(".new")
    written.write_text(by)
    written.replace(offset)


def _make_shop(shop: Path) -> None:
    """Every tenth item of the sample shop, three looks and the first thirty shoppers by id."""
    shutil.copytree(SAMPLES, shop)
    items = pd.read_csv(shop / "items.csv", dtype="str").iloc[::10]
    items.to_csv(shop / "items.csv", index=False)
    styles = pd.read_csv(shop / "styles.csv", dtype="str").head(3)
    styles.to_csv(shop / "styles.csv", index=False)
    log = pd.read_parquet(shop / "events.parquet")
    shown = log["style_id"].isna() | log["style_id"].isin(styles["style_id"])
    log = log[log["item_id"].isin(items["item_id"]) & shown]
    kept = sorted(log["user_id"].unique())[:30]
    log[log["user_id"].isin(kept)].to_parquet(shop / "events.parquet", index=False)


def _run(
    folder: Path,
    out: Path,
    settings: str,
    environment: dict[str, str] | None = None,
    errors: IO[str] | None = None,
) -> subprocess.Popen[bytes]:
    config = folder / f"{out.name}.toml"
    config.write_text(settings)
    tables = ("events.parquet", "items.csv", "styles.csv")
    options = [f"--{table.partition('.')[0]}={folder / 'shop' / table}" for table in tables]
    return subprocess.Popen(
        [*PROGRAM, "run", *options, "--out", str(out), "--config", str(config), "--quiet"],
        stdout=subprocess.DEVNULL, stderr=errors, env=environment,
    )  # fmt: skip


def _export(out: Path) -> None:
    subprocess.run([*PROGRAM, "export-feed", str(out)], stdout=subprocess.DEVNULL, check=True)


def _digest(rows: pd.DataFrame) -> str:
    return hashlib.md5(rows.to_json(orient="records").encode()).hexdigest()


def _content(out: Path) -> dict[str, Any]:
    """What every file of a job holds, but for times."""
    found: dict[str, Any] = {}
    for path in out.rglob("*"):
        name = path.relative_to(out).as_posix()
        if not path.is_file() or name in OF_TIMES:
            continue
        if name == "renders.parquet":
            found[name] = pd.read_parquet(path).drop(columns="seconds").to_json()
        elif path.parent.name == "stages":
            found[name] = json.loads(path.read_text())["key"]
        else:
            found[name] = hashlib.md5(path.read_bytes()).hexdigest()
    return found


if __name__ == "__main__":
    main()
