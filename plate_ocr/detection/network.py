"""The learned detector: a small convolutional network that gives each cell of a grid a score and four corners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.closer import CloserLook
from plate_ocr.detection.detector import Detection
from plate_ocr.detection.engine import Engine, open_network, run_network
from plate_ocr.detection.grid import MAPS, THRESHOLD, first_scale, read_off, resize
from plate_ocr.detection.quads import Quads, length, merge, usable
from plate_ocr.model_store import CLOSER, ModelError, open_detector
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


class NetworkDetector:
    """Finds the four corners of plates with a network. Safe to call from several threads."""

    def __init__(
        self,
        model: str | Path = "detector",
        *,
        threshold: float = THRESHOLD,
        threads: int = 0,
        again: bool = True,
        thorough: bool = False,
        refine: bool = True,
        engine: Engine = "onnxruntime",
    ) -> None:
        """`model` is a shipped name or the folder of a run; plates that score below `threshold`, 0 to 1, are left out.

        With `again`, a photo in which no plate is found for certain is looked at again at half and double size, a small
        or large one always at double. With `thorough`, every photo is looked at at half, double and four times the
        size: that is twenty times as many pixels, and finds more that is no plate, too. With `refine`, a closer look
        is taken at each plate by itself, with the network in the folder "closer" of the model's, or the shipped one.
        `engine` is what runs the networks: "onnxruntime", or "opencv", its dnn module, which computes the same and
        takes several times as long, for it starts anew with every size of photo and gains nothing by 8 bits. Raises
        ModelError if a model is missing, damaged or of another kind.
        """
        files = open_detector(model)
        if files.about.get("closer"):
            raise ModelError(f"{files.folder} is for the closer look at finds, not for whole photos")
        self._network = open_network(files, MAPS, engine, threads)
        own = files.folder / CLOSER
        self._closer = CloserLook(own if own.is_dir() else CLOSER, threads=threads, engine=engine) if refine else None
        self._threshold, self._again, self._thorough = threshold, again, thorough

    def detect(self, photo: Picture) -> list[Detection]:
        """Plates in a BGR or grey uint8 photo, best first; corners in its pixels.

        Raises ValueError for an empty photo.
        """
        if photo.size == 0:
            raise ValueError(f"an empty photo (shape {photo.shape}) cannot be searched")
        grey = to_grey(photo)
        scale, side = first_scale(grey), max(grey.shape)
        found = self._seen(grey, scale)
        if self._thorough:
            found += [plate for factor in (0.5, 2, 4) for plate in self._seen(grey, scale * factor)]
        elif self._again:
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
        return [out[0] for out in run_network(self._network, resize(photo, scale)[None])]

    def _seen(self, photo: Picture, scale: float) -> list[tuple[Quads, float]]:
        """Plates at one size of the photo, each looked at more closely if that is wished."""
        found = self._look(photo, scale)
        return self._closer(photo, found) if self._closer and found else found

    def _look(self, photo: Picture, scale: float) -> list[tuple[Quads, float]]:
        quads, scores = read_off(self.maps(photo, scale), threshold=min(FLOOR, self._threshold))
        return [(quad / np.float32(scale), score) for quad, score in merge(quads, scores)]


def _best(found: Sequence[tuple[Quads, float]]) -> float:
    return max((score for _, score in found), default=0.0)
