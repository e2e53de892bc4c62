"""Several processes train one generator as one process does, and end together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from features.schema import ConfigError, InputError
from styletransfer.training.loop import CHECKPOINT
from styletransfer.training.team import Team, gathered
from tests.styletransfer.training.tiny import fail, leave, only, short, tiny_trainer, train_along


@pytest.mark.slow
def test_two_processes_train_as_one_does_on_the_whole_batch(folder: Path, tmp_path: Path) -> None:
    """Steps of SGD, since Adam's first step is the sign of a gradient, however small."""
    weights = only(adversarial=1.0, contrast=1.0, style=1.0, ssim=1.0)
    config = short(steps=2, batch=4, weights=weights, optimiser="sgd", generator_rate=0.1)
    alone = tiny_trainer(folder, tmp_path / "one", config)
    start = alone.generator.last.weight.detach().clone()
    alone.run()
    with gathered(2, train_along, (folder, tmp_path / "two", config)) as team:
        together = tiny_trainer(folder, tmp_path / "two", config, team)
        together.run()
    ours, theirs = (
        {**one.generator.state_dict(), **one.adversary.tensors()} for one in (together, alone)
    )
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.allclose(value, theirs[name], atol=2e-5), name
    moved = float((alone.generator.last.weight - start).abs().max().detach())
    assert moved > 1e-3
    assert together.adversary.rate == alone.adversary.rate
    assert (tmp_path / "two" / CHECKPOINT).is_file()


def test_a_process_that_ends_stops_the_others_in_one_line() -> None:
    with (
        pytest.raises(InputError, match="ended before the others; start the command again"),
        gathered(2, leave, None) as team,
    ):
        team.mean({"loss": 1.0})


def test_the_reason_of_the_process_that_ended_is_told() -> None:
    with (
        pytest.raises(InputError, match=r"ended before the others \(RuntimeError: shapes differ\)"),
        gathered(2, fail, None) as team,
    ):
        team.mean({"loss": 1.0})


def test_an_error_of_the_first_process_is_its_own_and_not_that_others_ended() -> None:
    with pytest.raises(RuntimeError, match="mine"), gathered(2, leave, None):
        raise RuntimeError("mine")


def test_processes_that_cannot_share_a_batch_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"training.batch is 2: expected a multiple of the 3"):
        tiny_trainer(folder, tmp_path, short(), Team(processes=3))
