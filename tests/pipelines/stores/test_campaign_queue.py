"""The queue of campaigns: whatever is killed, nothing that was asked for is lost."""

import pytest

from features.schema import InputError
from pipelines.stores.campaign_queue import CampaignQueue


@pytest.fixture
def queue(tmp_path):
    return CampaignQueue(tmp_path / "campaigns")


def test_campaigns_are_worked_on_in_the_order_they_came_in(queue):
    ids = [queue.add({"name": name}) for name in ("a", "b", "c")]
    assert queue.next_waiting().campaign_id == ids[0]
    assert [entry.campaign_id for entry in queue.entries()] == ids[::-1]
    queue.note(queue.find(ids[0]), "done", told={"files": 3})
    assert queue.find(ids[0]).told == {"files": 3}
    assert queue.next_waiting().campaign_id == ids[1]


def test_what_a_killed_worker_left_goes_on_first(queue):
    ids = [queue.add({}) for _ in range(2)]
    queue.note(queue.find(ids[1]), "running")
    assert CampaignQueue(queue.root).next_waiting().campaign_id == ids[1]


def test_one_that_waits_is_cancelled_at_once_and_one_at_work_when_its_worker_knows(queue):
    waiting, working = queue.add({}), queue.add({})
    queue.note(queue.find(working), "running")
    for campaign in (waiting, working):
        queue.cancel(campaign)
    assert queue.find(waiting).state == "cancelled"
    assert queue.find(working).state == "cancelling"
    assert queue.next_waiting() is None
    queue.note(queue.find(working), "cancelled")
    assert queue.find(working).has_ended


def test_one_that_has_ended_cannot_be_cancelled_any_more(queue):
    campaign = queue.add({})
    queue.note(queue.find(campaign), "done")
    queue.cancel(campaign)
    assert queue.find(campaign).state == "done"


def test_clearing_takes_away_what_has_ended_and_can_be_undone(queue):
    ended, waiting = queue.add({}), queue.add({})
    queue.note(queue.find(ended), "failed", "no room")
    assert queue.clear() == 1
    assert [entry.campaign_id for entry in queue.entries()] == [waiting]
    # Ids are not used again while an undo could bring their campaign back.
    assert queue.add({}) not in (ended, waiting)
    assert queue.restore() == 1
    assert queue.find(ended).problem == "no room"
    assert queue.restore() == 0


@pytest.mark.parametrize("name", ["../0001", "0001/..", "..", "", "0001\n", "9999", "١٢٣٤"])
def test_no_id_leads_out_of_the_queue(queue, name):
    queue.add({})
    assert queue.find(name) is None
    with pytest.raises(InputError, match="no campaign"):
        queue.cancel(name)


def test_a_torn_record_is_passed_over(queue):
    campaign = queue.add({})
    (queue.root / campaign / "request.json").write_text("{")
    assert queue.entries() == []
