"""What of a log may be used: shoppers forgotten, opted out or behind pseudonyms, and old events."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.contracts.strings import read_ids
from features.tables import Checked
from pipelines.config import RunConfig
from pipelines.stores import storage
from pipelines.stores.shopper_keys import (
    TOMBSTONES,
    is_pseudonym,
    key_check,
    pseudonym,
    read_key,
    read_tombstones,
    tombstone,
)

FORGOTTEN: Final = "events_forgotten"
OPTED_OUT: Final = "events_opted_out"
PAST_RETENTION: Final = "events_past_retention"
"""What is withheld is counted by these names, and listed nowhere."""


@dataclass(frozen=True)
class Withholding:
    """Who of a log's shoppers may be known, and under which name.

    `key` (None: no pseudonyms and nobody forgotten) makes pseudonyms where `pseudonymise`, and
    recognises the shoppers of `tombstones`.
    """

    key: bytes | None = None
    pseudonymise: bool = False
    tombstones: frozenset[str] = frozenset()

    @classmethod
    def of(cls, out: Path, pseudonymise: bool) -> Withholding:
        """What holds in the job's folder `out`. Raises ConfigError where the key is missing."""
        tombstones = read_tombstones(out)
        if not pseudonymise and not tombstones:
            return cls()
        return cls(read_key("privacy.pseudonymise"), pseudonymise, tombstones)

    def names(self, user_ids: pd.Series) -> pd.Series:
        """The name each shopper has in the job, null for a shopper who was forgotten."""
        if self.key is None:
            return user_ids
        codes, ids = pd.factorize(user_ids)
        words = np.array([*(self._name(str(user)) for user in ids), None], dtype=object)
        return pd.Series(words[codes], index=user_ids.index, dtype="str")

    def is_forgotten(self, user_id: str) -> bool:
        """Whether there is a tombstone of the shopper."""
        return self.key is not None and tombstone(user_id, self.key) in self.tombstones

    def _name(self, user_id: str) -> str | None:
        assert self.key is not None
        hidden = pseudonym(user_id, self.key)
        if self.is_forgotten(user_id) or self.is_forgotten(hidden):
            return None
        return hidden if self.pseudonymise else user_id


NOTHING: Final = Withholding()
"""Every shopper may be known, as the log names them."""


@dataclass(frozen=True)
class Admitted:
    """A checked log without what is withheld; `opted_out`: the shoppers whose last row says so, be
    it set aside or not, by the name they have in the job; `counts` of events, `FORGOTTEN` and
    `OPTED_OUT`."""

    log: Checked
    opted_out: list[str]
    counts: Mapping[str, int]


def admit(checked: Checked, rule: Withholding) -> Admitted:
    """Take out of a checked log the events of shoppers who were forgotten or opted out.

    Neither is named among the rejects, where other shoppers have the name that `rule` gives them.
    """
    users = rule.names(checked.table["user_id"])
    forgotten = users.isna().to_numpy()
    table = checked.table.assign(user_id=users)
    opted_out = _opted_out(checked.opt_outs, rule)
    left = table["user_id"].isin(opted_out).to_numpy()
    kept = ~forgotten & ~left
    log = Checked(
        table[kept].drop(columns="opt_out").reset_index(drop=True),
        checked.rows[kept],
        _renamed(checked.rejects, rule, opted_out),
        _renamed(checked.value_rejects, rule, opted_out),
    )
    counts = {FORGOTTEN: int(forgotten.sum()), OPTED_OUT: int(left.sum())}
    return Admitted(log, opted_out, counts)


def withheld_words(counts: Mapping[str, int]) -> str:
    """Counts of withheld events, in words."""
    told = [f"{n:,} {name.removeprefix('events_').replace('_', ' ')}" for name, n in counts.items()]
    return ", ".join(told)


def _opted_out(said: pd.DataFrame | None, rule: Withholding) -> list[str]:
    """Shoppers whose last row says that nothing may be learned from them, sorted."""
    if said is None or said.empty:
        return []
    # Of several rows at one time, one that says so decides.
    ordered = said.sort_values(["timestamp", "opt_out"], kind="stable")
    last = ordered.drop_duplicates("user_id", keep="last")
    return sorted(rule.names(last.loc[last["opt_out"], "user_id"]).dropna())


def _renamed(rejects: pd.DataFrame, rule: Withholding, opted_out: list[str]) -> pd.DataFrame:
    """`rejects` of a log with the names of the job, without those who are not to be named."""
    keys = read_ids(rejects["key"])[0]
    names = rule.names(keys)
    gone = (keys.notna() & names.isna()) | names.isin(opted_out)
    result = rejects.assign(key=names.fillna(""))
    if rule.pseudonymise:
        # An id that cannot be used is an id all the same.
        of_id = rejects["reason"].str.startswith("user_id ")
        result["got"] = result["got"].mask(of_id, "")
    return result[~gone].reset_index(drop=True)


def past_retention(
    times: pd.Series, retention_days: float | None, now: pd.Timestamp
) -> NDArray[np.bool_]:
    """Which of `times` are over `retention_days` before `now`, bool (n,)."""
    if retention_days is None or times.empty:
        return np.zeros(len(times), dtype=bool)
    return np.asarray((times < now - pd.Timedelta(days=retention_days)).to_numpy(), dtype=bool)


def private_settings(config: RunConfig, out: Path) -> RunConfig:
    """`config` with the names that shoppers have in the job in `out`, those forgotten left out."""
    rule = Withholding.of(out, config.privacy.pseudonymise)
    if rule.key is None:
        return config
    plain = pd.Series(config.guard_rails.plain_users, dtype="str")
    # A job's own settings, read again, have these names already.
    known = plain.map(is_pseudonym).to_numpy(dtype=bool) & rule.pseudonymise
    names = rule.names(plain[~known]).dropna()
    kept = [user for user in plain[known] if not rule.is_forgotten(user)]
    rails = dataclasses.replace(config.guard_rails, plain_users=(*kept, *names))
    return dataclasses.replace(config, guard_rails=rails)


def privacy_state(rule: Withholding, out: Path) -> dict[str, Any]:
    """What decides, beside the settings, which shoppers a job in `out` knows by `rule`; empty for
    all."""
    state: dict[str, Any] = {}
    if rule.pseudonymise and rule.key is not None:
        state["pseudonyms"] = key_check(rule.key)
    if rule.tombstones:
        state["forgotten"] = storage.digest_file(out / TOMBSTONES)
    return state
