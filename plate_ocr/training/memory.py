"""What a reader that is trained further still knows of the regions that it is not trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from plate_ocr.recognition.alphabet import LONGEST
from plate_ocr.recognition.preprocess import fit
from plate_ocr.synthesis.fonts import FontLibrary
from plate_ocr.synthesis.generator import CropGenerator
from plate_ocr.synthesis.region import load_regions
from plate_ocr.training.config import TrainConfig
from plate_ocr.training.samples import Batch, fonts_of, other_regions

COUNT = 200
"""Plates that are drawn; some are left out where the alphabet has shrunk."""


class Memory:
    """Drawn plates of regions, always the same: `batch` as training takes it, and their `texts` as they stand."""

    def __init__(self, config: TrainConfig, regions: Iterable[str], library: FontLibrary) -> None:
        alphabet = config.make_alphabet()
        generator = CropGenerator(load_regions(regions), library)
        drawn = [generator.draw([config.seed, 13, i]) for i in range(COUNT)]
        known = [crop for crop in drawn if not alphabet.unknown(crop.text)]
        size = (config.architecture.height, config.architecture.width)
        self.texts = [crop.standing for crop in known]
        self.batch: Batch = np.zeros((len(known), *size), np.uint8), np.zeros((len(known), LONGEST), np.int32)
        for picture, classes, crop in zip(*self.batch, known, strict=True):
            picture[:] = fit(crop.picture, size)
            classes[: len(crop.standing)] = alphabet.encode(crop.standing)


def recall(config: TrainConfig) -> Memory | None:
    """The plates by which a run is told what it forgets; None where it starts from nothing, draws no plates, or leaves
    no region out that can be drawn here."""
    if not (config.start and config.synthetic):
        return None
    library = fonts_of(config)
    regions = other_regions(config, library)
    memory = Memory(config, regions, library) if regions else None
    return memory if memory and memory.texts else None
