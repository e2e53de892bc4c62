"""What a user needs is imported from the four packages themselves."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("features", "styletransfer", "recsys", "pipelines")


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_of_the_face_is_there_and_no_module_hides_it(name):
    package = importlib.import_module(name)
    assert package.__all__ == sorted(package.__all__)
    folder = Path(package.__file__).parent
    modules = {path.stem for path in folder.iterdir()}
    for public in package.__all__:
        assert public not in modules
        assert getattr(package, public).__doc__ or isinstance(getattr(package, public), str | int)
    assert (folder / "py.typed").is_file()


def test_importing_the_faces_loads_nothing_heavy():
    code = (
        f"import sys, {', '.join(PACKAGES)}; "
        "print(sorted({'torch', 'pandas', 'numpy', 'faiss', 'lightgbm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
