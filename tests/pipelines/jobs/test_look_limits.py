"""Limits of looks are read from a job and written as settings that the next run takes."""

import shlex
import tomllib

import pytest

from features.schema import ConfigError
from pipelines.config import load_config, parse_config
from pipelines.jobs.look_limits import (
    SETTINGS,
    LookLimits,
    read_limits,
    run_command,
    write_limits,
)
from pipelines.settings_text import changed_toml

LOOKS = [f"s{n}" for n in range(6)]


@pytest.fixture
def out(finished_job, tmp_path):
    """A folder with what is read of a finished job."""
    (tmp_path / "job.json").write_bytes((finished_job[0] / "job.json").read_bytes())
    return tmp_path


def test_limits_are_the_jobs_own_until_others_are_written(out, job_settings):
    limits = read_limits(out)
    assert (limits.share_personalised, limits.holdout) == (1.0, 0.0)
    changed = LookLimits(0.8, 0.05, 0.1, ("s2",), {"s1": 0.5, "s3": 1.0})
    path = write_limits(out, changed, LOOKS)
    assert read_limits(out) == LookLimits(0.8, 0.05, 0.1, ("s2",), {"s1": 0.5})
    # All else is as the job had it.
    config = load_config(path)
    assert (config.seed, config.top_k) == (job_settings["seed"], job_settings["top_k"])
    assert config.render.size_px == job_settings["render"]["size_px"]
    assert config.guard_rails.share_personalised == 0.8


@pytest.mark.parametrize(
    "limits",
    [
        LookLimits(1.2, 0.0, 0.1),
        LookLimits(1.0, -0.1, 0.1),
        LookLimits(1.0, 0.0, 2.0),
        LookLimits(1.0, 0.0, 0.1, ("nine",)),
        LookLimits(1.0, 0.0, 0.1, ("original",)),
        LookLimits(1.0, 0.0, 0.1, tuple(LOOKS)),
        LookLimits(1.0, 0.0, 0.1, (), {"s1": 0.0}),
    ],
)
def test_what_no_run_would_take_is_refused_and_nothing_is_written(out, limits):
    with pytest.raises(ConfigError):
        write_limits(out, limits, [*LOOKS, "original"] if "original" in limits.excluded else LOOKS)
    assert not (out / SETTINGS).exists()


def test_the_command_of_the_next_run_names_the_tables_and_the_settings(out):
    path = write_limits(out, LookLimits(0.5, 0.02, 0.2), LOOKS)
    words = shlex.split(run_command(out, path))
    assert words[:2] == ["stylefeed", "run"]
    assert words[words.index("--config") + 1] == str(path)
    assert words[words.index("--styles") + 1].endswith("styles.csv")


def test_settings_survive_being_written_whatever_text_they_hold():
    odd = {
        "looks": {"strength_of": {'a "b".c = é\\': 0.25}},
        "guard_rails": {"excluded": ("x\n\x7f", "[y]")},
        "preference": {"family_choices": (3, 4)},
        "log": {"columns": {"items.price": "amount"}, "as_of": "2026-11-27"},
    }

    config = parse_config(odd)
    assert parse_config(tomllib.loads(changed_toml(config))).settings() == config.settings()
    assert parse_config(tomllib.loads(changed_toml(parse_config({})))) == parse_config({})
