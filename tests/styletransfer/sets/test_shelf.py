"""Sets at hand: made once, by whichever worker comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from filelock import FileLock

from styletransfer.sets import SetStore, make_set
from styletransfer.sets.shelf import SetRequest, SetShelf


@pytest.fixture
def request_of(make_picture):
    look = make_picture(96, 96)
    return lambda seed: SetRequest(look, "wall", 96, seed)


@pytest.mark.slow
def test_a_shelf_gives_what_make_set_makes_in_the_order_asked_for(tmp_path, request_of) -> None:
    shelf = SetShelf(SetStore(tmp_path))
    found = shelf.fetch([request_of(1), request_of(0), request_of(1)])
    expected = [make_set(*request_of(seed)[:4]) for seed in (1, 0, 1)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.picture, other.picture)
    assert len(list(tmp_path.glob("*.png"))) == 2
    assert list(tmp_path.glob("*.lock")) == []


def test_a_set_in_memory_is_not_read_again(tmp_path, request_of) -> None:
    shelf = SetShelf(SetStore(tmp_path))
    [first] = shelf.fetch([request_of(0)])
    for file in tmp_path.glob("*.png"):
        file.unlink()
    [second] = shelf.fetch([request_of(0)])
    assert second.picture is first.picture


def test_what_another_worker_makes_is_waited_for_after_the_rest(tmp_path, request_of) -> None:
    store = SetStore(tmp_path)
    busy = FileLock(store.path(*request_of(0)).with_suffix(".lock"))
    busy.acquire()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(SetShelf(store).fetch, [request_of(0), request_of(1)])
        while not store.path(*request_of(1)).is_file():
            assert not job.done()
        assert not store.path(*request_of(0)).is_file()
        busy.release()
        assert len(job.result(timeout=60)) == 2
