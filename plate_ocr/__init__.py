"""An open, end-to-end licence-plate reader: photo in, plates out.

from plate_ocr import PlateReader
for plate in PlateReader().read("car.jpg"):
    print(plate.text, plate.confidence)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plate_ocr.plate import Character, Corners, Plate, RegionGuess, Status

if TYPE_CHECKING:
    from plate_ocr.reader import PlateReader

__version__ = "0.1.0"
__all__ = ["Character", "Corners", "Plate", "PlateReader", "RegionGuess", "Status"]


def __getattr__(name: str) -> Any:
    # OpenCV and ONNX Runtime take 0.2 s to import; who only asks for --help or for Plate need not wait for them.
    if name == "PlateReader":
        from plate_ocr.reader import PlateReader

        return PlateReader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
