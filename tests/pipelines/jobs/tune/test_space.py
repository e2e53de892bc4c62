"""A point of the unit cube stands for settings a run takes, and never loosens the budget."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import RunConfig, lay_over, parse_config
from pipelines.jobs.tune.space import genes, nested, point_of, present_settings, settings_at

BASE = RunConfig()
GENES = genes(BASE)


@given(st.lists(st.floats(0, 1), min_size=len(GENES), max_size=len(GENES)))
def test_every_point_is_a_config_whose_budget_is_no_looser(point):
    settings = settings_at(GENES, point)
    config = parse_config(lay_over(dataclasses.asdict(BASE), nested(settings)))
    assert present_settings(GENES, config) == settings
    assert config.render.budget.max_delta_e <= BASE.render.budget.max_delta_e
    assert config.render.budget.min_mask_confidence >= BASE.render.budget.min_mask_confidence
    assert config.render.budget.least_arrival >= BASE.render.budget.least_arrival
    again = settings_at(GENES, point_of(GENES, settings))
    assert all(again[key] == pytest.approx(settings[key], abs=0.0011)
               if isinstance(settings[key], float) else again[key] == settings[key]
               for key in settings)  # fmt: skip


@given(st.floats(0, 1))
def test_a_budget_of_many_digits_is_not_loosened_by_rounding(share):
    budget = {"max_delta_e": 1.23449, "min_mask_confidence": 0.80049, "least_arrival": 0.30049}
    searched = genes(parse_config({"render": {"budget": budget}}))
    found = settings_at(searched, [share] * len(searched))
    assert found["render.budget.max_delta_e"] <= budget["max_delta_e"]
    for name in ("min_mask_confidence", "least_arrival"):
        assert found[f"render.budget.{name}"] >= budget[name]


def test_the_search_begins_at_the_settings_of_the_shop():
    own = parse_config({"render": {"place": {"calm": 0.7}, "sets": {"start_px": 33}}})
    present = present_settings(genes(own), own)
    assert settings_at(genes(own), point_of(genes(own), present)) == present
