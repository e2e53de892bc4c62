"""What a fitted preference model knows, and its files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from features.ids import IdMap, text_ids
from features.products import steady_product
from features.schema import NotFittedError
from recsys.preference.baseline import Effects
from recsys.preference.families import Families
from recsys.preference.rows import Rows, Vocabulary

_TENSORS = "preference.safetensors"
_SETTINGS = "preference.json"
_TASTE_PRIOR = 0.1


@dataclass(frozen=True)
class PreferenceState:
    """Learned arrays: U users, K kinds of shoppers, L looks and the plain photo.

    tastes float64 (K, L+1) and population (L+1,) are utilities in log odds; prior (K,) and
    posterior (U, K) the shares of kinds; shift (U, K) the correction of a user's own rate if they
    are of that kind; n_events int64 (U,) exposures; codes float32 (L, d). sums (U, 3, K) are the
    `moments` of each user's clicks as of day `until`, doubt (K, L+1) the variance of tastes.
    """

    vocabulary: Vocabulary
    codes: NDArray[np.float32]
    effects: Effects
    tastes: Tensor
    population: Tensor
    prior: Tensor
    posterior: Tensor
    shift: Tensor
    n_events: Tensor
    sums: Tensor
    doubt: Tensor
    families: Families
    until: Tensor

    def names(self, user_ids: Iterable[str] | None) -> NDArray[np.object_]:
        """`user_ids`, or by default every user of the fit, as an array (n,)."""
        if user_ids is None:
            return self.vocabulary.users.ids
        return text_ids(user_ids, "user_ids")

    def kinds(self, users: NDArray[np.int64]) -> Tensor:
        """Posterior over kinds of the users at these positions, the prior for -1: (n, K)."""
        return torch.cat([self.posterior, self.prior[None]])[users]

    def click_probability(self, rows: Rows) -> Tensor:
        """Probability of a click on each row, float64 (n,), averaged over kinds of shopper."""
        kinds = self.kinds(rows.user.numpy())
        shifts = torch.cat([self.shift, torch.zeros_like(self.shift[:1])])[rows.user]
        if len(self.shift) == 0:
            shifts = torch.zeros_like(kinds)
        known = (rows.look >= 0).to(torch.float64)[:, None]
        utility = ((self.tastes + self.population).T)[rows.look] * known
        offset = self.effects.log_odds(rows.levels)
        return (kinds * torch.sigmoid(offset[:, None] + utility + shifts)).sum(dim=1)

    def expected(self, users: NDArray[np.int64]) -> Tensor:
        """Expected utility of each look, float64 (n, L+1)."""
        return _steady(self.kinds(users), self.tastes) + self.population

    def uncertainty(self, users: NDArray[np.int64], noise_sd: float) -> Tensor:
        """Posterior standard deviation of the utility of each look, float64 (n, L+1).

        Which kind the shopper is, what that kind thinks of the look, and one shopper's straying
        from it by `noise_sd`.
        """
        kinds = self.kinds(users)
        mean = _steady(kinds, self.tastes)
        spread = _steady(kinds, self.tastes.square()) - mean.square()
        return (spread.clamp_min(0.0) + _steady(kinds, self.doubt) + noise_sd**2).sqrt()

    def strength(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Probability that users have a taste at all, float32 (n,) in 0..1.

        Weighs the evidence of their clicks against a prior of 0.1 that the user has a taste, not
        the population's: where most users care for looks, one never seen would otherwise pass for
        a lover of them.
        """
        indifferent = self.kinds(users)[:, 0]
        evidence = (1 - indifferent) * self.prior[0]
        against = indifferent * (1 - self.prior[0])
        likes = evidence * _TASTE_PRIOR
        total = likes + against * (1 - _TASTE_PRIOR)
        strength = torch.where(total > 0, likes / total.clamp_min(1e-300), torch.zeros_like(total))
        return np.asarray(strength.numpy(), dtype=np.float32)

    def embeddings(self, affinity: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
        """Centres of the raw codes weighted by softmax(affinity / temperature): (n, d).

        affinity: float32 (n, L+1). Looks without a code have no place and no weight.
        """
        known = np.isfinite(self.codes).all(axis=1)
        if not known.any():
            return np.zeros((len(affinity), self.codes.shape[1]), dtype=np.float32)
        score = affinity[:, :-1][:, known].astype(np.float64) / temperature
        weight = np.exp(score - score.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        return np.asarray(steady_product(weight, self.codes[known]), dtype=np.float32)


def _steady(left: Tensor, right: Tensor) -> Tensor:
    return torch.from_numpy(steady_product(left.numpy(), right.numpy()))


def write(fitted: PreferenceState, settings: dict[str, Any], folder: Path) -> None:
    """Write tensors as safetensors and ids and settings as JSON into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    words = fitted.vocabulary
    tensors = {f"effect.{name}": value for name, value in fitted.effects.levels.items()}
    tensors |= {
        "codes": torch.from_numpy(fitted.codes),
        "pairs": torch.from_numpy(words.pairs),
        "tastes": fitted.tastes,
        "population": fitted.population,
        "prior": fitted.prior,
        "posterior": fitted.posterior,
        "shift": fitted.shift,
        "n_events": fitted.n_events,
        "sums": fitted.sums,
        "doubt": fitted.doubt,
        "until": fitted.until,
    }
    tensors |= {f"precision.{name}": part for name, part in fitted.effects.precisions.items()}
    tensors |= {f"families.{name}": part for name, part in vars(fitted.families).items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / _TENSORS)
    record = {
        **settings,
        "intercept": fitted.effects.intercept,
        "variances": fitted.effects.variances,
        "users": words.users.ids.tolist(),
        "items": words.items.ids.tolist(),
        "looks": words.looks.ids.tolist(),
    }
    (folder / _SETTINGS).write_text(json.dumps(record), encoding="utf-8")


def read(folder: Path) -> tuple[PreferenceState, dict[str, Any]]:
    """State and settings that `write` left in `folder`; NotFittedError if there are none."""
    if not (folder / _SETTINGS).is_file() or not (folder / _TENSORS).is_file():
        raise NotFittedError(
            f"no {_SETTINGS} with {_TENSORS} in {folder}: save a fitted StylePreferenceModel there"
        )
    record = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    tensors = load_file(folder / _TENSORS)
    effects, precisions, families = (
        {name.removeprefix(lead): tensors.pop(name) for name in list(tensors) if lead in name}
        for lead in ("effect.", "precision.", "families.")
    )
    vocabulary = Vocabulary(
        IdMap(record.pop("users")),
        IdMap(record.pop("items")),
        IdMap(record.pop("looks")),
        np.asarray(tensors.pop("pairs").numpy(), dtype=np.int64),
    )
    codes = np.asarray(tensors.pop("codes").numpy(), dtype=np.float32)
    baseline = Effects(record.pop("intercept"), effects, record.pop("variances"), precisions)
    kept = Families(**families)
    return PreferenceState(vocabulary, codes, baseline, families=kept, **tensors), record
