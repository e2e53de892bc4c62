"""What a run tells a monitoring system is Prometheus' text, replaced whole."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.exports.metrics_file import FILE, metrics_text, write_metrics
from pipelines.stores.run_history import Attempt

COUNTS = {
    "prepare": {
        **{"events": 90, "users": 7, "items": 5, "styles": 3},
        "rejects_by_reason": {'price is "x"\\': 3, "price is 'y'": 2, "no item 'i1'": 1},
    },
    "encode": {"set_aside": [{"what": "pictures", "reasons": {f"{word}": 1 for word in "abc"}}]},
    "render": {"renders": 47, "painted": 30, "left_out_by_budget": 4, "left_for_next_run": 3},
    "feed": {"rows": 28},
}
MANIFEST = {"counts": COUNTS, "seconds": {"prepare": 1.25, "render": 9.0}}


def _read(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def attempt(tmp_path):
    return Attempt(tmp_path / "runs.jsonl", "run")


def test_a_parser_reads_stages_rows_rejects_renders_and_times(attempt):
    attempt.finish("render", {"seconds": 9.0, "counts": COUNTS["render"]})
    found = _read(metrics_text(MANIFEST, attempt, 1_790_000_000.5))
    assert found["stylefeed_stage_seconds", "prepare"] == 1.25
    assert found["stylefeed_stage_worked", "prepare"] == 0
    assert found["stylefeed_stage_worked", "render"] == 1
    assert found["stylefeed_rows", "events"] == 90
    assert found["stylefeed_rows", "feed"] == 28
    assert found["stylefeed_rejects", "prepare", "price is _"] == 2
    assert found["stylefeed_rejects", "encode", "a"] == 1
    assert [found[f"stylefeed_render{name}",] for name in ("s", "s_painted", "_cache_hits")] == [
        *(47, 30, 10)
    ]
    assert found["stylefeed_renders_left_out", "budget"] == 4
    assert found["stylefeed_renders_left_out", "deadline"] == 3
    assert found["stylefeed_last_success_timestamp_seconds",] == 1_790_000_000.5


def test_renders_of_a_run_that_had_nothing_to_paint_are_all_hits(attempt):
    found = _read(metrics_text(MANIFEST, attempt, 0.0))
    assert found["stylefeed_renders_painted",] == 0
    assert found["stylefeed_render_cache_hits",] == 40


def test_many_reasons_are_told_as_others(attempt):
    reasons = {"".join([word, tail]): 2 for word in "abcdefghij" for tail in "xyz"}
    counts = {**COUNTS, "encode": {"set_aside": [{"what": "pictures", "reasons": reasons}]}}
    found = _read(metrics_text({**MANIFEST, "counts": counts}, attempt, 0.0))
    of_encode = {
        key[2]: n for key, n in found.items() if key[:2] == ("stylefeed_rejects", "encode")
    }
    assert len(of_encode) == 21
    assert of_encode["other"] == 20


def test_the_file_is_replaced_and_one_that_cannot_be_is_a_warning(attempt, tmp_path, capsys):
    write_metrics(tmp_path, MANIFEST, attempt)
    assert _read((tmp_path / FILE).read_text())
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    (tmp_path / "taken").write_text("a file")
    write_metrics(tmp_path / "taken", MANIFEST, attempt)
    assert "warning: cannot write" in capsys.readouterr().err
