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

from plate_ocr.detection import rectify
from plate_ocr.plate import Corners
from plate_ocr.recognition.alignment import text_log_p
from plate_ocr.recognition.decoder import Text

Picture = NDArray[np.uint8]

_NEARER, _FARTHER = 1.11, 0.9

UNEVEN = 0.4
"""A part of a crop that has less than this share of another part's light is in the shade. All parts of a plate are
bright, by its ground or its characters: of 2,259 real crops 4 % are below, and of the same with a part in the shade
98 %."""

_PARTS = (2, 5)
"""Parts down and across of which the light is told; neither the darkest nor the brightest counts."""

_CLIP, _TILES = 3.0, (8, 2)
"""How far contrast is raised, and in how many parts across and down, each by itself."""

UNHEARD = 0.003
"""What a view adds to the probability of each text, so that one which cannot read the plate has no veto."""


def other_views(crop: Picture, corners: Corners | None = None) -> list[Picture]:
    """The crop farther and nearer; and the plate cut out of it and straightened, where its corners are known. Of a crop
    that is partly in the shade, all this is of one that is evenly lit, and that is a view of its own."""
    views: list[Picture] = []
    if evenness(crop) < UNEVEN:
        crop = _evened(crop)
        views.append(crop)
    views += [_zoomed(crop, _FARTHER), _zoomed(crop, _NEARER)]
    if corners is not None:
        views.append(rectify(crop, corners))
    return views


def _zoomed(crop: Picture, zoom: float) -> Picture:
    height, width = crop.shape[:2]
    middle = np.array([width, height]) * (1 - 1 / zoom) / 2
    matrix = np.column_stack((np.eye(2) / zoom, middle))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(crop, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, dtype=np.uint8)


def evenness(crop: Picture) -> float:
    """The light of a grey crop's darker parts as a share of that of its brighter ones, 0 to 1."""
    small = cv2.resize(crop, (96, 32), interpolation=cv2.INTER_AREA)[4:28, 8:88]
    down, across = _PARTS
    parts = small.reshape(down, 24 // down, across, 80 // across).swapaxes(1, 2).reshape(down * across, -1)
    light = np.sort(np.percentile(parts, 85, axis=1))
    return float(light[1] / max(1.0, light[-2]))


def _evened(crop: Picture) -> Picture:
    """Contrast-limited adaptive histogram equalization (Zuiderveld, in "Graphics Gems IV", 1994)."""
    return np.asarray(cv2.createCLAHE(_CLIP, _TILES).apply(crop), dtype=np.uint8)


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
