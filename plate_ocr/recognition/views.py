"""Other views of a crop, for a second look: straightened, nearer, farther.

A reader trained on crops of all kinds still reads some framings better than others. Where the first look leaves doubt,
the views vote (test-time augmentation).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import Detector, rectify
from plate_ocr.recognition.decoder import Text

Picture = NDArray[np.uint8]

_NEARER, _FARTHER = 1.11, 0.9


def other_views(crop: Picture, *, detector: Detector | None) -> list[Picture]:
    """The crop farther and nearer; and the plate cut out of it and straightened, where the detector finds it there."""
    views = [_zoomed(crop, _FARTHER), _zoomed(crop, _NEARER)]
    found = detector.detect(crop) if detector else []
    if found:
        views.append(rectify(crop, found[0].corners))
    return views


def _zoomed(crop: Picture, zoom: float) -> Picture:
    height, width = crop.shape[:2]
    middle = np.array([width, height]) * (1 - 1 / zoom) / 2
    matrix = np.column_stack((np.eye(2) / zoom, middle))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(crop, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, dtype=np.uint8)


def vote(texts: Sequence[Text]) -> tuple[tuple[int, ...], float]:
    """The classes with the largest sum of probabilities over the views of a crop, and the mean over all views."""
    sums: dict[tuple[int, ...], float] = {}
    for text in texts:
        sums[text.classes] = sums.get(text.classes, 0.0) + text.confidence
    best = max(sums, key=lambda classes: sums[classes])
    return best, sums[best] / len(texts)
