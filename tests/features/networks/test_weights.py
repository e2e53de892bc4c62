"""Pretrained weights are found in installed packages and refused when they are not the file."""

import hashlib
import sys

import pytest

from features.networks.weights import packaged_file
from features.schema import WeightsError


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "tiny_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (folder / "models").mkdir()
    (folder / "models" / "net.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_right_hash_gives_the_path_without_importing_the_package(package):
    digest = hashlib.sha256(b"weights").hexdigest()
    path = packaged_file("tiny_weights", "models/net.bin", digest.upper())
    assert path == package / "models" / "net.bin"
    assert "tiny_weights" not in sys.modules


def test_wrong_hash_is_refused_and_both_hashes_are_named(package):
    got = hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(WeightsError, match=f"got SHA-256 {got}, expected {'0' * 64}"):
        packaged_file("tiny_weights", "models/net.bin", "0" * 64)


@pytest.mark.parametrize("name", ["no_such_package_here", "os.path", ""])
def test_missing_package_says_what_to_install(name):
    with pytest.raises(WeightsError, match=r"is not installed: install"):
        packaged_file(name, "net.bin", "0" * 64)


def test_missing_file_is_named(package):
    with pytest.raises(WeightsError, match=r"'models/other.bin' is missing"):
        packaged_file("tiny_weights", "models/other.bin", "0" * 64)


@pytest.mark.parametrize("relative", ["../secret", "/etc/passwd", "models/../../secret", ""])
def test_paths_stay_inside_the_package(package, relative):
    with pytest.raises(WeightsError, match="must stay inside the package"):
        packaged_file("tiny_weights", relative, "0" * 64)
