"""The command line starts at once: heavy libraries are loaded by the work that needs them."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "faiss", "lightgbm", "implicit", "onnxruntime", "pandas", "sklearn", "cv2"}
PROBE = """
import json, resource, sys
sys.argv = ["stylefeed", *{arguments!r}]
try:
    {statement}
except SystemExit:
    pass
used = resource.getrusage(resource.RUSAGE_SELF)
json.dump([sorted(sys.modules), used.ru_utime + used.ru_stime], sys.stderr)
"""


def probe(statement: str, *arguments: str) -> tuple[set[str], float]:
    code = PROBE.format(statement=statement, arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, seconds = json.loads(done.stderr)
    return set(modules), seconds


def test_the_settings_are_read_without_any_heavy_library() -> None:
    modules, _ = probe("import pipelines.config")
    assert not HEAVY & modules


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("import", "--help")])
def test_help_takes_less_than_half_a_second_of_processor_time(arguments: tuple[str, ...]) -> None:
    modules, seconds = probe("from pipelines.cli import main; main()", *arguments)
    assert not HEAVY & modules
    assert seconds < 0.5
