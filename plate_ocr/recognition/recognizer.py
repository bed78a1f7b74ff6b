"""Crops to texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plate_ocr.detection import Detector, make_detector, rectify
from plate_ocr.model_store import ModelError, open_reader
from plate_ocr.plate import Character, Corners, RegionGuess
from plate_ocr.recognition.alignment import text_log_p
from plate_ocr.recognition.attention import AttentionDecoder, AttentionText
from plate_ocr.recognition.confidence import Confidence
from plate_ocr.recognition.decoder import Decoder, DecoderSettings, Text
from plate_ocr.recognition.known import nearest
from plate_ocr.recognition.network import open_attention, open_network
from plate_ocr.recognition.posterior import certainties
from plate_ocr.recognition.preprocess import prepare, to_grey
from plate_ocr.recognition.region_classifier import RegionClassifier, combined
from plate_ocr.recognition.unfold import unfolded
from plate_ocr.recognition.views import other_views, vote

HOPELESS, DOUBT = 0.005, 0.9
"""A crop is looked at again if the probability of its text lies between these. Below the first it is mostly no plate,
and other views make none of it."""

LOST, SLANTED = 0.05, 10
"""Of a text less likely than the first the reason may be that the plate is small in its crop: it is cut out of it. So
is a doubtful one that leans by more degrees than the second."""

TOGETHER = 32
"""Crops that go through the network at once: more are no faster, and it keeps the memory of its largest run."""

BELIEVED = 0.1
"""Of a text less likely than this, each character is told as certain as the whole: to weigh them costs as much as to
read a crop, and nobody relies on them."""

CLEAR = 0.9
"""A region is named if, of all that the plate can be of, it is at least this likely."""

UNLIKELY = 0.01
"""Regions less likely than this are left out."""

LEEWAY = 0.3
"""A reader made for some regions is believed what it reads as a plate of them, unless its companion is so much surer of
something else. Of readers made for Uzbekistan and Tunisia, hardly anything differs between 0.2 and no limit at all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one crop says: its characters and the probability of the whole text, 0 to 1.

    `places` says for each character about where its centre stands, from 0 at the left edge of what was read to 1 at
    its right; `regions` are those whose plate it can be, likeliest first; `stage` says after which look the reading
    stood. `read_as` is what was read where the text is a known plate instead.
    """

    characters: tuple[Character, ...]
    confidence: float
    places: tuple[float, ...] = ()
    regions: tuple[RegionGuess, ...] = ()
    stage: str = "1"
    read_as: str = ""

    @property
    def region(self) -> str:
        """The likeliest region where it leaves little doubt, else ''."""
        return self.regions[0].region if self.regions and self.regions[0].probability >= CLEAR else ""

    @property
    def text(self) -> str:
        """The characters in a row; '' when nothing could be read."""
        return "".join(character.text for character in self.characters)

    @property
    def lines(self) -> int:
        """1 or 2: whether the text, as read, goes back to the left."""
        return 2 if self.breaks else 1

    @property
    def breaks(self) -> list[int]:
        """The places in the text after which it goes back to the left."""
        return _breaks(self.places)

    def ordered(self, order: Sequence[int]) -> Reading:
        """The same with the characters in another order: which of them stands at each place."""
        characters, places = tuple(self.characters[i] for i in order), tuple(self.places[i] for i in order)
        return replace(self, characters=characters, places=places)


def _breaks(places: Sequence[float]) -> list[int]:
    return [i for i, (a, b) in enumerate(pairwise(places), start=1) if b < a - 0.25]


class Recognizer:
    """Reads plate crops of any size with one model."""

    def __init__(
        self,
        model: str | Path = "reader",
        *,
        keras: bool = False,
        threads: int = 0,
        decoding: DecoderSettings | None = None,
        looks: bool = True,
        confidence: Confidence | None = None,
        straighten: bool = True,
        alone: bool = False,
    ) -> None:
        """`model` is a shipped name or the folder of a run; `keras` reads with the Keras file instead of the ONNX one.

        With `looks`, a crop that leaves doubt is looked at again in other views, which vote. With `straighten` one of
        them is of the plate as the shipped detector finds it in the crop; where that slants, or nothing can be made of
        the crop, it is read as the detector cuts it out. `confidence` goes before the model's own calibration. A
        companion, which a reader made for some regions may have (`train --companion`), reads by its ONNX file;
        `alone` leaves it out. Raises ModelError if the model is missing or damaged, RegionError for an unknown region
        in `decoding`.
        """
        self.files = open_reader(model)
        self.alphabet = self.files.alphabet
        self.decoder: Decoder
        if self.files.head == "attention":
            attention = open_attention(self.files, keras=keras, threads=threads)
            self.decoder = decoder = AttentionDecoder(self.alphabet, decoding, attention, self.files.longest)
            self._kind, self._look = attention.kind, decoder.read
        else:
            network = open_network(self.files, keras=keras, threads=threads)
            self.decoder = ctc = Decoder(self.alphabet, decoding)
            self._kind, self._look = network.kind, lambda crops: ctc(network(crops))
        try:
            own = Confidence(self.files.calibration)
            # The curves are of readings that doubt has been resolved for. One look alone is well calibrated as it is.
            self._confidence = confidence or (own if looks else Confidence())
        except ValueError as error:
            raise ModelError(f"{self.files.folder}: {error}; install or export it again") from None
        self._looks, self._straighten, self._threads = looks, straighten, threads
        # The time steps run along the upper row of features and then along the lower.
        self.rows = int(self.files.about.get("rows", 2))
        self.companion: Recognizer | None = None
        if not alone and (companion := self.files.companion):
            self.companion = Recognizer(
                companion.folder, threads=threads, decoding=decoding, looks=looks, straighten=straighten, alone=True
            )

    @cached_property
    def _straightener(self) -> Detector | None:
        # Only doubt needs it.
        return make_detector(threads=self._threads) if self._straighten else None

    @cached_property
    def _classifier(self) -> RegionClassifier:
        # Most formats leave no doubt about whose plate it is.
        return RegionClassifier(threads=self._threads)

    @property
    def kind(self) -> str:
        """Which file reads: 'ONNX' or 'Keras'."""
        return self._kind

    @property
    def looked(self) -> tuple[int, int]:
        """How often this reader and its companion have looked at a crop, and how often the beam had to search."""
        others = self.companion.looked if self.companion else (0, 0)
        return self.decoder.decoded + others[0], self.decoder.searched + others[1]

    def read(self, crops: Sequence[NDArray[np.uint8]]) -> list[Reading]:
        """Read BGR or grey uint8 crops, all in one batch. Raises ValueError for an empty crop."""
        own = self._read(crops)
        if self.companion is None:
            return own
        return [self._better(*both) for both in zip(own, self.companion.read(crops), strict=True)]

    def reader_of(self, crop: NDArray[np.uint8]) -> Recognizer:
        """Of this reader and its companion the one whose reading of a crop stands."""
        return self if self.companion is None or self.read([crop]) == self._read([crop]) else self.companion

    def _better(self, own: Reading, other: Reading) -> Reading:
        leaves = self.companion.files.leaves if self.companion else ()
        if not leaves:
            return own if own.confidence >= other.confidence else other
        is_own = bool(own.regions) and own.regions[0].region in leaves
        return own if is_own and own.confidence >= other.confidence - LEEWAY else other

    def _read(self, crops: Sequence[NDArray[np.uint8]]) -> list[Reading]:
        crops = [to_grey(crop) for crop in crops]
        seen = [[text] for text in self.look(crops)]
        doubtful = [i for i, texts in enumerate(seen) if self._looks and texts[0].confidence < DOUBT]
        found = self._find(crops, doubtful)
        cut = {i for i, corners in found.items() if seen[i][0].confidence < LOST or abs(corners.tilt) > SLANTED}
        for i in cut:
            crops[i] = rectify(crops[i], found.pop(i))
        for i, text in zip(cut, self.look([crops[i] for i in cut]), strict=True):
            seen[i] = [text]
        doubtful = [i for i in doubtful if HOPELESS <= seen[i][0].confidence < DOUBT]
        views = [(i, view) for i in doubtful for view in other_views(crops[i], found.get(i))]
        clearest = {i: (crops[i], seen[i][0]) for i in doubtful}
        for (i, view), text in zip(views, self.look([view for _, view in views]), strict=True):
            seen[i].append(text)
            if i in found:
                # The last view, in which the plate stands upright.
                clearest[i] = view, text
        flat = self._line_beside_line(clearest)
        readings = [self._agreed(texts, flat.get(i), again=i in cut) for i, texts in enumerate(seen)]
        return self._named(crops, readings)

    def _line_beside_line(self, clearest: Mapping[int, tuple[NDArray[np.uint8], Text]]) -> dict[int, Text]:
        """Of the crops at these places, here with what was read in them, those of two lines read as one line."""
        if self.files.head == "attention":
            # Where its characters stand is known of what it writes by itself, and not of another view's text.
            return {}
        flat = {}
        for i, (crop, text) in clearest.items():
            places = self._places(text, text.classes)
            if len(breaks := _breaks(places)) == 1:
                flat[i] = unfolded(crop, places[: breaks[0]], places[breaks[0] :])
        pictures = {i: picture for i, picture in flat.items() if picture is not None}
        return dict(zip(pictures, self.look([*pictures.values()]), strict=True))

    def look(self, crops: Sequence[NDArray[np.uint8]]) -> list[Text]:
        """What one look at each crop says, with the network's probabilities at every step."""
        parts = (crops[i : i + TOGETHER] for i in range(0, len(crops), TOGETHER))
        return [text for part in parts for text in self._look(prepare(part, self.files.size))]

    def _find(self, crops: Sequence[NDArray[np.uint8]], places: Sequence[int]) -> dict[int, Corners]:
        """Of the crops at these places, the plate's corners in those in which the detector finds one."""
        if not (places and self._straightener):
            return {}
        found = {i: self._straightener.detect(crops[i]) for i in places}
        return {i: plates[0].corners for i, plates in found.items() if plates}

    def _agreed(self, texts: Sequence[Text], flat: Text | None = None, *, again: bool = False) -> Reading:
        """What the views of one crop say together; the first is the crop itself, or `again` the plate cut out of it.
        `flat` is what it says with its lines side by side."""
        stage = "2" if again or len(texts) > 1 else "1"
        views = [*texts, flat] if flat else texts
        classes, raw = vote(views)
        read = self.alphabet.decode(classes)
        if found := nearest(views, read, self.decoder.known, self.alphabet):
            # Of the two, the list says which it was; what the views gave to either counts for it.
            classes, raw = tuple(self.alphabet.encode(found[0]).tolist()), min(1.0, raw * (1 + found[1]))
            texts = [
                replace(
                    text, classes=classes, confidence=min(1.0, float(np.exp(text_log_p(text.log_p, classes)))), found=()
                )
                for text in texts
            ]
            views = texts
        confidence = self._confidence(raw, stage)
        same = [text for text in texts if text.classes == classes]
        # The places of the crop itself, where it says the same: those of another view are shifted. Side by side, lines
        # have lost theirs.
        text = max(same, key=lambda t: t.confidence) if same and same[0] is not texts[0] else texts[0]
        places = self._places(text, classes)
        certain = certainties(views, classes) if raw >= BELIEVED else [confidence] * len(classes)
        characters = tuple(
            Character(self.alphabet.decode([cls]), max(confidence, p)) for cls, p in zip(classes, certain, strict=True)
        )
        return Reading(characters, confidence, places, stage=stage, read_as=read if found else "")

    def _places(self, text: Text, classes: Sequence[int]) -> tuple[float, ...]:
        """About where the middle of each character stands in the crop of which `text` was read, from 0 to 1, if what
        it says is read as `classes`."""
        if isinstance(text, AttentionText):
            # A step that writes a character is no place in the crop: that is where it looked for it.
            steps, total = text.looked_at(), text.attention.shape[1]
        else:
            steps, total = list(text.steps_of(classes)), len(text.log_p)
        columns = total // self.rows
        return tuple((step % columns + 0.5) / columns for step in steps)

    def _named(self, crops: Sequence[NDArray[np.uint8]], readings: Sequence[Reading]) -> list[Reading]:
        """The readings with the regions of these crops: by their formats and, where these leave doubt, their looks."""
        regions = [self.decoder.regions(reading.text) if reading.text else {} for reading in readings]
        # Among regions that were asked for, a text that fits none of them is none's.
        restricted = bool(self.decoder.settings.regions)
        doubtful = [
            i
            for i, found in enumerate(regions)
            if readings[i].text and max(found.values(), default=0.0) < CLEAR and (found or not restricted)
        ]
        if doubtful:
            looks = self._classifier([crops[i] for i in doubtful])
            for i, row in zip(doubtful, looks.tolist(), strict=True):
                regions[i] = combined(regions[i], dict(zip(self._classifier.codes, row, strict=True)))
        named = [
            replace(reading, regions=tuple(RegionGuess(code, p) for code, p in found.items() if p >= UNLIKELY))
            for reading, found in zip(readings, regions, strict=True)
        ]
        return [self._as_written(reading) for reading in named]

    def _as_written(self, reading: Reading) -> Reading:
        """The reading of a plate of two lines in the order in which its region writes its number."""
        if len(reading.breaks) != 1 or not reading.regions or self.decoder.settings.formats == "off":
            return reading
        (end,), text = reading.breaks, reading.text
        if text in self.decoder.settings.known:
            return reading
        return reading.ordered(self.decoder.written((text[:end], text[end:]), reading.regions[0].region))
