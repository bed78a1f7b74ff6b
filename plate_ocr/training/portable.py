"""A trained reader in formats for other programs than this one, each run once to see that it computes the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import ModelError, open_reader
from plate_ocr.training.export import TOLERANCE
from plate_ocr.training.weights import copy_for_reading, load_reader

Format = Literal["litert", "savedmodel"]
_Logits = NDArray[np.float32]


def export_portable(model: str | Path, kind: Format, folder: Path) -> tuple[Path, float]:
    """Write a reader, a shipped one by its name or that of a run's folder, into `folder`: as reader.tflite, which takes
    one crop (1, H, W, 1), or as the folder reader_savedmodel, which takes any number. Gives what was written, and the
    largest difference of its logits to Keras's.

    Needs the TensorFlow backend. Raises ModelError if the reader or a package is missing, the reader has a head with
    attention, or the difference exceeds TOLERANCE.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(f"the format {kind} comes out of the TensorFlow backend: set KERAS_BACKEND=tensorflow")
    files = open_reader(model)
    if files.head != "ctc":
        raise ModelError(
            f"{files.folder} has a head with attention, two networks that take turns; the format {kind} is for one: "
            "export it as onnx, or train with --head ctc"
        )
    # Only without a loop does the recurrence need no other operations than LiteRT's own.
    network = copy_for_reading(load_reader(files), unroll=kind == "litert")
    shape = network.input_shape[1:]
    probe = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    expected = np.asarray(network.predict_on_batch(probe))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / {"litert": "reader.tflite", "savedmodel": "reader_savedmodel"}[kind]
    run = (_litert if kind == "litert" else _saved_model)(network, path)
    difference = float(np.abs(run(probe) - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"{path} differs from Keras by {difference:.2e} in a logit; at most {TOLERANCE} passes")
    return path, difference


def _litert(network: keras.Model, path: Path) -> Callable[[_Logits], _Logits]:
    import tensorflow as tf

    given = keras.InputSpec(shape=(1, *network.input_shape[1:]), dtype="float32", name="crop")
    # Fails on an operation that a plain LiteRT lacks, rather than ask for TensorFlow's on the device.
    own = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    network.export(path, format="litert", input_signature=[given], verbose=False, target_spec=own)
    interpreter = _interpreter()(model_path=str(path))
    logits = interpreter.get_signature_runner()
    return lambda crops: np.concatenate([next(iter(logits(crop=crop[None]).values())) for crop in crops])


def _interpreter() -> Callable[..., Any]:
    """LiteRT's interpreter, from its own package or, as long as that has one, TensorFlow."""
    try:
        from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

        return Interpreter  # type: ignore[no-any-return]
    except ImportError:
        import tensorflow as tf
    if not hasattr(tf.lite, "Interpreter"):
        raise ModelError("to run what was exported takes a package that is missing: pip install ai-edge-litert")

    def make(**settings: Any) -> Any:
        with warnings.catch_warnings():
            # That it will move to the package above.
            warnings.simplefilter("ignore", UserWarning)
            return tf.lite.Interpreter(**settings)

    return make


def _saved_model(network: keras.Model, path: Path) -> Callable[[_Logits], _Logits]:
    import tensorflow as tf

    given = keras.InputSpec(shape=network.input_shape, dtype="float32", name="crop")
    network.export(path, format="tf_saved_model", input_signature=[given], verbose=False)
    loaded = tf.saved_model.load(path)
    return lambda crops: np.asarray(loaded.serve(crops))
