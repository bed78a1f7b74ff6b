"""What the detector's network sees and says: a photo on its grid, and corners read off the grid's cells.

Training and reading both come through here, so that they cannot differ. What the network should say is in
`training.detector.targets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.quads import Quads
from plate_ocr.recognition.preprocess import to_grey

Picture = NDArray[np.uint8]

GREY = 128
"""The value of what lies outside a photo."""


@dataclass(frozen=True)
class Level:
    """One of the network's output maps: its cells' size in pixels, and the lengths of plates (in pixels) it is for."""

    stride: int
    shortest: float
    longest: float

    @property
    def unit(self) -> float:
        """Pixels of a corner offset of 1."""
        return 4.0 * self.stride

    def centres(self, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Centres (..., 2) of cells, x then y, in pixels of the input."""
        cells = np.stack([columns, rows], axis=-1).astype(np.float32)
        return np.asarray((cells + np.float32(0.5)) * np.float32(self.stride), dtype=np.float32)


LEVELS = (Level(8, 0, 144), Level(32, 104, 1e9))
MAPS = ("small", "large")
"""The levels' names in the network."""

INPUT = 640
"""The longer side of a photo at the first look."""

THRESHOLD = 0.5
"""The score from which on a plate is reported, unless told otherwise."""

STEP = 32
"""Width and height of the network's input are multiples of it."""

LEAST = 256
"""Width and height of the network's input are at least this: in training there was always more about a plate than
the few pixels that a crop of it shows."""


def first_scale(photo: Picture) -> float:
    """The factor by which a photo (H, W[, 3]) is resized for the first look: its longer side becomes at most INPUT."""
    return min(1.0, INPUT / float(max(photo.shape[:2])))


def resize(photo: Picture, scale: float) -> Picture:
    """A photo (H, W[, 3]) as grey, resized by `scale` and padded below and to the right to multiples of STEP,
    and to LEAST."""
    height, width = photo.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = to_grey(photo)
    if size != (width, height):
        # Area averaging avoids aliasing when shrinking.
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = np.asarray(cv2.resize(grey, size, interpolation=how), dtype=np.uint8)
    right, below = (max(-side % STEP, LEAST - side) for side in size)
    padded = cv2.copyMakeBorder(grey, 0, below, 0, right, cv2.BORDER_CONSTANT, value=GREY)
    return np.asarray(padded, dtype=np.uint8)


def normalize(photos: Picture) -> NDArray[np.float32]:
    """Grey photos (N, H, W) uint8 as the network's input, float32, about -2 to 2."""
    return np.asarray((photos.astype(np.float32) - GREY) / 64, dtype=np.float32)


def read_off(
    maps: Sequence[NDArray[np.float32]], *, threshold: float, most: int = 400
) -> tuple[Quads, NDArray[np.float32]]:
    """Plates that one photo's maps claim: for each level (h, w, 9), a score's logit and eight corner offsets.

    Gives quads (N, 4, 2) in pixels of the input and their scores (N,), at most `most` of each level.
    """
    quads, scores = [np.zeros((0, 4, 2), np.float32)], [np.zeros(0, np.float32)]
    least = np.log(threshold / (1 - threshold))
    for level, found in zip(LEVELS, maps, strict=True):
        rows, columns = np.nonzero(found[..., 0] >= least)
        if len(rows) > most:
            best = np.argsort(-found[rows, columns, 0], kind="stable")[:most]
            rows, columns = rows[best], columns[best]
        cells = found[rows, columns]
        quads.append(level.centres(columns, rows)[:, None] + cells[:, 1:].reshape(-1, 4, 2) * np.float32(level.unit))
        scores.append(np.asarray(1 / (1 + np.exp(-cells[:, 0])), dtype=np.float32))
    return np.concatenate(quads), np.concatenate(scores)
