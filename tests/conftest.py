"""The same examples at every run: a red suite is a change's fault, not chance's."""

import os

import pytest
from hypothesis import settings

# A container may have none, and none can be installed into it.
NO_SYSTEMD = "no systemd here"

settings.register_profile("repeatable", derandomize=True, max_examples=50)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items):
    """Files with slow tests come first, so that no worker waits for another's last file."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != "test_docs.py", item.path not in slow))


def pytest_sessionfinish(session):
    """On CI, where all that tests need is installed, a test that is left out is a failure."""
    told = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or told is None:
        return
    left_out = [one for one in told.stats.get("skipped", []) if NO_SYSTEMD not in str(one.longrepr)]
    if left_out:
        told.write_line(f"{len(left_out)} tests were left out on CI: install what they need")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
