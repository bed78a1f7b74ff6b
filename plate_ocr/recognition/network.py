"""Running a reader's network: ONNX Runtime reads; Keras is there to compare with, and imported only when asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import KERAS, ONNX, ModelError, ReaderFiles, open_session


class Network(Protocol):
    """Crops (N, H, W, 1) float32 to logits (N, T, C) float32."""

    kind: str

    def __call__(self, crops: NDArray[np.float32]) -> NDArray[np.float32]: ...


class OnnxNetwork:
    """A network in ONNX Runtime on the CPU. Safe to call from several threads."""

    kind = "ONNX"

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        """Raises ModelError if the file is no usable network. `threads` 0 leaves the number to ONNX Runtime."""
        self._session = open_session(path, threads=threads)
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
