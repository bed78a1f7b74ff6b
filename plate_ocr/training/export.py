"""A trained model as ONNX, and proof that it computes the same."""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path

import keras
import numpy as np

from plate_ocr.model_store import KERAS, ONNX, ModelError, ReaderFiles, file_sha256
from plate_ocr.recognition.network import OnnxNetwork
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.weights import copy_for_reading

TOLERANCE = 1e-4
"""Largest difference of a logit between Keras and ONNX Runtime that passes."""


def write_onnx(model: keras.Model, path: Path, given: keras.InputSpec) -> None:
    """Write a model that was called before as an ONNX file whose one input is as `given`, by name, shape and type."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # keras's exporter probes np.object, which NumPy announces to change.
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, format="onnx", input_signature=[given], verbose=False)


def export(run: Path) -> float:
    """Write reader.onnx and reader.json into a run's folder, and give the largest difference of its logits to Keras's.

    Needs the TensorFlow backend, whatever backend has trained. Raises ModelError if the run holds no weights, or the
    difference exceeds TOLERANCE.
    """
    if not (run / KERAS).is_file():
        raise ModelError(f"{run} holds no {KERAS}; train it first")
    if keras.backend.backend() != "tensorflow":
        raise ModelError("ONNX files come out of the TensorFlow backend: set KERAS_BACKEND=tensorflow")
    config = TrainConfig.load(run / "config.json")
    architecture = config.architecture
    model = keras.models.load_model(run / KERAS, compile=False)
    if any(layer.compute_dtype != "float32" for layer in model.layers):
        model = copy_for_reading(model)
    shape = (architecture.height, architecture.width, 1)
    probe = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)
    # A model that was never called cannot be exported.
    expected = np.asarray(model.predict_on_batch(probe))
    write_onnx(model, run / ONNX, keras.InputSpec(shape=(None, *shape), dtype="float32", name="crop"))
    # Loaded without its optimizer, whose moments are twice the weights and of no use to a reader.
    model.save(run / KERAS)
    network = OnnxNetwork(run / ONNX)
    difference = max(
        float(np.abs(network(probe) - expected).max()), float(np.abs(network(probe[:1]) - expected[:1]).max())
    )
    if not difference <= TOLERANCE:
        raise ModelError(f"{run / ONNX} differs from Keras by {difference:.2e} in a logit; at most {TOLERANCE} passes")
    ReaderFiles(
        folder=run,
        alphabet=config.make_alphabet(),
        size=(architecture.height, architecture.width),
        sha256={name: file_sha256(run / name) for name in (KERAS, ONNX)},
        about={
            "parameters": int(model.count_params()),
            "steps": architecture.steps,
            "rows": architecture.rows,
            "exported": time.strftime("%Y-%m-%d"),
            "keras": keras.version(),
        },
    ).save()
    return difference
