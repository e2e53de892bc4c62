"""What the two-stage recommender has learned, and how it is kept on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.config import EventWeights
from features.events import event_weights, interactions
from features.ids import IdMap
from features.schema import NotFittedError
from recsys.candidates import CandidateModel
from recsys.candidates.registry import candidate_model
from recsys.config import TwoStageConfig
from recsys.ranking.calibration import ScoreCalibrator
from recsys.ranking.lambdarank import Ranker
from recsys.ranking.served_model import ServedModel
from recsys.ranking.snapshot import Snapshot


@dataclass(frozen=True)
class TwoStageModels:
    """All that serving needs.

    `candidates`, in the order of the ranker's features; `ranker` None: too little to learn from;
    `served` says whose order is served, the ranker's or one candidate model's, and `calibrator`
    knows its scores (None: probabilities unknown); `available` bool (items,): what may be
    recommended.
    """

    candidates: Sequence[CandidateModel]
    known: Snapshot
    ranker: Ranker | None
    calibrator: ScoreCalibrator | None
    available: NDArray[np.bool_]
    served: ServedModel

    def for_users(
        self,
        events: pd.DataFrame,
        tastes: pd.DataFrame | None,
        now: pd.Timestamp,
        weights: EventWeights,
        anew: bool,
    ) -> TwoStageModels:
        """The models with other users, of whom `events`, all before `now`, are all that is known.

        `tastes` of these users as `gather` takes them; `weights` are those of the fit; `anew`: what
        the fit learned of any of these users is out of date.
        """
        table = interactions(events, event_weights(events, weights, now))
        theirs = self.known.interactions.of_others(table, IdMap.sorted(table["user_id"]))
        return replace(
            self,
            candidates=[model.for_users(theirs, anew) for model in self.candidates],
            known=self.known.for_users(events, theirs, tastes, now),
        )

    def save(self, directory: Path, record: dict[str, Any]) -> None:
        """Write everything into `directory`, two_stage.json last, with `record` in it."""
        self.known.save(directory / "snapshot")
        for model in self.candidates:
            model.save(directory / "candidates" / model.name, log=False)
        if self.ranker is not None:
            self.ranker.save(directory / "ranker.txt")
        if self.calibrator is not None:
            self.calibrator.save(directory / "calibration.json")
        state = {
            **record,
            "models": [model.name for model in self.candidates],
            "ranked": self.ranker is not None,
            "calibrated": self.calibrator is not None,
            "served": asdict(self.served),
            "available": np.flatnonzero(self.available).tolist(),
        }
        (directory / "two_stage.json").write_text(json.dumps(state), encoding="utf-8")


def read_record(directory: Path) -> dict[str, Any]:
    """What `TwoStageModels.save` was given and wrote; raises NotFittedError if it is not there."""
    path = directory / "two_stage.json"
    if not path.is_file():
        raise NotFittedError(f"no two_stage.json in {directory}: fit and save one there")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "served" not in record:
        raise NotFittedError(f"{directory} was saved by an earlier version: fit it again")
    return record


def load_models(
    directory: Path, record: dict[str, Any], config: TwoStageConfig, seed: int
) -> TwoStageModels:
    """Read what `TwoStageModels.save` wrote, `record` being its own."""
    known = Snapshot.load(directory / "snapshot")
    ranker = calibrator = None
    if record["ranked"]:
        ranker = Ranker.load(directory / "ranker.txt", config.ranker, seed)
    if record["calibrated"]:
        calibrator = ScoreCalibrator.load(directory / "calibration.json")
    available = np.zeros(len(known.interactions.items), dtype=bool)
    available[record["available"]] = True
    candidates = [
        candidate_model(name).load(directory / "candidates" / name, known.interactions)
        for name in record["models"]
    ]
    served = ServedModel(**record["served"])
    return TwoStageModels(candidates, known, ranker, calibrator, available, served)
