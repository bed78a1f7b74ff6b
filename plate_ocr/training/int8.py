"""ONNX networks whose convolutions compute in 8 bits, by ONNX Runtime's quantizer.

After Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"
(2018), without the training: scales come from what pictures make of the network as it is. Rounded weights shift what a
channel gives on average; its bias takes that back (Nagel et al., "Data-Free Quantization Through Weight Equalization
and Bias Correction", 2019, with data).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

NARROW = (8, 16)
"""Convolutions of fewer channels in or out than these stay as they are: the first ones, which are slower in 8 bits, and
the last ones, whose outputs are coordinates."""

OPERATIONS = ["Conv", "Relu", "Resize"]
"""A block's sum is left out: in 8 bits it costs the readings more than all else, and saves nothing."""

Batch = NDArray[np.float32]


def quantize(source: Path, target: Path, batches: Sequence[Batch]) -> None:
    """Write an ONNX network of one input with its wider convolutions in 8 bits; `batches` of inputs give the scales."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Batches(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self._rest: Iterator[Batch] = iter(batches)
            self._name = name

        def get_next(self) -> dict[str, Batch] | None:
            batch = next(self._rest, None)
            return None if batch is None else {self._name: batch}

    with TemporaryDirectory() as folder:
        plain, rounded = Path(folder) / "plain.onnx", Path(folder) / "rounded.onnx"
        quant_pre_process(source, plain, skip_symbolic_shape=True)
        network = onnx.load(plain)
        quantize_static(
            plain,
            rounded,
            Batches(network.graph.input[0].name),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=OPERATIONS,
            nodes_to_exclude=_narrow(network.graph),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # A CPU without VNNI adds two products of 8 bits in 16, which overflow; with weights of 7 bits they do not.
            reduce_range=True,
            # The largest value of a batch, averaged over batches: a single one would make all steps coarser.
            extra_options={"CalibMovingAverage": True},
        )
        corrected = _bias_corrected(network, onnx.load(rounded), batches)
    onnx.save(corrected, target)


def _bias_corrected(plain: Any, rounded: Any, batches: Sequence[Batch]) -> Any:
    """The network `rounded` with biases that give each channel the mean that it has in `plain`; from the first
    convolution to the last, for each hears what was corrected before it."""
    from onnx import numpy_helper

    outputs = {node.name: node.output[0] for node in plain.graph.node if node.op_type == "Conv"}
    wanted = dict(zip(outputs, _channel_means(plain, [*outputs.values()], batches), strict=True))
    makers = {output: node for node in rounded.graph.node for output in node.output}
    weights = {weight.name: weight for weight in rounded.graph.initializer}
    for node in rounded.graph.node:
        bias = makers.get(node.input[2]) if node.op_type == "Conv" and len(node.input) > 2 else None
        if bias is None or node.name not in wanted:
            continue  # in single precision, or without a bias
        (means,) = _channel_means(rounded, [node.output[0]], batches)
        steps, scales = (numpy_helper.to_array(weights[name]) for name in bias.input[:2])
        shifted = (steps + np.round((wanted[node.name] - means) / scales)).astype(steps.dtype)
        weights[bias.input[0]].CopyFrom(numpy_helper.from_array(shifted, bias.input[0]))
    return rounded


def _channel_means(network: Any, outputs: Sequence[str], batches: Sequence[Batch]) -> list[NDArray[np.float64]]:
    """Of each of these values (N, C, H, W) in a network, the means (C,) over the batches."""
    import onnx
    import onnxruntime

    seen = onnx.ModelProto()
    seen.CopyFrom(network)
    del seen.graph.output[:]
    seen.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in outputs)
    session = onnxruntime.InferenceSession(seen.SerializeToString(), providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0].name
    means = [[value.mean(axis=(0, 2, 3)) for value in session.run(None, {given: batch})] for batch in batches]
    return [np.mean(of_one, axis=0) for of_one in zip(*means, strict=True)]


def _narrow(graph: Any) -> list[str]:
    """The names of the convolutions with few channels."""
    shapes = {weight.name: list(weight.dims) for weight in graph.initializer}
    names = []
    for node in graph.node:
        if node.op_type == "Conv":
            out, into = shapes[node.input[1]][:2]
            if into < NARROW[0] or out < NARROW[1]:
                names.append(node.name)
    return names
