"""Other views of a crop, for a second look: straightened, nearer, farther.

A reader trained on crops of all kinds still reads some framings better than others. Where the first look leaves doubt,
the views vote (test-time augmentation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import Detector, rectify
from plate_ocr.recognition.alignment import text_log_p
from plate_ocr.recognition.decoder import Text

Picture = NDArray[np.uint8]

_NEARER, _FARTHER = 1.11, 0.9

UNHEARD = 0.003
"""What a view adds to the probability of each text, so that one which cannot read the plate has no veto."""


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
    """Of the texts that views of a crop say, the classes with the largest product of probabilities over all views, and
    the mean of these.

    The product, or logarithmic opinion pool (Genest and Zidek, "Combining Probability Distributions", 1986), keeps a
    view that misses a character from outvoting those that see it: to them its text is all but impossible.
    """
    if len(texts) == 1:
        return texts[0].classes, texts[0].confidence
    pool = {
        classes: [
            text.confidence if text.classes == classes else math.exp(text_log_p(text.log_p, classes)) for text in texts
        ]
        for classes in dict.fromkeys(text.classes for text in texts)
    }
    best = max(pool, key=lambda classes: sum(math.log(p + UNHEARD) for p in pool[classes]))
    return best, min(1.0, sum(pool[best]) / len(texts))
