"""Difference of two arms in a mean or a ratio, sharpened by what shoppers did before (CUPED)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from features.schema import ConfigError, InputError, SchemaError


@dataclass(frozen=True)
class Metric:
    """A mean over shoppers of `value`, or with `per` the ratio of the two means.

    `covariate` (and `covariate_per`) name the same quantity before the test; shoppers who were
    active then are expected to be so again, and that part of the noise is taken away.
    """

    name: str
    value: str
    per: str | None = None
    covariate: str | None = None
    covariate_per: str | None = None

    def __post_init__(self) -> None:
        if self.covariate is None and self.covariate_per is not None:
            raise ConfigError(
                f"metric {self.name!r} has covariate_per={self.covariate_per!r} without a "
                "covariate: name both or neither"
            )
        if len(set(self.columns)) < len(self.columns):
            raise ConfigError(
                f"metric {self.name!r} names a column twice ({self.columns}): expected each once"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the shoppers' table that the metric needs."""
        named = (self.value, self.per, self.covariate, self.covariate_per)
        return tuple(column for column in named if column is not None)


@dataclass(frozen=True)
class Effect:
    """Treatment minus control, absolute and relative to control, with intervals of 1 - alpha."""

    metric: str
    control: float
    treatment: float
    n_control: int
    n_treatment: int
    difference: float
    low: float
    high: float
    standard_error: float
    relative: float
    relative_low: float
    relative_high: float
    p_value: float
    alpha: float


def compare(
    users: pd.DataFrame, metric: Metric, control: str, treatment: str, alpha: float = 0.05
) -> Effect:
    """Welch's test of `metric` between two arms, one row of `users` per shopper.

    users: variant and the metric's columns, finite numbers. Ratios use the delta method (Deng,
    Knoblich and Lu 2018), covariates CUPED with one coefficient over both arms (Deng et al. 2013).
    A covariate that does not vary (every shopper is new) takes no noise away and is left out.
    The computation is tea-tasting's. Raises SchemaError for missing or non-finite columns,
    InputError for an arm of fewer than two shoppers, a metric that does not vary or a ratio over 0,
    and where tea-tasting is not installed.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha is {alpha}: expected a number between 0 and 1")
    data = _arms(users, metric, control, treatment)
    metric = _with_useful_covariates(metric, data)
    tt = _tea_tasting("tea_tasting")
    covariates = {"numer_covariate": metric.covariate, "denom_covariate": metric.covariate_per}
    sides = [_aggregates(data[data["variant"] == arm], metric) for arm in (control, treatment)]
    # A metric that does not vary divides by 0, and is refused below.
    with np.errstate(divide="ignore", invalid="ignore"):
        results = {
            law: tt.RatioOfMeans(
                metric.value,
                metric.per,
                **covariates,
                confidence_level=1 - alpha,
                use_t=law == "t",
            ).analyze_aggregates(*sides)
            for law in ("t", "normal")
        }
    effect, normal = results["t"], results["normal"]
    half_width = (normal.effect_size_ci_upper - normal.effect_size_ci_lower) / 2
    standard_error = half_width / NormalDist().inv_cdf(1 - alpha / 2)
    if not (math.isfinite(effect.effect_size) and standard_error > 0):
        raise InputError(
            f"{metric.name} does not vary among the shoppers of {control!r} and {treatment!r} (or "
            "is a ratio over 0): expected some who differ; wait for more of them"
        )
    sizes = data["variant"].value_counts()
    return Effect(
        metric.name,
        float(effect.control),
        float(effect.treatment),
        int(sizes[control]),
        int(sizes[treatment]),
        float(effect.effect_size),
        float(effect.effect_size_ci_lower),
        float(effect.effect_size_ci_upper),
        float(standard_error),
        float(effect.rel_effect_size),
        float(effect.rel_effect_size_ci_lower),
        float(effect.rel_effect_size_ci_upper),
        float(effect.pvalue),
        alpha,
    )


def _tea_tasting(module: str) -> Any:
    # Brings an SQL compiler with it, most of a second that other commands need not wait for.
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"comparing arms needs tea-tasting, and {error.name} is not installed: "
            "pip install 'stylefeed[experiment]'"
        ) from error


def _aggregates(arm: pd.DataFrame, metric: Metric) -> Any:
    """Counts, means, variances and covariances of one arm, as tea-tasting keeps them."""
    columns = sorted(metric.columns)
    values = arm[columns].to_numpy()
    mean, cov = values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False))
    pairs = [(i, j) for i in range(len(columns)) for j in range(i + 1, len(columns))]
    return _tea_tasting("tea_tasting.aggr").Aggregates(
        count_=len(arm),
        mean_=dict(zip(columns, mean.tolist(), strict=True)),
        var_=dict(zip(columns, np.diag(cov).tolist(), strict=True)),
        cov_={(columns[i], columns[j]): float(cov[i, j]) for i, j in pairs},
    )


def _with_useful_covariates(metric: Metric, data: pd.DataFrame) -> Metric:
    """`metric` without covariates that are the same for everybody, or a ratio over 0."""
    covariate, per = metric.covariate, metric.covariate_per
    if covariate is None:
        return metric
    varies = np.ptp(data[covariate]) > 0 or (per is not None and np.ptp(data[per]) > 0)
    over_zero = per is not None and data[per].mean() == 0
    return metric if varies and not over_zero else Metric(metric.name, metric.value, metric.per)


def _arms(users: pd.DataFrame, metric: Metric, control: str, treatment: str) -> pd.DataFrame:
    missing = [name for name in ("variant", *metric.columns) if name not in users.columns]
    if missing:
        raise SchemaError(
            f"users have no column {missing[0]!r}, which {metric.name} needs: got "
            f"{list(users.columns)}"
        )
    data = users.loc[users["variant"].isin([control, treatment]), ["variant", *metric.columns]]
    data = data.astype(dict.fromkeys(metric.columns, np.float64))
    if not np.isfinite(data[list(metric.columns)].to_numpy()).all():
        raise SchemaError(
            f"{metric.name} has a missing or infinite value among {metric.columns}: expected a "
            "number for every shopper, 0 where nothing happened"
        )
    for arm in (control, treatment):
        size = int((data["variant"] == arm).sum())
        if size < 2:
            raise InputError(f"arm {arm!r} has {size} shoppers: expected at least two")
    return data
