"""Logits to texts: greedy where the network is sure, a beam that knows plate formats where it is not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.alignment import align, text_log_p
from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.beam import Candidate, beam_search
from plate_ocr.recognition.ctc import Decoded, best_paths, log_softmax
from plate_ocr.recognition.formats import Formats
from plate_ocr.recognition.language import LanguageModel, LanguagePrior
from plate_ocr.synthesis.region import load_regions

FormatMode = Literal["soft", "strict", "off"]
FORMAT_MODES: tuple[str, ...] = get_args(FormatMode)

PENALTY = 2.0
"""Nats that a text pays for fitting no known format. Vanity and foreign plates are common: they must be able to."""

PENALTY_LOCAL = 4.0
"""What it pays where a character is Hangul, hanzi or of another script of one country: vanity plates are in Latin
letters, and those countries' formats are known."""

LIKELY = math.log(0.5)
"""The log-probability at some step from which on a character is held to be there."""

LANGUAGE_WEIGHT = 0.1
"""How much a language model counts beside the network. From about 0.3 on it writes plates of its own."""

SURE, SURE_WITH_LANGUAGE = 0.5, 0.8
"""A greedy text is taken as it is if each of its characters is at least this likely and it fits a common format, or if
none could win by fitting better. Where a language model counts, it may have another view of characters up to the
second."""


@dataclass(frozen=True)
class DecoderSettings:
    """How to decode. With `formats` "soft" a text that fits no known format ranks lower, with "strict" it cannot be,
    with "off" it is like any other. `regions` restricts the formats to some regions. A reading that is nearly one of
    the `known` plates is taken for it. `width` is the beam's. `language` names a language model that counts in the
    beam, by its weight (0 to 5): a shipped one, or the folder of `plate-ocr language train`; '' for none.

    Raises ValueError for another mode, a width below 1 or another weight.
    """

    formats: FormatMode = "soft"
    regions: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    width: int = 8
    language: str = ""
    language_weight: float = LANGUAGE_WEIGHT

    def __post_init__(self) -> None:
        if self.formats not in FORMAT_MODES:
            raise ValueError(f"formats is one of {', '.join(FORMAT_MODES)}, not {self.formats!r}")
        if self.width < 1:
            raise ValueError(f"a beam is at least 1 wide, not {self.width}")
        if not 0 <= self.language_weight <= 5:
            raise ValueError(f"a language model's weight is between 0 and 5, not {self.language_weight}")


@dataclass(frozen=True, slots=True)
class Text:
    """A decoded text: its classes, its probability summed over alignments, and the log-probabilities (T, C) that it
    comes from. Its characters were `found` at these time steps: by a greedy decoder, or on the text's best path."""

    classes: tuple[int, ...]
    confidence: float
    log_p: NDArray[np.float32]
    found: tuple[int, ...] = ()

    def steps(self) -> Sequence[int]:
        """The time step of each character."""
        return self.found or align(self.log_p, self.classes)

    def steps_of(self, classes: Sequence[int]) -> Sequence[int]:
        """The time step of each character of another text, if this one has to be read so. Raises ValueError for one
        that does not fit."""
        return self.steps() if tuple(classes) == self.classes else align(self.log_p, classes)


class Decoder:
    """Decodes the logits of one alphabet, and counts how many texts it `decoded`, and `searched` with the beam."""

    def __init__(self, alphabet: Alphabet, settings: DecoderSettings | None = None) -> None:
        """Raises RegionError for an unknown region in `settings`, ModelError for a language model that is missing,
        damaged or of other characters."""
        self.alphabet = alphabet
        self.settings = settings or DecoderSettings()
        self.searched = 0
        self.decoded = 0
        if self.settings.regions:
            # A misspelt region is told at once, not with the first plate.
            load_regions(self.settings.regions)
        language = self.settings.language
        self._prior = LanguagePrior(LanguageModel(language), alphabet) if language else None
        self._enough = SURE_WITH_LANGUAGE if language else SURE
        self._local = [i for i, character in enumerate(alphabet.characters, start=1) if not character.isascii()]

    @cached_property
    def formats(self) -> Formats:
        """The formats in force. Raises RegionError for an unknown region."""
        return Formats(load_regions(self.settings.regions), self.alphabet)

    @cached_property
    def known(self) -> tuple[str, ...]:
        """The known plates as they can be read: as they are written, and as they stand on two lines."""
        plates = self.settings.known
        if not plates or self.settings.formats == "off":
            return plates
        order = self.formats.order
        standing = (order.standing(plate, region) for plate in plates for region in order.regions)
        return tuple(dict.fromkeys((*plates, *filter(None, standing))))

    def __call__(self, logits: NDArray[np.float32]) -> list[Text]:
        """Logits (N, T, C) to N texts."""
        self._tidy()
        log_p = log_softmax(logits)
        return [self._decode(first, row) for first, row in zip(best_paths(log_p), log_p, strict=True)]

    def candidates(self, log_p: NDArray[np.float32]) -> list[Candidate]:
        """The likeliest texts of one sequence, best first: log-probabilities (T, C)."""
        return beam_search(
            log_p,
            width=self.settings.width,
            grammar=None if self.settings.formats == "off" else self.formats,
            penalty=self._penalty(log_p),
            prior=self._prior,
            weight=self.settings.language_weight,
        )

    def considered(self, text: Text) -> list[Candidate]:
        """The likeliest texts of the crop that one was read from, best first."""
        return self.candidates(text.log_p)

    def regions(self, text: str) -> dict[str, float]:
        """Whose plate a text can be, by its format: region -> probability, likeliest first."""
        return {} if self.settings.formats == "off" else self.formats.regions(text)

    def written(self, lines: Sequence[str], region: str) -> tuple[int, ...]:
        """For each place of a plate's number, which character of its lines stands there, counted through."""
        return self.formats.order.written(lines, region)

    def _tidy(self) -> None:
        """Between texts: a batch of a million photos must not fill the memory with the states of their formats."""
        if self.settings.formats != "off":
            self.formats.tidy()

    def _penalty(self, log_p: NDArray[np.float32]) -> float:
        """Nats that a text of these log-probabilities (T, C) pays for fitting no format."""
        local = (log_p[:, self._local] > LIKELY).any()
        return {"off": 0.0, "soft": PENALTY_LOCAL if local else PENALTY, "strict": math.inf}[self.settings.formats]

    def _decode(self, first: Decoded, log_p: NDArray[np.float32]) -> Text:
        self.decoded += 1
        if min(first.confidences, default=1.0) >= self._enough:
            p = text_log_p(log_p, first.classes)
            if self._stands(first.classes, p, log_p):
                return Text(first.classes, _p(p), log_p, first.steps)
        self.searched += 1
        found = self.candidates(log_p)
        if not found:
            return Text((), 0.0, log_p)
        best = found[0]
        return Text(best.classes, _p(best.log_p), log_p, tuple(align(log_p, best.classes)))

    def _stands(self, classes: Sequence[int], own: float, log_p: NDArray[np.float32]) -> bool:
        """Whether a greedy text whose log-probability is `own` needs no search in log-probabilities (T, C)."""
        pays = self._cost(classes) if classes else 0.0
        if not pays or self._prior:
            return not pays
        pays = min(pays, self._penalty(log_p))
        # All others together are less likely by more than they may gain.
        return own - math.log1p(-math.exp(min(own, -1e-9))) > pays

    def _cost(self, classes: Iterable[int]) -> float:
        """Nats that a text pays for its format; infinite if it fits none."""
        if self.settings.formats == "off":
            return 0.0
        state = self.formats.start
        for cls in classes:
            state = self.formats.step(state, cls)
        return self.formats.cost(state)


def _p(log_p: float) -> float:
    return min(1.0, math.exp(log_p))
