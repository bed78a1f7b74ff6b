"""Score a recognizer on labelled crops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from plate_ocr.evaluation.calibration import Calibration, calibrate
from plate_ocr.evaluation.metrics import Naming, Score, confusions, fold, macro, naming, score
from plate_ocr.labels import Label
from plate_ocr.photos import PhotoError, load
from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.synthesis.region import NOWHERE, load_regions

SIZES = ("characters under 12 px", "characters of 12 to 20 px", "characters over 20 px")


@dataclass(frozen=True, slots=True)
class Read:
    """A labelled crop and what was read in it. An unreadable picture counts as read with nothing.

    `lines` is the label table's, or the reader's own where the table does not say. `height` is the crop's, in pixels.
    `stage` says after which look the reading stood, `region` whose plate the reader took it for, '' if it did not say,
    and `likeliest` whose it held to be likeliest, however doubtful.
    """

    label: Label
    text: str
    confidence: float
    message: str = ""
    lines: int = 1
    height: int = 0
    stage: str = "1"
    region: str = ""
    likeliest: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """(label, reading)."""
        return self.label.text, self.text

    @property
    def right(self) -> bool:
        """Whether the reading is the label to the last character."""
        return self.label.text == self.text

    @property
    def size(self) -> str:
        """Which class of character height the crop falls into: 0.6 of the height of a one-line crop, 0.35 of that of a
        two-line one. It is an estimate; the surroundings of a loose crop make it too high."""
        pixels = self.height * (0.6 if self.lines == 1 else 0.35)
        return SIZES[0] if pixels < 12 else SIZES[1] if pixels <= 20 else SIZES[2]


@dataclass(frozen=True)
class Evaluation:
    """All reads of one split, and the scores that follow from them."""

    split: str
    reads: tuple[Read, ...]

    def by(self, key: Callable[[Read], str]) -> dict[str, Score]:
        """Scores of groups, sorted by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for read in self.reads:
            groups.setdefault(key(read), []).append(read.pair)
        return {name: score(groups[name]) for name in sorted(groups)}

    @property
    def overall(self) -> Score:
        """The score over all crops."""
        return score(read.pair for read in self.reads)

    @property
    def by_source(self) -> dict[str, Score]:
        """Scores by the folder that holds the pictures."""
        return self.by(lambda read: read.label.source)

    @property
    def by_region(self) -> dict[str, Score]:
        """Scores by region."""
        return self.by(lambda read: read.label.region or "-")

    @property
    def by_lines(self) -> dict[str, Score]:
        """Scores of one-line and of two-line plates."""
        return self.by(lambda read: "one line" if read.lines == 1 else "two lines")

    @property
    def by_size(self) -> dict[str, Score]:
        """Scores by the height of the characters, the smallest first."""
        scores = self.by(lambda read: read.size)
        return {size: scores[size] for size in SIZES if size in scores}

    @property
    def calibration(self) -> Calibration:
        """How the confidences compare with what was right."""
        return calibrate([read.confidence for read in self.reads], [read.right for read in self.reads])

    @property
    def naming(self) -> dict[str, Naming]:
        """How often the plates of each region that has formats were named as its; all of them together under ''."""
        pairs = [(read.label.region, read.region) for read in self._with_formats]
        by_region = {code: naming(p for p in pairs if p[0] == code) for code in sorted({truth for truth, _ in pairs})}
        return by_region | ({"": naming(pairs)} if pairs else {})

    @property
    def likeliest(self) -> Naming:
        """How often the likeliest region was the right one, of the plates of all regions that have formats."""
        return naming((read.label.region, read.likeliest) for read in self._with_formats)

    @property
    def _with_formats(self) -> list[Read]:
        known = {region.code for region in load_regions()} - {NOWHERE}
        return [read for read in self.reads if read.label.region in known]

    def confusions(self, most: int = 10) -> list[tuple[str, str, int]]:
        """The commonest (label's character, read as, how often)."""
        counts: Counter[tuple[str, str]] = confusions(read.pair for read in self.reads)
        return [(truth, text, n) for (truth, text), n in counts.most_common(most)]

    @property
    def wrong(self) -> list[Read]:
        """Wrong reads (O = 0 and I = 1), the most confident first: those that a threshold would not catch."""
        wrong = [read for read in self.reads if fold(read.label.text) != fold(read.text)]
        return sorted(wrong, key=lambda read: -read.confidence)

    def worst(self, most: int = 10) -> list[Read]:
        """The first of the wrong reads."""
        return self.wrong[:most]

    def as_dict(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        groups = {
            "source": self.by_source,
            "region": self.by_region,
            "lines": self.by_lines,
            "character_height": self.by_size,
        }
        macros = {}
        for name in ("source", "region"):
            scores = groups[name]
            plate, folded, character = macro(list(scores.values()))
            macros[name] = {"plate_accuracy": plate, "plate_accuracy_folded": folded, "character_accuracy": character}
        return {
            "split": self.split,
            "overall": _score_dict(self.overall),
            "macro": macros,
            **{f"by_{name}": {k: _score_dict(s) for k, s in scores.items()} for name, scores in groups.items()},
            "regions_named": {
                code or "all": {"plates": n.plates, "right": n.right, "wrong": n.wrong, "unnamed": n.unnamed}
                for code, n in self.naming.items()
            },
            "likeliest_region_right": self.likeliest.right,
            "calibration": _calibration_dict(self.calibration),
            "confusions": [{"label": t, "read": r, "count": n} for t, r, n in self.confusions(50)],
            "worst": [
                {"image_path": str(r.label.path), "label": r.label.text, "read": r.text, "confidence": r.confidence}
                for r in self.worst(50)
            ],
        }


def _calibration_dict(value: Calibration) -> dict[str, Any]:
    thresholds = [
        {"error_rate": rate, "confidence": confidence, "kept": kept}
        for rate, (confidence, kept) in value.thresholds.items()
    ]
    return {"ece": value.ece, "brier": value.brier, "thresholds": thresholds}


def _score_dict(value: Score) -> dict[str, Any]:
    low, high = value.interval()
    return {
        "plates": value.plates,
        "plate_accuracy": value.plate_accuracy,
        "plate_accuracy_95": [low, high],
        "plate_accuracy_folded": value.plate_accuracy_folded,
        "character_accuracy": value.character_accuracy,
        "cer": value.cer,
    }


def read_crops(recognizer: Recognizer, labels: Iterable[Label], *, batch: int = 32) -> Iterator[Read]:
    """Read labelled crops in order. A picture that cannot be opened is kept, with its message."""
    remaining = iter(labels)
    while chunk := list(islice(remaining, batch)):
        crops, places = [], []
        reads = [Read(label, "", 0.0, lines=label.lines or 1) for label in chunk]
        for place, label in enumerate(chunk):
            try:
                crops.append(load(label.path))
                places.append(place)
            except PhotoError as error:
                reads[place] = Read(label, "", 0.0, str(error), label.lines or 1)
        for place, crop, reading in zip(places, crops, recognizer.read(crops), strict=True):
            reads[place] = Read(
                chunk[place],
                reading.text,
                reading.confidence,
                lines=chunk[place].lines or reading.lines,
                height=crop.shape[0],
                stage=reading.stage,
                region=reading.region,
                likeliest=reading.regions[0].region if reading.regions else "",
            )
        yield from reads


def group_by_split(reads: Sequence[Read]) -> list[Evaluation]:
    """One evaluation for each split that occurs, in order of appearance."""
    splits = dict.fromkeys(read.label.split for read in reads)
    return [Evaluation(split, tuple(r for r in reads if r.label.split == split)) for split in splits]
