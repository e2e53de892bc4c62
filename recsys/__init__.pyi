from .candidates import (
    ALS as ALS,
    BPR as BPR,
    EASE as EASE,
    CandidateModel as CandidateModel,
    CategoryPopularity as CategoryPopularity,
    Content as Content,
    History as History,
    Interactions as Interactions,
    ItemKNN as ItemKNN,
    Popularity as Popularity,
    RecentPopularity as RecentPopularity,
)
from .config import (
    BrowsingConfig as BrowsingConfig,
    GuardRails as GuardRails,
    PolicyConfig as PolicyConfig,
    PreferenceConfig as PreferenceConfig,
    RerankConfig as RerankConfig,
    TwoStageConfig as TwoStageConfig,
)
from .evaluation.comparison import (
    compare as compare,
)
from .evaluation.metrics import (
    per_user_accuracy as per_user_accuracy,
    ranking_metrics as ranking_metrics,
)
from .lists.dpp import (
    dpp_order as dpp_order,
)
from .lists.rerank import (
    rerank as rerank,
)
from .offpolicy.look_trial import (
    LookTrial as LookTrial,
)
from .policy.draw import (
    draw as draw,
    look_probabilities as look_probabilities,
)
from .policy.guardrails import (
    apply_guard_rails as apply_guard_rails,
    permit_looks as permit_looks,
)
from .policy.thompson import (
    thompson_probabilities as thompson_probabilities,
)
from .policy.value import (
    value_probabilities as value_probabilities,
)
from .preference import (
    BrowsingPreferenceModel as BrowsingPreferenceModel,
    StylePreferenceModel as StylePreferenceModel,
)
from .prototypes.index import (
    PrototypeIndex as PrototypeIndex,
)
from .ranking.snapshot import (
    ItemFeatures as ItemFeatures,
)
from .ranking.two_stage import (
    TwoStageRecommender as TwoStageRecommender,
)

__all__ = [
    "ALS",
    "BPR",
    "EASE",
    "BrowsingConfig",
    "BrowsingPreferenceModel",
    "CandidateModel",
    "CategoryPopularity",
    "Content",
    "GuardRails",
    "History",
    "Interactions",
    "ItemFeatures",
    "ItemKNN",
    "LookTrial",
    "PolicyConfig",
    "Popularity",
    "PreferenceConfig",
    "PrototypeIndex",
    "RecentPopularity",
    "RerankConfig",
    "StylePreferenceModel",
    "TwoStageConfig",
    "TwoStageRecommender",
    "apply_guard_rails",
    "compare",
    "dpp_order",
    "draw",
    "look_probabilities",
    "per_user_accuracy",
    "permit_looks",
    "ranking_metrics",
    "rerank",
    "thompson_probabilities",
    "value_probabilities",
]
