"""A convolutional code, decoded softly: short messages survive when many of their chips do not.

Rate 1/2, constraint length 7, generators 171 and 133 (octal), zero-terminated; decoded by the
algorithm of Viterbi, "Error bounds for convolutional codes" (1967), which finds the likeliest
message of all.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MEMORY: Final = 6
_GENERATORS: Final = (0o171, 0o133)
_STATES: Final = 1 << MEMORY


def n_chips(n_bits: int) -> int:
    """How many chips a message of `n_bits` bits is spread over."""
    return len(_GENERATORS) * (n_bits + MEMORY)


def encode(bits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Chips +1 (bit 0) or -1 (bit 1), float32 (n_chips,), of a message of bits 0/1, (n_bits,)."""
    state = 0
    chips = []
    for bit in [*bits.tolist(), *[0] * MEMORY]:
        register = bit << MEMORY | state
        chips += [1 - 2 * ((register & taps).bit_count() & 1) for taps in _GENERATORS]
        state = register >> 1
    return np.asarray(chips, dtype=np.float32)


def decode(soft: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The likeliest messages, uint8 bits (n, n_bits), of soft chips, float32 (n, n_chips).

    A soft chip is positive where +1 is likely, and the larger the surer.
    """
    n, steps = len(soft), soft.shape[1] // len(_GENERATORS)
    pairs = soft.reshape(n, steps, len(_GENERATORS)) @ _OUTPUTS.T
    score = np.full((n, _STATES), -np.inf, dtype=np.float32)
    score[:, 0] = 0.0
    came_from_odd = np.empty((steps, n, _STATES), dtype=bool)
    for step in range(steps):
        reached = score[:, _PREVIOUS] + pairs[:, step, :].reshape(n, _STATES, 2)
        came_from_odd[step] = reached[..., 1] > reached[..., 0]
        score = reached.max(axis=2)
    # Termination: the message ends in state 0; walk back from there.
    rows = np.arange(n)
    state = np.zeros(n, dtype=np.int64)
    bits = np.empty((n, steps), dtype=np.uint8)
    for step in range(steps - 1, -1, -1):
        bits[:, step] = state >> (MEMORY - 1)
        state = _PREVIOUS[state, came_from_odd[step, rows, state].astype(np.int64)]
    return bits[:, : steps - MEMORY]


def _transitions() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each state's two predecessors (64, 2), and the chips on the way from them (128, 2)."""
    states = np.arange(_STATES)
    low = (states << 1) & (_STATES - 1)
    previous = np.stack([low, low | 1], axis=1)
    register = (states >> (MEMORY - 1) << MEMORY)[:, None] | previous
    parity = [
        [[(int(r) & taps).bit_count() & 1 for taps in _GENERATORS] for r in row] for row in register
    ]
    return previous, (1.0 - 2.0 * np.asarray(parity, dtype=np.float32)).reshape(-1, 2)


_PREVIOUS, _OUTPUTS = _transitions()
