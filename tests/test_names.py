"""A module, class or function that a text names is there."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("features", "styletransfer", "recsys", "pipelines")
DOTTED = re.compile(rf"`((?:{'|'.join(PACKAGES)}|benchmarks)(?:\.\w+)+)(?:\(\))?`")
TEXTS = [
    *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")),
    ROOT / "README.md",
    *(ROOT / "docs").rglob("*.md"),
]


def resolve(name: str) -> object:
    """What the dotted `name` stands for; AttributeError or ModuleNotFoundError if nothing."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute)
        return found
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("package", [*PACKAGES, "docs"])
def test_what_a_text_names_is_there(package):
    for path in TEXTS:
        if path.relative_to(ROOT).parts[0] not in (package, "README.md"):
            continue
        for name in DOTTED.findall(path.read_text(encoding="utf-8")):
            if (ROOT / name.replace(".", "/")).suffix in (".py", ".json"):
                continue
            if name.startswith("benchmarks."):
                assert (ROOT / "benchmarks" / f"{name.split('.')[1]}.py").is_file(), name
            else:
                resolve(name)
