"""The same examples at every run: a red suite is a change's fault, not chance's."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
