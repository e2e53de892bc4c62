"""The store of sets: made once, kept whole, made again where damaged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from styletransfer.sets import SetConfig, SetStore, store
from styletransfer.sets.synthesis import MadeSet

SIDE_PX = 96
LOOK = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)


@pytest.fixture
def makings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the sets that were made, by a quick stand-in."""
    seeds: list[int] = []

    def make(look: NDArray[np.uint8], layout: str, side_px: int, seed: int, *_: object) -> MadeSet:
        seeds.append(seed)
        picture = np.full((side_px, side_px, 3), seed + int(look[0, 0, 0]) % 7, np.uint8)
        return MadeSet(picture, 0.125 + seed / 1000, "patches")

    monkeypatch.setattr(store, "make_set", make)
    return seeds


def test_a_set_is_made_once_and_read_as_it_was(tmp_path: Path, makings: list[int]) -> None:
    first = SetStore(tmp_path).get(LOOK, "wall", SIDE_PX, 3)
    again = SetStore(tmp_path).get(LOOK, "wall", SIDE_PX, 3)

    assert makings == [3]
    assert np.array_equal(first.picture, again.picture)
    assert (first.copied, first.method) == (again.copied, again.method)


def test_all_that_a_set_is_made_from_is_in_its_name(tmp_path: Path) -> None:
    kept = SetStore(tmp_path)
    other_look = LOOK.copy()
    other_look[0, 0, 0] ^= 1
    paths = {
        kept.path(LOOK, "wall", SIDE_PX, 0),
        kept.path(other_look, "wall", SIDE_PX, 0),
        kept.path(LOOK, "flat_lay", SIDE_PX, 0),
        kept.path(LOOK, "wall", SIDE_PX + 1, 0),
        kept.path(LOOK, "wall", SIDE_PX, 1),
        kept.path(LOOK, "wall", SIDE_PX, 0, verbatim=True),
        kept.path(LOOK.reshape(32, 128, 3), "wall", SIDE_PX, 0),
        SetStore(tmp_path, SetConfig(start_px=40)).path(LOOK, "wall", SIDE_PX, 0),
    }

    assert len(paths) == 8


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other"])
def test_a_damaged_file_is_made_again(tmp_path: Path, makings: list[int], damage: str) -> None:
    kept = SetStore(tmp_path)
    path = kept.path(LOOK, "wall", SIDE_PX, 1)
    whole = kept.get(LOOK, "wall", SIDE_PX, 1)
    content = path.read_bytes()
    damaged = {"cut": content[:-40], "empty": b"", "text": b"no picture", "other": content[8:]}
    path.write_bytes(damaged[damage])

    again = kept.get(LOOK, "wall", SIDE_PX, 1)

    assert makings == [1, 1]
    assert np.array_equal(again.picture, whole.picture)
    assert path.read_bytes() == content


def test_a_making_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> MadeSet:
        raise RuntimeError("no power")

    monkeypatch.setattr(store, "make_set", fail)

    with pytest.raises(RuntimeError, match="no power"):
        SetStore(tmp_path).get(LOOK, "wall", SIDE_PX, 0)
    assert not list(tmp_path.iterdir())


def test_several_workers_get_the_same_whole_set(tmp_path: Path, makings: list[int]) -> None:
    with ThreadPoolExecutor(4) as pool:
        sets = list(pool.map(lambda _: SetStore(tmp_path).get(LOOK, "wall", SIDE_PX, 2), range(8)))

    assert makings
    assert all(np.array_equal(each.picture, sets[0].picture) for each in sets)
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]
