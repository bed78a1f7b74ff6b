"""Networks whose convolutions compute in 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plate_ocr.model_store import open_session
from plate_ocr.training.int8 import quantize

onnx = pytest.importorskip("onnx")


def write_network(path: Path, rng: np.random.Generator) -> None:
    """Two convolutions of 16 channels, photo (N, 16, H, W) to map (N, 16, H, W)."""
    helper, tensor = onnx.helper, onnx.numpy_helper.from_array
    weights = [
        tensor(values.astype(np.float32), name)
        for name, values in (
            ("w1", rng.normal(0, 0.1, (16, 16, 3, 3))),
            ("b1", rng.normal(0, 0.1, 16)),
            ("w2", rng.normal(0, 0.1, (16, 16, 3, 3))),
            ("b2", rng.normal(0, 0.1, 16)),
        )
    ]
    nodes = [
        helper.make_node("Conv", ["photo", "w1", "b1"], ["one"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["one"], ["lit"], "relu"),
        helper.make_node("Conv", ["lit", "w2", "b2"], ["map"], "second", pads=[1, 1, 1, 1]),
    ]
    shape = ["n", 16, "h", "w"]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("photo", "map")]
    network = helper.make_model(
        helper.make_graph(nodes, "network", ends[:1], ends[1:], weights), opset_imports=[helper.make_opsetid("", 17)]
    )
    network.ir_version = 8
    onnx.save(network, path)


def test_what_a_channel_gives_on_average_stays_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    write_network(tmp_path / "plain.onnx", rng)
    batches = [rng.random((4, 16, 12, 12), dtype=np.float32) for _ in range(4)]
    quantize(tmp_path / "plain.onnx", tmp_path / "int8.onnx", batches)
    nodes = {node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node}
    assert "DequantizeLinear" in nodes
    plain, rounded = (
        np.concatenate(
            [open_session(tmp_path / name, threads=1).run(None, {"photo": batch})[0] for batch in batches]
        ).transpose(1, 0, 2, 3)
        for name in ("plain.onnx", "int8.onnx")
    )
    off = rounded - plain
    assert 0 < np.abs(off).mean() < 0.05 * plain.std()
    # The step of a bias is about 1e-4 here; rounding alone shifts the channels by some 1e-2.
    assert np.abs(off.mean(axis=(1, 2, 3))).max() < 2e-3
