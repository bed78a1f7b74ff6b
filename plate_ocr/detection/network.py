"""The learned detector: a small convolutional network that gives each cell of a grid a score and four corners."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.detector import Detection
from plate_ocr.detection.grid import GREY, MAPS, THRESHOLD, first_scale, normalize, read_off, resize
from plate_ocr.detection.quads import Quads, at, length, merge, usable
from plate_ocr.model_store import DETECTOR_ONNX, open_detector, open_session
from plate_ocr.plate import Corners
from plate_ocr.recognition.preprocess import to_grey

Picture = NDArray[np.uint8]

ENOUGH = 0.5
"""With a plate of this score found, after the closer look at it, a photo is not looked at again at half and at double
size."""

FLOOR = 0.3
"""Plates of this score are looked at more closely, which may lift them over the threshold."""

LONG = 200.0
"""Plates of this length at the first look, in pixels, are longer than what the network was trained on: it may take a
part for the whole, and looks again at half size."""

SMALL = 480
"""A photo of no more pixels on its longer side is always looked at again at double size, too: the cars of a street have
small plates in it. That costs at most as much as a photo of 960 pixels would, where the first look takes 640."""

LARGE = 2000
"""A photo of more pixels than these on its longer side is always looked at again at double size, too, which takes less
than to open it did; and at four times that of the first look where no plate is found."""

WINDOW = (192, 128)
"""Width and height of the window in which a plate's corners are looked at more closely, and below the plate's length in
it: there the fine level's cells are a twelfth of the plate."""

LENGTH = 96.0

TOGETHER = 8
"""Windows that go through the network at once; together they are smaller than a photo's first look."""

Engine = Literal["onnxruntime", "opencv"]
_Network = Callable[[NDArray[np.float32]], Sequence[NDArray[np.float32]]]
"""Photos (N, 1, H, W) to the maps of each level (N, 9, h, w)."""


def _onnxruntime(file: Path, threads: int) -> _Network:
    session = open_session(file, threads=threads)
    return lambda photos: session.run(list(MAPS), {"photo": photos})  # type: ignore[no-any-return]


def _opencv(file: Path) -> _Network:
    # A network of OpenCV's belongs to one thread.
    own = threading.local()

    def run(photos: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        if not hasattr(own, "network"):
            # The classic engine computes something else in 8 bits.
            own.network = cv2.dnn.readNetFromONNX(str(file), cv2.dnn.ENGINE_NEW)
        own.network.setInput(photos)
        return [np.asarray(out, np.float32) for out in own.network.forward(list(MAPS))]

    return run


class NetworkDetector:
    """Finds the four corners of plates with a network. Safe to call from several threads."""

    def __init__(
        self,
        model: str | Path = "detector",
        *,
        threshold: float = THRESHOLD,
        threads: int = 0,
        again: bool = True,
        refine: bool = True,
        engine: Engine = "onnxruntime",
    ) -> None:
        """`model` is a shipped name or the folder of a run; plates that score below `threshold`, 0 to 1, are left out.

        With `again`, a photo in which no plate is found for certain is looked at again at half and double size, a small
        or large one always at double; with `refine`, each plate is looked at again by itself. `engine` is what runs the
        network: "onnxruntime", or "opencv", its dnn module, which computes the same and takes several times as long,
        for it starts anew with every size of photo and gains nothing by 8 bits. Raises ModelError if the model is
        missing or damaged.
        """
        file = open_detector(model).file(DETECTOR_ONNX)
        self._network = _opencv(file) if engine == "opencv" else _onnxruntime(file, threads)
        self._threshold, self._again, self._refine = threshold, again, refine

    def detect(self, photo: Picture) -> list[Detection]:
        """Plates in a BGR or grey uint8 photo, best first; corners in its pixels.

        Raises ValueError for an empty photo.
        """
        if photo.size == 0:
            raise ValueError(f"an empty photo (shape {photo.shape}) cannot be searched")
        grey = to_grey(photo)
        scale, side = first_scale(grey), max(grey.shape)
        found = self._seen(grey, scale)
        if self._again:
            unsure = _best(found) < ENOUGH
            if unsure or max(length(quad) for quad, _ in found) * scale > LONG:
                found += self._seen(grey, scale / 2)
            if unsure or side <= SMALL or side > LARGE:
                found += self._seen(grey, 2 * scale)
            if side > LARGE and _best(found) < ENOUGH:
                found += self._seen(grey, 4 * scale)
        if found:
            found = merge(np.stack([quad for quad, _ in found]), np.array([s for _, s in found], np.float32))
        # The network's four corners are four free points: now and then they cross.
        return [
            Detection(Corners.of(quad), score) for quad, score in found if score >= self._threshold and usable(quad)
        ]

    def maps(self, photo: Picture, scale: float) -> list[NDArray[np.float32]]:
        """What the network says of a photo resized by `scale`: a map (h, w, 9) a level."""
        return [out[0] for out in self._run(resize(photo, scale)[None])]

    def _run(self, photos: Picture) -> list[NDArray[np.float32]]:
        return [np.moveaxis(out, 1, -1) for out in self._network(normalize(photos)[:, None])]

    def _seen(self, photo: Picture, scale: float) -> list[tuple[Quads, float]]:
        """Plates at one size of the photo, each looked at more closely if that is wished."""
        found = self._look(photo, scale)
        return self._refined(photo, found) if self._refine and found else found

    def _look(self, photo: Picture, scale: float) -> list[tuple[Quads, float]]:
        quads, scores = read_off(self.maps(photo, scale), threshold=min(FLOOR, self._threshold))
        return [(quad / np.float32(scale), score) for quad, score in merge(quads, scores)]

    def _refined(self, photo: Picture, found: list[tuple[Quads, float]]) -> list[tuple[Quads, float]]:
        """The same plates, each with the corners and a share of the score that a closer look at it gives."""
        windows, matrices = zip(*(window(photo, quad) for quad, _ in found), strict=True)
        # Some at a time: the network keeps the memory of its largest run.
        runs = [self._run(np.stack(windows[i : i + TOGETHER])) for i in range(0, len(windows), TOGETHER)]
        small, large = (np.concatenate(maps) for maps in zip(*runs, strict=True))
        refined = []
        for i, (quad, score) in enumerate(found):
            # The coarse level has nothing to say about plates of this size.
            quads, scores = read_off([small[i], large[i, :0]], threshold=0.1)
            back = cv2.invertAffineTransform(matrices[i]).astype(np.float32)
            same = at(quad, quads @ back[:, :2].T + back[:, 2], scores)
            if same:
                refined.append((same[0], float(np.sqrt(score * same[1]))))
            else:
                refined.append((quad, score / 2))
        return refined


def _best(found: Sequence[tuple[Quads, float]]) -> float:
    return max((score for _, score in found), default=0.0)


def window(photo: Picture, quad: Quads) -> tuple[Picture, NDArray[np.float64]]:
    """A grey photo's piece about a plate, WINDOW in size with the plate LENGTH long (enlarged at most to double size),
    and the matrix (2, 3) from the photo to it."""
    scale = min(2.0, LENGTH / max(1.0, length(quad)))
    target = np.array(WINDOW) / 2
    middle = (quad.max(axis=0) + quad.min(axis=0)).astype(np.float64) / 2
    matrix = np.column_stack((np.eye(2) * scale, target - scale * middle))
    warp = matrix
    if scale < 0.7:
        # A warp samples single pixels; where the plate is much larger than in the window, that aliases. Shrink first.
        low = np.maximum(np.floor(middle - target / scale - 2).astype(int), 0)
        high = np.ceil(middle + target / scale + 2).astype(int)
        part = photo[low[1] : high[1], low[0] : high[0]]
        if part.size:
            photo = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
            ratio = np.array(photo.shape[::-1]) / np.array(part.shape[::-1])
            warp = np.column_stack((np.diag(scale / ratio), target - scale * (middle - low)))
    # Corners count from the photo's edge, a warp from the middle of its first pixel.
    shift = warp[:, :2] @ np.array([0.5, 0.5]) - 0.5
    warp = np.column_stack((warp[:, :2], warp[:, 2] + shift))
    piece = cv2.warpAffine(
        photo, warp, WINDOW, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=GREY
    )
    return np.asarray(piece, dtype=np.uint8), matrix
