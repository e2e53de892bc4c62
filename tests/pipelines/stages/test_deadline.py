"""What a deadline leaves out is served as plain photos, and painted by the next run."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from pipelines.stores.feed_versions import current_version, read_feed, read_version
from pipelines.workers.paint import PAST_DEADLINE


@pytest.mark.slow
def test_what_a_deadline_left_out_is_served_plain_and_painted_by_the_next_run(
    rerun, finished_job, job_copy, tmp_path
):
    whole = finished_job[1]["counts"]["render"]
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    out = tmp_path / "late"

    late = rerun(out, limits={"deadline": past})
    counts = late["counts"]["render"]
    assert counts["left_for_next_run"] == counts["served_original"] == whole["renders"]
    assert counts["painted"] == 0
    first, feed = current_version(out), read_feed(out)
    assert feed["image_uri"].equals(feed["original_uri"])
    wanted = feed[feed["style_drawn"] != "original"]
    assert (wanted["style_id"] == "original").all()
    assert wanted["render_note"].eq(PAST_DEADLINE).all()

    done = rerun(out)
    assert done["worked"][:3] == ["render", "clips", "feed"]
    assert done["counts"]["render"]["left_for_next_run"] == 0
    # The version that a reader may hold stays as it was.
    assert first != current_version(out)
    pd.testing.assert_frame_equal(read_version(first), feed)
    pd.testing.assert_frame_equal(
        read_feed(out)[["user_id", "item_id", "image_uri"]],
        read_feed(job_copy)[["user_id", "item_id", "image_uri"]],
    )
    assert rerun(out)["worked"] == []


def test_a_deadline_that_is_far_off_changes_nothing(rerun, job_copy):
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert rerun(job_copy, limits={"deadline": later})["worked"] == []
