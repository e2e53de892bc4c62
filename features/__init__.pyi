from .adapters.hm import (
    load_hm as load_hm,
)
from .adapters.movielens import (
    load_movielens as load_movielens,
)
from .adapters.online_retail import (
    load_online_retail as load_online_retail,
)
from .adapters.open_bandit import (
    load_open_bandit as load_open_bandit,
)
from .adapters.retailrocket import (
    load_retailrocket as load_retailrocket,
)
from .config import (
    CleaningConfig as CleaningConfig,
    EventWeights as EventWeights,
    ImageLimits as ImageLimits,
    QualityConfig as QualityConfig,
)
from .events import (
    clean_events as clean_events,
    event_weights as event_weights,
    interactions as interactions,
    split_at as split_at,
    time_split as time_split,
)
from .ids import (
    IdMap as IdMap,
)
from .images import (
    decode as decode,
    encode as encode,
    resize_longest as resize_longest,
)
from .matting import (
    Mask as Mask,
    product_mask as product_mask,
)
from .networks.encoders import (
    ContentEncoder as ContentEncoder,
    StyleEncoder as StyleEncoder,
)
from .quality import (
    quality_report as quality_report,
)
from .schema import (
    ORIGINAL as ORIGINAL,
    STYLE_CODE_SIZE as STYLE_CODE_SIZE,
    ConfigError as ConfigError,
    ContractError as ContractError,
    ImageError as ImageError,
    InputError as InputError,
    NotFittedError as NotFittedError,
    SchemaError as SchemaError,
    StylefeedError as StylefeedError,
    WeightsError as WeightsError,
)
from .tables import (
    validate_events as validate_events,
    validate_items as validate_items,
    validate_styles as validate_styles,
)
from .titles import (
    TitleEncoder as TitleEncoder,
)

__all__ = [
    "ORIGINAL",
    "STYLE_CODE_SIZE",
    "CleaningConfig",
    "ConfigError",
    "ContentEncoder",
    "ContractError",
    "EventWeights",
    "IdMap",
    "ImageError",
    "ImageLimits",
    "InputError",
    "Mask",
    "NotFittedError",
    "QualityConfig",
    "SchemaError",
    "StyleEncoder",
    "StylefeedError",
    "TitleEncoder",
    "WeightsError",
    "clean_events",
    "decode",
    "encode",
    "event_weights",
    "interactions",
    "load_hm",
    "load_movielens",
    "load_online_retail",
    "load_open_bandit",
    "load_retailrocket",
    "product_mask",
    "quality_report",
    "resize_longest",
    "split_at",
    "time_split",
    "validate_events",
    "validate_items",
    "validate_styles",
]
