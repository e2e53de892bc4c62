"""The discriminator in training: its step, its augmentation rate, its state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from styletransfer.losses import discriminator_loss, gradient_penalty
from styletransfer.training import checkpoint as files
from styletransfer.training.augment import augment, next_rate
from styletransfer.training.config import TrainingConfig
from styletransfer.training.data import Batch
from styletransfer.training.discriminator import PatchDiscriminator, patch_weights
from styletransfer.training.optimisers import make_optimiser, set_rate
from styletransfer.training.team import Team


class Judge(nn.Module):
    """The discriminator as the generator meets it: behind this step's augmentation."""

    def __init__(self, network: PatchDiscriminator, rate: float, rng: torch.Generator) -> None:
        super().__init__()
        self._network, self._rate, self._rng = network, rate, rng

    def forward(
        self, pictures: Tensor, codes: Tensor, surroundings: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Logits per scale, and how much each counts."""
        seen, weight = augment(pictures, surroundings, self._rate, self._rng)
        logits = self._network(seen, codes)
        return logits, patch_weights(weight, logits)


class Adversary:
    """Trains a discriminator; does nothing where the settings want none.

    `rate` is the probability of each augmentation.
    """

    def __init__(
        self, config: TrainingConfig, centre: Tensor, seed: int, team: Team, device: torch.device
    ) -> None:
        self._config, self.rate, self._r1, self._team = config, 0.0, config.r1, team
        self._network: PatchDiscriminator | None = None
        if config.adversary == "none":
            return
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._network = PatchDiscriminator(config.discriminator_channels, centre).to(device)
        self._optimiser = make_optimiser(self._network, config.optimiser, config.discriminator_rate)

    def judge(self, rng: torch.Generator) -> Judge | None:
        """What the generator has to mislead; None where there is no discriminator."""
        if self._network is None:
            return None
        self._network.requires_grad_(False)
        return Judge(self._network, self.rate, rng)

    def train_step(
        self, batch: Batch, painted: Tensor, rng: torch.Generator, step: int
    ) -> dict[str, float]:
        """Learn from a batch and its `painted` pictures (b, 3, s, s); returns the losses by name.

        Real are patches of looks under their own codes; fake are painted surroundings, and as a
        second kind patches of looks under another look's code.
        """
        if self._network is None:
            return {}
        self._network.requires_grad_(True)
        found, told = self._loss(self._network, batch, painted, rng)
        total = found
        if self._r1 and step % self._config.r1_every == 0:
            total = total + self._penalty(batch)
        self._optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self._team.average_gradients(self._network.parameters())
        nn.utils.clip_grad_norm_(self._network.parameters(), self._config.clip)
        self._optimiser.step()
        told = self._team.mean(told)
        count = len(batch.photos) * (self._team.processes if self._team.connected else 1)
        self.rate = next_rate(self.rate, told["told_real"], self._config.ada_target, count)
        return told

    def losses(self, batch: Batch, painted: Tensor, rng: torch.Generator) -> dict[str, float]:
        """The losses by name, as `train_step` returns them; nothing is learned."""
        if self._network is None:
            return {}
        return self._loss(self._network, batch, painted, rng)[1]

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While it is judged, the discriminator's state stays as it is: no power iteration."""
        if self._network is None:
            yield
            return
        self._network.eval()
        try:
            yield
        finally:
            self._network.train()

    def _loss(
        self, network: PatchDiscriminator, batch: Batch, painted: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        judge = Judge(network, self.rate, rng)
        everywhere = torch.ones_like(batch.masks)
        kind = self._config.adversary
        assert kind != "none"

        def loss(told: tuple[list[Tensor], list[Tensor]], real: bool) -> Tensor:
            parts = [
                discriminator_loss(one, real, kind, weight)
                for one, weight in zip(*told, strict=True)
            ]
            return torch.stack(parts).mean()

        reals = judge(batch.patches, batch.codes, everywhere)
        fakes = judge(painted, batch.codes, 1 - batch.masks)
        others = judge(batch.patches, batch.other_codes, everywhere)
        found = loss(reals, True) + 0.5 * (loss(fakes, False) + loss(others, False))
        told_real = torch.cat([(one > 0).float().flatten() for one in reals[0]]).mean()
        told_fake = torch.cat([(one < 0).float().flatten() for one in fakes[0]]).mean()
        return found, {
            "discriminator": float(found.detach()),
            "told_real": float(told_real),
            "told_fake": float(told_fake),
        }

    def _penalty(self, batch: Batch) -> Tensor:
        assert self._network is not None
        patches = batch.patches.clone().requires_grad_()
        logits = torch.cat([one.flatten(1) for one in self._network(patches, batch.codes)], dim=1)
        # Taken every so many steps, it counts as many times.
        return 0.5 * self._r1 * self._config.r1_every * gradient_penalty(logits, patches).mean()

    def temper(self, factor: float) -> None:
        """Divide the rate of learning by `factor` and multiply R1 by it, as set out."""
        self._r1 = self._config.r1 * factor
        if self._network is not None:
            set_rate(self._optimiser, self._config.discriminator_rate / factor)

    def tensors(self) -> dict[str, Tensor]:
        """Weights, power iterations and moments."""
        if self._network is None:
            return {}
        moments = files.optimiser_tensors(self._optimiser)
        state = self._network.state_dict()
        return files.named("network", state) | files.named("optimiser", moments)

    def restore(self, tensors: dict[str, Tensor], rate: float) -> None:
        """Take back what `tensors` gave, and the augmentation's rate."""
        self.rate = rate
        if self._network is not None:
            network = files.of_prefix("network", tensors)
            files.load_module(self._network, network, "discriminator")
            files.restore_optimiser(self._optimiser, files.of_prefix("optimiser", tensors))
