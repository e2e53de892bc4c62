"""A stage that sets too much aside stops the job and counts why."""

import pytest

from features.schema import ConfigError, InputError
from pipelines.limits import LimitConfig, check_set_aside, set_aside

REASONS = ["no picture at 'a.jpg'", "no picture at 'b.jpg'", "1200 px is too many"]


def test_reasons_that_differ_in_names_and_numbers_are_counted_together():
    told = set_aside("item pictures", 10, [*REASONS, "900 px is too many", "cut short"])
    assert told["count"] == 5
    assert told["reasons"] == {
        "1200 px is too many": 2,
        "no picture at 'a.jpg'": 2,
        "cut short": 1,
    }


def test_a_share_over_the_limit_is_refused_with_counts_by_reason():
    told = set_aside("item pictures", 5, REASONS)
    with pytest.raises(InputError) as caught:
        check_set_aside("encode", told, LimitConfig())
    assert str(caught.value) == (
        "encode: 3 of 5 item pictures were set aside (60 %): 2 x no picture at 'a.jpg'; "
        "1 x 1200 px is too many; at most 50 % may be: mend them (rejects/ names each one), or "
        "raise limits.max_reject_share"
    )
    check_set_aside("encode", told, LimitConfig(max_reject_share=0.6))


def test_a_limit_of_nothing_allows_nothing_and_no_limit_allows_everything_to_be_gone():
    with pytest.raises(InputError, match="at most 0 % may be"):
        check_set_aside("encode", set_aside("rows", 1000, REASONS[:1]), LimitConfig(0.0))
    with pytest.raises(InputError, match="3 of 3 rows"):
        check_set_aside("encode", set_aside("rows", 3, REASONS), LimitConfig(0.99))


def test_a_smaller_large_share_is_a_warning_and_a_small_one_is_silent(capsys):
    check_set_aside("encode", set_aside("looks", 7, REASONS), LimitConfig())
    assert capsys.readouterr().err.startswith("warning: encode: 3 of 7 looks were set aside (42.9")
    check_set_aside("encode", set_aside("looks", 700, REASONS), LimitConfig())
    check_set_aside("encode", set_aside("looks", 0, []), LimitConfig())
    assert capsys.readouterr().err == ""


def test_the_line_is_one_line_however_many_reasons_there_are():
    reasons = [f"{letter}\nbroken" for letter in "abcdef"]
    with pytest.raises(InputError, match="3 x other reasons") as caught:
        check_set_aside("render", set_aside("pictures", 6, reasons), LimitConfig())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"max_reject_share": 1.0}, {"batch_seconds": 0.0}])
def test_limits_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match="limits"):
        LimitConfig(**settings)


def test_a_deadline_is_a_moment_of_its_zone_or_of_utc():
    assert LimitConfig().deadline_s() is None
    assert LimitConfig(deadline="2026-11-28T05:30").deadline_s() == 1795843800.0
    assert LimitConfig(deadline="2026-11-28T06:30+01:00").deadline_s() == 1795843800.0
    with pytest.raises(ConfigError, match=r"limits.deadline is 'soon': expected a date and time"):
        LimitConfig(deadline="soon")
