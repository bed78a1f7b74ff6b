"""Photo to corners, and corners to an upright crop."""

from __future__ import annotations

from pathlib import Path

from plate_ocr.detection.contours import ContourDetector
from plate_ocr.detection.detector import Detection, Detector
from plate_ocr.detection.network import NetworkDetector
from plate_ocr.detection.rectify import rectify

CONTOURS = "contours"
"""The name of the detector that needs no weights."""


def make_detector(name: str | Path = "detector", *, threads: int = 0) -> Detector:
    """The detector of this name: "contours", a shipped model's, or a training run's folder.

    Raises ModelError if the model is missing or damaged.
    """
    return ContourDetector() if str(name) == CONTOURS else NetworkDetector(name, threads=threads)


__all__ = ["CONTOURS", "ContourDetector", "Detection", "Detector", "NetworkDetector", "make_detector", "rectify"]
