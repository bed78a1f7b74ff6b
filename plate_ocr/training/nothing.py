"""Crops without a plate, which a reader is to answer with nothing: bumpers, grilles, walls, signs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.labels import LabelError, read_photos
from plate_ocr.photos import PhotoError, load

Picture = NDArray[np.uint8]

LARGEST = 640
"""The longer side of photos as they are kept in memory."""

LEAST = 32
"""Pixels that a piece is high; smaller ones are enlarged."""


class Nothing:
    """Cuts pieces out of photos beside their labelled plates."""

    def __init__(self, tables: Sequence[str], splits: Sequence[str]) -> None:
        """`tables` as `labels.read_photos` takes them. Raises LabelError for an unusable one, or without a photo."""
        self._photos: list[tuple[Picture, NDArray[np.float32]]] = []
        for photo in (photo for table in tables for photo in read_photos(Path(table), splits or None)):
            if any(plate.corners is None for plate in photo.plates):
                continue  # somewhere in it is a plate
            try:
                picture = load(photo.path)
            except PhotoError as error:
                raise LabelError(str(error)) from None
            scale = min(1.0, LARGEST / max(picture.shape[:2]))
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            boxes = [
                (*q.min(axis=0), *q.max(axis=0)) for q in (p.corners.array * scale for p in photo.plates if p.corners)
            ]
            self._photos.append((np.asarray(small, dtype=np.uint8), np.array(boxes, np.float32).reshape(-1, 4)))
        if not self._photos:
            raise LabelError("crops without a plate have to be cut out of photos: give --backgrounds or --scenes")

    def draw(self, rng: np.random.Generator) -> Picture:
        """A BGR piece, from a stamp to half a photo, that touches no labelled plate."""
        while True:
            photo, boxes = self._photos[int(rng.integers(len(self._photos)))]
            height, width = photo.shape[:2]
            w = float(np.exp(rng.uniform(np.log(16), np.log(max(20.0, width / 2)))))
            h = w / rng.uniform(1.0, 6.0)
            if h < 6 or h >= height or w >= width:
                continue
            x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
            apart = (boxes[:, 0] > x + w) | (boxes[:, 2] < x) | (boxes[:, 1] > y + h) | (boxes[:, 3] < y)
            if apart.all():
                piece = photo[int(y) : int(y + h), int(x) : int(x + w)]
                # A perspective drawn for a picture a few pixels high can blow it up without bounds.
                enlarge = max(1.0, LEAST / h)
                return np.asarray(cv2.resize(piece, None, fx=enlarge, fy=enlarge), dtype=np.uint8)
