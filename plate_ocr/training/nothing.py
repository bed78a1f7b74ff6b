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

STAMP = (16, 6)
"""Width and height of the smallest piece."""

TRIES = 100
"""Places that are tried for a piece before the smallest one is taken where there is room for it."""


class Nothing:
    """Cuts pieces out of photos beside their labelled plates."""

    def __init__(self, tables: Sequence[str], splits: Sequence[str]) -> None:
        """`tables` as `labels.read_photos` takes them. Photos with a plate whose place is not known, and those without
        room for a piece, are left out. Raises LabelError for an unusable table, or where no photo is left."""
        self._photos: list[tuple[Picture, NDArray[np.float32]]] = []
        unplaced = full = 0
        for photo in (photo for table in tables for photo in read_photos(Path(table), splits or None)):
            if any(plate.corners is None for plate in photo.plates):
                unplaced += 1
                continue
            try:
                picture = load(photo.path)
            except PhotoError as error:
                raise LabelError(str(error)) from None
            scale = min(1.0, LARGEST / max(picture.shape[:2]))
            # Of a strip, the shorter side would come to nothing.
            size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
            small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            corners = [p.corners.array * scale for p in photo.plates if p.corners]
            boxes = np.array([(*q.min(axis=0), *q.max(axis=0)) for q in corners], np.float32).reshape(-1, 4)
            if len(_room(small, boxes)):
                self._photos.append((small, boxes))
            else:
                full += 1
        if not tables:
            raise LabelError("crops without a plate have to be cut out of photos: give --backgrounds or --scenes")
        if not self._photos:
            raise LabelError(
                f"{', '.join(map(str, tables))}: no photo to cut crops without a plate from: {full} have no room for "
                f"{STAMP[0]} x {STAMP[1]} pixels beside their plates, {unplaced} show a plate without corners; add "
                "photos that show more than plates with --backgrounds"
            )

    def draw(self, rng: np.random.Generator) -> Picture:
        """A BGR piece, from a stamp to half a photo, that touches no labelled plate."""
        for _ in range(TRIES):
            photo, boxes = self._photos[int(rng.integers(len(self._photos)))]
            height, width = photo.shape[:2]
            w = float(np.exp(rng.uniform(np.log(STAMP[0]), np.log(max(20.0, width / 2)))))
            h = w / rng.uniform(1.0, 6.0)
            if h < STAMP[1] or h >= height or w >= width:
                continue
            x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
            apart = (boxes[:, 0] > x + w) | (boxes[:, 2] < x) | (boxes[:, 1] > y + h) | (boxes[:, 3] < y)
            if apart.all():
                return _piece(photo, x, y, w, h)
        photo, boxes = self._photos[int(rng.integers(len(self._photos)))]
        x, y = rng.choice(_room(photo, boxes))
        return _piece(photo, x, y, *STAMP)


def _room(photo: Picture, boxes: NDArray[np.float32]) -> NDArray[np.intp]:
    """The top left corners (N, 2), x and y, of all places where the smallest piece touches none of the boxes."""
    free = np.full(photo.shape[:2], 255, np.uint8)
    for x0, y0, x1, y1 in boxes:
        # Slices would count a place before the photo from its end.
        top, left = max(0, int(np.floor(y0))), max(0, int(np.floor(x0)))
        free[top : max(0, int(np.floor(y1)) + 1), left : max(0, int(np.floor(x1)) + 1)] = 0
    kernel = np.ones(STAMP[::-1], np.uint8)
    # With the anchor at its corner the kernel covers what the piece would; beyond the edge nothing is free.
    whole = cv2.erode(free, kernel, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT, borderValue=(0.0,))
    return np.argwhere(whole)[:, ::-1]


def _piece(photo: Picture, x: float, y: float, w: float, h: float) -> Picture:
    piece = photo[int(y) : int(y + h), int(x) : int(x + w)]
    # A perspective drawn for a picture a few pixels high can blow it up without bounds.
    enlarge = max(1.0, LEAST / h)
    return np.asarray(cv2.resize(piece, None, fx=enlarge, fy=enlarge), dtype=np.uint8)
