"""From exposures as tensors to tastes: baseline, cells, mixture, outcomes, in this order."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsys.config import PreferenceConfig
from recsys.preference.cells import blur
from recsys.preference.click_evidence import ClickEvidence, Grades
from recsys.preference.evidence import moments, settle
from recsys.preference.families import learned
from recsys.preference.mixture import TasteMixture
from recsys.preference.outcomes import learn_grade
from recsys.preference.private_learning import learn_population
from recsys.preference.rows import Rows, Vocabulary, last_day
from recsys.preference.state import PreferenceState

FAMILY_SHOPPERS: Final = 10_000
"""Shoppers from whom families of looks are learned: their number decides what a fit costs."""


def learn(
    rows: Rows,
    vocabulary: Vocabulary,
    codes: NDArray[np.float32],
    config: PreferenceConfig,
    seed: int,
    noise_key: bytes = b"",
) -> PreferenceState:
    """Tastes of every shopper in `rows`; codes: float32 (L, d), NaN where a look has none.

    One look for everybody says nothing about tastes: then every shopper is indifferent. Where there
    are more than `FAMILY_SHOPPERS`, families of looks are learned from so many of them, drawn at
    random; what items and positions do, and each shopper's own taste, from all rows. With
    `dp_epsilon` see `recsys.preference.private_learning`; `noise_key` is what its noise is kept
    secret by.
    """
    if config.dp_epsilon is not None:
        return _learn_privately(rows, vocabulary, codes, config, seed, noise_key)
    if len(torch.unique(rows.look)) < 2:
        evidence = ClickEvidence.of(rows, vocabulary, config.propensity_floor)
        mixture = TasteMixture(codes, evidence.exposure, 0, config.prior, seed)
        mixture.forget()
        return _state(evidence, codes, mixture, evidence.cells, config)
    families = config.n_families
    if families is None:
        families = _choose_families(rows, vocabulary, codes, config, seed)
    return _learn(
        ClickEvidence.of(rows, vocabulary, config.propensity_floor), codes, families, config, seed
    )


def _learn(
    evidence: ClickEvidence,
    codes: NDArray[np.float32],
    families: int,
    config: PreferenceConfig,
    seed: int,
) -> PreferenceState:
    mixture = TasteMixture(codes, evidence.exposure, families, config.prior, seed)
    drawn = _drawn(len(evidence.vocabulary.users), seed)
    cells = _fit(mixture, evidence, evidence.cells, drawn, config)
    by_clicks = _state(evidence, codes, mixture, cells, config)
    grades = _grades(evidence, by_clicks)
    if grades:
        graded = evidence.with_grades(evidence.cells, grades)
        cells = _fit(mixture, evidence, graded, drawn, config)
    elif math.isinf(config.half_life_days):
        return by_clicks
    if math.isinf(config.half_life_days):
        return _state(evidence, codes, mixture, cells, config)
    recent = blur(evidence.faded(grades, config.half_life_days), config.noise_sd)
    return _state(evidence, codes, mixture, recent, config)


def _learn_privately(
    rows: Rows,
    vocabulary: Vocabulary,
    codes: NDArray[np.float32],
    config: PreferenceConfig,
    seed: int,
    noise_key: bytes,
) -> PreferenceState:
    evidence, mixture = learn_population(rows, vocabulary, codes, config, seed, noise_key)
    cells = evidence.cells
    if not math.isinf(config.half_life_days):
        cells = evidence.faded([], config.half_life_days)
    return _state(evidence, codes, mixture, blur(cells, config.noise_sd), config)


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
    evidence = ClickEvidence.of(rows.take(~held), vocabulary, config.propensity_floor)
    losses = []
    for families in config.family_choices:
        p = _learn(evidence, codes, families, config, seed).click_probability(test)
        losses.append(float(torch.nn.functional.binary_cross_entropy(p, test.clicked)))
    return config.family_choices[int(np.argmin(losses))]


def _drawn(n_users: int, seed: int) -> Tensor | slice:
    """The shoppers from whom families are learned, ascending: all where they are few enough."""
    if n_users <= FAMILY_SHOPPERS:
        return slice(None)
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.sort(rng.choice(n_users, FAMILY_SHOPPERS, replace=False)))


def _fit(
    mixture: TasteMixture,
    evidence: ClickEvidence,
    cells: Tensor,
    drawn: Tensor | slice,
    config: PreferenceConfig,
) -> Tensor:
    """Fit `mixture` on the `drawn` shoppers and return everybody's cells as it would see them."""
    blurred = blur(cells, config.noise_sd)
    rate, precision = evidence.rate
    mixture.fit(evidence.shaped(blurred)[drawn], rate[drawn], precision, config.iterations)
    return blurred


def _grades(evidence: ClickEvidence, by_clicks: PreferenceState) -> Grades:
    """Every outcome that tells of taste, with the rows where it is known, bool (n,)."""
    rows, grades = evidence.rows, Grades()
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


def _state(
    evidence: ClickEvidence,
    codes: NDArray[np.float32],
    mixture: TasteMixture,
    cells: Tensor,
    config: PreferenceConfig,
) -> PreferenceState:
    with torch.no_grad():
        shaped, tastes = evidence.shaped(cells), mixture.tastes()
        population, log_shares = mixture.population.detach().clone(), mixture.log_shares()
        sums = moments(shaped, tastes + population)
        joint, shift = settle(sums, *evidence.rate, log_shares)
        posterior, families = torch.softmax(joint, dim=1), mixture.families()
        private = config.dp_epsilon is not None
        shown = (evidence.exposure[:-1] > 0).numpy()
        doubt = families.doubt(codes, shown | private, config.spread)
        if not private:
            doubt = learned(doubt, shaped, posterior, tastes + population)
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
            doubt=doubt,
            families=families,
            until=torch.tensor(last_day(evidence.rows), dtype=torch.float64),
        )
