"""Photo to corners, and corners to an upright crop."""

from plate_ocr.detection.contours import ContourDetector
from plate_ocr.detection.detector import Detection, Detector
from plate_ocr.detection.rectify import rectify

__all__ = ["ContourDetector", "Detection", "Detector", "rectify"]
