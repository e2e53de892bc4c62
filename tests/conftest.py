"""The same examples at every run: a red suite is a change's fault, not chance's."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, max_examples=50)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items):
    """Files with slow tests come first, so that no worker waits for another's last file."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != "test_docs.py", item.path not in slow))
