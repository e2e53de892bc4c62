"""Every benchmark, one after another, each in a process of its own: `make bench`.

They need the data folder beside the project; `movielens` also fetches a package. Peers that would
change our own dependencies (obp, cornac) are measured where they can be imported.
"""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "tastes",
    "render_speed",
    "encode_speed",
    "movielens",
    "ranking_shop",
    "masks",
    "faithful",
    "methods",
    "held_out_clicks",
    "propensity_weights",
    "preference_speed",
    "online_retail",
    "retrieval_speed",
    "ranking_speed",
    "item_vectors",
    "score_calibration",
    "browsing",
    "open_bandit",
    "ab_shop",
    "offpolicy_speed",
    "coverage",
    "ab_simulator",
    "cuped_shop",
    "simulator_speed",
    "served_model",
    "closed_loop",
    "all_plain",
    "style_space",
    "judge_generators",
    "distil_student",
    "export",
    "look_choice",
    "set_starts",
    "sets",
    "recognised",
    "shop_run",
    "scale",
    "train_generator",
    "health_features",
    "training_kills",
    "serving",
    "engines",
    "faults",
    "corrupt",
    "private_tastes",
    "training_precision",
    "forget",
    "tune",
    "fit_look",
    "channels",
    "clips",
    "clip_marks",
    "clip_paint",
    "look_words",
)


def main() -> None:
    """Run them all; ends with 1 when any failed."""
    failed = []
    for name in NAMES:
        print(f"\n## benchmarks.{name}\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
