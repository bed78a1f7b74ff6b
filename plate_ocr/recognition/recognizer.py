"""Crops to texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import open_reader
from plate_ocr.plate import Character
from plate_ocr.recognition.ctc import greedy
from plate_ocr.recognition.network import open_network
from plate_ocr.recognition.preprocess import prepare


@dataclass(frozen=True, slots=True)
class Reading:
    """What one crop says: its characters, the probability of the whole, 0 to 1, and for each character about where its
    centre stands, from 0 at the crop's left edge to 1 at its right."""

    characters: tuple[Character, ...]
    confidence: float
    places: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """The characters in a row; '' when nothing could be read."""
        return "".join(character.text for character in self.characters)

    @property
    def lines(self) -> int:
        """1 or 2: whether the text, as read, goes back to the left."""
        return 2 if any(b < a - 0.25 for a, b in pairwise(self.places)) else 1


class Recognizer:
    """Reads plate crops of any size with one model."""

    def __init__(self, model: str | Path = "reader", *, keras: bool = False, threads: int = 0) -> None:
        """`model` is a shipped name or the folder of a run; `keras` reads with the Keras file instead of the ONNX one.

        Raises ModelError if the model is missing or damaged.
        """
        self.files = open_reader(model)
        self.alphabet = self.files.alphabet
        self._network = open_network(self.files, keras=keras, threads=threads)
        # The time steps run along the upper row of features and then along the lower.
        self._rows = int(self.files.about.get("rows", 2))

    @property
    def kind(self) -> str:
        """Which file reads: 'ONNX' or 'Keras'."""
        return self._network.kind

    def read(self, crops: Sequence[NDArray[np.uint8]]) -> list[Reading]:
        """Read BGR or grey uint8 crops, all in one batch. Raises ValueError for an empty crop."""
        if not crops:
            return []
        logits = self._network(prepare(crops, self.files.size))
        columns = logits.shape[1] // self._rows
        readings = []
        for decoded in greedy(logits):
            characters = tuple(
                Character(self.alphabet.decode([c]), p)
                for c, p in zip(decoded.classes, decoded.confidences, strict=True)
            )
            places = tuple((step % columns + 0.5) / columns for step in decoded.steps)
            readings.append(Reading(characters, decoded.confidence, places))
        return readings
