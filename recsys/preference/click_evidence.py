"""The clicks of a log by shopper and look, less what items, positions and habits explain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recsys.preference.baseline import Effects, fit_effects
from recsys.preference.cells import ORDER, tabulate
from recsys.preference.outcomes import Grade, add_grade
from recsys.preference.rows import Rows, Vocabulary, last_day

Grades = list[tuple[Grade, Tensor]]
"""Outcomes that tell of taste, each with the rows where it is known, bool (n,)."""


@dataclass(frozen=True)
class ClickEvidence:
    """Evidence of (n,) rows: cells float64 (n_users * (L+1), ORDER), cell int64 (n,).

    weight: float64 (n,), what each row's click counts, or None for all alike.
    """

    rows: Rows
    vocabulary: Vocabulary
    effects: Effects
    cell: Tensor
    weight: Tensor | None
    cells: Tensor

    @classmethod
    def of(
        cls, rows: Rows, vocabulary: Vocabulary, propensity_floor: float | None
    ) -> ClickEvidence:
        """Explain the clicks without looks, and tabulate what is left."""
        effects = fit_effects(rows.clicked, rows.levels, vocabulary.sizes)
        n_looks = len(vocabulary.looks)
        cell = rows.user * n_looks + rows.look
        weight = None if propensity_floor is None else rows.inverse_propensity(propensity_floor)
        n_cells = len(vocabulary.users) * n_looks
        cells = tabulate(rows.clicked, effects.log_odds(rows.levels), cell, n_cells, weight)
        return cls(rows, vocabulary, effects, cell, weight, cells)

    @property
    def exposure(self) -> Tensor:
        """How often each look was shown, float64 (L+1,)."""
        counts = torch.bincount(self.rows.look, minlength=len(self.vocabulary.looks))
        return counts.to(torch.float64)

    @property
    def rate(self) -> tuple[Tensor, float]:
        """Each shopper's own click rate in log odds, and the precision of its prior."""
        return self.effects.levels["user"], 1 / self.effects.variances["user"]

    def shaped(self, cells: Tensor) -> Tensor:
        """`cells` as float32 (n_users, L+1, ORDER)."""
        words = self.vocabulary
        # Single precision halves the time of a fit; the sums over shoppers stay in double.
        return cells.to(torch.float32).reshape(len(words.users), len(words.looks), ORDER)

    def with_grades(self, cells: Tensor, grades: Grades, weight: Tensor | None = None) -> Tensor:
        """`cells` with what the outcomes of clicks add."""
        for grade, known in grades:
            counts = None if weight is None else weight[known]
            cells = add_grade(cells, grade, self.cell[known], counts)
        return cells

    def faded(self, grades: Grades, half_life_days: float) -> Tensor:
        """Cells with the grades, in which every row counts by its age."""
        age = self.rows.weight(last_day(self.rows), half_life_days)
        weight = age if self.weight is None else age * self.weight
        offset = self.effects.log_odds(self.rows.levels)
        cells = tabulate(self.rows.clicked, offset, self.cell, len(self.cells), weight)
        return self.with_grades(cells, grades, age)
