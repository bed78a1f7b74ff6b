"""A trained model as ONNX, and proof that it computes the same."""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from plate_ocr.model_store import KERAS, ONNX, STEP_ONNX, ModelError, ReaderFiles, file_sha256
from plate_ocr.recognition.network import Encoded, OnnxAttention, OnnxNetwork
from plate_ocr.training.card import write_card
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.weights import copy_for_reading, layers_of

TOLERANCE = 1e-4
"""Largest difference of a logit between Keras and ONNX Runtime that passes."""


def write_onnx(model: keras.Model, path: Path, *given: keras.InputSpec) -> None:
    """Write a model that was called before as an ONNX file whose inputs are as `given`, by name, shape and type. Raises
    ModelError on another backend than TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise ModelError("ONNX files come out of the TensorFlow backend: set KERAS_BACKEND=tensorflow")
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # keras's exporter probes np.object, which NumPy announces to change.
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, format="onnx", input_signature=[given[0] if len(given) == 1 else list(given)], verbose=False)


def export(run: Path, **about: Any) -> float:
    """Write reader.onnx, reader.json and the card into a run's folder, and give the largest difference of its logits to
    Keras's; `about` goes into reader.json, too. Of a reader with attention, reader.onnx is the encoder, and step.onnx
    writes one character after the other.

    Needs the TensorFlow backend, whatever backend has trained. Raises ModelError if the run holds no weights, or the
    difference exceeds TOLERANCE.
    """
    if not (run / KERAS).is_file():
        raise ModelError(f"{run} holds no {KERAS}; train it first")
    config = TrainConfig.load(run / "config.json")
    architecture = config.architecture
    model = keras.models.load_model(run / KERAS, compile=False)
    if any(layer.compute_dtype != "float32" for layer in layers_of(model)):
        model = copy_for_reading(model)
    attends = architecture.head == "attention"
    difference = (_write_attention if attends else write_crnn)(model, run)
    # Loaded without its optimizer, whose moments are twice the weights and of no use to a reader.
    model.save(run / KERAS)
    if not difference <= TOLERANCE:
        raise ModelError(f"{run / ONNX} differs from Keras by {difference:.2e} in a logit; at most {TOLERANCE} passes")
    ReaderFiles(
        folder=run,
        alphabet=config.make_alphabet(),
        size=(architecture.height, architecture.width),
        head=architecture.head,
        longest=model.output_shape[1] - 1 if attends else 0,
        sha256={name: file_sha256(run / name) for name in (KERAS, ONNX, *((STEP_ONNX,) if attends else ()))},
        about={
            "parameters": int(model.count_params()),
            "steps": architecture.steps,
            "rows": architecture.rows,
            "exported": time.strftime("%Y-%m-%d"),
            "keras": keras.version(),
            **about,
        },
    ).save()
    write_card(run)
    return difference


def write_crnn(model: keras.Model, run: Path) -> float:
    """Write reader.onnx into a folder; gives the largest difference of a logit to Keras's."""
    shape = model.input_shape[1:]
    probe = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)
    # A model that was never called cannot be exported.
    expected = np.asarray(model.predict_on_batch(probe))
    write_onnx(model, run / ONNX, keras.InputSpec(shape=(None, *shape), dtype="float32", name="crop"))
    network = OnnxNetwork(run / ONNX)
    return max(float(np.abs(network(probe) - expected).max()), float(np.abs(network(probe[:1]) - expected[:1]).max()))


def _write_attention(model: keras.Model, run: Path) -> float:
    """Write reader.onnx and step.onnx; gives the largest difference of a logit while they write texts of any length."""
    rng = np.random.default_rng(0)
    encoder, step = model.get_layer("encoder"), model.get_layer("step")
    crops = rng.normal(size=(8, *encoder.input_shape[1:])).astype(np.float32)
    previous = rng.integers(0, model.output_shape[-1], (8, model.output_shape[1])).astype(np.int32)
    expected = np.asarray(model.predict_on_batch({"crop": crops, "previous": previous}))
    for part, name in ((encoder, ONNX), (step, STEP_ONNX)):
        specs = [keras.InputSpec(shape=given.shape, dtype=given.dtype, name=given.name) for given in part.inputs]
        write_onnx(part, run / name, *specs)
    network = OnnxAttention(run / ONNX, run / STEP_ONNX)
    largest = 0.0
    for count in (8, 1):
        seen = network.encode(crops[:count])
        looked = np.zeros(seen.keys.shape[:2], np.float32)
        for place in range(previous.shape[1]):
            found = network.step(seen, looked, previous[:count, place])
            largest = max(largest, float(np.abs(found.logits - expected[:count, place]).max()))
            seen, looked = Encoded(seen.features, seen.keys, found.state), found.attention
    return largest
