"""The detector's network as an ONNX graph, written node by node.

tf2onnx turns a network of unknown photo size into shape arithmetic about every upsampling and dilated convolution; ONNX
Runtime is slower on that, and OpenCV's dnn computes something else. The six kinds of layers that are needed here have
direct counterparts, and batch normalisation melts into the convolution before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

OPSET = 17


def write_onnx(model: keras.Model, outputs: Sequence[str], path: Path) -> None:
    """Write a network of Conv2D, BatchNormalization, ReLU, Add, UpSampling2D and Concatenate: input `photo`
    (N, 1, H, W), H and W even at every halving, and the named outputs of the model (N, C, h, w), float32.

    Raises ValueError for a layer of another kind.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    weights: list[Any] = []
    names = {id(model.inputs[0]): "photo"}
    convolutions: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def constant(name: str, value: NDArray[Any]) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        into = [names[id(tensor)] for tensor in given]
        out = layer.name
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.transpose(np.asarray(layer.get_weights()[0]), (3, 2, 0, 1))
            bias = np.asarray(layer.get_weights()[1]) if layer.use_bias else np.zeros(len(kernel), np.float32)
            stride, dilation, size = layer.strides[0], layer.dilation_rate[0], layer.kernel_size[0]
            # As TensorFlow pads: with a stride, on even sizes, only behind.
            whole = (size - 1) * dilation + 1 - stride if stride > 1 else (size - 1) * dilation
            before = whole // 2
            convolutions[out] = (kernel, bias)
            nodes.append(
                helper.make_node(
                    "Conv",
                    [*into, f"{out}/kernel", f"{out}/bias"],
                    [out],
                    out,
                    strides=[stride] * 2,
                    dilations=[dilation] * 2,
                    kernel_shape=[size] * 2,
                    pads=[before, before, whole - before, whole - before],
                )
            )
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (np.asarray(w) for w in layer.get_weights())
            kernel, bias = convolutions[into[0]]
            gain = gamma / np.sqrt(variance + layer.epsilon)
            convolutions[into[0]] = (kernel * gain[:, None, None, None], (bias - mean) * gain + beta)
            out = into[0]
        elif isinstance(layer, keras.layers.ReLU):
            nodes.append(helper.make_node("Relu", into, [out], out))
        elif isinstance(layer, keras.layers.Add):
            nodes.append(helper.make_node("Add", into, [out], out))
        elif isinstance(layer, keras.layers.UpSampling2D):
            scales = constant(f"{out}/scales", np.array([1, 1, *layer.size], np.float32))
            how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            nodes.append(helper.make_node("Resize", [*into, "", scales], [out], out, **how))
        elif isinstance(layer, keras.layers.Concatenate):
            nodes.append(helper.make_node("Concat", into, [out], out, axis=1))
        else:
            raise ValueError(f"layer {layer.name}: {type(layer).__name__} has no counterpart here")
        names[id(layer.output)] = out
    for name, (kernel, bias) in convolutions.items():
        constant(f"{name}/kernel", kernel.astype(np.float32))
        constant(f"{name}/bias", bias.astype(np.float32))
    ends = [names[id(model.output[name])] for name in outputs]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, ["n", 1, "height", "width"])],
        [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", None, None, None]) for end in ends],
        weights,
    )
    whole_model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="plate-ocr")
    # ONNX Runtime of a year ago still reads it.
    whole_model.ir_version = 8
    onnx.checker.check_model(whole_model)
    path.write_bytes(whole_model.SerializeToString())
