"""Analysis of real experiments: A/B tests split by shopper, and interleaved rankers.

Before the test `minimum_detectable_effect` and `required_users` say what it can see; while it runs
`monitor` may be read at any time; at the end `user_metrics` makes one row per shopper, `analyse`
checks the split and compares the arms, by segment too. `team_draft` and `interleaving_test` compare
two rankers on the same shoppers.
"""

from recsys.experiment.analysis import Analysis, analyse
from recsys.experiment.balance import SampleRatio, sample_ratio
from recsys.experiment.effects import Effect, Metric, compare
from recsys.experiment.interleaving import Interleaving, interleaving_test, team_draft
from recsys.experiment.multiplicity import benjamini_hochberg, holm
from recsys.experiment.planning import (
    PlanConfig,
    minimum_detectable_effect,
    power,
    required_users,
)
from recsys.experiment.segments import SegmentEffects, by_segment
from recsys.experiment.sequential import SequentialConfig, confidence_sequence, monitor
from recsys.experiment.users import user_metrics

__all__ = [
    "Analysis",
    "Effect",
    "Interleaving",
    "Metric",
    "PlanConfig",
    "SampleRatio",
    "SegmentEffects",
    "SequentialConfig",
    "analyse",
    "benjamini_hochberg",
    "by_segment",
    "compare",
    "confidence_sequence",
    "holm",
    "interleaving_test",
    "minimum_detectable_effect",
    "monitor",
    "power",
    "required_users",
    "sample_ratio",
    "team_draft",
    "user_metrics",
]
