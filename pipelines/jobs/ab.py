"""Two look policies judged from one log: estimates, intervals, verdict, and the page that shows it.

The log is cut at 80 % of its time: what learns, learns before the cut; both policies are judged by
the impressions after it, reweighted by their logged propensities.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.config import LogConfig
from features.contracts.columns import parse
from features.contracts.layout import EVENT_COLUMNS
from features.contracts.names import meant, name_event_types, rename_columns
from features.events import split_at, time_split
from features.exposures import exposures, matched_exposures
from features.schema import ORIGINAL, STYLE_CODE_SIZE, ConfigError, SchemaError
from features.tables import validate_styles
from pipelines.config import RunConfig
from pipelines.report.ab_files import write_comparison
from pipelines.stages.canonical import canonical_log
from pipelines.stages.encode import PictureTable, encode_pictures
from pipelines.stages.log_warnings import log_warnings
from pipelines.stages.withhold import Withholding, privacy_state
from pipelines.stores import storage
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.picture_files import picture_root
from pipelines.stores.workspace import Workspace
from recsys.config import VerdictConfig
from recsys.offpolicy.log import check_propensities
from recsys.offpolicy.look_trial import POLICIES, LookTrial
from recsys.offpolicy.trial_result import MOST_LOST, compare_in, trial_facts

TRAIN_SHARE: Final = 0.8


def compare_policies(
    log_path: Path,
    a: str,
    b: str,
    out: Path,
    seed: int,
    styles_path: Path | None = None,
    config: LogConfig | None = None,
    demands: VerdictConfig | None = None,
    pseudonymise: bool = False,
) -> dict[str, Any]:
    """Judge `b` against `a` from the log; write `ab.html`, `ab.json` and `policy_card.md` to `out`.

    `a` and `b` are two of `look_trial.POLICIES`. With the table of looks at `styles_path`,
    the personal policy knows by their pictures which looks are alike. `config`: how the log is
    read; `demands`: what it must hold for a verdict. Shoppers forgotten in `out` are not learned
    from; with `pseudonymise` the others have pseudonyms. Rows set aside go to `rejects/`. Returns
    what `ab.json` holds, and `worked`, False when the same comparison is there already. Raises
    ConfigError on an unknown policy or a missing key, InputError or SchemaError on a log that
    cannot be used, and when more than one in a hundred impressions would be set aside.
    """
    for name in (a, b):
        if name not in POLICIES:
            raise ConfigError(f"policy is {name!r}: expected one of {', '.join(POLICIES)}")
    if a == b:
        raise ConfigError(f"both policies are {a!r}: expected two different ones")
    config = config or LogConfig()
    with hold_folder(out):
        rule = Withholding.of(out, pseudonymise)
        return _compare_policies(
            *(log_path, a, b, out, seed, styles_path, config, demands or VerdictConfig(), rule)
        )


def _compare_policies(
    log_path: Path,
    a: str,
    b: str,
    out: Path,
    seed: int,
    styles_path: Path | None,
    config: LogConfig,
    demands: VerdictConfig,
    rule: Withholding,
) -> dict[str, Any]:
    table = storage.read_input_table(log_path, "log")
    job = {
        "a": a,
        "b": b,
        "log": log_path.name,
        "log_digest": storage.digest_input(log_path),
        "log_settings": asdict(config),
        "demands": asdict(demands),
        "styles_digest": None if styles_path is None else storage.digest_input(styles_path),
        "seed": seed,
        "privacy": privacy_state(rule, out),
        "version": version("stylefeed"),
    }
    artefacts = [out / name for name in ("ab.json", "ab.html", "policy_card.md")]
    if all(path.is_file() for path in artefacts):
        done = storage.find_json(artefacts[0])
        if done is not None and done.get("job") == job:
            return {**done, "worked": False}
    trial, facts = _trial(table, styles_path, seed, config, Workspace(out), rule)
    result = {"job": job, "facts": facts, **compare_in(trial, a, b, seed, demands)}
    write_comparison(out, result)
    return {**result, "worked": True}


def _trial(
    table: pd.DataFrame,
    styles_path: Path | None,
    seed: int,
    config: LogConfig,
    workspace: Workspace,
    rule: Withholding,
) -> tuple[LookTrial, dict[str, Any]]:
    """The log in two parts, and its size in figures."""
    config = _as_log(table, config)
    smallest, row = _smallest_propensity(table, config)
    log = canonical_log(table, config, rule=rule)
    if log.lost_share > MOST_LOST:
        raise SchemaError(
            f"log: {log.lost_words()}; estimates without them would be bent: expected at most "
            f"{MOST_LOST:.0%}: mend these rows"
        )
    cut = time_split(log.events, TRAIN_SHARE)
    tolerance_s = config.clock_tolerance_s
    past, later = (exposures(part, tolerance_s) for part in split_at(log.events, cut))
    named = (part[column] for part in (past, later) for column in ("style_id", "style_drawn"))
    looks = sorted(set().union(*named) - {ORIGINAL})
    codes = np.full((len(looks), STYLE_CODE_SIZE), np.nan, dtype=np.float32)
    if styles_path is not None:
        _fill_codes(codes, looks, styles_path, seed)
    trial = LookTrial(past, later, looks, codes, seed)
    workspace.set_aside("ab", log.rejects)
    matches = matched_exposures(log.events, tolerance_s)[1]
    warnings = log_warnings(
        table, log.rejects, log.value_rejects, matches, len(past) + len(later), config
    )
    if smallest * log.impressions < 1.0:
        warnings.append(
            f"log: the propensity {smallest:g} of row {row} is under 1 in {log.impressions:,} "
            f"impressions: {len(trial.floored.rows):,} such rows of the {len(later):,} judged "
            f"count as {trial.floored.floor:.3g}: check how they were logged"
        )
    facts = trial_facts(trial, cut, len(log.rejects)) | {
        "set_aside_by_reason": {
            str(reason): int(n) for reason, n in log.rejects["reason"].value_counts().items()
        },
        "outcomes": matches.outcomes,
        "outcomes_without_impression": matches.unmatched,
        "warnings": warnings,
    }
    return trial, facts


def _as_log(table: pd.DataFrame, config: LogConfig) -> LogConfig:
    """`config` with the names of the feed's columns, where the log has no others."""
    names = {"propensity": "style_propensity", "position": "rank"}
    told = config.columns_of("events")
    feed = {
        log: theirs
        for log, theirs in names.items()
        if log not in table and log not in told and theirs in table
    }
    return replace(config, columns=feed | dict(config.columns))


def _smallest_propensity(table: pd.DataFrame, config: LogConfig) -> tuple[float, int]:
    """The smallest propensity of the raw impressions, and its row in the file.

    Raises SchemaError or InputError unless every one is in (0, 1]; checked before anything is set
    aside, since rows that are gone would bend every estimate unseen.
    """
    known = [column.name for column in EVENT_COLUMNS]
    named = rename_columns(table, "log", known, config.columns_of("events"))
    found = [str(column) for column in named.columns]
    for name in ("event_type", "propensity"):
        if name not in found:
            likely = next((c for c in found if c not in known and meant(c, known) == name), None)
            hint = f"did you mean {likely!r}? Give --columns {name}={likely}; " if likely else ""
            raise SchemaError(
                f"log: column {name!r} is missing: found {', '.join(found)}; {hint}expected each "
                "impression with the probability with which its look was drawn: log it when it is "
                "drawn"
            )
    for name in ("event_type", "propensity"):
        if found.count(name) > 1:
            raise SchemaError(f"log: column {name!r} occurs more than once: drop the extra one")
    types = named["event_type"].reset_index(drop=True).astype("str")
    shown = np.flatnonzero(name_event_types(types, config.event_types) == "impression")
    values = parse(named["propensity"].reset_index(drop=True), "number", "log: 'propensity'")[0]
    pscore = values.to_numpy(dtype=np.float64)[shown]
    check_propensities(pscore, shown)
    if not len(shown):
        return 1.0, -1
    return float(pscore.min()), int(shown[pscore.argmin()])


def _fill_codes(codes: NDArray[np.float32], looks: list[str], styles_path: Path, seed: int) -> None:
    """Style codes of the looks whose pictures can be read."""
    styles, _ = validate_styles(storage.read_input_table(styles_path, "styles"))
    styles = styles[styles["style_id"].isin(looks)]
    root = picture_root(styles["image_path"], styles_path.parent)
    asked = PictureTable(styles, "style_id", root, with_content=False)
    [(pictures, _)] = encode_pictures([asked], RunConfig(seed=seed))
    if len(pictures):
        place = pd.Index(looks).get_indexer(pd.Index(pictures["style_id"]))
        codes[place] = stack_vectors(pictures["style_code"])
