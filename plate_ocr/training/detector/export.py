"""A trained detector as ONNX, and proof that it computes the same."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from plate_ocr.detection.grid import MAPS
from plate_ocr.model_store import DETECTOR_KERAS, DETECTOR_ONNX, DetectorFiles, ModelError, file_sha256, open_session
from plate_ocr.training.detector.onnx_file import write_onnx
from plate_ocr.training.export import TOLERANCE


def export_detector(run: Path, **about: Any) -> float:
    """Write detector.onnx and detector.json into a run's folder, and give the largest difference of an output to
    Keras's; `about` goes into detector.json, too.

    Raises ModelError if the run holds no weights, or the difference exceeds TOLERANCE.
    """
    if not (run / DETECTOR_KERAS).is_file():
        raise ModelError(f"{run} holds no {DETECTOR_KERAS}; train it first")
    model = keras.models.load_model(run / DETECTOR_KERAS, compile=False)
    difference = write_detector(model, run)
    # Loaded without its optimizer, whose moments are twice the weights and of no use to a reader.
    model.save(run / DETECTOR_KERAS)
    if not difference <= TOLERANCE:
        raise ModelError(f"{run / DETECTOR_ONNX} differs from Keras by {difference:.2e}; at most {TOLERANCE} passes")
    DetectorFiles(
        run,
        {name: file_sha256(run / name) for name in (DETECTOR_KERAS, DETECTOR_ONNX)},
        {
            "parameters": int(model.count_params()),
            "exported": time.strftime("%Y-%m-%d"),
            "keras": keras.version(),
            # Only the finer map: a network for the closer look.
            **({} if len(_maps(model)) == len(MAPS) else {"closer": True}),
            **about,
        },
    ).save()
    return difference


def write_detector(model: keras.Model, folder: Path) -> float:
    """Write detector.onnx into a folder; gives the largest difference of an output to Keras's."""
    probe = np.random.default_rng(0).normal(size=(2, 128, 192, 1)).astype(np.float32)
    names = _maps(model)
    expected = [np.asarray(model.predict_on_batch(probe)[name]) for name in names]
    write_onnx(model, names, folder / DETECTOR_ONNX)
    outputs = open_session(folder / DETECTOR_ONNX).run(names, {"photo": probe[:, None, :, :, 0]})
    return max(float(np.abs(np.moveaxis(a, 1, -1) - b).max()) for a, b in zip(outputs, expected, strict=True))


def _maps(model: keras.Model) -> list[str]:
    return [name for name in MAPS if name in model.output]


def load_detector(files: DetectorFiles) -> keras.Model:
    """A detector's network in Keras. Raises ModelError if its file is missing or damaged."""
    return keras.models.load_model(files.file(DETECTOR_KERAS), compile=False)
