"""The whole road: runs the stages in order, skips what is done, writes the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from features.schema import InputError
from pipelines import storage
from pipelines.config import RunConfig, parse_config
from pipelines.jobs.choose import choose
from pipelines.jobs.encode import encode
from pipelines.jobs.evaluate import evaluate
from pipelines.jobs.feed import feed
from pipelines.jobs.fit import fit
from pipelines.jobs.prepare import prepare
from pipelines.jobs.render import render
from pipelines.jobs.report import report
from pipelines.jobs.score import score
from pipelines.picture_files import job_root, picture_root, resolve_picture
from pipelines.workspace import Stage, Workspace, read_record, run_stage, stage_key

STAGES = (
    Stage("prepare", prepare, (), ("events", "train_share", "log"), ("tables/events.parquet",
          "tables/items.parquet", "tables/styles.parquet", "tables/exposures.parquet",
          "tables/interactions.parquet", "rejects/prepare.csv", "rejects/prepare_values.csv")),
    Stage("encode", encode, ("prepare",), ("images",), ("tables/item_pictures.parquet",
          "tables/look_pictures.parquet", "style_space.json", "rejects/encode.csv")),
    Stage("fit", fit, ("prepare", "encode"), ("seed", "preference", "browsing",
          "ranking", "events", "log"), ("models",)),
    Stage("score", score, ("fit",), ("top_k", "max_users"), ("users.parquet",
          "style_affinity.parquet", "tables/recommendations.parquet")),
    Stage("choose", choose, ("score",), ("seed", "looks", "policy", "guard_rails"),
          ("tables/chosen.parquet",)),
    Stage("render", render, ("choose",), ("render", "images"), ("renders.parquet", "renders",
          "rejects/render.csv")),
    Stage("feed", feed, ("choose", "render"), (), ("feed", "originals")),
    Stage("evaluate", evaluate, ("prepare", "encode"), ("seed", "preference", "browsing",
          "ranking", "events", "log", "top_k", "train_share", "policy"), ("metrics.json",
          "tables/tastes_before.parquet", "ab")),
    Stage("report", report, ("score", "feed", "evaluate"), (), ("report.html", "quality.json")),
)  # fmt: skip
COMMANDS = {
    "fit": ("prepare", "encode", "fit"),
    "score": ("score",),
    "feed": ("choose", "render", "feed"),
    "evaluate": ("evaluate",),
    "report": ("report",),
}
"""The stages behind each command that does a part of the road."""


def open_job(
    out: Path, inputs: dict[str, Path] | None, config: RunConfig, pictures: Path | None = None
) -> tuple[Workspace, dict[str, Any]]:
    """Set up the folder `out` for a job; returns it and its description.

    The description, kept in `job.json`, holds the inputs' absolute paths and digests, the settings,
    the picture root `pictures` that was named (None: found by the tables' folders), and the run id
    that follows from the inputs and settings. Without `inputs` the folder's own are taken.
    Raises InputError when there are none, a table is missing, or `pictures` is no folder.
    """
    workspace = Workspace(out)
    path = workspace.path("job.json")
    if inputs is None:
        if not path.is_file():
            raise InputError(
                f"{out} holds no job; start one with `stylefeed fit` or `stylefeed run`"
            )
        before = storage.read_json(path)
        inputs = {name: Path(source) for name, source in before["inputs"].items()}
        pictures = before.get("pictures")
    for name, source in inputs.items():
        if not source.exists():
            raise InputError(f"{name}: no file at {source}; expected a .parquet or .csv table")
    digests = {name: storage.digest_input(source) for name, source in inputs.items()}
    identity = {"inputs": digests, "config": config.settings(), "version": version("stylefeed")}
    job = {
        **identity,
        "inputs": {name: str(source.resolve()) for name, source in inputs.items()},
        "pictures": None if pictures is None else str(picture_root((), workspace.root, pictures)),
        "digests": digests,
        "run_id": storage.digest_json(identity)[:12],
    }
    if not path.is_file() or storage.read_json(path) != job:
        storage.write_json(path, job)
    return workspace, job


def job_config(out: Path) -> RunConfig:
    """The settings the job in `out` was started with. Raises InputError when there is none."""
    return parse_config(_read_job(Workspace(out))["config"])


def _read_job(workspace: Workspace) -> dict[str, Any]:
    path = workspace.path("job.json")
    if not path.is_file():
        raise InputError(
            f"{workspace.root} holds no job; start one with `stylefeed fit` or `stylefeed run`"
        )
    job: dict[str, Any] = storage.read_json(path)
    return job


def run_stages(
    workspace: Workspace,
    job: dict[str, Any],
    config: RunConfig,
    names: Sequence[str],
    say: Callable[[str], None],
) -> list[str]:
    """Run the stages `names`, in the road's order; returns those that had work to do.

    The first stage's key holds the inputs' digests, and every later key holds its predecessors'
    keys, so that a change anywhere redoes what depends on it. Raises InputError when a stage needs
    one that has not run.
    """
    keys: dict[str, str] = {}
    worked = []
    for stage in STAGES:
        upstream = {name: keys[name] for name in stage.needs}
        if stage.name == "prepare":
            upstream = {"inputs": storage.digest_json(job["digests"]), "code": job["version"]}
        if stage.name == "encode":
            upstream["pictures"] = _picture_state(workspace, job)
        keys[stage.name] = stage_key(stage, job["config"], upstream)
        if stage.name not in names:
            continue
        for needed in stage.needs:
            if read_record(workspace, needed)["key"] != keys[needed]:
                raise InputError(
                    f"{workspace.root}: the {needed!r} stage is out of date for these inputs and "
                    f"settings; run it again before {stage.name!r}, or run `stylefeed run`"
                )
        if run_stage(workspace, stage, config, keys[stage.name]):
            worked.append(stage.name)
            record = read_record(workspace, stage.name)
            say(f"{stage.name}: {record['seconds']:.1f} s, {_in_words(record['counts'])}")
            for line in record["counts"].get("warnings", []):
                say(f"warning: {line}")
    return worked


def run(
    out: Path,
    inputs: dict[str, Path],
    config: RunConfig,
    say: Callable[[str], None],
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Run the whole job in `out`; returns its manifest, with `worked` naming the stages redone.

    `pictures` is the folder that picture paths start from, as `open_job` takes it.
    """
    workspace, job = open_job(out, inputs, config, pictures)
    worked = run_stages(workspace, job, config, [stage.name for stage in STAGES], say)
    path = workspace.path("manifest.json")
    if worked or not path.is_file():
        storage.write_json(path, _manifest(workspace, job))
    return {**storage.read_json(path), "worked": worked}


def _picture_state(workspace: Workspace, job: dict[str, Any]) -> str:
    """Digest of the roots and of every picture's path, size and time of change."""
    states = []
    for table in ("items", "styles"):
        path = workspace.path(f"tables/{table}.parquet")
        if not path.is_file():
            continue
        paths = workspace.read(f"tables/{table}.parquet")["image_path"]
        root = job_root(job, table, paths)
        states.append(str(root))
        for image_path in paths.dropna():
            try:
                status = resolve_picture(image_path, root).stat()
            except (InputError, OSError):
                continue
            states.append(f"{image_path} {status.st_size} {status.st_mtime_ns}")
    return storage.digest_bytes("\n".join(states).encode())


def _manifest(workspace: Workspace, job: dict[str, Any]) -> dict[str, Any]:
    records = {stage.name: read_record(workspace, stage.name) for stage in STAGES}
    libraries = ("torch", "faiss-cpu", "implicit", "lightgbm", "pandas", "numpy")
    return {
        "run_id": job["run_id"],
        "inputs": {
            name: {"path": source, "digest": job["digests"][name]}
            for name, source in job["inputs"].items()
        },
        "config": job["config"],
        "seed": job["config"]["seed"],
        "cut_utc": records["prepare"]["counts"]["evaluation_cut_utc"],
        "versions": {"stylefeed": job["version"], **{name: version(name) for name in libraries}},
        "counts": {name: record["counts"] for name, record in records.items()},
        "seconds": {name: record["seconds"] for name, record in records.items()},
        "artefacts": {
            path: artefact
            for record in records.values()
            for path, artefact in record["artefacts"].items()
        },
    }


def _in_words(counts: dict[str, Any]) -> str:
    return ", ".join(f"{v:,} {k.replace('_', ' ')}" for k, v in counts.items() if type(v) is int)
