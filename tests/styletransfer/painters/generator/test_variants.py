"""Exported variants: which one paints, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import ConfigError, InputError
from styletransfer.config import RenderConfig
from styletransfer.painters.generator.export import to_onnx
from styletransfer.painters.generator.network import Generator
from styletransfer.painters.generator.variants import (
    Variant,
    Variants,
    digest_graph,
    fastest_variant,
    find_variant,
    open_backend,
    open_variant,
    processor_name,
    read_variants,
)

FLOAT = Variant("float.onnx", "onnxruntime", 0.5, 1.0, 0.04, 0.8, "a" * 32)
SMALL = Variant("student.onnx", "onnxruntime", 0.48, 0.8, 0.016, 0.6, "b" * 32)
INT8 = Variant("student-int8.onnx", "onnxruntime", 0.44, 0.7, 0.011, 0.4, "c" * 32)


def table(*variants: Variant, processor: str = "here") -> Variants:
    return Variants("f" * 12, processor, 384, 60, "d" * 32, "e" * 32, "", variants)


def test_the_fastest_within_the_allowed_loss_is_taken_and_said() -> None:
    found = table(FLOAT, SMALL, INT8)
    for allowed, expected in ((0.0, FLOAT), (0.03, SMALL), (0.1, INT8)):
        assert fastest_variant(found, allowed, "here")[0] == expected
    said = fastest_variant(found, 0.03, "here")[1]
    assert said == (
        "student on onnxruntime, 16 ms a picture of 384 px (the float generator 40), 0.480 "
        "recognised (it 0.500, allowed loss 0.03)"
    )


def test_on_another_processor_the_float_generator_paints_and_the_reason_is_said() -> None:
    variant, said = fastest_variant(table(FLOAT, INT8), 1.0, "there")
    assert variant == FLOAT
    assert "measured on here and this is there: run `stylefeed export` again here" in said


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 1)), max_size=6),
    st.floats(0, 1),
)
def test_what_is_taken_is_never_slower_than_the_reference_nor_worse_than_allowed(
    others: list[tuple[float, float]], allowed: float
) -> None:
    rows = [
        replace(SMALL, recognised=share, seconds=seconds, file=f"{number}.onnx")
        for number, (share, seconds) in enumerate(others)
    ]
    variant, _ = fastest_variant(table(FLOAT, *rows), allowed, "here")
    assert variant.seconds <= FLOAT.seconds
    assert variant.recognised >= FLOAT.recognised - allowed - 1e-6


def test_a_variants_version_follows_file_and_engine() -> None:
    versions = {one.version for one in (FLOAT, replace(FLOAT, digest="e" * 32), SMALL)}
    versions.add(replace(FLOAT, engine="openvino").version)
    assert len(versions) == 4


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"variants": [{"file": "x"}]}'])
def test_a_table_that_is_none_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "variants.json").write_text(text)
    with pytest.raises(InputError, match="expected a folder that `stylefeed export` wrote") as told:
        read_variants(tmp_path)
    assert "\n" not in str(told.value)
    (tmp_path / "variants.json").write_text(table(SMALL).text())
    with pytest.raises(InputError, match=r"lacks float\.onnx on onnxruntime"):
        read_variants(tmp_path)


def test_a_job_paints_with_what_was_measured_and_with_nothing_else(
    tmp_path: Path, generator: Generator
) -> None:
    graph = to_onnx(generator).SerializeToString()
    (tmp_path / "float.onnx").write_bytes(graph)
    variant = replace(FLOAT, digest=digest_graph(graph))
    found = replace(table(variant), generator=generator.model_version, processor=processor_name())
    (tmp_path / "variants.json").write_text(found.text())
    assert read_variants(tmp_path) == found
    config = RenderConfig(backend="auto", exported=str(tmp_path))
    engine = open_backend(config)
    assert engine.model_version == variant.version
    codes = np.zeros((1, 100), np.float32)
    assert engine.paint(np.zeros((1, 3, 64, 64), np.float32), codes).shape == (1, 3, 64, 64)
    (tmp_path / "float.onnx").write_bytes(graph[:-1])
    with pytest.raises(InputError, match=r"float\.onnx is not the file that was measured"):
        open_variant(tmp_path, variant, 1)
    (tmp_path / "variants.json").write_text(replace(found, generator="other").text())
    with pytest.raises(InputError, match=r"is of generator other.*export these weights"):
        find_variant(config)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"render\.exported go together: got 'auto' and ''"):
        RenderConfig(backend="auto")
    with pytest.raises(ConfigError, match="go together: got 'onnxruntime' and 'x'"):
        RenderConfig(exported="x")
    with pytest.raises(ConfigError, match=r"allowed_loss is -0\.1: expected 0 to 1"):
        RenderConfig(allowed_loss=-0.1)
