"""What every detector is: a photo goes in, corners come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plate_ocr.plate import Corners


@dataclass(frozen=True, slots=True)
class Detection:
    """A plate found in a photo, and how sure the detector is, 0 to 1."""

    corners: Corners
    score: float


class Detector(Protocol):
    """Anything that finds plates."""

    def detect(self, photo: NDArray[np.uint8]) -> list[Detection]:
        """Plates in a BGR uint8 photo (H, W, 3), best first; corners in its pixels."""
        ...
