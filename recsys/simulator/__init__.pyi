from .config import (
    ARTISTIC as ARTISTIC,
    FAITHFUL as FAITHFUL,
    KINDS as KINDS,
    RenderMode as RenderMode,
    SimulatorConfig as SimulatorConfig,
)
from .log import (
    Simulation as Simulation,
    run_policy as run_policy,
    simulate as simulate,
)
from .policies import (
    Policy as Policy,
    logging_policy as logging_policy,
    one_look as one_look,
    per_shopper as per_shopper,
)
from .shop import (
    Shop as Shop,
    open_shop as open_shop,
)
from .value import (
    PolicyValue as PolicyValue,
    expected_clicks as expected_clicks,
    policy_value as policy_value,
)
