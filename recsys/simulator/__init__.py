"""Shoppers with known tastes: logs of exposures and outcomes, and the truth behind them.

For tests, demos and benchmarks, where a recovered taste can be held against the real one, and an
estimated value of a policy against its true one. `simulate` writes a shop's log under its own
exploring policy, with the exact probability of every look; `open_shop` gives the shop itself, on
which `run_policy` runs any policy and `policy_value` tells what it is worth. Pictures painted over
the product (`ARTISTIC`) sell more and come back more often.
"""

from recsys.simulator.config import ARTISTIC, FAITHFUL, KINDS, RenderMode, SimulatorConfig
from recsys.simulator.log import Simulation, run_policy, simulate
from recsys.simulator.policies import Policy, logging_policy, one_look, per_shopper
from recsys.simulator.shop import Shop, open_shop
from recsys.simulator.value import PolicyValue, expected_clicks, policy_value

__all__ = [
    "ARTISTIC",
    "FAITHFUL",
    "KINDS",
    "Policy",
    "PolicyValue",
    "RenderMode",
    "Shop",
    "Simulation",
    "SimulatorConfig",
    "expected_clicks",
    "logging_policy",
    "one_look",
    "open_shop",
    "per_shopper",
    "policy_value",
    "run_policy",
    "simulate",
]
