"""`fit-look` fits codes, and `[render] fitted_looks` paints with those that won."""

import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from features.schema import ConfigError, InputError
from pipelines.cli import app
from pipelines.config import parse_config
from pipelines.jobs.fit_look import _parted
from pipelines.stages.render import fitted_version, render_plan, with_fitted
from styletransfer.painters.generator.fitted import FittedLooks, load_fitted
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.training.look_fit import Fit

pytestmark = pytest.mark.slow

PLAIN = Fit(0.5, 1.0, 0.40)


def call(command, *arguments):
    return CliRunner().invoke(app, [command, *map(str, arguments)])


@pytest.fixture(scope="module")
def fitted(tiny_shop, tmp_path_factory):
    """A folder in which a look of the shop was fitted at 128 px, and what was said of it."""
    folder = tmp_path_factory.mktemp("fitted")
    (folder / "small.toml").write_text("[render]\nsize_px = 128\n")
    tables = ("--items", tiny_shop / "items.csv", "--styles", tiny_shop / "styles.csv")
    asked = ("--look", "s1", "--config", folder / "small.toml", "--json")
    arguments = (*tables, "--out", folder / "out", *asked)
    done = call("fit-look", *arguments)
    assert done.exit_code == 0, done.exception
    return folder / "out", arguments, json.loads(done.stdout)


def test_another_look_is_fitted_beside_those_fitted_before(fitted, tmp_path):
    out, arguments, _ = fitted
    shutil.copytree(out, tmp_path / "out")
    other = ["s2" if one == "s1" else tmp_path / "out" if one == out else one for one in arguments]
    said = json.loads(call("fit-look", *other).stdout)
    assert (said["worked"], said["looks"]) == (1, 2)
    both = pd.read_csv(tmp_path / "out" / "fits.csv", keep_default_na=False)
    assert both["style_id"].tolist() == ["s1", "s2"]
    (first,) = load_fitted(out / "fitted.safetensors").codes
    assert first in load_fitted(tmp_path / "out" / "fitted.safetensors").codes


def test_a_named_look_that_cannot_be_read_is_refused_and_nothing_is_written(shop_copy, tmp_path):
    picture = shop_copy / "pictures" / "s1.png"
    picture.write_bytes(picture.read_bytes()[:60])
    tables = ("--items", shop_copy / "items.csv", "--styles", shop_copy / "styles.csv")
    done = call("fit-look", *tables, "--out", tmp_path / "out", "--look", "s1")
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith("--look s1: its picture cannot be read: see ")
    assert not (tmp_path / "out" / "fitted.safetensors").exists()


@pytest.mark.parametrize(
    ("readable", "fitted_on", "judged_on"),
    [("abcd", "ab", "c"), ("acd", "ad", "c"), ("abde", "ab", "de"), ("ade", "ad", "e")],
)
def test_no_photo_is_both_fitted_and_judged_on(readable, fitted_on, judged_on):
    photos = pd.DataFrame({"item_id": list(readable)})
    found = _parted(photos, ["a", "b"], ["c"], ["d", "e"])
    assert ["".join(side["item_id"]) for side in found] == [fitted_on, judged_on]


@pytest.mark.parametrize("readable", ["ab", "ad", "cd"])
def test_too_few_photos_that_can_be_read_are_refused(readable):
    with pytest.raises(InputError, match="expected at least 2 and 1 that can be read"):
        _parted(pd.DataFrame({"item_id": list(readable)}), ["a", "b"], ["c"], ["d"])


def test_a_kept_look_is_told_more_surely_at_no_lower_ssim(fitted):
    out, _, said = fitted
    table = pd.read_csv(out / "fits.csv", keep_default_na=False)
    assert table["style_id"].tolist() == ["s1"]
    kept = table[table["refused"] == ""]
    assert len(kept) == said["kept"] > 0
    assert (kept["doubt"] < kept["plain_doubt"]).all()
    assert (kept["ssim"] >= kept["plain_ssim"] - 0.0051).all()
    assert (kept["recognised"] >= kept["plain_recognised"]).all()
    assert len(load_fitted(out / "fitted.safetensors").codes) == said["kept"]


def test_a_rerun_fits_nothing_and_writes_the_same_file(fitted):
    out, arguments, _ = fitted
    before = (out / "fitted.safetensors").read_bytes()
    (out / "fitted.safetensors").unlink()
    again = call("fit-look", *arguments)
    assert json.loads(again.stdout)["worked"] == 0
    assert (out / "fitted.safetensors").read_bytes() == before


def test_a_plan_names_other_renders_for_fitted_looks_alone(fitted):
    out, _, _ = fitted
    (digest,) = load_fitted(out / "fitted.safetensors").codes
    items = pd.DataFrame({"item_id": ["i"], "picture_digest": ["p"], "mask_digest": [None]})
    looks = pd.DataFrame(
        {
            "style_id": ["s0", "s1"],
            "picture_digest": ["another", digest],
            "style_code": [np.zeros(100, np.float32)] * 2,
            "verbatim": [False, False],
        }
    )
    wanted = looks[["style_id"]].assign(item_id="i", strength=1.0)
    keys = []
    for path in ("", str(out / "fitted.safetensors")):
        config = parse_config({"render": {"fitted_looks": path}}).render
        plan = render_plan(wanted, items, with_fitted(looks, config), config)
        keys.append(plan.set_index("style_id")["render_key"])
    assert keys[0]["s0"] == keys[1]["s0"]
    assert keys[0]["s1"] != keys[1]["s1"]


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        (Fit(0.5, 0.9, 0.40), ""),
        (Fit(0.6, 0.9, 0.396), ""),
        (Fit(0.9, 0.1, 0.39), "SSIM 0.390, 0.400"),
        (Fit(0.4, 0.1, 0.50), "recognised 0.40, 0.50"),
        (Fit(0.5, 1.0, 0.40), "doubt 1.000, 1.000"),
        (Fit(0.5, math.nan, 0.40), "doubt is not finite"),
        (Fit(0.5, 0.9, math.nan), "ssim is not finite"),
    ],
)
def test_a_fit_that_loses_says_in_which_figure(fit, said):
    assert fit.loses_to(PLAIN).startswith(said)
    assert bool(fit.loses_to(PLAIN)) == bool(said)


def test_looks_fitted_to_another_generator_are_refused(tmp_path):
    path = tmp_path / "fitted.safetensors"
    path.write_bytes(FittedLooks("0123456789ab", {}).to_bytes())
    config = parse_config({"render": {"fitted_looks": str(path)}}).render
    with pytest.raises(InputError, match="are for the generator 0123456789ab"):
        fitted_version(config)


def test_a_code_goes_to_the_look_of_its_picture_and_to_no_other(tmp_path):
    path = tmp_path / "fitted.safetensors"
    code = np.arange(100, dtype=np.float32)
    fitted = FittedLooks(load_pretrained().model_version, {"b": code})
    path.write_bytes(fitted.to_bytes())
    assert load_fitted(path).version == fitted.version
    config = parse_config({"render": {"fitted_looks": str(path)}}).render
    looks = pd.DataFrame({"picture_digest": ["a", "b"], "style_code": [np.zeros(100)] * 2})
    first, second = with_fitted(looks, config)["style_code"]
    assert (first == 0).all()
    assert (second == code).all()


def test_what_is_no_file_of_fitted_looks_is_refused_in_one_line(tmp_path):
    path = tmp_path / "fitted.safetensors"
    for data, said in ((b"torn", "cannot be read"), (None, "no file at")):
        if data is not None:
            path.write_bytes(data)
        else:
            path.unlink()
        with pytest.raises(InputError, match=said):
            load_fitted(path)
    save_file({"a": np.zeros(100, np.float32)}, path)
    with pytest.raises(InputError, match="do not say which generator"):
        load_fitted(path)
    path.write_bytes(FittedLooks("g", {"a": np.full(100, np.nan)}).to_bytes())
    with pytest.raises(InputError, match="a is no 100 finite numbers"):
        load_fitted(path)


def test_only_the_generator_is_fitted_to_and_names_must_be_known(tiny_shop, tmp_path):
    (tmp_path / "own.toml").write_text('[render]\nmethod = "transport"\n')
    tables = ("--items", tiny_shop / "items.csv", "--styles", tiny_shop / "styles.csv")
    out = ("--out", tmp_path / "out")
    done = call("fit-look", *tables, *out, "--config", tmp_path / "own.toml")
    assert isinstance(done.exception, ConfigError)
    assert "render.method is 'transport'" in str(done.exception)
    done = call("fit-look", *tables, *out, "--look", "magic")
    assert "--look magic: no such style_id" in str(done.exception)
