"""The training loop: steps, health, going back, checkpoints.

Everything drawn is drawn from seed, attempt and step, so a run that was killed goes on from its
last checkpoint to the same weights, bit for bit on one thread.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from features.schema import ConfigError
from styletransfer.training import checkpoint as files
from styletransfer.training.adversary import Adversary
from styletransfer.training.config import TrainingConfig
from styletransfer.training.data import TrainingData
from styletransfer.training.health import (
    UnhealthyTraining,
    Watch,
    is_better,
    is_low,
    measure,
    verdict,
)
from styletransfer.training.objective import Objective
from styletransfer.training.optimisers import average, make_optimiser, set_rate
from styletransfer.training.team import Team

CHECKPOINT: Final = "checkpoint.safetensors"
HEALTHY: Final = "healthy.safetensors"
RESULT: Final = "generator.safetensors"
MOST_ROLLBACKS: Final = 3
_REMEDY: Final = 2.0
_CURVE_EVERY: Final = 10
_REVISION: Final = 4
_VALIDATION_BATCHES: Final = 3
_SEED_STEP: Final = 1_000_003

Progress = Callable[[int], None]
Say = Callable[[str], None]


class Trainer:
    """A generator in training in a folder; made anew, it goes on from the folder's checkpoint.

    `generator` is trained in place; `averaged` is the mean of its weights over the last steps. The
    result, kept in `RESULT`, are the averaged weights at the best check, the start's among them:
    `best` says which. `curves` and `checks` are the losses and the health so far, `events` what
    went wrong.
    """

    def __init__(
        self,
        generator: nn.Module,
        data: TrainingData,
        config: TrainingConfig,
        folder: Path,
        seed: int = 0,
        inputs: str = "",
        team: Team | None = None,
    ) -> None:
        """Start, or go on from the checkpoint in `folder`, on the device that `generator` is on.

        `inputs` stands for what is trained on. In a `team` each process trains on its part of every
        batch, and one writes. Raises ConfigError where the checkpoint is of other
        inputs, settings or seed, InputError where it cannot be used.
        """
        self.generator = generator.train().requires_grad_(True)
        self.averaged = copy.deepcopy(generator).eval().requires_grad_(False)
        self.data, self.config, self._folder, self._seed = data, config, folder, seed
        self.step, self.attempt = 0, 0
        self._team = team or Team()
        self._device = next(generator.parameters()).device
        if config.batch % self._team.processes:
            raise ConfigError(
                f"training.batch is {config.batch}: expected a multiple of the "
                f"{self._team.processes} processes, which share each batch"
            )
        self.curves: list[dict[str, float]] = []
        self.validation: list[dict[str, float]] = []
        self.checks: list[dict[str, float]] = []
        self.events: list[dict[str, Any]] = []
        self.best: dict[str, float] = {}
        self.best_weights: dict[str, Tensor] = {}
        self._objective = Objective(config, data.bank, generator)
        self._optimiser = make_optimiser(generator, config.optimiser, config.generator_rate)
        self.adversary = Adversary(config, data.centre, seed, self._team, self._device)
        self._sums: dict[str, float] = {}
        self._told: list[float] = []
        self._watch: Watch | None = None
        self._identity = _identity(config, seed, inputs, generator)
        if (folder / CHECKPOINT).is_file():
            self._load(folder / CHECKPOINT)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.config.steps

    def run(self, progress: Progress = lambda steps: None, say: Say = lambda line: None) -> None:
        """Train to the last step.

        Raises UnhealthyTraining when training went wrong once more after three rollbacks,
        InputError when a checkpoint cannot be written.
        """
        progress(self.step)
        if self.step == 0 and not self.checks:
            self._check(say)
            self._save(self._folder / CHECKPOINT)
        while not self.finished:
            wrong = self.train_step()
            progress(1)
            last = self.finished
            if wrong:
                self._go_back(wrong, say)
            elif self.step % self.config.health_every == 0 or last:
                self._check(say)
                last = self.finished
            if self.step % self.config.checkpoint_every == 0 or last:
                self._save(self._folder / CHECKPOINT)
        self.write_result()

    def train_step(self) -> str:
        """One step of both networks; says what is wrong, empty where nothing is."""
        seed = (self._seed * _SEED_STEP + self.attempt) * _SEED_STEP + self.step
        rng = torch.Generator().manual_seed(seed % 2**63)
        # What the discriminator is shown is augmented differently in each process.
        own = torch.Generator().manual_seed((seed * _SEED_STEP + self._team.rank) % 2**63)
        batch = self.data.batch(self.step, self.attempt)
        batch = batch.part(self._team.rank, self._team.processes).to(self._device)
        painted: Tensor = self.generator(batch.canvases, batch.codes)
        losses = self.adversary.train_step(batch, painted.detach(), own, self.step)
        parts = self._objective.parts(
            self.generator, self.adversary.judge(own), batch, painted, rng
        )
        total = self._objective.total(parts)
        self._optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self._team.average_gradients(self.generator.parameters())
        norm = nn.utils.clip_grad_norm_(self.generator.parameters(), self.config.clip)
        losses |= self._team.mean(_as_numbers(total, parts))
        if not all(map(math.isfinite, (*losses.values(), float(norm)))):
            return "a loss or gradient is not finite"
        self._optimiser.step()
        average(self.averaged, self.generator, self.config.ema, self.step)
        self.step += 1
        self._note(losses)
        return ""

    def _note(self, losses: dict[str, float]) -> None:
        if "discriminator" in losses:
            self._told.append(losses["discriminator"])
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if self.step % _CURVE_EVERY == 0:
            means = {name: value / _CURVE_EVERY for name, value in self._sums.items()}
            row = {"step": self.step, "attempt": self.attempt}
            self.curves.append({**row, **means, "augmentation": self.adversary.rate})
            self._sums = {}

    def _validate(self) -> None:
        """Note the losses on the same few validation batches, nothing learned from them."""
        sums: dict[str, float] = {}
        with torch.no_grad(), self.adversary.resting():
            for number in range(_VALIDATION_BATCHES):
                rng = torch.Generator().manual_seed(number)
                batch = self.data.validation_batch(number).to(self._device)
                painted: Tensor = self.generator(batch.canvases, batch.codes)
                found = self.adversary.losses(batch, painted, rng)
                judge = self.adversary.judge(rng)
                parts = self._objective.parts(self.generator, judge, batch, painted, rng)
                found |= _as_numbers(self._objective.total(parts), parts)
                for name, value in found.items():
                    sums[name] = sums.get(name, 0.0) + value / _VALIDATION_BATCHES
        self.validation.append({"step": self.step, "attempt": self.attempt, **sums})

    def _check(self, say: Say) -> None:
        """Look at the generator's health: keep it, or go back."""
        if self._watch is None:
            self._watch = Watch.of(self.data)
        self._validate()
        found, mean = (measure(one, self._watch) for one in (self.generator, self.averaged))
        told = float(np.mean(self._told)) if self._told else None
        self._told = []
        well = [one for one in self.checks if not one["wrong"]]
        renders = len(self._watch.photos) * len(self._watch.codes)
        wrong = verdict(found, well, told, renders)
        most = max((one["averaged_recognised"] for one in well), default=0.0)
        low = is_low(mean["recognised"], most, renders)
        before = self.checks[-1] if self.checks else None
        if low and not wrong and before and before["low"] and before["attempt"] == self.attempt:
            wrong = f"recognised fell from {most:.2f} to {mean['recognised']:.2f} in two checks"
        acts = bool(wrong) and self.step >= max(self.config.grace_steps, 1)
        row = {"step": self.step, "attempt": self.attempt, "wrong": float(acts), "low": float(low)}
        row |= found | {f"averaged_{name}": mean[name] for name in ("recognised", "ssim")}
        self.checks.append(row if told is None else {**row, "told": told})
        figures = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
        say(f"step {self.step}: {figures}; averaged weights: recognised {mean['recognised']:.2f}")
        if acts:
            self._go_back(wrong, say)
            return
        self._keep_if_better(mean)
        if not low:
            self._save(self._folder / HEALTHY)

    def _keep_if_better(self, mean: dict[str, float]) -> None:
        """Keep the averaged weights as the result where they are better than those kept so far."""
        if self.best and not is_better(mean, self.best, self.checks[0]["averaged_ssim"]):
            return
        self.best = {"step": self.step, **{name: mean[name] for name in ("recognised", "ssim")}}
        self.best_weights = {k: v.detach().clone() for k, v in self.averaged.state_dict().items()}
        self.write_result()

    def write_result(self) -> None:
        """Write the best weights to the folder. Raises InputError as `write_checkpoint` does."""
        if self._team.leads:
            files.write_checkpoint(self._folder / RESULT, self.best_weights, {"best": self.best})

    def _go_back(self, wrong: str, say: Say) -> None:
        """The last healthy weights again, at half the rates and twice R1."""
        at = self.step
        self.events.append({"step": at, "attempt": self.attempt, "reason": wrong})
        if self.attempt >= MOST_ROLLBACKS:
            self._save(self._folder / CHECKPOINT)
            raise UnhealthyTraining(
                f"training stopped at step {at} after {MOST_ROLLBACKS} rollbacks: {wrong}; "
                f"{self._folder / RESULT} holds the best weights, of step {self.best['step']}: "
                "change training.weights or lower training.generator_rate, and start in another "
                "folder"
            )
        attempt = self.attempt + 1
        tensors, facts = files.read_checkpoint(self._folder / HEALTHY)
        self._restore(tensors, facts)
        self.attempt = attempt
        self._apply_remedy()
        self._sums, self._told = {}, []
        self.events[-1] |= {"back_to": self.step, "rate": self.config.generator_rate / 2**attempt}
        self._save(self._folder / CHECKPOINT)
        say(f"step {at}: {wrong}: back to step {self.step} at half the rates and twice R1")

    def _apply_remedy(self) -> None:
        factor = _REMEDY**self.attempt
        set_rate(self._optimiser, self.config.generator_rate / factor)
        self.adversary.temper(factor)

    def _save(self, path: Path) -> None:
        tensors = {
            **files.named("generator", self.generator.state_dict()),
            **files.named("averaged", self.averaged.state_dict()),
            **files.named("optimiser", files.optimiser_tensors(self._optimiser)),
            **files.named("adversary", self.adversary.tensors()),
            **files.named("best", self.best_weights),
        }
        facts = {
            "identity": self._identity,
            "step": self.step,
            "attempt": self.attempt,
            "rate": self.adversary.rate,
            "curves": self.curves,
            "checks": self.checks,
            "events": self.events,
            "validation": self.validation,
            "best": self.best,
            "sums": self._sums,
            "told": self._told,
        }
        if self._team.leads:
            files.write_checkpoint(path, tensors, facts)
        self._team.wait()

    def _load(self, path: Path) -> None:
        tensors, facts = files.read_checkpoint(path)
        if facts.get("identity") != self._identity:
            raise ConfigError(
                f"{path} is a training of other pictures, settings or seed: go on with the same "
                "ones (more steps are fine), or choose another folder"
            )
        self._restore(tensors, facts)
        self.attempt = facts["attempt"]
        self.curves, self.checks = facts["curves"], facts["checks"]
        self.events, self._sums, self._told = facts["events"], facts["sums"], facts["told"]
        self.validation = facts["validation"]
        self.best, self.best_weights = facts["best"], files.of_prefix("best", tensors)
        if self.events and "back_to" not in self.events[-1]:
            raise UnhealthyTraining(
                f"{path} is a training that was stopped: {self.events[-1]['reason']}; change "
                "training.weights or lower training.generator_rate, and start in another folder"
            )
        self._apply_remedy()

    def _restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        for name, module in (("generator", self.generator), ("averaged", self.averaged)):
            files.load_module(module, files.of_prefix(name, tensors), name)
        files.restore_optimiser(self._optimiser, files.of_prefix("optimiser", tensors))
        self.adversary.restore(files.of_prefix("adversary", tensors), facts["rate"])
        self.step = facts["step"]


def _as_numbers(total: Tensor, parts: dict[str, Tensor]) -> dict[str, float]:
    found = {"generator": total, **parts}
    return {name: float(value.detach()) for name, value in found.items()}


def _identity(config: TrainingConfig, seed: int, inputs: str, generator: nn.Module) -> str:
    """Hash of all that the weights at a step depend on; more steps are the same training."""
    settings = {k: v for k, v in asdict(config).items() if k not in ("steps", "checkpoint_every")}
    digest = hashlib.blake2b(
        json.dumps([_REVISION, settings, seed, inputs], sort_keys=True).encode()
    )
    for name, value in generator.state_dict().items():
        digest.update(name.encode() + value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:32]
