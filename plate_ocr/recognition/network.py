"""Running a reader's network: ONNX Runtime reads; Keras is there to compare with, and imported only when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import KERAS, ONNX, STEP_ONNX, ModelError, ReaderFiles, open_session


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
        self._model = _load_keras(path)

    def __call__(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._model.predict_on_batch(crops), dtype=np.float32)


def open_network(files: ReaderFiles, *, keras: bool = False, threads: int = 0) -> Network:
    """The reader's network, checked against its sha256."""
    return KerasNetwork(files.file(KERAS)) if keras else OnnxNetwork(files.file(ONNX), threads=threads)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a decoder with attention looks at in N crops: features (N, T, D), the key (N, T, U) of each, and the state
    (N, U) that the decoder begins with."""

    features: NDArray[np.float32]
    keys: NDArray[np.float32]
    state: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, slots=True)
class Step:
    """What a decoder says of the next character of M texts: logits (M, C), its states (M, U), and the weights (M, T)
    with which it looked at the features."""

    logits: NDArray[np.float32]
    state: NDArray[np.float32]
    attention: NDArray[np.float32]


class AttentionNetwork(Protocol):
    """An encoder, and a decoder that is called once for each character."""

    kind: str

    def encode(self, crops: NDArray[np.float32]) -> Encoded:
        """Crops (N, H, W, 1) float32 to what is looked at."""
        ...

    def step(self, seen: Encoded, looked: NDArray[np.float32], previous: NDArray[np.int32]) -> Step:
        """The next character of M texts, which follows the class `previous` (M,): `seen` holds each text's own features
        and the decoder's state before; `looked` (M, T) are the weights of the step before, at first 0."""
        ...


class OnnxAttention:
    """A network with attention in ONNX Runtime on the CPU. Safe to call from several threads."""

    kind = "ONNX"

    def __init__(self, encoder: Path, step: Path, *, threads: int = 0) -> None:
        """Raises ModelError if a file is no usable network."""
        self._encoder = open_session(encoder, threads=threads)
        self._step = open_session(step, threads=threads)

    def encode(self, crops: NDArray[np.float32]) -> Encoded:
        return Encoded(*self._encoder.run(None, {"crop": crops}))

    def step(self, seen: Encoded, looked: NDArray[np.float32], previous: NDArray[np.int32]) -> Step:
        given = {"features": seen.features, "keys": seen.keys, "state": seen.state}
        return Step(*self._step.run(None, {**given, "looked": looked, "previous": previous}))


class KerasAttention:
    """The same in Keras: a whole network, made of one named encoder and one named step."""

    kind = "Keras"

    def __init__(self, model: Any) -> None:
        self._encoder, self._step = model.get_layer("encoder"), model.get_layer("step")

    def encode(self, crops: NDArray[np.float32]) -> Encoded:
        return Encoded(*(np.asarray(part, np.float32) for part in self._encoder.predict_on_batch(crops)))

    def step(self, seen: Encoded, looked: NDArray[np.float32], previous: NDArray[np.int32]) -> Step:
        import keras

        # Not compiled: the number of texts differs from call to call, and each would be compiled anew.
        parts = self._step([seen.features, seen.keys, seen.state, looked, previous], training=False)
        return Step(*(np.asarray(keras.ops.convert_to_numpy(part), np.float32) for part in parts))


def open_attention(files: ReaderFiles, *, keras: bool = False, threads: int = 0) -> AttentionNetwork:
    """The network of a reader with attention, checked against its sha256."""
    if keras:
        return KerasAttention(_load_keras(files.file(KERAS)))
    return OnnxAttention(files.file(ONNX), files.file(STEP_ONNX), threads=threads)


def _load_keras(path: Path) -> Any:
    try:
        import keras
    except ImportError:
        raise ModelError(
            f"reading with {path.name} needs Keras; install with: pip install 'plate-ocr[train]'"
        ) from None
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError) as error:
        raise ModelError(f"{path} is not a model that Keras can load: {error}") from None
