"""How fast the studio answers: feed pages at a fixed rate, and previews one after the other.

    python -m benchmarks.studio_pages runs/demo [--rate 200] [--seconds 10]

`stylefeed studio` runs in a process of its own; 16 connections over loopback ask for feeds of
shoppers in turn, each due at its time at `--rate` a second: a late answer counts from when it was
due. Pages per CPU second are by the processor time that the server took. Previews are of looks and
blends that are not kept yet, on feeds' photos at the renders' size, from the form that is sent to
the picture that has come; the first, which waits for the painter's process, is told apart.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import numpy as np

from benchmarks.machine import describe
from pipelines.stores.feed_versions import read_feed

CONNECTIONS: Final = 16
PREVIEWS: Final = 12
PROGRAM: Final = "from pipelines.cli import main; main()"


def log_in(port: int, token: str) -> str:
    """The session's cookie."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/enter?token={token}")
    cookie = connection.getresponse().headers["set-cookie"]
    return cookie.partition(";")[0]


def ask_pages(port: int, cookie: str, users: list[str], rate: float, seconds: float) -> list[float]:
    """Seconds from when each page was due to when it had come."""
    total = int(rate * seconds)
    begun = time.perf_counter() + 0.5
    taken: list[float] = []
    turn = iter(range(total))
    lock = threading.Lock()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                number = next(turn, None)
            if number is None:
                return
            due = begun + number / rate
            time.sleep(max(due - time.perf_counter(), 0.0))
            path = f"/feed?shopper={quote(users[number % len(users)])}"
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            page = answer.read()
            assert answer.status == 200, page[:200]
            taken.append(time.perf_counter() - due)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def ask_previews(port: int, cookie: str, user: str, looks: list[str]) -> list[float]:
    """Seconds from a form to its picture, `PREVIEWS` and one times."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/look?shopper={quote(user)}&rank=1", headers={"Cookie": cookie})
    page = connection.getresponse().read().decode()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    taken = []
    for number in range(PREVIEWS + 1):
        form = {
            "csrf": token[1], "look": looks[number % len(looks)], "motif": "120",
            "second": looks[(number + 3) % len(looks)], "blend": str(20 + 3 * number),
        }  # fmt: skip
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        began = time.perf_counter()
        path = f"/preview?shopper={quote(user)}&rank={number % 5 + 1}"
        connection.request("POST", path, urlencode(form), headers)
        page = connection.getresponse().read().decode()
        link = re.search(r"/previews/[0-9a-f]+\.jpg", page)
        assert link is not None, page[:500]
        connection.request("GET", link[0], headers={"Cookie": cookie})
        assert connection.getresponse().read()
        taken.append(time.perf_counter() - began)
    return taken


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Start, ask, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    feed = read_feed(given.out, ["user_id", "style_drawn"])
    users = sorted(feed["user_id"].unique())
    looks = sorted(set(feed["style_drawn"]) - {"original"})
    command = [sys.executable, "-c", PROGRAM, "studio", str(given.out), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        found = re.search(r":(\d+)/enter\?token=(\S+)", server.stdout.readline())
        assert found is not None
        port, cookie = int(found[1]), log_in(int(found[1]), found[2])
        ask_pages(port, cookie, users, given.rate / 4, 2.0)
        print(describe("fastapi", "uvicorn"))
        before = cpu_seconds(server.pid)
        taken = np.array(ask_pages(port, cookie, users, given.rate, given.seconds))
        spent = cpu_seconds(server.pid) - before
        p50, p99 = np.percentile(taken, [50, 99]) * 1e3
        print(
            f"{len(taken):,} feed pages due at {given.rate:g} a second: p50 {p50:.0f} ms, "
            f"p99 {p99:.0f} ms; {len(taken) / spent:,.0f} pages per CPU second"
        )
        first, *others = ask_previews(port, cookie, users[0], looks)
        p50, most = float(np.median(others)), max(others)
        print(f"previews: median {p50:.2f} s, slowest {most:.2f} s; the first {first:.2f} s")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
