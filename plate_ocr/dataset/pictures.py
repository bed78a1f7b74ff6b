"""The pictures of a label table, each opened once: its size, what it holds, and a fingerprint to compare it by."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.labels import Label
from plate_ocr.photos import PhotoError, load, printable

Fingerprint = NDArray[np.int8]
"""The signs (+1 or -1) of a picture's low frequencies, shape (239,)."""

BANDS = (10, 24)
"""Vertical and horizontal frequencies of a fingerprint. Plates share their layout, so the 8 x 8 that are usual for
photos do not tell two of them apart: these do (see `similar.ALIKE`)."""

BLANK = 3.0
"""A picture of less contrast shows nothing."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A row's picture: height and width in pixels, contrast (the deviation of its grey values), a checksum of its
    pixels, and its fingerprint. Where it could not be opened, `message` says why, and the rest is empty."""

    label: Label
    message: str = ""
    missing: bool = False
    height: int = 0
    width: int = 0
    contrast: float = 0.0
    checksum: str = ""
    fingerprint: Fingerprint = field(default_factory=lambda: np.zeros(0, np.int8), compare=False)


def open_pictures(labels: Iterable[Label]) -> Iterator[Picture]:
    """The pictures of rows, in their order; one that cannot be opened is kept, with its message."""
    for label in labels:
        try:
            grey = load(label.path, grey=True)
        except PhotoError as error:
            says = str(error).removeprefix(f"{printable(str(label.path))}: ")
            yield Picture(label, says, missing=not os.path.exists(label.path))
            continue
        yield Picture(
            label,
            height=grey.shape[0],
            width=grey.shape[1],
            contrast=float(grey.std()),
            checksum=hashlib.sha256(repr(grey.shape).encode() + grey.tobytes()).hexdigest(),
            fingerprint=fingerprint(grey),
        )


def fingerprint(grey: NDArray[np.uint8]) -> Fingerprint:
    """What stays of a grey picture (H, W) when it is scaled, compressed again or lit otherwise."""
    small = cv2.resize(grey, (96, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Without the first, which is the brightness.
    waves = cv2.dct(small)[: BANDS[0], : BANDS[1]].ravel()[1:]
    return np.where(waves > np.median(waves), 1, -1).astype(np.int8)
