"""Settings are checked by name, type and range, with the key in the message."""

import json
import math

import pytest

from features.schema import ConfigError
from pipelines.config import RunConfig, load_config, parse_config


def test_defaults_need_no_file():
    assert load_config(None) == RunConfig()


def test_toml_sections_reach_their_stage_and_overrides_win(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("seed = 3\ntop_k = 5\n[policy]\nkind = 'softmax'\ntemperature = 0.5\n")
    config = load_config(path, top_k=7, max_users=None)
    assert (config.seed, config.top_k, config.policy.kind) == (3, 7, "softmax")
    assert config.policy.temperature == 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"topk": 5}, "unknown key 'topk'; expected one of browsing, engine, events, feed, "),
        ({"policy": {"eps": 0.1}}, r"unknown key 'policy\.eps'"),
        ({"policy": {"epsilon": 3.0}}, "policy.epsilon is 3.0"),
        ({"top_k": "many"}, "top_k is 'many'"),
        ({"top_k": 0}, "top_k is 0: expected at least 1"),
        ({"train_share": 1.0}, "train_share is 1.0"),
        ({"policy": 3}, "policy is 3"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(settings)


def test_a_file_that_is_missing_or_no_toml_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="no file at"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("seed = = 3")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(tmp_path / "bad.toml")


def test_settings_round_trip_and_leave_out_the_workers():
    config = parse_config({"seed": 5, "workers": 7})
    settings = config.settings()
    assert "workers" not in settings
    assert parse_config(settings).settings() == settings


def test_an_infinite_setting_survives_the_job_file():
    config = parse_config({"events": {"half_life_days": math.inf}})
    kept = json.loads(json.dumps(config.settings(), allow_nan=False))
    assert parse_config(kept) == config


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("quality", "min_side_px", 200),
        ("verdict", "min_rewarded", 30),
        ("simulator", "wear_out", 0.0),
        ("render.sets", "start_px", 28),
        ("render.place", "calm", 0.0),
        ("log", "max_actions_per_hour", 50),
        ("ranking.ranker", "num_leaves", 7),
    ],
)
def test_what_a_user_may_want_is_reached_from_the_settings_file(tmp_path, section, key, value):
    path = tmp_path / "settings.toml"
    path.write_text(f"[{section}]\n{key} = {value}\n")
    settings = load_config(path)
    for name in section.split("."):
        settings = getattr(settings, name)
    assert getattr(settings, key) == value
    path.write_text(f"[{section}]\n{key}x = {value}\n")
    with pytest.raises(ConfigError, match=rf"unknown key '{section}\.{key}x'"):
        load_config(path)
