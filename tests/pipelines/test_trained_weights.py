"""`[render] weights`: what was trained here paints, and its content decides what is repainted."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from features.schema import InputError
from pipelines.cli import app
from pipelines.config import parse_config
from pipelines.jobs.doctor import inspect_picture
from pipelines.stages.render import painter_version, recipe
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.painters.generator.trained import RELEASE, load_trained

pytestmark = pytest.mark.slow

TRAINING = """
[training]
steps = 1
batch = 2
crop_px = 64
look_px = 64
discriminator_channels = 4
validation_photos = 2
validation_looks = 2
max_photos = 3
"""


def call(command, *arguments):
    return CliRunner().invoke(app, [command, *map(str, arguments)])


@pytest.fixture(scope="module")
def trained(tiny_shop, tmp_path_factory):
    """Weights that the command trained for one step."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "training.toml").write_text(TRAINING)
    tables = ("--photos", tiny_shop / "items.csv", "--looks", tiny_shop / "styles.csv")
    config = ("--config", folder / "training.toml")
    done = call("train-generator", *tables, "--out", folder / "out", *config)
    assert done.exit_code == 0, done.exception
    return folder / "out" / "generator.safetensors"


def test_render_paints_with_the_weights_that_were_trained(tiny_shop, trained, tmp_path):
    tables = ("--items", tiny_shop / "items.csv", "--styles", tiny_shop / "styles.csv")
    options = ("--out", tmp_path / "out", "--size", "96", "--mode", "artistic")
    few = ("--max-items", "1", "--max-styles", "1")
    (tmp_path / "own.toml").write_text(f'[render]\nweights = "{trained}"\n')
    done = call("render", *tables, *options, *few, "--config", tmp_path / "own.toml")
    assert done.exit_code == 0, done.exception
    (row,) = pd.read_parquet(tmp_path / "out" / "renders.parquet").itertuples()
    told = inspect_picture(tmp_path / "out" / row.image_uri)
    version = load_trained(trained).model_version
    assert version != load_pretrained().model_version
    assert told["model_version"] == f"{version}-grain"
    own, packaged = (parse_config({"render": {"weights": w}}).render for w in (str(trained), ""))
    assert recipe(own) != recipe(packaged)


def test_run_repaints_when_the_file_of_weights_holds_others(job_copy, rerun, trained, tmp_path):
    own = tmp_path / "own.safetensors"
    own.write_bytes(trained.read_bytes())
    render = {"size_px": 96, "weights": str(own)}
    first = rerun(job_copy, render=render)
    assert "render" in first["worked"]
    assert "fit" not in first["worked"]
    assert first["generator"] == load_trained(trained).model_version
    assert rerun(job_copy, render=render)["worked"] == []
    tensors = load_file(own)
    tensors["contract.0.bias"] += 0.01
    save_file(tensors, own)
    second = rerun(job_copy, render=render)
    assert "render" in second["worked"]
    assert second["counts"]["render"]["painted"] > 0
    assert second["run_id"] != first["run_id"]


def test_the_packaged_weights_in_a_file_repaint_nothing(tmp_path):
    path = tmp_path / "packaged.safetensors"
    save_file(load_pretrained().state_dict(), path)
    own, packaged = (parse_config({"render": {"weights": w}}).render for w in (str(path), ""))
    assert recipe(own) == recipe(packaged)


def test_the_release_weights_are_found_by_name_and_are_not_the_packaged_ones(tmp_path):
    release = load_trained(Path(RELEASE))
    assert release.model_version != load_pretrained().model_version
    named, plain = (parse_config({"render": {"weights": w}}).render for w in (RELEASE, ""))
    assert recipe(named) != recipe(plain)
    assert painter_version(named) == release.model_version


def broken(kind, path):
    tensors = {k: v.clone() for k, v in load_pretrained().state_dict().items()}
    if kind == "text":
        path.write_text("these are no weights")
    elif kind == "nan":
        tensors["expand.2.conv.weight"][0, 0, 0, 0] = torch.nan
    elif kind == "shape":
        tensors["contract.0.bias"] = torch.zeros(9)
    elif kind == "checkpoint":
        tensors = {f"generator|{name}": value for name, value in tensors.items()}
    if kind not in ("text", "missing"):
        save_file(tensors, path)
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "no file at {path}; expected a generator.safetensors"),
        ("text", "{path} cannot be read ("),
        ("nan", "{path} hold NaN or infinity in expand.2.conv.weight: expected finite"),
        ("shape", "contract.0.bias is torch.float32 (9,), expected float (8,)"),
        ("checkpoint", "{path} are of another network: contract.0.bias is missing"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_before_any_work(
    kind, said, tiny_shop, tmp_path, rerun
):
    path = broken(kind, tmp_path / "own.safetensors")
    (tmp_path / "own.toml").write_text(f'[render]\nweights = "{path}"\n')
    tables = ("--items", tiny_shop / "items.csv", "--styles", tiny_shop / "styles.csv")
    done = call("render", *tables, "--out", tmp_path / "out", "--config", tmp_path / "own.toml")
    with pytest.raises(InputError) as refused:
        rerun(tmp_path / "job", render={"weights": str(path)})
    for error in (done.exception, refused.value):
        assert isinstance(error, InputError)
        assert str(error).startswith("generator weights")
        assert said.format(path=path) in str(error)
        assert "\n" not in str(error)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "job" / "job.json").exists()
