"""A DAG for Apache Airflow 3: a new feed every night, exported for the site.

Copy it into the DAGs folder of an Airflow whose workers find `stylefeed`, and set the paths.
"""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

SHOP = "/var/lib/stylefeed/shop"
JOB = "/var/lib/stylefeed/job"
RUN = (
    *("run", "--events", f"{SHOP}/events.parquet", "--items", f"{SHOP}/items.csv"),
    *("--styles", f"{SHOP}/styles.csv", "--out", JOB, "--log-format", "json"),
)
EXPORT = ("export-feed", JOB, "--log-format", "json")
PRUNE = ("prune", JOB, "--log-format", "json")
BAD_INPUT = 2


def call(arguments: tuple[str, ...]) -> None:
    """Run `stylefeed`; what is bad input, or a full disk, is not tried again."""
    code = subprocess.run(["stylefeed", *arguments]).returncode
    if code == BAD_INPUT:
        raise AirflowFailException("bad input or a full disk: the last line of the log says which")
    if code:
        raise RuntimeError(f"stylefeed ended with {code}: the log holds the traceback")


@dag(
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # A second run in the folder would be refused: it has a lock.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
)
def stylefeed() -> None:
    """From the log to the export, one after the other; a retry goes on where the run stopped."""

    @task
    def run() -> None:
        call(RUN)

    @task
    def export() -> None:
        call(EXPORT)

    @task
    def prune() -> None:
        call(PRUNE)

    run() >> export() >> prune()


stylefeed()
