"""PrototypeIndex: the few places in style space that shoppers are matched to, kept in FAISS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import faiss
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ids import IdMap
from features.schema import ContractError, NotFittedError
from features.style_space import StyleSpace, UnitCodes
from recsys.prototypes.clusters import DirectionMixture, cluster
from recsys.prototypes.drift import prototype_drift

FLAT_LIMIT: Final = 10_000
"""From this many vectors on, search is approximate (HNSW)."""

_NEIGHBOURS = 32
_BUILD_EFFORT = 200
_SEARCH_EFFORT = 128
_INDEX = "prototypes.faiss"
_ARRAYS = "prototypes.npz"
_IDS = "prototypes.json"


class PrototypeIndex:
    """Looks clustered in centred, normalised style space, searchable by cosine.

    A prototype stands at the mean direction of its looks and is named proto-00, proto-01, ... by
    falling number of looks. Codes are raw everywhere and compared in the index's StyleSpace.
    """

    def __init__(
        self,
        space: StyleSpace,
        ids: IdMap,
        vectors: NDArray[np.float32],
        table: pd.DataFrame,
        concentration: float,
        index: Any = None,
    ) -> None:
        self._space, self._ids, self._vectors, self._table = space, ids, vectors, table
        self._concentration = concentration
        self._index = _build(vectors) if index is None else index

    @classmethod
    def fit(
        cls,
        style_ids: Sequence[str],
        style_codes: NDArray[np.float32],
        n_prototypes: int | None = None,
        seed: int = 0,
        space: StyleSpace | None = None,
    ) -> Self:
        """Cluster looks by spherical k-means.

        style_codes: float32 (n, d), finite. Without n_prototypes the number from 2 to 24 is taken
        that best predicts looks held out (see `choose_number`). `space` is the one that all codes
        of a job share (None: one fitted on these looks). Raises SchemaError on no looks, on
        codes of another length or not finite, and ContractError on more prototypes than looks.
        """
        codes = _checked(style_ids, style_codes)
        if n_prototypes is not None and not 1 <= n_prototypes <= len(codes):
            raise ContractError(
                f"n_prototypes must lie in 1..{len(codes)} (the number of looks), "
                f"got {n_prototypes}"
            )
        space = space or StyleSpace.fit(codes)
        unit = space.unit(codes)
        labels = cluster(unit, n_prototypes, seed)
        names = np.asarray(style_ids, dtype=object)
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        groups.sort(key=lambda group: (-len(group), min(names[group])))
        records, vectors = [], []
        for number, group in enumerate(groups):
            direction = _direction(unit[group])
            closeness = unit[group] @ direction
            medoid = min(zip(-closeness, names[group], strict=True))[1]
            members = sorted(str(name) for name in names[group])
            records.append((f"proto-{number:02d}", str(medoid), members))
            vectors.append(direction)
        table = pd.DataFrame(records, columns=["prototype_id", "style_id", "members"])
        table = table.astype({"prototype_id": "str", "style_id": "str"})
        concentration = DirectionMixture.fit(unit, labels).concentration
        ids = IdMap(table["prototype_id"].tolist())
        return cls(space, ids, np.stack(vectors), table, concentration)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def prototypes(self) -> pd.DataFrame:
        """prototype_id, style_id (the look nearest its centre), members (list of style_id)."""
        return self._table.copy()

    @property
    def exact(self) -> bool:
        """Whether search compares with every vector (below FLAT_LIMIT) or walks a graph."""
        return len(self) < FLAT_LIMIT

    def members(self, prototype_id: str) -> list[str]:
        """Looks of a prototype, by id. Raises ContractError on an id the index does not hold."""
        rows = self._table.loc[self._table["prototype_id"] == prototype_id, "members"]
        if rows.empty:
            known = ", ".join(self._table["prototype_id"].head(3))
            raise ContractError(
                f"no prototype {prototype_id!r} in this index, expected one of "
                f"{len(self)} such as {known}: see PrototypeIndex.prototypes"
            )
        return list(rows.iloc[0])

    def search(
        self, codes: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
        """The k nearest prototypes of raw style codes, float32 (n, d).

        Returns ids (n, k) and cosines float32 (n, k) in falling order, equal cosines by id; k is
        cut to the size of the index.
        """
        queries = self._unit(codes)
        k = min(k, len(self))
        cosine, found = self._index.search(queries, k)
        order = np.lexsort((found, -cosine), axis=1)
        cosine = np.take_along_axis(cosine, order, axis=1)
        return self._ids.to_ids(np.take_along_axis(found, order, axis=1)), cosine

    def memberships(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much of each prototype is in raw style codes, of looks or of users, (n, d).

        Returns float32 (n, prototypes) in the order of `prototypes`, rows sum to 1: posteriors of
        a mixture in which a prototype weighs as much as it has looks. A code at the centre, where
        nothing is known of a taste, gets those weights.
        """
        return self._mixture().memberships(self._unit(codes))

    def drift(self, old_codes: NDArray[np.float32], new_codes: NDArray[np.float32]) -> pd.DataFrame:
        """How raw style codes (m, d), of looks or of users, differ from earlier ones (n, d).

        Returns a row per prototype; see `prototype_drift` for the columns. Raises SchemaError
        where either holds no codes.
        """
        before, after = self._unit(old_codes), self._unit(new_codes)
        return prototype_drift(self._ids.ids.tolist(), self._mixture(), before, after)

    def add(self, ids: Sequence[str], codes: NDArray[np.float32]) -> None:
        """Add looks as prototypes of their own, without rebuilding what is there.

        codes: raw, float32 (n, d). The centre stays that of the fit. Raises ContractError on an id
        that the index already holds.
        """
        fresh = self._checked_queries(_checked(ids, codes))
        known = [name for name in ids if name in self._ids]
        if known:
            raise ContractError(f"prototypes {known[:3]} are in the index already: give new ids")
        was_exact = self.exact
        vectors = self._space.unit(fresh)
        self._ids = IdMap([*self._ids.ids, *ids])
        self._vectors = np.concatenate([self._vectors, vectors])
        added = pd.DataFrame(
            {"prototype_id": list(ids), "style_id": list(ids), "members": [[name] for name in ids]}
        )
        self._table = pd.concat([self._table, added.astype(self._table.dtypes)], ignore_index=True)
        if was_exact and not self.exact:
            self._index = _build(self._vectors)
        else:
            self._index.add(vectors)

    def save(self, folder: str | Path) -> None:
        """Write the index as a FAISS file, a JSON file of ids and an npz of vectors."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        faiss.write_index(self._index, str(path / _INDEX))
        np.savez(
            path / _ARRAYS,
            center=self._space.centre,
            vectors=self._vectors,
            concentration=np.float64(self._concentration),
        )
        record = self._table.to_dict(orient="list")
        (path / _IDS).write_text(json.dumps(record), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; raises NotFittedError where a file is missing."""
        path = Path(folder)
        missing = [name for name in (_INDEX, _ARRAYS, _IDS) if not (path / name).is_file()]
        if missing:
            raise NotFittedError(f"no {missing[0]} in {path}: save a PrototypeIndex there first")
        with np.load(path / _ARRAYS, allow_pickle=False) as arrays:
            if "concentration" not in arrays:
                raise NotFittedError(f"{path} was saved by an earlier version: fit it again")
            center, vectors = arrays["center"], arrays["vectors"]
            concentration = float(arrays["concentration"])
        table = pd.DataFrame(json.loads((path / _IDS).read_text(encoding="utf-8")))
        table = table.astype({"prototype_id": "str", "style_id": "str"})
        ids = IdMap(table["prototype_id"].tolist())
        index = faiss.read_index(str(path / _INDEX))
        return cls(StyleSpace(center), ids, vectors, table, concentration, index)

    def _mixture(self) -> DirectionMixture:
        sizes = self._table["members"].map(len).to_numpy(dtype=np.float64)
        return DirectionMixture(self._vectors, sizes / sizes.sum(), self._concentration)

    def _unit(self, codes: NDArray[np.float32]) -> UnitCodes:
        return self._space.unit(self._checked_queries(codes))

    def _checked_queries(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        array = np.asarray(codes, dtype=np.float32)
        if array.ndim != 2 or array.shape[1] != len(self._space.centre):
            raise ContractError(
                f"style codes have shape {array.shape}: expected (n, {len(self._space.centre)})"
            )
        if not np.isfinite(array).all():
            raise ContractError("style codes hold NaN or infinity: drop the looks without a code")
        return array


def _checked(ids: Sequence[str], codes: NDArray[np.float32]) -> NDArray[np.float32]:
    array = np.asarray(codes, dtype=np.float32)
    if array.ndim != 2 or len(array) != len(ids) or len(array) == 0:
        raise ContractError(
            f"style codes have shape {array.shape} for {len(ids)} ids: "
            "expected one row for each of at least one look"
        )
    if not np.isfinite(array).all():
        bad = [ids[row] for row in np.flatnonzero(~np.isfinite(array).all(axis=1))[:3]]
        raise ContractError(f"looks {bad} have no finite style code: drop them before clustering")
    return array


def _direction(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = unit.mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def _build(vectors: NDArray[np.float32]) -> Any:
    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    if len(vectors) >= FLAT_LIMIT:
        index = faiss.IndexHNSWFlat(vectors.shape[1], _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _BUILD_EFFORT
        index.hnsw.efSearch = _SEARCH_EFFORT
    index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return index
