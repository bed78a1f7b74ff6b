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
from plate_ocr.recognition.decoder import Decoder, DecoderSettings
from plate_ocr.recognition.network import open_network
from plate_ocr.recognition.preprocess import prepare

CLEAR = 0.9
"""A region is named if, of all regions whose formats the text fits, it is at least this likely."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one crop says: its characters and the probability of the whole text, 0 to 1.

    `places` says for each character about where its centre stands, from 0 at the crop's left edge to 1 at its right;
    `region` is set where the format leaves no doubt.
    """

    characters: tuple[Character, ...]
    confidence: float
    places: tuple[float, ...] = ()
    region: str = ""

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

    def __init__(
        self,
        model: str | Path = "reader",
        *,
        keras: bool = False,
        threads: int = 0,
        decoding: DecoderSettings | None = None,
    ) -> None:
        """`model` is a shipped name or the folder of a run; `keras` reads with the Keras file instead of the ONNX one.

        Raises ModelError if the model is missing or damaged, RegionError for an unknown region in `decoding`.
        """
        self.files = open_reader(model)
        self.alphabet = self.files.alphabet
        self.decoder = Decoder(self.alphabet, decoding)
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
        for decoded in self.decoder(logits):
            characters = tuple(
                Character(self.alphabet.decode([c]), p)
                for c, p in zip(decoded.classes, decoded.confidences, strict=True)
            )
            places = tuple((step % columns + 0.5) / columns for step in decoded.steps)
            readings.append(Reading(characters, decoded.confidence, places, self._region(characters)))
        return readings

    def _region(self, characters: Sequence[Character]) -> str:
        found = self.decoder.regions("".join(character.text for character in characters))
        code, p = next(iter(found.items()), ("", 0.0))
        return code if p >= CLEAR else ""
