"""Where a figure was measured: commit, machine and library versions, printed above each table."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or "unknown CPU"


def describe(*packages: str) -> str:
    """One line: commit (with + when the tree is changed), CPU, cores, Python, `packages`."""
    git = ["git", "describe", "--always", "--dirty=+"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"commit {commit or 'unknown'}; {_cpu_name()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}{', ' + versions if versions else ''}"
    )
