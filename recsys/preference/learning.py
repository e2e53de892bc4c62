"""From exposures as tensors to tastes: baseline, cells, mixture, outcomes, in this order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.schema import ConfigError
from recsys.preference.baseline import Effects, fit_effects
from recsys.preference.cells import ORDER, blur, tabulate
from recsys.preference.evidence import moments, settle
from recsys.preference.families import learned
from recsys.preference.mixture import TasteMixture, TastePrior
from recsys.preference.outcomes import Grade, add_grade, learn_grade
from recsys.preference.rows import Rows, Vocabulary, last_day
from recsys.preference.state import PreferenceState


@dataclass(frozen=True)
class PreferenceConfig:
    """Settings of `StylePreferenceModel`.

    n_families: families of looks; None takes the number among `family_choices` that predicts
    held-out clicks best. prior: see `TastePrior`. noise_sd: how far one shopper's liking of one
    look may stray from their taste, in log odds of a click. held_out: share of impressions on
    which the number of families is chosen. iterations: of L-BFGS, on clicks and again with the
    outcomes of clicks; few, because stopping early predicts new clicks better than converging.
    half_life_days: a click says half as much about its shopper's taste after this time (inf: as
    much as ever); what families there are is learned from all of them.
    """

    n_families: int | None = None
    family_choices: tuple[int, ...] = (5, 8, 12)
    smooth_sd: float = 4.0
    free_sd: float = 0.5
    population_sd: float = 0.05
    kernel_scale: float = 0.8
    noise_sd: float = 0.05
    held_out: float = 0.1
    iterations: int = 40
    half_life_days: float = math.inf

    def __post_init__(self) -> None:
        """Raise ConfigError on a value out of range."""
        positive = ("smooth_sd", "free_sd", "population_sd", "kernel_scale", "noise_sd")
        for name in (*positive, "half_life_days"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out must lie between 0 and 1, got {self.held_out}")
        if (self.n_families or 1) < 1 or not self.family_choices or min(self.family_choices) < 1:
            raise ConfigError(
                "family counts must be 1 or more, got "
                f"n_families={self.n_families}, family_choices={self.family_choices}"
            )

    @property
    def spread(self) -> tuple[float, float, float]:
        """smooth_sd, free_sd and kernel_scale, as `Families.doubt` takes them."""
        return self.smooth_sd, self.free_sd, self.kernel_scale

    @property
    def prior(self) -> TastePrior:
        """What is expected of families of looks before any click."""
        return TastePrior(self.smooth_sd, self.free_sd, self.population_sd, self.kernel_scale)


@dataclass(frozen=True)
class _Evidence:
    """Click evidence of some rows: cells float64 (n_users * (L+1), ORDER), cell int64 (n,)."""

    rows: Rows
    vocabulary: Vocabulary
    effects: Effects
    cell: Tensor
    cells: Tensor

    @classmethod
    def of(cls, rows: Rows, vocabulary: Vocabulary) -> _Evidence:
        effects = fit_effects(rows.clicked, rows.levels, vocabulary.sizes)
        n_looks = len(vocabulary.looks)
        cell = rows.user * n_looks + rows.look
        n_cells = len(vocabulary.users) * n_looks
        cells = tabulate(rows.clicked, effects.log_odds(rows.levels), cell, n_cells)
        return cls(rows, vocabulary, effects, cell, cells)


def learn(
    rows: Rows,
    vocabulary: Vocabulary,
    codes: NDArray[np.float32],
    config: PreferenceConfig,
    seed: int,
) -> PreferenceState:
    """Tastes of every shopper in `rows`; codes: float32 (L, d), NaN where a look has none.

    One look for everybody says nothing about tastes: then every shopper is indifferent.
    """
    if len(torch.unique(rows.look)) < 2:
        evidence = _Evidence.of(rows, vocabulary)
        mixture = TasteMixture(codes, _exposure(evidence), 0, config.prior, seed)
        mixture.forget()
        return _state(evidence, codes, mixture, evidence.cells, config)
    families = config.n_families
    if families is None:
        families = _choose_families(rows, vocabulary, codes, config, seed)
    return _learn(_Evidence.of(rows, vocabulary), codes, families, config, seed)


def _learn(
    evidence: _Evidence,
    codes: NDArray[np.float32],
    families: int,
    config: PreferenceConfig,
    seed: int,
) -> PreferenceState:
    mixture = TasteMixture(codes, _exposure(evidence), families, config.prior, seed)
    cells = _fit(mixture, evidence, evidence.cells, config)
    by_clicks = _state(evidence, codes, mixture, cells, config)
    grades = _grades(evidence, by_clicks)
    if grades:
        cells = _fit(mixture, evidence, _with_grades(evidence, evidence.cells, grades), config)
    elif math.isinf(config.half_life_days):
        return by_clicks
    if math.isinf(config.half_life_days):
        return _state(evidence, codes, mixture, cells, config)
    recent = blur(_faded(evidence, grades, config.half_life_days), config.noise_sd)
    return _state(evidence, codes, mixture, recent, config)


def _choose_families(
    rows: Rows,
    vocabulary: Vocabulary,
    codes: NDArray[np.float32],
    config: PreferenceConfig,
    seed: int,
) -> int:
    """The number of families that best predicts clicks kept out of the fit."""
    draws = np.random.default_rng(seed).random(len(rows.user))
    held = torch.from_numpy(draws < config.held_out)
    test = rows.take(held)
    evidence = _Evidence.of(rows.take(~held), vocabulary)
    losses = []
    for families in config.family_choices:
        p = _learn(evidence, codes, families, config, seed).click_probability(test)
        losses.append(float(torch.nn.functional.binary_cross_entropy(p, test.clicked)))
    return config.family_choices[int(np.argmin(losses))]


def _exposure(evidence: _Evidence) -> Tensor:
    counts = torch.bincount(evidence.rows.look, minlength=len(evidence.vocabulary.looks))
    return counts.to(torch.float64)


def _rate(evidence: _Evidence) -> tuple[Tensor, float]:
    return evidence.effects.levels["user"], 1 / evidence.effects.variances["user"]


def _shaped(evidence: _Evidence, cells: Tensor) -> Tensor:
    vocabulary = evidence.vocabulary
    # Single precision halves the time of a fit; the sums over shoppers stay in double.
    return cells.to(torch.float32).reshape(len(vocabulary.users), len(vocabulary.looks), ORDER)


def _fit(
    mixture: TasteMixture, evidence: _Evidence, cells: Tensor, config: PreferenceConfig
) -> Tensor:
    """Fit `mixture` and return the cells as it saw them."""
    blurred = blur(cells, config.noise_sd)
    mixture.fit(_shaped(evidence, blurred), *_rate(evidence), config.iterations)
    return blurred


def _grades(evidence: _Evidence, by_clicks: PreferenceState) -> list[tuple[Grade, Tensor]]:
    """Every outcome that tells of taste, with the rows where it is known, bool (n,)."""
    rows, grades = evidence.rows, []
    everyone = np.arange(len(evidence.vocabulary.users))
    expected = by_clicks.expected(everyone).reshape(-1)
    for outcome in rows.outcomes.values():
        known = ~torch.isnan(outcome)
        cell = evidence.cell[known]
        grade = learn_grade(
            outcome[known], expected[cell], rows.user[known], rows.levels["item"][known]
        )
        if grade is not None:
            grades.append((grade, known))
    return grades


def _with_grades(
    evidence: _Evidence,
    cells: Tensor,
    grades: list[tuple[Grade, Tensor]],
    weight: Tensor | None = None,
) -> Tensor:
    for grade, known in grades:
        counts = None if weight is None else weight[known]
        cells = add_grade(cells, grade, evidence.cell[known], counts)
    return cells


def _faded(
    evidence: _Evidence, grades: list[tuple[Grade, Tensor]], half_life_days: float
) -> Tensor:
    """Cells in which every row counts by its age."""
    rows = evidence.rows
    weight = rows.weight(last_day(rows), half_life_days)
    offset = evidence.effects.log_odds(rows.levels)
    cells = tabulate(rows.clicked, offset, evidence.cell, len(evidence.cells), weight)
    return _with_grades(evidence, cells, grades, weight)


def _state(
    evidence: _Evidence,
    codes: NDArray[np.float32],
    mixture: TasteMixture,
    cells: Tensor,
    config: PreferenceConfig,
) -> PreferenceState:
    with torch.no_grad():
        shaped, tastes = _shaped(evidence, cells), mixture.tastes()
        population, log_shares = mixture.population.detach().clone(), mixture.log_shares()
        sums = moments(shaped, tastes + population)
        joint, shift = settle(sums, *_rate(evidence), log_shares)
        posterior, families = torch.softmax(joint, dim=1), mixture.families()
        shown = (_exposure(evidence)[:-1] > 0).numpy()
        return PreferenceState(
            vocabulary=evidence.vocabulary,
            codes=codes,
            effects=evidence.effects,
            tastes=tastes,
            population=population,
            prior=log_shares.exp(),
            posterior=posterior,
            shift=shift,
            n_events=torch.bincount(evidence.rows.user, minlength=len(evidence.vocabulary.users)),
            sums=sums,
            doubt=learned(
                families.doubt(codes, shown, config.spread), shaped, posterior, tastes + population
            ),
            families=families,
            until=torch.tensor(last_day(evidence.rows), dtype=torch.float64),
        )
