"""Training goes on after a kill to the same weights, and notices when it collapses."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from features.schema import ConfigError, InputError
from styletransfer.training.checkpoint import read_checkpoint, write_checkpoint
from styletransfer.training.health import UnhealthyTraining
from styletransfer.training.loop import CHECKPOINT, HEALTHY, RESULT, Trainer
from styletransfer.training.optimisers import average, make_optimiser
from tests.styletransfer.training.tiny import TinyGenerator, only, short, tiny_trainer

ROOT = Path(__file__).parents[3]


def test_the_first_step_of_adam_is_the_rate_whatever_the_slope() -> None:
    point = nn.ParameterList([nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))])
    optimiser = make_optimiser(point, "adam", 0.1)
    ((point[0] - 2) ** 2 + (point[1] + 3) ** 2).backward()
    optimiser.step()
    assert [float(value.detach()) for value in point] == pytest.approx([0.1, -0.1], abs=1e-6)


def test_the_mean_of_weights_moves_by_one_less_the_decay() -> None:
    mean, module = nn.Linear(1, 1), nn.Linear(1, 1)
    for one, value in ((mean, 0.0), (module, 1.0)):
        nn.init.constant_(one.weight, value)
    average(mean, module, 0.99, step=10_000)
    assert float(mean.weight.detach()) == pytest.approx(0.01)
    average(mean, module, 0.99, step=0)  # young: kept for a tenth only
    assert float(mean.weight.detach()) == pytest.approx(0.901)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights_bit_for_bit(
    folder: Path, tmp_path: Path
) -> None:
    """Kills a process of its own: nothing else shows what a kill leaves behind."""
    steps = 8
    config = short(steps=steps, checkpoint_every=2)
    tiny_trainer(folder, tmp_path / "whole", config).run()
    killed = tmp_path / "killed"
    program = [sys.executable, "-m", "tests.styletransfer.training.tiny"]
    process = subprocess.Popen(
        [*program, str(folder), str(killed), "100000"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    while not (killed / CHECKPOINT).is_file():
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = tiny_trainer(folder, killed, config)
    assert resumed.step < steps, "the kill came too late to show anything"
    resumed.run()
    assert resumed.finished
    whole = (tmp_path / "whole" / CHECKPOINT).read_bytes()
    assert (killed / CHECKPOINT).read_bytes() == whole


def test_a_finished_training_takes_more_steps_and_refuses_other_settings(
    folder: Path, tmp_path: Path
) -> None:
    tiny_trainer(folder, tmp_path, short(steps=2)).run()
    assert tiny_trainer(folder, tmp_path, short(steps=2)).finished
    assert not tiny_trainer(folder, tmp_path, short(steps=3)).finished
    with pytest.raises(ConfigError, match="other pictures, settings or seed"):
        tiny_trainer(folder, tmp_path, short(steps=2, clip=0.5))


def test_a_collapse_is_caught_named_rolled_back_and_in_the_end_stopped(
    folder: Path, tmp_path: Path
) -> None:
    """Asked for nothing but smoothness, a generator soon paints one flat colour."""
    smooth = only(total_variation=1.0)
    config = short(steps=200, weights=smooth, generator_rate=0.4, adversary="none", clip=1e3)
    trainer = tiny_trainer(folder, tmp_path, config)
    said: list[str] = []
    with pytest.raises(UnhealthyTraining) as stopped:
        trainer.run(say=said.append)
    first = trainer.events[0]
    assert first["reason"].startswith("collapse: constant output")
    assert first["back_to"] < first["step"] <= 200
    result, facts = read_checkpoint(tmp_path / RESULT)
    assert facts["best"] == trainer.best
    assert all(bool(torch.isfinite(value).all()) for value in result.values())
    assert set(result) == set(TinyGenerator().state_dict())
    assert first["rate"] == 0.2
    assert len(trainer.events) == 4
    assert f"back to step {first['back_to']} at half the rates and twice R1" in "\n".join(said)
    assert re.match(r"training stopped at step \d+ after 3 rollbacks: collapse", str(stopped.value))
    assert "\n" not in str(stopped.value)
    kept, _ = read_checkpoint(tmp_path / HEALTHY)
    assert all(bool(torch.isfinite(value).all()) for value in kept.values())
    with pytest.raises(UnhealthyTraining, match="was stopped: collapse"):
        tiny_trainer(folder, tmp_path, config)


@pytest.mark.slow
def test_a_slow_fall_is_acted_on_at_the_second_low_check(folder: Path, tmp_path: Path) -> None:
    trainer = tiny_trainer(folder, tmp_path, short(steps=2))
    trainer.run()
    for check in trainer.checks:
        check["averaged_recognised"] = 1.0  # as if all had been recognised once
    with torch.no_grad():
        for one in (trainer.generator, trainer.averaged):
            for values in one.last.parameters():
                values.neg_()  # every colour is its opposite: well spread, of no look
    trainer.config = short(steps=6, health_every=2)
    with contextlib.suppress(UnhealthyTraining):  # what it goes back to is no better than it was
        trainer.run()
    assert [check["low"] for check in trainer.checks[2:4]] == [1.0, 1.0]
    event = trainer.events[0]
    assert event["reason"] == "recognised fell from 1.00 to 0.00 in two checks"
    # Back before the first low check, which is not healthy although nothing was done about it.
    assert (event["step"], event["back_to"]) == (6, 2)


def test_the_result_of_a_training_that_harms_is_its_start(folder: Path, tmp_path: Path) -> None:
    smooth = only(total_variation=1.0)
    flat = {"generator_rate": 0.4, "clip": 1e3, "adversary": "none", "grace_steps": 99}
    config = short(steps=30, weights=smooth, **flat)
    trainer = tiny_trainer(folder, tmp_path, config)
    trainer.run()
    assert trainer.best["step"] == 0
    result, _ = read_checkpoint(tmp_path / RESULT)
    start = TinyGenerator().state_dict()
    assert all(torch.equal(value, start[name]) for name, value in result.items())
    assert not torch.equal(trainer.averaged.first.weight, start["first.weight"])
    (tmp_path / RESULT).unlink()
    again = tiny_trainer(folder, tmp_path, config)
    again.write_result()
    assert read_checkpoint(tmp_path / RESULT)[0].keys() == result.keys()


def test_a_generator_that_ignores_the_look_is_caught_and_heals(
    folder: Path, tmp_path: Path
) -> None:
    trainer = tiny_trainer(folder, tmp_path, short(steps=4, health_every=4))
    trainer.run()
    healthy = trainer.generator.code.weight.detach().clone()
    trainer.config = short(steps=8, health_every=4)
    with torch.no_grad():
        trainer.generator.code.weight.zero_()
        trainer.generator.code.bias[:8] = 10.0  # photos are still told apart
    trainer.run()
    (event,) = trainer.events
    assert event["reason"].startswith("collapse: look code ignored")
    assert (event["step"], event["back_to"]) == (8, 4)
    assert event["rate"] == trainer.config.generator_rate / 2
    assert trainer.finished
    assert torch.allclose(trainer.generator.code.weight, healthy, atol=0.01)


def test_a_loss_that_is_not_finite_goes_back_before_it_reaches_the_weights(
    folder: Path, tmp_path: Path
) -> None:
    trainer = tiny_trainer(folder, tmp_path, short(steps=4))
    trainer.run()
    with torch.no_grad():
        next(trainer.generator.parameters())[0] = torch.nan
    trainer.config = short(steps=6)
    trainer.run()
    assert trainer.events[0]["reason"] == "a loss or gradient is not finite"
    assert trainer.finished
    assert all(bool(torch.isfinite(p).all()) for p in trainer.generator.parameters())


def test_nan_in_a_checkpoint_and_another_file_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    write_checkpoint(path, {"generator|w": torch.tensor([1.0, torch.nan])}, {"step": 1})
    with pytest.raises(InputError, match=r"holds NaN or infinity in generator\|w"):
        read_checkpoint(path)
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(InputError, match="cannot be read"):
        read_checkpoint(path)


def test_a_full_disk_leaves_the_checkpoint_before_it_whole(tmp_path: Path) -> None:
    """A bound on the size of files stands for a disk that is full."""
    import resource

    path = tmp_path / CHECKPOINT
    write_checkpoint(path, {"w": torch.ones(10)}, {"step": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with pytest.raises(InputError, match=r"cannot be written .* is whole; free some space"):
            write_checkpoint(path, {"w": torch.ones(10_000)}, {"step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    tensors, facts = read_checkpoint(path)
    assert facts == {"step": 1}
    assert torch.equal(tensors["w"], torch.ones(10))
    assert os.listdir(tmp_path) == [CHECKPOINT]


@pytest.mark.parametrize("settings", [{"adversary": "bce"}, {"optimiser": "sgd"}])
def test_other_losses_and_optimisers_train(folder: Path, tmp_path: Path, settings: dict) -> None:
    trainer = tiny_trainer(folder, tmp_path, short(steps=2, **settings))
    start = TinyGenerator().first.weight
    trainer.run()
    assert not torch.equal(trainer.generator.first.weight, start)


def test_every_part_of_the_loss_reaches_the_generator(folder: Path, tmp_path: Path) -> None:
    weights = dict.fromkeys(type(only()).__dataclass_fields__, 1.0)
    trainer = tiny_trainer(folder, tmp_path, short(steps=1, weights=only(**weights)))
    assert isinstance(trainer, Trainer)
    assert trainer.train_step() == ""
    assert set(weights) < set(trainer._sums)
