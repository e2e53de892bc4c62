"""The look policies by the name of their kind: a new one is a file of its own and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recsys.policy.greedy import best, epsilon_greedy
from recsys.policy.look_policy import LookPolicy
from recsys.policy.softmax import softmax
from recsys.policy.thompson import thompson
from recsys.policy.value import value

LOOK_POLICIES: Final[Mapping[str, LookPolicy]] = {
    "value": value,
    "best": best,
    "epsilon_greedy": epsilon_greedy,
    "softmax": softmax,
    "thompson": thompson,
}
