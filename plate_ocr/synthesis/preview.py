"""One sheet that shows what regions look like: clean plates, and the same regions as a camera sees them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.synthesis.drawing import draw_plate
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.region import Region

TILE = (190, 92)
CAPTION = 20
COLUMNS = 4
TITLE = 150


def draw_sheet(
    regions: Sequence[Region], library: FontLibrary, *, seed: int = 1, strength: float = 1.0
) -> NDArray[np.uint8]:
    """A row a region: its name, four clean plates and four crops, each with its label below. BGR uint8."""
    font = cv2.FontFace("uni")
    width, height = TILE
    row_height = height + CAPTION + 8
    sheet = np.full((row_height * len(regions) + 8, TITLE + 2 * COLUMNS * (width + 8), 3), 250, np.uint8)
    for r, region in enumerate(regions):
        top = 8 + r * row_height
        cv2.putText(sheet, region.code, (12, top + 36), (40, 40, 40), font, 26, 700)
        cv2.putText(sheet, region.name[:22], (12, top + 60), (110, 110, 110), font, 12, 400)
        rng = np.random.default_rng([seed, r])
        generator = CropGenerator([region], library, strength=strength)
        for column in range(2 * COLUMNS):
            if column < COLUMNS:
                plate = draw_plate(region, library, rng)
                picture, text = plate.picture, plate.text
            else:
                crop = generator.draw([seed, r, column])
                picture, text = crop.picture, crop.text
            x = TITLE + column * (width + 8)
            scale = min(width / picture.shape[1], height / picture.shape[0])
            size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
            tile = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
            sheet[top : top + size[1], x : x + size[0]] = tile
            cv2.putText(sheet, text, (x, top + height + CAPTION - 6), (60, 60, 60), font, 14, 400)
    return sheet
