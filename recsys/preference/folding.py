"""New events, users and looks taken into a fitted model, without refitting it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.ids import IdMap
from features.products import ROWS
from features.schema import ORIGINAL, SchemaError
from recsys.config import PreferenceConfig
from recsys.preference.baseline import Effects, update_effects
from recsys.preference.cells import ORDER, blur, tabulate
from recsys.preference.evidence import moments, settle
from recsys.preference.rows import Rows, Vocabulary, last_day
from recsys.preference.state import PreferenceState


def fold(
    state: PreferenceState, exposures: pd.DataFrame, config: PreferenceConfig, effects: bool
) -> PreferenceState:
    """`state` after `exposures`, which must be new to it.

    Kinds of shoppers stay as they are: sums over clicks are added up, older ones faded. With
    `effects` item, position and pair effects learn from the rows first.
    """
    words = state.vocabulary.joined(Vocabulary.of(exposures, state.vocabulary.looks))
    state = _widened(state, words)
    rows = words.encode(exposures)
    if (rows.look < 0).any():
        unknown = sorted(set(exposures["style_id"].unique()) - set(words.looks.ids))
        raise SchemaError(
            f"exposures show looks the model does not know: {unknown[:5]}; "
            "give their codes to add_looks first"
        )
    learned = state.effects
    if effects:
        learned = update_effects(learned, rows.clicked, rows.levels, held="user")
    now = max(float(state.until), last_day(rows)) if len(rows.day) else float(state.until)
    faded = 2.0 ** ((float(state.until) - now) / config.half_life_days)
    sums = state.sums * faded
    touched, place = torch.unique(rows.user, return_inverse=True)
    cells = _cells(rows, learned, place, (len(touched), len(words.looks)), now, config)
    # As many users at a time as ever: what one gets does not depend on how many are new.
    utility = state.tastes + state.population
    for start in range(0, len(touched), ROWS):
        part = cells[start : start + ROWS]
        padded = torch.cat([part, part.new_zeros(ROWS - len(part), *part.shape[1:])])
        sums[touched[start : start + ROWS]] += moments(padded, utility)[: len(part)]
    rate, precision = learned.levels["user"], 1 / learned.variances["user"]
    joint, shift = settle(sums, rate, precision, state.prior.log())
    return replace(
        state,
        effects=learned,
        sums=sums,
        posterior=torch.softmax(joint, dim=1),
        shift=shift,
        n_events=state.n_events + torch.bincount(rows.user, minlength=len(words.users)),
        until=torch.tensor(now, dtype=torch.float64),
    )


def _cells(
    rows: Rows,
    effects: Effects,
    place: Tensor,
    shape: tuple[int, int],
    now: float,
    config: PreferenceConfig,
) -> Tensor:
    n_cells = shape[0] * shape[1]
    weight = rows.weight(now, config.half_life_days)
    cell = place * shape[1] + rows.look
    cells = tabulate(rows.clicked, effects.log_odds(rows.levels), cell, n_cells, weight)
    return blur(cells, config.noise_sd).to(torch.float32).reshape(*shape, ORDER)


def _widened(state: PreferenceState, words: Vocabulary) -> PreferenceState:
    """`state` with room for every user, item and pair of `words`; what is new knows nothing."""
    old, effects = state.vocabulary, state.effects
    pairs = np.searchsorted(words.pairs, words.pairs_of(old))
    users = words.users.to_index(old.users.ids)
    moved = {"user": users, "item": words.items.to_index(old.items.ids), "pair": pairs}
    levels, precisions = dict(effects.levels), dict(effects.precisions)
    for name, at in moved.items():
        size, unsure = words.sizes[name], 1 / effects.variances[name]
        levels[name] = _moved(levels[name], at, size, 0.0)
        precisions[name] = _moved(precisions[name], at, size, unsure)
    size = len(words.users)
    return replace(
        state,
        vocabulary=words,
        effects=replace(effects, levels=levels, precisions=precisions),
        sums=_moved(state.sums, users, size, 0.0),
        posterior=_moved(state.posterior, users, size, 0.0),
        shift=_moved(state.shift, users, size, 0.0),
        n_events=_moved(state.n_events, users, size, 0.0),
    )


def _moved(values: Tensor, at: NDArray[np.int64], size: int, fill: float) -> Tensor:
    wider = torch.full((size, *values.shape[1:]), fill, dtype=values.dtype)
    wider[torch.from_numpy(at)] = values
    return wider


def with_looks(
    state: PreferenceState,
    style_ids: list[str],
    codes: NDArray[np.float32],
    config: PreferenceConfig,
) -> PreferenceState:
    """`state` with looks never shown, placed among the families by their codes (m, d) alone."""
    words = state.vocabulary
    ids = [*words.looks.ids[:-1], *style_ids]
    if codes.shape != (len(style_ids), state.codes.shape[1]):
        raise SchemaError(
            f"codes must have shape ({len(style_ids)}, {state.codes.shape[1]}), got {codes.shape}: "
            "give one code per new style_id, from the encoder the model was fitted with"
        )
    if len(set(ids)) < len(ids) or ORIGINAL in style_ids:
        raise SchemaError(
            f"style_ids must be new, got {sorted(style_ids)[:5]}: leave out the looks known already"
        )
    tastes, smooth = state.families.place(codes, state.codes, config.kernel_scale)

    def inserted(values: Tensor, new: Tensor) -> Tensor:
        return torch.cat([values[..., :-1], new, values[..., -1:]], dim=-1)

    every = np.concatenate([state.codes, codes])
    families = replace(state.families, smooth=torch.cat([state.families.smooth, smooth], dim=1))
    shown = np.arange(len(every)) < len(state.codes)
    unsure = families.doubt(every, shown, config.spread)[:, len(state.codes) : -1]
    return replace(
        state,
        vocabulary=replace(words, looks=IdMap([*ids, ORIGINAL])),
        codes=every,
        tastes=inserted(state.tastes, tastes),
        population=inserted(state.population, torch.zeros(len(style_ids), dtype=torch.float64)),
        doubt=inserted(state.doubt, unsure),
        families=families,
    )


def of_users(
    state: PreferenceState,
    exposures: pd.DataFrame,
    config: PreferenceConfig,
    until_day: float,
    anew: bool,
) -> PreferenceState:
    """`state` with the users of `exposures` in the place of its own, each from their own rows.

    Users it knows keep what it knows of them, unless `anew`; others are folded in, as seen on
    `until_day`, days since 1970, which no row is after. What is known of looks, items and kinds of
    users stays.
    """
    users = IdMap.sorted(exposures["user_id"].unique())
    known = state.vocabulary.users.to_index(users.ids)
    if anew:
        known = np.full_like(known, -1)
    new = exposures[exposures["user_id"].isin(users.ids[known < 0])]
    folded = fold(_without_users(state, until_day), new, config, effects=False)
    kept = torch.from_numpy(known[known >= 0])
    # Those known, then those folded in, both ascending: brought to one order.
    place = torch.from_numpy(np.argsort(np.argsort(known < 0, kind="stable"), kind="stable"))

    def joined(ours: Tensor, theirs: Tensor) -> Tensor:
        return torch.cat([ours[kept], theirs])[place]

    ours, theirs = state.effects, folded.effects
    none = torch.zeros(0, dtype=torch.float64)
    level = joined(ours.levels["user"], theirs.levels["user"])
    precision = joined(ours.precisions["user"], theirs.precisions["user"])
    return replace(
        folded,
        vocabulary=replace(folded.vocabulary, users=users, pairs=state.vocabulary.pairs[:0]),
        effects=replace(
            theirs,
            levels={**theirs.levels, "user": level, "pair": none},
            precisions={**theirs.precisions, "user": precision, "pair": none},
        ),
        sums=joined(state.sums, folded.sums),
        posterior=joined(state.posterior, folded.posterior),
        shift=joined(state.shift, folded.shift),
        n_events=joined(state.n_events, folded.n_events),
    )


def _without_users(state: PreferenceState, until_day: float) -> PreferenceState:
    effects = state.effects
    none = dict.fromkeys(("user", "pair"), torch.zeros(0, dtype=torch.float64))
    words = replace(state.vocabulary, users=IdMap([]), pairs=state.vocabulary.pairs[:0])
    return replace(
        state,
        vocabulary=words,
        effects=replace(
            effects,
            levels={**effects.levels, **none},
            precisions={**effects.precisions, **none},
        ),
        sums=state.sums[:0],
        posterior=state.posterior[:0],
        shift=state.shift[:0],
        n_events=state.n_events[:0],
        until=torch.tensor(until_day, dtype=torch.float64),
    )
