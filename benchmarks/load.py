"""A load of GET requests over kept-open connections; prints one JSON object.

    python -m benchmarks.load PORT SHOPPERS SECONDS RATE

16 connections over loopback. RATE 0: each sends its next request when it has its answer.
Else requests are due at RATE a second, and an answer's time counts from when it was due, whether or
not a connection was free (no coordinated omission). SHOPPERS 0: any answer is right.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from typing import Final

import httptools
import uvloop

CONNECTIONS: Final = 16
UNKNOWN_SHARE: Final = 0.05


class Connection(asyncio.Protocol):
    """One request at a time over one connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over and be ready for the next."""
        status, body = self._parser.get_status_code(), b"".join(self._body)
        self._body.clear()
        self._parser = httptools.HttpResponseParser(self)
        self._answer.set_result((status, body))

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what waits."""
        if not self._answer.done():
            self._answer.set_exception(error or ConnectionError("closed"))

    async def get(self, path: str) -> tuple[int, bytes]:
        """Send a request and wait for its status and body."""
        self._answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        self._transport.write(request.encode())  # type: ignore[attr-defined]
        return await self._answer


async def load(port: int, shoppers: int, seconds: float, rate: int) -> dict[str, float]:
    """Requests, seconds, and p50 and p99 in ms. Raises RuntimeError at a wrong answer."""
    loop, rng, times = asyncio.get_running_loop(), random.Random(0), []
    begun = time.perf_counter()
    end = begun + seconds
    due = iter(range(int(seconds * rate)))

    async def work() -> None:
        _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
        while True:
            start = time.perf_counter()
            if rate:
                number = next(due, None)
                if number is None:
                    return
                start = begun + number / rate
                await asyncio.sleep(start - time.perf_counter())
            elif start >= end:
                return
            known = rng.random() >= UNKNOWN_SHARE
            name = f"u{rng.randrange(max(shoppers, 1)):07}" if known else "nobody"
            status, body = await connection.get(f"/v1/feed/{name}")
            times.append(time.perf_counter() - start)
            expected = f'"user_id":"{name}"' if known else '"user_id":null'
            if status != 200 or (shoppers and not body.startswith(b"{" + expected.encode())):
                raise RuntimeError(f"{name}: status {status}, {body[:80]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(work())
    taken = sorted(times)
    return {
        "requests": len(taken),
        "seconds": time.perf_counter() - begun,
        "p50_ms": 1e3 * taken[len(taken) // 2],
        "p99_ms": 1e3 * taken[int(len(taken) * 0.99)],
    }


def main() -> None:
    """Leave the first core to the server, run, print."""
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, cores - {min(cores)})
    port, shoppers, seconds, rate = sys.argv[1:]
    found = uvloop.run(load(int(port), int(shoppers), float(seconds), int(rate)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
