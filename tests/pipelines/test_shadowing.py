"""A folder of the user's own that bears the name of one of our packages is noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(folder, *command):
    """Run Python in `folder`, which is looked in before our packages, as `python -m` does."""
    path = f"import sys; sys.path[:0] = ['', {str(ROOT)!r}]; "
    return subprocess.run(
        [sys.executable, "-P", "-c", path + "".join(command)],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("features", "pipelines"), ("recsys", "pipelines"), ("features", "recsys")],
)
@pytest.mark.parametrize("regular", [True, False])
def test_which_folder_shadows_which_is_said(tmp_path, theirs, ours, regular):
    (tmp_path / theirs).mkdir()
    (tmp_path / theirs / ("__init__.py" if regular else "notes.py")).write_text("")
    done = start(tmp_path, f"import {ours}")
    if not regular:
        # A folder without __init__.py comes after every package on the path.
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: {tmp_path / theirs} shadows {ROOT / theirs}")


def test_a_module_of_that_name_is_noticed_too(tmp_path):
    (tmp_path / "features.py").write_text("")
    done = start(tmp_path, "import styletransfer")
    assert f"{tmp_path / 'features.py'} shadows" in done.stderr


def test_nothing_is_said_elsewhere(tmp_path):
    assert start(tmp_path, "import pipelines, recsys, styletransfer").stderr == ""
