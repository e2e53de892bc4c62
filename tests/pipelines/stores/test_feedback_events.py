"""What shoppers say is kept once, as events that a run reads."""

from datetime import UTC, datetime

import numpy as np
import pytest

from features.exposures import exposures
from features.schema import InputError
from features.tables import validate_events
from pipelines.stores.feedback_events import FEEDBACK, keep_opinion, opinions, read_feedback

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROW = {
    "user_id": "007", "item_id": "i1", "rank": 2, "style_id": "s1", "style_drawn": "s1",
    "style_propensity": 0.25,
}  # fmt: skip


def test_an_opinion_is_kept_once_and_the_last_one_counts(tmp_path):
    assert keep_opinion(tmp_path, "007", [ROW], "v1", "like", NOW)
    assert not keep_opinion(tmp_path, "007", [ROW], "v1", "like", NOW)
    assert len(read_feedback(tmp_path)) == 2
    assert keep_opinion(tmp_path, "007", [ROW], "v1", "dislike", NOW)
    assert read_feedback(tmp_path)["event_type"].tolist() == ["impression"]
    assert opinions(tmp_path, "007", "v1") == {2: "dislike"}
    assert opinions(tmp_path, "007", "v2") == opinions(tmp_path, "7", "v1") == {}
    assert keep_opinion(tmp_path, "007", [ROW], "v1", None, NOW)
    assert not keep_opinion(tmp_path, "007", [ROW], "v1", None, NOW)
    assert read_feedback(tmp_path).empty


def test_of_many_cards_those_are_counted_of_which_it_is_new(tmp_path):
    rows = [{**ROW, "rank": rank, "item_id": f"i{rank}"} for rank in (1, 2, 3)]
    assert keep_opinion(tmp_path, "007", rows[:1], "v1", "plain", NOW) == 1
    assert keep_opinion(tmp_path, "007", rows[1:2], "v1", "like", NOW) == 1
    assert keep_opinion(tmp_path, "007", rows, "v1", "plain", NOW) == 2
    assert opinions(tmp_path, "007", "v1") == dict.fromkeys((1, 2, 3), "plain")
    assert keep_opinion(tmp_path, "007", rows, "v1", None, NOW) == 3
    assert read_feedback(tmp_path).empty


def test_the_next_run_reads_what_was_shown_with_its_propensity_and_what_came_of_it(tmp_path):
    for rank, opinion in ((1, "like"), (2, "dislike"), (3, "plain")):
        row = {**ROW, "rank": rank, "item_id": f"i{rank}"}
        keep_opinion(tmp_path, "007", [row], "v1", opinion, NOW)
    log, rejects = validate_events(read_feedback(tmp_path))
    assert rejects.empty
    shown = exposures(log).sort_values(["position", "style_id"], ignore_index=True)
    assert shown["style_id"].tolist() == ["s1", "s1", "original", "s1"]
    assert shown["clicked"].tolist() == [True, False, True, False]
    assert np.allclose(shown["propensity"], [0.25, 0.25, np.nan, 0.25], equal_nan=True)
    assert set(shown["user_id"]) == {"007"}


def test_a_damaged_table_is_said_and_not_written_over(tmp_path):
    path = tmp_path / FEEDBACK
    path.parent.mkdir()
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match="cannot be read"):
        keep_opinion(tmp_path, "007", [ROW], "v1", "like", NOW)
    assert path.read_bytes() == b"PAR1 no more"
