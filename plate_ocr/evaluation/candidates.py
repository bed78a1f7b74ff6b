"""The texts that a recognizer considered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.recognizer import Recognizer


@dataclass(frozen=True, slots=True)
class Guess:
    """A text that was considered, its probability as the network alone sees it, and whether nothing speaks against its
    format: it fits a known one, is empty, or formats do not count."""

    text: str
    probability: float
    fits: bool


def guesses(recognizer: Recognizer, crop: NDArray[np.uint8], *, most: int = 3) -> tuple[Guess, ...]:
    """The first candidates of the first look at a BGR or grey uint8 crop, best first; those that the formats in force
    put back stand further down, whatever their probability."""
    recognizer = recognizer.reader_of(crop)
    (text,) = recognizer.look([crop])
    decoder = recognizer.decoder
    return tuple(
        Guess(
            recognizer.alphabet.decode(candidate.classes),
            min(1.0, math.exp(candidate.log_p)),
            candidate.fits or not candidate.classes or decoder.settings.formats == "off",
        )
        for candidate in decoder.considered(text)[:most]
    )
