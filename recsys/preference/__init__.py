"""Which look each shopper likes, learned from ordinary logs.

One road: `baseline` explains a click by everything that is not the look; `cells` keeps what is
left, by shopper and look; `mixture` learns how tastes are spread over shoppers and looks; `model`
puts the three together.
"""

from recsys.preference.model import PreferenceConfig, StylePreferenceModel

__all__ = ["PreferenceConfig", "StylePreferenceModel"]
