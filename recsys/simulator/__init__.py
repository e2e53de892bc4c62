"""Shoppers with known tastes: logs of exposures and outcomes, and the truth behind them.

For tests, demos and benchmarks, where a recovered taste can be held against the real one, and an
estimated value of a policy against its true one. `simulate` writes a shop's log under its own
exploring policy, with the exact probability of every look; `open_shop` gives the shop itself, on
which `run_policy` runs any policy and `policy_value` tells what it is worth. Pictures painted over
the product (`ARTISTIC`) sell more and come back more often.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
