"""Both searches ask for reproducible points and come nearer to a known front than chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.schema import ConfigError
from pipelines.jobs.tune.search import METHODS, on_front, search


def asked(method, points=72, seed=0):
    """The points asked for and their costs: the front is all others at 0.5, the first free."""
    seen = []

    def measure(point):
        seen.append(point.copy())
        off = np.abs(point[1:] - 0.5).sum()
        return point[0] + off, 1 - point[0] + off, off

    search(measure, [0.2, 0.9, 0.1, 0.9], points, method, seed)
    return np.array(seen)


@pytest.mark.parametrize("method", METHODS)
def test_a_search_begins_at_the_start_stays_in_the_cube_and_repeats_itself(method):
    points = asked(method)
    assert points[0] == pytest.approx([0.2, 0.9, 0.1, 0.9])
    assert points.min() >= 0
    assert points.max() <= 1
    assert len(points) >= 72
    assert (points == asked(method)).all()
    assert not (points[5:20] == asked(method, seed=1)[5:20]).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_last_points_are_nearer_to_the_front_than_drawn_ones(method):
    off = np.abs(asked(method, 144)[:, 1:] - 0.5).sum(axis=1)
    assert np.median(off[-24:]) < 0.6 * 0.75


def test_an_unknown_search_is_refused_by_name():
    with pytest.raises(ConfigError, match="--method is 'magic': expected nsga2 or swarm"):
        search(lambda point: [0.0], [0.5], 2, "magic", 0)


@given(arrays(np.float64, (7, 3), elements=st.integers(0, 3).map(float)))
def test_the_front_is_what_no_other_point_beats(values):
    beaten = [any((b <= a).all() and (b < a).any() for b in values) for a in values]
    assert (on_front(values) == ~np.array(beaten)).all()
    assert on_front(values).any()
