"""Moving pictures: a clip in a look, the product its own pixels, the surroundings steady."""

from importlib.util import find_spec

from features.schema import ConfigError

if find_spec("av") is None:
    raise ConfigError("clips need PyAV, which is not installed: pip install 'stylefeed[video]'")
