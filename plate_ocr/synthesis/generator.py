"""An endless supply of synthetic crops, each fixed by its seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.unfold import side_by_side
from plate_ocr.synthesis.drawing import DrawnPlate, draw_plate, draw_text
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.region import Region, drawn_place
from plate_ocr.synthesis.spelling import Spelled
from plate_ocr.synthesis.weather import camera, frame, infrared, light, whole

INFRARED = 0.05
"""How many crops are of an infrared camera. It is drawn apart, so that all others are as they would be without."""


@dataclass(frozen=True)
class SyntheticCrop:
    """A drawn crop: BGR uint8 (H, W, 3) or grey (H, W), its text, region code and number of lines, and the text's
    characters in the order in which they stand, line by line: what a network is to read."""

    picture: NDArray[np.uint8]
    text: str
    region: str
    lines: int
    standing: str


class CropGenerator:
    """Draws crops of the given regions; a region is chosen by `weights`, evenly without them.

    `backgrounds` are photos without plates to set the plates into, BGR, or grey if the crops are to be `grey`: that is
    a third of the work. Of plates of two lines, the share `unfold` has them side by side, as readers look at them
    (`recognition.unfold`).
    """

    def __init__(
        self,
        regions: Sequence[Region],
        library: FontLibrary,
        *,
        weights: Sequence[float] | None = None,
        strength: float = 1.0,
        lines_px: int = 48,
        backgrounds: Sequence[NDArray[np.uint8]] = (),
        grey: bool = False,
        unfold: float = 0.0,
    ) -> None:
        if not regions:
            raise ValueError("at least one region is needed")
        share = np.array(weights if weights is not None else [1.0] * len(regions), dtype=np.float64)
        if share.shape != (len(regions),) or share.min() < 0 or share.sum() <= 0:
            raise ValueError("weights must hold one non-negative number for each region, and not only zeros")
        self._regions = list(regions)
        self._ends = share.cumsum().tolist()
        self._library = library
        self._strength = strength
        self._lines_px = lines_px
        self._backgrounds = backgrounds
        self._grey = grey
        self._unfold = unfold

    def draw(self, seed: int | Sequence[int], text: Spelled | None = None) -> SyntheticCrop:
        """The crop of this seed, with this text where one is given: the same seed gives the same crop."""
        rng, apart = np.random.default_rng(seed), np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
        lamp = apart.random() < INFRARED
        if text is None:
            region = self._regions[drawn_place(self._ends, rng)]
            plate = draw_plate(region, self._library, rng, lines_px=self._lines_px, grey=self._grey, infrared=lamp)
        else:
            plate = draw_text(text, self._library, rng, lines_px=self._lines_px, grey=self._grey, infrared=lamp)
        picture, lines = plate.picture, plate.lines
        if self._unfold and lines == 2 and rng.random() < self._unfold:
            picture, lines = _unfolded(plate, rng), 1
        lit = light(picture, rng)
        # From what a far gate camera gives to a phone held close.
        height = self._lines_px * np.exp(rng.uniform(np.log(0.26), np.log(1.5))) * (1.0 if lines == 1 else 1.5)
        width = height * lit.shape[1] / lit.shape[0]
        # Nothing else throws the lamp's light back as a plate does.
        ambient = apart.uniform(0.1, 0.7) if lamp else 1.0
        crop = frame(lit, rng, width=width, backgrounds=self._backgrounds, ambient=ambient)
        if lamp:
            crop = infrared(crop, whole(crop), apart)
        seen = camera(crop, rng, strength=self._strength)
        if seen.ndim == 2 and not self._grey:
            seen = np.asarray(cv2.cvtColor(seen, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
        return SyntheticCrop(seen, plate.text, plate.region, lines, plate.standing)


def _unfolded(plate: DrawnPlate, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A plate of two lines with these side by side, cut out as roughly as one does who only sees it."""
    high, wide = plate.picture.shape[:2]
    (l1, t1, r1, b1), (l2, t2, r2, b2) = plate.places
    cut, over = (b1 + t2) / 2 + rng.normal(0, 0.02) * high, rng.uniform(0, 0.04) * high
    upper, lower = (rng.uniform(-0.01, most, 2) * wide for most in (0.2, 0.1))
    top, bottom = rng.uniform(0, t1), rng.uniform(b2, high)
    return side_by_side(
        plate.picture,
        ((l1 - upper[0], top, r1 + upper[1], cut + over), (l2 - lower[0], cut - over, r2 + lower[1], bottom)),
    )
