"""StylePreferenceModel: exposures in, every shopper's taste in looks out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Final, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from features.ids import IdMap
from features.schema import ORIGINAL, ContractError, NotFittedError, SchemaError
from recsys.config import PreferenceConfig
from recsys.preference.folding import fold, of_users, with_looks
from recsys.preference.learning import learn
from recsys.preference.rows import Rows, Vocabulary
from recsys.preference.state import PreferenceState, read, write
from recsys.preference.taste_model import affinity_table, taste_html, user_table

_EMBEDDING_TEMPERATURE = 0.25


class StylePreferenceModel:
    """Learns jointly over all shoppers which looks each of them likes.

    A look is credited only for the clicks that item, position and the shopper's own rate do not
    explain; an impression without a click counts against it. Dwell, cart and purchase add what
    they are found to say about taste. Affinities are posterior means of
    utility in log odds of a click, so shoppers with little evidence stay near the population.
    """

    kind: Final = "looks shown"

    def __init__(
        self, config: PreferenceConfig | None = None, seed: int = 0, noise_key: bytes = b""
    ) -> None:
        """`noise_key`, 16 bytes or more and secret: asked for with `config.dp_epsilon` alone."""
        self.config = config or PreferenceConfig()
        self.seed = seed
        self._noise_key = noise_key
        self._state: PreferenceState | None = None

    def fit(
        self,
        exposures: pd.DataFrame,
        style_ids: Sequence[str],
        style_codes: NDArray[np.float32],
    ) -> Self:
        """Learn from `exposures`, one row per impression (see `features.exposures.exposures`).

        style_codes: float32 (n_looks, d) in the order of style_ids, a row of NaN where a look has
        no picture. Looks without an exposure are scored through their code. An empty table, or
        one that never varies the look, leaves every affinity and strength at zero. Raises
        SchemaError on a missing column, on an unknown look or on codes of another length,
        ContractError where `dp_epsilon` is set and the model has no key for its noise.
        """
        if self.config.dp_epsilon is not None and len(self._noise_key) < 16:
            raise ContractError(
                f"dp_epsilon needs noise that nobody can guess: noise_key has "
                f"{len(self._noise_key)} bytes, expected 16 or more that are kept secret"
            )
        codes = np.asarray(style_codes, dtype=np.float32)
        if codes.ndim != 2 or len(codes) != len(style_ids):
            raise ContractError(
                f"style_codes must have one row per style_id ({len(style_ids)}), "
                f"got shape {codes.shape}"
            )
        vocabulary = Vocabulary.of(exposures, IdMap([*style_ids, ORIGINAL]))
        rows = _in_order(vocabulary.encode(exposures))
        if (rows.look < 0).any():
            unknown = sorted(set(exposures["style_id"].unique()) - set(vocabulary.looks.ids))
            raise SchemaError(
                f"exposures show looks without a style: {unknown[:5]}; "
                "give their ids and codes, or set the rows aside"
            )
        with _one_thread():
            self._state = learn(rows, vocabulary, codes, self.config, self.seed, self._noise_key)
        return self

    @property
    def style_ids(self) -> list[str]:
        """Looks in the order of the columns of `affinity_matrix`, without the plain photo."""
        return [str(name) for name in self._fitted().vocabulary.looks.ids[:-1]]

    def _fitted(self) -> PreferenceState:
        if self._state is None:
            raise NotFittedError("StylePreferenceModel holds no tastes yet: call fit() or load()")
        return self._state

    def affinity_matrix(self, user_ids: Iterable[str]) -> NDArray[np.float32]:
        """Expected utility of every look in log odds of a click, float32 (n_users, n_looks + 1).

        Columns follow `style_ids`, the plain photo last. Unknown users get the population's.
        """
        fitted = self._fitted()
        expected = fitted.expected(fitted.vocabulary.users.to_index(user_ids))
        return np.asarray(expected.numpy(), dtype=np.float32)

    def uncertainty_matrix(self, user_ids: Iterable[str]) -> NDArray[np.float32]:
        """Posterior standard deviation of `affinity_matrix`, float32 (n_users, n_looks + 1).

        In log odds of a click; shrinks as a shopper's events pile up. Unknown users get that of
        a shopper drawn from the population.
        """
        fitted = self._fitted()
        at = fitted.vocabulary.users.to_index(user_ids)
        return np.asarray(fitted.uncertainty(at, self.config.noise_sd).numpy(), dtype=np.float32)

    def fold_in(self, exposures: pd.DataFrame) -> Self:
        """Take in exposures of new or known users that the model has not seen; nothing is refitted.

        Only the tastes of the users in `exposures` (and the age of what others did) change. Clicks
        count; dwell, cart and purchase wait for the next fit. Raises SchemaError as `fit` does.
        """
        return self._folded(exposures, effects=False)

    def for_users(self, exposures: pd.DataFrame, now: pd.Timestamp, anew: bool = False) -> Self:
        """The model for the users of `exposures`, all that they were shown, and for no others.

        Users who were not in the fit, and all where `anew`, are folded in, as `fold_in` does, each
        from their own rows and as seen at `now`, a time with a zone that no row is after.
        """
        day = float(now.timestamp()) / 86_400.0
        other = copy(self)
        with _one_thread():
            other._state = of_users(self._fitted(), exposures, self.config, day, anew)
        return other

    def update(self, exposures: pd.DataFrame) -> Self:
        """Take in a day's new exposures: as `fold_in`, after items and positions learned from them.

        Stands in for a refit until families of looks themselves change. Raises ContractError where
        `dp_epsilon` is set: what items and positions tell would come without noise.
        """
        if self.config.dp_epsilon is not None:
            raise ContractError(
                "update would learn from all shoppers without noise, and dp_epsilon is set: fit "
                "anew, or take the new rows in with fold_in"
            )
        return self._folded(exposures, effects=True)

    def _folded(self, exposures: pd.DataFrame, effects: bool) -> Self:
        with _one_thread():
            self._state = fold(self._fitted(), exposures, self.config, effects)
        return self

    def add_looks(self, style_ids: Sequence[str], style_codes: NDArray[np.float32]) -> Self:
        """Know looks never shown by their codes, float32 (m, d), a row of NaN without picture.

        Raises SchemaError on a look known already or codes of another shape.
        """
        codes = np.asarray(style_codes, dtype=np.float32)
        self._state = with_looks(self._fitted(), list(style_ids), codes, self.config)
        return self

    def affinity(self, user_ids: Iterable[str] | None = None) -> pd.DataFrame:
        """`affinity_matrix` as rows user_id, style_id (the plain photo as `original`), affinity."""
        fitted = self._fitted()
        names = fitted.names(user_ids)
        looks = fitted.vocabulary.looks.ids
        matrix = self.affinity_matrix(names)
        return affinity_table(names, looks, matrix)

    def users(self, user_ids: Iterable[str] | None = None) -> pd.DataFrame:
        """One row per user: user_id, style_embedding, style_strength, n_events, cold.

        style_embedding is a list of d float32, the centre of the looks' raw codes weighted by
        affinity. style_strength in [0, 1] is the posterior probability that the shopper has any
        taste in looks: near 0 for indifferent and unknown shoppers, near 1 for a clear taste.
        n_events counts exposures; cold users have none. Default: the users of the fit, by id.
        """
        fitted = self._fitted()
        names = fitted.names(user_ids)
        positions = fitted.vocabulary.users.to_index(names)
        events = np.append(fitted.n_events.numpy(), 0)[positions]
        embedding = fitted.embeddings(self.affinity_matrix(names), _EMBEDDING_TEMPERATURE)
        return user_table(names, embedding, fitted.strength(positions), events)

    def predict_click(self, exposures: pd.DataFrame) -> NDArray[np.float64]:
        """Probability of a click on each exposure, float64 (n,), by everything learned.

        Needs user_id, item_id, style_id and position; unknown users, items and looks get the
        population's answer.
        """
        fitted = self._fitted()
        rows = fitted.vocabulary.encode(exposures)
        return np.asarray(fitted.click_probability(rows).numpy(), dtype=np.float64)

    def _repr_html_(self) -> str | None:
        """The tastes of the first users."""
        return taste_html(self)

    def save(self, folder: str | Path) -> None:
        """Write the model to `folder` as preference.safetensors and preference.json."""
        settings = {"config": asdict(self.config), "seed": self.seed}
        write(self._fitted(), settings, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model written by `save`; it gives the same scores, bit for bit."""
        fitted, settings = read(Path(folder))
        config = dict(settings["config"])
        config["family_choices"] = tuple(config["family_choices"])
        model = cls(PreferenceConfig(**config), int(settings["seed"]))
        model._state = fitted
        return model


def _in_order(rows: Rows) -> Rows:
    """Rows sorted by what they hold, so that sums do not depend on the order of the log."""
    position, item = rows.levels["position"], rows.levels["item"]
    keys = (rows.day, rows.clicked, position, rows.look, item, rows.user)
    return rows.take(torch.from_numpy(np.lexsort([key.numpy() for key in keys])))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order: the same scores on any machine, and no waiting for busy neighbours."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
