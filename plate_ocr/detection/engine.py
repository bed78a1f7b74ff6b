"""What runs the detector's networks: ONNX Runtime, or OpenCV's dnn module."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.grid import normalize
from plate_ocr.model_store import DETECTOR_ONNX, DetectorFiles, open_session

Engine = Literal["onnxruntime", "opencv"]
Network = Callable[[NDArray[np.float32]], Sequence[NDArray[np.float32]]]
"""Photos (N, 1, H, W) to maps (N, C, h, w)."""


def open_network(files: DetectorFiles, maps: Sequence[str], engine: Engine, threads: int) -> Network:
    """A network that gives these maps. Raises ModelError if its file is missing or damaged."""
    file = files.file(DETECTOR_ONNX)
    if engine == "onnxruntime":
        session = open_session(file, threads=threads)
        return lambda photos: session.run(list(maps), {"photo": photos})  # type: ignore[no-any-return]
    # A network of OpenCV's belongs to one thread.
    own = threading.local()

    def run(photos: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        if not hasattr(own, "network"):
            # The classic engine computes something else in 8 bits.
            own.network = cv2.dnn.readNetFromONNX(str(file), cv2.dnn.ENGINE_NEW)
        own.network.setInput(photos)
        return [np.asarray(out, np.float32) for out in own.network.forward(list(maps))]

    return run


def run_network(network: Network, photos: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """The maps (N, h, w, C) of grey photos (N, H, W)."""
    return [np.moveaxis(out, 1, -1) for out in network(normalize(photos)[:, None])]
