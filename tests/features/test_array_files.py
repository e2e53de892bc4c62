"""Arrays mapped from a file are those written, and stay those."""

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy import sparse

from features.array_files import map_arrays, sparse_from, sparse_parts, write_arrays


def test_arrays_of_every_type_and_shape_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        f"{kind} {shape}": rng.integers(0, 2, shape).astype(kind)
        for kind in ("f4", "f8", "f2", "i8", "i4", "i2", "u1", "u8", "?")
        for shape in ((3,), (2, 3), (0,), (0, 4), (2, 1, 3))
    }
    write_arrays(tmp_path / "deep" / "a.safetensors", arrays)
    mapped = map_arrays(tmp_path / "deep" / "a.safetensors")
    assert set(mapped) == set(arrays)
    for name, array in arrays.items():
        assert mapped[name].dtype == array.dtype
        np.testing.assert_array_equal(mapped[name], array)


def test_the_library_that_defines_the_format_reads_the_same(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True, False])}
    write_arrays(tmp_path / "a.safetensors", arrays)
    mapped, read = map_arrays(tmp_path / "a.safetensors"), load_file(tmp_path / "a.safetensors")
    assert mapped.keys() == read.keys()
    for name in read:
        np.testing.assert_array_equal(mapped[name], read[name])
    base = mapped["a"]
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)


def test_what_is_written_to_a_mapped_array_never_reaches_the_file(tmp_path):
    path = tmp_path / "a.safetensors"
    write_arrays(path, {"a": np.arange(4.0)})
    before = path.read_bytes()
    mapped = map_arrays(path)["a"]
    mapped[0] = 9.0
    assert path.read_bytes() == before
    assert map_arrays(path)["a"][0] == 0.0


def test_a_mapped_matrix_multiplies_as_the_one_in_memory(tmp_path):
    matrix = sparse.random(20, 30, 0.2, format="csr", rng=np.random.default_rng(1))
    write_arrays(tmp_path / "m.safetensors", sparse_parts("m", matrix))
    mapped = sparse_from("m", map_arrays(tmp_path / "m.safetensors"), matrix.shape)
    np.testing.assert_array_equal((mapped @ mapped.T).toarray(), (matrix @ matrix.T).toarray())


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        map_arrays(tmp_path / "none.safetensors")
