"""The kinds of taste model by name: a new one is a file of its own and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

from features.schema import NotFittedError
from recsys.preference.browsing import BrowsingPreferenceModel
from recsys.preference.model import StylePreferenceModel
from recsys.preference.taste_model import read_kind

AnyTastes: TypeAlias = StylePreferenceModel | BrowsingPreferenceModel

TASTE_MODELS: Final[Mapping[str, type[AnyTastes]]] = {
    StylePreferenceModel.kind: StylePreferenceModel,
    BrowsingPreferenceModel.kind: BrowsingPreferenceModel,
}


def load_tastes(folder: Path) -> AnyTastes:
    """The taste model that `save_tastes` wrote to `folder`; raises NotFittedError if none."""
    kind = read_kind(folder)
    if kind not in TASTE_MODELS:
        raise NotFittedError(
            f"{folder} holds a taste model of the kind {kind!r}: expected one of "
            f"{', '.join(TASTE_MODELS)}: fit it again"
        )
    return TASTE_MODELS[kind].load(folder)
