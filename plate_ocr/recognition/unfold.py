"""The two lines of a plate side by side, as one: what stands small in the upper one is then as high as all else.

A reader sees a plate 48 pixels high, so that of two lines the upper, which on many plates is the smaller, has 13 or so:
too few for the strokes of a hanzi or a Hangul syllable.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Part = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

HEIGHT = 48
"""Of each line when they stand side by side, in pixels: what the network takes."""

BESIDE_UPPER, BESIDE_LOWER = 0.2, 0.12
"""What is kept beside the middles of the outermost characters of a line, in shares of the plate's width. The first look
may have missed a character of the upper one."""

OVER = 0.02
"""How far each line reaches over the cut between them, in shares of the plate's height."""

_CUTS = (0.28, 0.6)
"""Between these shares of a plate's height its lines are parted."""

_SMALL = (160, 64)


def side_by_side(picture: Picture, parts: Sequence[Part]) -> Picture:
    """Parts of a picture, (H, W) or (H, W, 3) uint8, in a row, each HEIGHT pixels high; what of a part lies outside the
    picture is left out. Raises ValueError if nothing of a part lies inside."""
    high, wide = picture.shape[:2]
    pieces = []
    for left, top, right, bottom in parts:
        piece = picture[max(0, round(top)) : min(high, round(bottom)), max(0, round(left)) : min(wide, round(right))]
        if not piece.size:
            raise ValueError(f"no pixel of the part {(left, top, right, bottom)} lies in a picture of {wide} x {high}")
        size = (max(4, round(piece.shape[1] * HEIGHT / piece.shape[0])), HEIGHT)
        how = cv2.INTER_AREA if piece.shape[0] > HEIGHT else cv2.INTER_LINEAR
        pieces.append(cv2.resize(piece, size, interpolation=how))
    return np.asarray(np.hstack(pieces), dtype=np.uint8)


def unfolded(crop: Picture, upper: Sequence[float], lower: Sequence[float]) -> Picture | None:
    """A grey crop (H, W) of a plate of two lines with these side by side; `upper` and `lower` say where the middles of
    their characters stand, from 0 at the left edge to 1 at the right. None of a crop that is too small to be cut."""
    high, wide = crop.shape
    if high < 8 or wide < 8:
        return None
    cut = _between(crop, min(*upper, *lower), max(*upper, *lower)) * high
    return side_by_side(
        crop,
        (
            ((min(upper) - BESIDE_UPPER) * wide, 0, (max(upper) + BESIDE_UPPER) * wide, cut + OVER * high),
            ((min(lower) - BESIDE_LOWER) * wide, cut - OVER * high, (max(lower) + BESIDE_LOWER) * wide, high),
        ),
    )


def _between(crop: Picture, first: float, last: float) -> float:
    """Where the lines part, as a share of the height: the row with the fewest edges between their outermost
    characters."""
    small = cv2.resize(crop, _SMALL, interpolation=cv2.INTER_AREA).astype(np.float32)
    across, down = _SMALL
    left, right = (round(share * across) for share in (max(0.08, first - 0.1), min(0.92, last + 0.1)))
    edges = np.abs(np.diff(small[:, left:right], axis=1)).mean(axis=1)
    smooth = np.convolve(np.pad(edges, 2, "edge"), np.full(5, 0.2), "valid")
    top, bottom = (int(share * down) for share in _CUTS)
    return (top + int(np.argmin(smooth[top:bottom])) + 0.5) / down
