"""Tiny pictures, a tiny generator and short settings: a step takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from styletransfer.training.data import TrainingData
from tests.styletransfer.training.tiny import tiny_data


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures and their masks are."""
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="session")
def make_data(folder: Path) -> Callable[..., TrainingData]:
    return lambda config, seed=0: tiny_data(folder, config, seed)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums are the same bit for bit on one thread only."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
