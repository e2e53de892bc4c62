"""The whole road: runs the stages in order, skips what is done, writes the manifest last."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from features.schema import InputError
from pipelines.config import RunConfig, StageConfig, parse_config
from pipelines.exports.metrics_file import write_metrics
from pipelines.stages.clips import ITEM_CLIPS, clips
from pipelines.stages.encode import STYLE_SPACE, encode
from pipelines.stages.evaluate import evaluate
from pipelines.stages.feed import feed
from pipelines.stages.fit import fit
from pipelines.stages.prepare import prepare
from pipelines.stages.refit import LEARNED_FROM, keep_learned
from pipelines.stages.render import fitted_version, painter_version, render
from pipelines.stages.report import report
from pipelines.stages.score import score
from pipelines.stages.tastes import noise_key
from pipelines.stages.withhold import Withholding, privacy_state, private_settings
from pipelines.stores import storage
from pipelines.stores.clip_store import TABLE as CLIPS
from pipelines.stores.feed_versions import POINTER
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.picture_files import job_root, picture_root, resolve_picture
from pipelines.stores.render_store import TABLE
from pipelines.stores.run_history import Attempt, recording
from pipelines.stores.workspace import (
    LEFT_FOR_NEXT_RUN,
    Stage,
    StageFolder,
    Workspace,
    damaged_artefacts,
    find_record,
    read_record,
    run_stage,
    stage_key,
)
from pipelines.verbosity import about, warn
from pipelines.workers.served_before import SERVED, SHOPPERS

_PICTURES = ("tables/item_pictures.parquet", "tables/look_pictures.parquet")
_LOG = ("tables/events", "tables/log.json")
_TABLES = (*_LOG, "tables/items.parquet", "tables/styles.parquet")
STAGES = (
    Stage(
        "prepare", prepare, (), ("events", "train_share", "log", "privacy"),
        (*_TABLES, "tables/opted_out.parquet", "tables/raw",
         "rejects/prepare.csv", "rejects/prepare_values.csv"),
        facts=("inputs",), revision=3,
    ),
    # New events leave the pictures as they are, so they are no reason to encode them again.
    Stage(
        "encode", encode, ("prepare",), ("images",),
        (*_PICTURES, STYLE_SPACE, "rejects/encode.csv"),
        reads=("tables/items.parquet", "tables/styles.parquet"), facts=("inputs",), keyed_by=(),
    ),
    Stage(
        "fit", fit, ("prepare", "encode"),
        ("seed", "fit", "preference", "browsing", "ranking", "events", "log"),
        ("models/preference", "models/prototypes", "models/two_stage", LEARNED_FROM["fit"]),
        reads=(*_TABLES, *_PICTURES, STYLE_SPACE),
    ),
    Stage(
        "score", score, ("fit",),
        ("top_k", "max_users", "seed", "log", "looks", "policy", "guard_rails"),
        ("users.parquet", "style_affinity.parquet", "tables/chosen", "tables/served",
         SHOPPERS, SERVED),
        reads=(*_TABLES, "tables/opted_out.parquet", "models", "tables/look_pictures.parquet"),
        replaces=("tables/chosen", SHOPPERS), revision=2,
    ),
    Stage(
        "render", render, ("score",), ("render", "images"),
        ("renders.parquet", "rejects/render.csv"),
        reads=("tables/chosen", *_LOG, *_PICTURES, *_TABLES[2:]), facts=("inputs",),
        stores=("renders",),
    ),
    Stage(
        "clips", clips, ("score", "render"), ("render", "images"),
        (CLIPS, ITEM_CLIPS, "rejects/clips.csv"),
        reads=("tables/chosen", *_LOG, *_PICTURES, *_TABLES[2:], TABLE),
        facts=("inputs",), stores=("clips",),
    ),
    Stage(
        "feed", feed, ("score", "render", "clips"), (), (POINTER,),
        reads=("tables/chosen", *_LOG, _PICTURES[0], TABLE, CLIPS, ITEM_CLIPS),
        facts=("run_id",), stores=("feed", "originals"), revision=2,
    ),
    Stage(
        "evaluate", evaluate, ("prepare", "encode"),
        ("seed", "fit", "preference", "browsing", "ranking", "events", "log", "top_k",
         "train_share", "policy", "verdict"),
        ("metrics.json", "tables/tastes_before.parquet", "ab", LEARNED_FROM["evaluate"]),
        reads=(*_TABLES, *_PICTURES, STYLE_SPACE, "stages/prepare.json"),
        facts=("inputs", "digests", "version"),
    ),
    Stage(
        "report", report, ("score", "feed", "evaluate"), ("images", "quality", "privacy"),
        ("report.html", "quality.json"),
        reads=(*_TABLES, *_PICTURES, "tables/tastes_before.parquet", "models", "users.parquet",
               "style_affinity.parquet", "feed", "renders", "originals", "rejects", "metrics.json",
               "ab", "stages", "job.json"),
    ),
)  # fmt: skip
COMMANDS = {
    "fit": ("prepare", "encode", "fit"),
    "score": ("score",),
    "feed": ("render", "clips", "feed"),
    "evaluate": ("evaluate",),
    "report": ("report",),
}
"""The stages behind each command that does a part of the road."""


def open_job(
    out: Path, inputs: dict[str, Path] | None, config: RunConfig, pictures: Path | None = None
) -> tuple[Workspace, dict[str, Any]]:
    """Set up the folder `out` for a job; returns it and its description.

    The description, kept in `job.json`, holds the inputs' absolute paths and digests, the settings,
    the picture root `pictures` that was named (None: found by the tables' folders), the version of
    trained weights where there are some, and the run id that follows from these. Without `inputs`
    the folder's own are taken. Raises InputError when there are none, a table is missing,
    `pictures` is no folder, or trained weights cannot be used.
    """
    workspace = Workspace(out)
    if inputs is None:
        before = _read_job(workspace)
        inputs = {name: Path(source) for name, source in before["inputs"].items()}
        pictures = before.get("pictures")
    for name, source in inputs.items():
        if not source.exists():
            raise InputError(f"{name}: no file at {source}; expected a .parquet or .csv table")
    digests = {name: storage.digest_input(source) for name, source in inputs.items()}
    identity = {"inputs": digests, "config": config.settings(), "version": version("stylefeed")}
    trained = painter_version(config.render)
    if trained:
        identity["generator"] = trained
    fitted = fitted_version(config.render)
    if fitted:
        identity["fitted_looks"] = fitted
    privacy = privacy_state(
        Withholding.of(workspace.root, config.privacy.pseudonymise), workspace.root
    )
    if privacy:
        identity["privacy"] = privacy
    job = {
        **identity,
        "inputs": {name: str(source.resolve()) for name, source in inputs.items()},
        "pictures": None if pictures is None else str(picture_root((), workspace.root, pictures)),
        "digests": digests,
        "operation": config.operation(),
        "run_id": storage.digest_json(identity)[:12],
    }
    path = workspace.path("job.json")
    if storage.find_json(path) != job:
        storage.write_json(path, job)
    return workspace, job


def job_config(out: Path) -> RunConfig:
    """The settings the job in `out` was started with. Raises InputError when there is none."""
    job = _read_job(Workspace(out))
    return parse_config({**job["config"], **job.get("operation", {})})


def _read_job(workspace: Workspace) -> dict[str, Any]:
    job = storage.find_json(workspace.path("job.json"))
    if job is None or not {"inputs", "config"} <= set(job):
        raise InputError(
            f"{workspace.root} holds no job, or its job.json cannot be read; start one with "
            "`stylefeed fit` or `stylefeed run`"
        )
    return job


def run_stages(
    workspace: Workspace,
    job: dict[str, Any],
    config: RunConfig,
    names: Sequence[str],
    say: Callable[[str], None],
    attempt: Attempt | None = None,
) -> list[str]:
    """Run the stages `names`, in the road's order; returns those that had work to do.

    `attempt` is told of each, for the history of the folder.

    A stage's key holds what decides its result: its predecessors' keys, or the inputs and pictures
    themselves, so that a change anywhere redoes what depends on it. Raises InputError when a stage
    needs one that has not run, is out of date or whose artefacts are damaged, or sets too much
    aside.
    """
    required = _all_needs(names)
    keys: dict[str, str] = {}
    worked = []
    for stage in STAGES:
        if stage.name not in names and stage.name not in required:
            continue
        upstream = {name: keys[name] for name in stage.keyed_by or ()}
        if stage.keyed_by is None:
            upstream = {name: keys[name] for name in stage.needs}
        upstream |= _from_outside(stage.name, workspace, job)
        keys[stage.name] = stage_key(stage, job["config"], upstream)
        if stage.name not in names:
            _require_current(workspace, stage.name, keys[stage.name])
            continue
        folder = StageFolder(workspace.root, stage, keys[stage.name], job)
        settings = StageConfig(config, stage.name, stage.settings)
        if stage.name in LEARNED_FROM and keep_learned(folder, settings):
            since = read_record(workspace, stage.name)["counts"]["events_since"]
            say(f"{stage.name}: as before, with {since:,} events since")
            continue
        with about(stage.name):
            record = run_stage(folder, settings, config.limits)
        if record is not None:
            worked.append(stage.name)
            if attempt is not None:
                attempt.finish(stage.name, record)
            with about(stage.name, record["counts"]):
                say(f"{stage.name}: {record['seconds']:.1f} s, {_in_words(record['counts'])}")
                for line in record["counts"].get("warnings", []):
                    warn(line)
    return worked


def run_part(
    command: str,
    out: Path,
    say: Callable[[str], None],
    inputs: dict[str, Path] | None = None,
    config: RunConfig | None = None,
    pictures: Path | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Run the stages of one of `COMMANDS` in `out`; returns their records, what `worked`
    and, where the log was read for them, the counts of `prepare`.

    Without `inputs` and `config` the folder's own are taken; `pictures` is the folder that picture
    paths start from, `workers` (None: those of the config) how many processes to use. Raises as
    `run_stages`, and InputError where another job works in `out`.
    """
    if inputs is None and not out.is_dir():
        raise InputError(f"{out} holds no job; start one with `stylefeed fit` or `stylefeed run`")
    with hold_folder(out), recording(out, command) as attempt:
        settings = private_settings(job_config(out) if config is None else config, out)
        if workers is not None:
            settings = dataclasses.replace(settings, workers=workers)
        workspace, job = open_job(out, inputs, settings, pictures)
        attempt.start(job["run_id"])
        worked = run_stages(workspace, job, settings, COMMANDS[command], say, attempt)
        records = {name: read_record(workspace, name) for name in COMMANDS[command]}
        prepared = None
        if command in ("fit", "evaluate"):
            prepared = read_record(workspace, "prepare")["counts"]
    return {"worked": worked, "stages": records, "prepared": prepared}


def run(
    out: Path,
    inputs: dict[str, Path],
    config: RunConfig,
    say: Callable[[str], None],
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Run the whole job in `out`; returns its manifest, with `worked` naming the stages redone.

    `pictures` is the folder that picture paths start from, as `open_job` takes it. Raises as
    `run_stages`, InputError where another job works in `out`, StorageError where `out` cannot be
    written, and ConfigError, before anything is, without the key that private tastes need.
    """
    noise_key(config.preference)
    with hold_folder(out), recording(out, "run") as attempt:
        config = private_settings(config, out)
        workspace, job = open_job(out, inputs, config, pictures)
        attempt.start(job["run_id"])
        worked = run_stages(workspace, job, config, [stage.name for stage in STAGES], say, attempt)
        path = workspace.path("manifest.json")
        manifest = _manifest(workspace, job)
        if storage.find_json(path) != manifest:
            storage.write_json(path, manifest)
        attempt.counts = manifest["counts"]
        write_metrics(out, manifest, attempt)
    return {**manifest, "worked": worked}


def _all_needs(names: Sequence[str]) -> set[str]:
    """The stages that `names` need, directly or through others."""
    needs: set[str] = set()
    for stage in reversed(STAGES):
        if stage.name in names or stage.name in needs:
            needs |= set(stage.needs)
    return needs


def _require_current(workspace: Workspace, stage: str, key: str) -> None:
    record = read_record(workspace, stage)
    if record["key"] != key:
        raise InputError(
            f"{workspace.root}: the {stage!r} stage is out of date for these inputs and settings; "
            "run it again first, or run `stylefeed run`"
        )
    damaged = damaged_artefacts(workspace.root, record["artefacts"])
    if damaged:
        raise InputError(
            f"{workspace.root}: {len(damaged)} artefacts of the {stage!r} stage are missing or "
            f"damaged, such as {damaged[0]}; run it again first, or run `stylefeed run`"
        )


def _from_outside(stage: str, workspace: Workspace, job: dict[str, Any]) -> dict[str, str]:
    """What decides a stage's result and no other stage made, by name."""
    if stage == "prepare":
        state = {"inputs": storage.digest_json(job["digests"]), "code": job["version"]}
        return {**state, **job.get("privacy", {})}
    if stage == "encode":
        return {
            "items": _picture_state(workspace, job, "items", "item_id", "image_path"),
            "styles": _picture_state(workspace, job, "styles", "style_id", "image_path"),
        }
    if stage in ("render", "clips"):
        what, column = ("masks", "mask_path") if stage == "render" else ("clips", "video_path")
        state = {what: _picture_state(workspace, job, "items", "item_id", column)}
        if stage == "clips":
            state |= _unfinished(workspace, "render", TABLE)
        known = ("generator", "fitted_looks")
        return {**state, **{name: job[name] for name in known if name in job}}
    if stage == "feed":
        return {
            "run_id": job["run_id"],
            **_unfinished(workspace, "render", TABLE),
            **_unfinished(workspace, "clips", CLIPS),
        }
    return {}


def _unfinished(workspace: Workspace, stage: str, table: str) -> dict[str, str]:
    """What stands for the `table` of a stage, where it left some of its work for the next run."""
    record = find_record(workspace, stage)
    if record is None or not record["counts"].get(LEFT_FOR_NEXT_RUN):
        return {}
    return {table: record["artefacts"][table]["digest"]}


def _picture_state(
    workspace: Workspace, job: dict[str, Any], table: str, key: str, column: str
) -> str:
    """Digest of the root and of a table's pictures: their ids, paths, sizes, times of change."""
    rows = workspace.read(f"tables/{table}.parquet")
    root = job_root(job, table, rows["image_path"])
    files: dict[Any, str] = {}  # Variants of a product share a picture.
    for picture in rows[column].unique():
        files[picture] = ""
        if isinstance(picture, str):
            with suppress(InputError, OSError):
                status = resolve_picture(picture, root).stat()
                files[picture] = f" {status.st_size} {status.st_mtime_ns}"
    states = [
        f"{name} {picture}{files.get(picture, '')}"
        for name, picture in zip(rows[key], rows[column], strict=True)
    ]
    return storage.digest_bytes(*(state.encode() for state in (str(root), *states)))


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
        "generator": job.get("generator", "packaged"),
        "fitted_looks": job.get("fitted_looks", "none"),
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
