"""What the closer look is taught with: windows about plates as the first look finds them, and about what it takes for
some."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection.closer import SAME, window
from plate_ocr.detection.quads import Quads, length, mapped, overlap

Picture = NDArray[np.uint8]

SHIFT, RESIZE, TURN, JITTER = 0.05, 0.1, 6.0, 0.03
"""How far the first look's finds are off, as standard deviations: their middle in lengths of the plate, the logarithm
of their length, degrees, and each corner by itself in lengths of the plate."""

COARSE, COARSER = 0.25, 3.0
"""The share of finds that are off by so many times as much: of a plate in a large photo, the first look knows little
more than where it is."""

LONG = 96.0
"""Plates are this long in the windows, on average; less than when reading, so that steep ones are whole in them."""

ELSEWHERE = 0.15
"""The share of windows that are cut wherever they fall."""


@dataclass(frozen=True)
class Window:
    """A grey picture as the closer look gets it, and there: the find (4, 2) that it is about; the plate's true corners,
    if it is one; what these count for; whether it can be told if it is one; and whether, where none is labelled, there
    may be one all the same."""

    picture: Picture
    find: Quads
    plate: Quads | None
    trust: float = 1.0
    asked: bool = True
    partly: bool = False


def about(photo: Picture, find: Quads, plates: Quads, trust: NDArray[np.float32], ignored: Quads) -> Window:
    """A window about a find in a photo with `plates` (N, 4, 2), whose corners count for `trust` (N,). On `ignored`
    plates nothing is asked."""
    picture, matrix = window(photo, find, LONG)
    shares = [overlap(find, plate)[0] for plate in plates]
    best = int(np.argmax(shares)) if shares else -1
    if best >= 0 and shares[best] >= SAME:
        return Window(picture, mapped(find, matrix), mapped(plates[best], matrix), float(trust[best]))
    clear = all(overlap(find, other)[0] < 0.05 for other in (*plates, *ignored))
    return Window(picture, mapped(find, matrix), None, asked=clear)


def inexact(quad: Quads, rng: np.random.Generator) -> Quads:
    """A plate's corners (4, 2) as the first look may find them."""
    long, middle = length(quad), quad.mean(axis=0)
    off = COARSER if rng.random() < COARSE else 1.0
    turn = cv2.getRotationMatrix2D((0, 0), rng.normal(0, min(12.0, TURN * off)), np.exp(rng.normal(0, RESIZE * off)))
    shift = middle + rng.normal(0, SHIFT * off * long, 2) + rng.normal(0, JITTER * long, (4, 2))
    return np.asarray((quad - middle) @ turn[:, :2].T + shift, dtype=np.float32)


def anywhere(photo: Picture, rng: np.random.Generator) -> Quads:
    """The corners (4, 2) of nothing in particular."""
    long = float(np.exp(rng.uniform(np.log(LONG / 4), np.log(3 * LONG))))
    high = long * rng.uniform(0.2, 0.8)
    corners = np.array([[-long, -high], [long, -high], [long, high], [-long, high]]) / 2
    return np.asarray(rng.uniform(0.05, 0.95, 2) * photo.shape[::-1] + corners, dtype=np.float32)


def encode_window(seen: Window) -> NDArray[np.float32]:
    """What the network should say (20,): the find's corners (8), the plate's (8), 1 if it is one, the weights of that
    and of the corners, and 1 where it may be one without a label."""
    plate = seen.find if seen.plate is None else seen.plate
    known = seen.plate is not None
    rest = [known, seen.asked, seen.trust * known, seen.partly]
    return np.concatenate([seen.find.ravel(), plate.ravel(), np.array(rest, np.float32)]).astype(np.float32)
