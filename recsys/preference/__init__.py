"""Which look each shopper likes, learned from ordinary logs.

`learning` runs the steps in order: `baseline` explains a click by everything that is not the look;
`cells` keeps what is left, by shopper and look; `mixture` learns how tastes are spread over
shoppers and looks; `outcomes` adds what dwell, cart and purchase say. `model` is the public class.
Where no look was ever shown, `browsing` learns from the photos viewed instead.
"""

from recsys.config import BrowsingConfig, PreferenceConfig
from recsys.preference.browsing import BrowsingPreferenceModel
from recsys.preference.model import StylePreferenceModel

__all__ = ["BrowsingConfig", "BrowsingPreferenceModel", "PreferenceConfig", "StylePreferenceModel"]
