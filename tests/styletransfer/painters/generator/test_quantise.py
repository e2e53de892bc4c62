"""int8: which layers, how near, any size."""

from __future__ import annotations

import numpy as np
import pytest

from styletransfer.painters.generator.export import to_onnx
from styletransfer.painters.generator.network import Generator
from styletransfer.painters.generator.quantise import quantise
from styletransfer.painters.generator.runtime import open_graph
from styletransfer.painters.generator.student import Student


@pytest.mark.parametrize("kind", ["generator", "student"])
def test_all_convolutions_but_the_first_and_the_last_compute_in_int8(
    kind: str, generator: Generator
) -> None:
    rng = np.random.default_rng(0)
    network = generator if kind == "generator" else Student()
    graph = to_onnx(network)
    codes = rng.normal(0, 0.1, (2, 100)).astype(np.float32)
    pictures = [rng.random((1, 3, 64, 64), dtype=np.float32) for _ in range(2)]
    before = graph.SerializeToString()
    small = quantise(graph, [(picture, codes) for picture in pictures])
    assert graph.SerializeToString() == before
    made_by = {output: node for node in small.graph.node for output in node.output}
    layers = [node for node in small.graph.node if node.op_type in ("Conv", "ConvTranspose")]
    kinds = [
        {made_by[name].op_type for name in node.input[:2] if name in made_by} for node in layers
    ]
    assert all(found == {"DequantizeLinear"} for found in kinds[1:-1])
    assert all("DequantizeLinear" not in found for found in (kinds[0], kinds[-1]))
    assert len(small.SerializeToString()) < len(before)
    other = rng.random((1, 3, 70, 90), dtype=np.float32)
    expected, got = (
        open_graph("onnxruntime", one.SerializeToString(), "v").paint(other, codes)
        for one in (graph, small)
    )
    assert got.shape == (2, 3, 70, 90)
    assert 0 < np.abs(got - expected).mean() < 0.05
