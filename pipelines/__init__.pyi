from .config import (
    LookConfig as LookConfig,
    RunConfig as RunConfig,
    load_config as load_config,
    parse_config as parse_config,
)
from .feed import (
    Feed as Feed,
)
from .jobs.ab import (
    compare_policies as compare_policies,
)
from .jobs.catalogue import (
    render_catalogue as render_catalogue,
)
from .stages.road import (
    run as run,
)

__all__ = [
    "Feed",
    "LookConfig",
    "RunConfig",
    "compare_policies",
    "load_config",
    "parse_config",
    "render_catalogue",
    "run",
]
