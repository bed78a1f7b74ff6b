"""Other views of a crop, for a second look: straightened, nearer, farther, turned and leaning.

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

_NEARER, _FARTHER, _TURN, _LEAN = 1.11, 0.9, 6.0, 0.2


def first_views(crop: Picture, *, detector: Detector) -> list[Picture]:
    """The plate cut out of the crop and straightened, where it can be found in it; and the crop nearer and farther."""
    views = [_warped(crop, zoom=_FARTHER), _warped(crop, zoom=_NEARER)]
    found = detector.detect(crop)
    if found:
        views.append(rectify(crop, found[0].corners))
    return views


def more_views(crop: Picture) -> list[Picture]:
    """The crop turned and leaning, to both sides."""
    turned = [_warped(crop, degrees=degrees) for degrees in (_TURN, -_TURN)]
    return turned + [_warped(crop, lean=lean) for lean in (_LEAN, -_LEAN)]


def _warped(crop: Picture, *, degrees: float = 0.0, lean: float = 0.0, zoom: float = 1.0) -> Picture:
    height, width = crop.shape[:2]
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1.0, lean], [0.0, 1.0]]) / zoom
    centre = np.array([width / 2, height / 2])
    whole = np.column_stack((matrix, centre - matrix @ centre))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(crop, whole, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, dtype=np.uint8)


def vote(texts: Sequence[Text]) -> tuple[tuple[int, ...], float]:
    """The classes with the largest sum of probabilities over the views of a crop, and the mean over all views."""
    sums: dict[tuple[int, ...], float] = {}
    for text in texts:
        sums[text.classes] = sums.get(text.classes, 0.0) + text.confidence
    best = max(sums, key=lambda classes: sums[classes])
    return best, sums[best] / len(texts)
