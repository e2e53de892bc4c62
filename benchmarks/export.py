"""What exported variants of the generator take and lose: float and int8, generator and student.

    python -m benchmarks.export [--photos 12] [--rounds 25] [--weights generator.safetensors]
        [--student runs/student/student.safetensors]

Speed: photos of the test part as squares of 384 px, each in 4 looks of the test part (as the
renderer paints) and in one, on one thread; processor time, all variants in turn in every round,
median of the rounds with the quartiles. Recognised and SSIM: as `benchmarks.train_generator`, on
photographers, painters and materials that neither the student nor the int8 ranges were fitted on;
SSIM is of luma, to the float generator's render on torch. Operations are those of the convolutions
of a picture in 4 looks, as the network is written; the roofline divides them by the rate that a
chain of 3x3 convolutions of 64 channels at 96 px reaches on the same engine in the same precision.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from benchmarks.machine import describe
from benchmarks.train_generator import BASE, parted, tested
from features.images import crop_square, resize
from pipelines.jobs.export import Painting, calibration
from styletransfer.losses import ssim
from styletransfer.painters.generator.export import OPSET, to_onnx
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.painters.generator.quantise import quantise
from styletransfer.painters.generator.runtime import ENGINES, Backend, make_backend, open_graph
from styletransfer.painters.generator.trained import load_painter, load_trained
from styletransfer.training.data import TrainingData, as_tensor
from styletransfer.training.entries import spread
from styletransfer.training.health import measure
from styletransfer.training.objective import grey
from styletransfer.training.pictures import Pictures

SIZE_PX: Final = 384
LOOKS: Final = 4
CHAIN: Final = (8, 64, 96)
PHOTOS_TIMED: Final = 6


def main() -> None:
    """Export, time, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--student", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("runs/train_generator"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    generator = load_trained(asked.weights) if asked.weights else load_pretrained()
    parts = parted()
    pictures = Pictures(asked.folder / "masks")
    data = TrainingData(*parts, pictures, BASE, 0)
    samples = list(calibration(parts[0], pictures, data.codes, SIZE_PX))
    graphs, backends = {}, {}
    networks = {"float": generator}
    if asked.student:
        networks["student"] = load_painter(asked.student)
    for network, module in networks.items():
        graph = to_onnx(module)
        few = [(picture, codes[:2]) for picture, codes in samples]
        backends[network, "torch"] = make_backend("torch", generator=module)
        for name, made in ((network, graph), (f"{network} int8", quantise(graph, few))):
            graphs[name] = made
            for engine in ENGINES:
                backends[name, engine] = open_graph(engine, made.SerializeToString(), "")
    watch = tested(*parts, pictures, asked.photos)
    squares = [
        as_tensor([resize(crop_square(pictures.photo(entry).picture), SIZE_PX, SIZE_PX)]).numpy()
        for entry in spread(parts[0].test, PHOTOS_TIMED)
    ]
    codes = watch.codes.numpy()
    print(describe("torch", "onnxruntime", "openvino"))
    print(f"{len(watch.photos)} photos x {len(codes)} looks, {asked.rounds} rounds\n")
    taken = timed(backends, squares, codes, asked.rounds)
    rates = {key: rate(key, asked.rounds) for key in {(n[-4:] == "int8", e) for n, e in backends}}
    print("| network | engine | pictures/s in 4 looks (quartiles) | in 1 | times its float "
          "| recognised | SSIM to float | MB | GFLOP | roofline pictures/s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    reference = None
    for (name, engine), backend in backends.items():
        module = Painting(backend)
        found = measure(module, watch)
        painted = grey(torch.cat(module.painted))
        reference = painted if reference is None else reference
        four, one = taken[name, engine, LOOKS], taken[name, engine, 1]
        base = np.median(taken["float", engine, LOOKS])
        low, middle, high = np.quantile(1 / four, (0.25, 0.5, 0.75))
        work = operations(networks[name.removesuffix(" int8")])
        limit = rates[name.endswith("int8"), engine] / work
        size = f"{len(graphs[name].SerializeToString()) / 1e6:.2f}" if engine != "torch" else ""
        print(
            f"| {name} | {engine} | {middle:.1f} ({low:.1f}-{high:.1f}) "
            f"| {1 / np.median(one):.1f} | {base / np.median(four):.2f} "
            f"| {found['recognised']:.3f} | {float(ssim(painted, reference).mean()):.3f} "
            f"| {size} | {work / 1e9:.2f} | {limit:.0f} |",
            flush=True,
        )


def timed(
    backends: dict[tuple[str, str], Backend],
    squares: list[NDArray[np.float32]],
    codes: NDArray[np.float32],
    rounds: int,
) -> dict[tuple[str, str, int], NDArray[np.float64]]:
    """Processor seconds a picture, (rounds,), by network, engine and looks in a pass."""
    taken: dict[tuple[str, str, int], list[float]] = {}
    for number in range(-1, rounds):
        photo = squares[number % len(squares)]
        for key, backend in backends.items():
            for looks in (LOOKS, 1):
                some = codes[[(number + look) % len(codes) for look in range(looks)]]
                begun = time.process_time()
                backend.paint(photo, some)
                if number >= 0:
                    spent = (time.process_time() - begun) / looks
                    taken.setdefault((*key, looks), []).append(spent)
    return {key: np.array(times) for key, times in taken.items()}


def operations(network: nn.Module) -> float:
    """Floating-point operations of the convolutions, a picture of 384 px in 4 looks, per look."""
    total = 0.0

    def count(layer: nn.Conv2d, inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        places = output.numel() / output.shape[1]
        total += 2.0 * places * layer.weight.numel()

    hooks = [
        layer.register_forward_hook(count)  # type: ignore[arg-type]
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    with torch.inference_mode():
        network(torch.zeros(1, 3, SIZE_PX, SIZE_PX), torch.zeros(LOOKS, 100))
    for hook in hooks:
        hook.remove()
    return total / LOOKS


def rate(key: tuple[bool, str], rounds: int) -> float:
    """Operations per second of a chain of convolutions, in int8 or not, on an engine."""
    in_int8, engine = key
    depth, channels, side = CHAIN
    rng = np.random.default_rng(0)
    kernels = [
        rng.normal(0, 1 / np.sqrt(9 * channels), (channels, channels, 3, 3)).astype(np.float32)
        for _ in range(depth)
    ]
    picture = rng.random((1, channels, side, side), dtype=np.float32)
    if engine == "torch":
        layers = []
        for kernel in kernels:
            layer = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            layer.weight.data = torch.from_numpy(kernel)
            layers += [layer, nn.ReLU()]
        chain = nn.Sequential(*layers)

        def once() -> Any:
            with torch.inference_mode():
                return chain(torch.from_numpy(picture))

    else:
        graph = _chain(kernels)
        if in_int8:
            graph = quantise(graph, [(picture, np.zeros((1, 100), np.float32))])
        backend = open_graph(engine, graph.SerializeToString(), "")
        session = getattr(backend, "_session", None) or getattr(backend, "_request", None)
        fed = {"pictures": picture, "codes": np.zeros((1, 100), np.float32)}

        def once() -> Any:
            return session.run(None, fed) if engine == "onnxruntime" else session.infer(fed)

    spent = []
    for _ in range(rounds + 1):
        begun = time.process_time()
        once()
        spent.append(time.process_time() - begun)
    return 2.0 * depth * channels**2 * 9 * side**2 / float(np.median(spent[1:]))


def _chain(kernels: list[NDArray[np.float32]]) -> onnx.ModelProto:
    """Convolutions with ReLU between; `codes` is read for the form's sake only.

    Between two scalings by channel, of a six-hundredth of a convolution's work, since the first and
    the last layer are left in float: all of `kernels` can be quantised.
    """
    channels, nodes, value = len(kernels[0]), [], "scaled"
    scaling = np.ones((channels, 1, 1, 1), np.float32)
    nodes.append(helper.make_node("Conv", ["pictures", "ones"], [value], "first", group=channels))
    for number, _ in enumerate(kernels):
        nodes.append(
            helper.make_node(
                "Conv", [value, f"k{number}"], [f"c{number}"], f"n{number}", pads=[1, 1, 1, 1]
            )
        )
        value = f"r{number}"
        nodes.append(helper.make_node("Relu", [f"c{number}"], [value], f"relu{number}"))
    nodes.append(helper.make_node("Conv", [value, "ones"], ["last"], "end", group=channels))
    nodes.append(helper.make_node("ReduceSum", ["codes"], ["sum"], "sum", keepdims=0))
    nodes.append(helper.make_node("Add", ["last", "sum"], ["painted"], "add"))
    inputs = [
        helper.make_tensor_value_info("pictures", TensorProto.FLOAT, [1, channels, "h", "w"]),
        helper.make_tensor_value_info("codes", TensorProto.FLOAT, ["b", 100]),
    ]
    outputs = [helper.make_tensor_value_info("painted", TensorProto.FLOAT, [1, channels, "h", "w"])]
    constants = [numpy_helper.from_array(kernel, f"k{n}") for n, kernel in enumerate(kernels)]
    constants.append(numpy_helper.from_array(scaling, "ones"))
    graph = helper.make_graph(nodes, "chain", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


if __name__ == "__main__":
    main()
