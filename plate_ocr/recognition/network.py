"""Running a reader's network: ONNX Runtime reads; Keras is there to compare with, and imported only when asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import KERAS, ONNX, ModelError, ReaderFiles


class Network(Protocol):
    """Crops (N, H, W, 1) float32 to logits (N, T, C) float32."""

    kind: str

    def __call__(self, crops: NDArray[np.float32]) -> NDArray[np.float32]: ...


class OnnxNetwork:
    """A network in ONNX Runtime on the CPU. Safe to call from several threads."""

    kind = "ONNX"

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        """Raises ModelError if the file is no usable network. `threads` 0 leaves the number to ONNX Runtime."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait take the cores from the photo decoder.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own exceptions share no public base class
            raise ModelError(f"{path} is not a network that ONNX Runtime can load: {error}") from None
        self._input = self._session.get_inputs()[0].name

    def __call__(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._session.run(None, {self._input: crops})[0], dtype=np.float32)


class KerasNetwork:
    """The same network in Keras, to check the ONNX file against. Needs the train extra."""

    kind = "Keras"

    def __init__(self, path: Path) -> None:
        try:
            import keras
        except ImportError:
            raise ModelError(
                f"reading with {path.name} needs Keras; install with: pip install 'plate-ocr[train]'"
            ) from None
        try:
            self._model = keras.models.load_model(path, compile=False)
        except (ValueError, OSError) as error:
            raise ModelError(f"{path} is not a model that Keras can load: {error}") from None

    def __call__(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._model.predict_on_batch(crops), dtype=np.float32)


def open_network(files: ReaderFiles, *, keras: bool = False, threads: int = 0) -> Network:
    """The reader's network, checked against its sha256."""
    return KerasNetwork(files.file(KERAS)) if keras else OnnxNetwork(files.file(ONNX), threads=threads)
