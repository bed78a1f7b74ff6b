"""Score a recognizer on labelled crops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from plate_ocr.evaluation.metrics import Score, confusions, fold, macro, score
from plate_ocr.labels import Label
from plate_ocr.photos import PhotoError, load
from plate_ocr.recognition.recognizer import Recognizer


@dataclass(frozen=True, slots=True)
class Read:
    """A labelled crop and what was read in it. An unreadable picture counts as read with nothing."""

    label: Label
    text: str
    confidence: float
    message: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """(label, reading)."""
        return self.label.text, self.text


@dataclass(frozen=True)
class Evaluation:
    """All reads of one split, and the scores that follow from them."""

    split: str
    reads: tuple[Read, ...]

    def by(self, key: Callable[[Label], str]) -> dict[str, Score]:
        """Scores of groups, sorted by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for read in self.reads:
            groups.setdefault(key(read.label), []).append(read.pair)
        return {name: score(groups[name]) for name in sorted(groups)}

    @property
    def overall(self) -> Score:
        """The score over all crops."""
        return score(read.pair for read in self.reads)

    @property
    def by_source(self) -> dict[str, Score]:
        """Scores by the folder that holds the pictures."""
        return self.by(lambda label: label.source)

    @property
    def by_region(self) -> dict[str, Score]:
        """Scores by region."""
        return self.by(lambda label: label.region or "-")

    def confusions(self, most: int = 10) -> list[tuple[str, str, int]]:
        """The commonest (label's character, read as, how often)."""
        counts: Counter[tuple[str, str]] = confusions(read.pair for read in self.reads)
        return [(truth, text, n) for (truth, text), n in counts.most_common(most)]

    def worst(self, most: int = 10) -> list[Read]:
        """Wrong reads, the most confident first: those that a threshold would not catch."""
        wrong = [read for read in self.reads if fold(read.label.text) != fold(read.text)]
        return sorted(wrong, key=lambda read: -read.confidence)[:most]

    def as_dict(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        groups = {"source": self.by_source, "region": self.by_region}
        macros = {}
        for name, scores in groups.items():
            plate, folded, character = macro(list(scores.values()))
            macros[name] = {"plate_accuracy": plate, "plate_accuracy_folded": folded, "character_accuracy": character}
        return {
            "split": self.split,
            "overall": _score_dict(self.overall),
            "macro": macros,
            **{f"by_{name}": {k: _score_dict(s) for k, s in scores.items()} for name, scores in groups.items()},
            "confusions": [{"label": t, "read": r, "count": n} for t, r, n in self.confusions(50)],
            "worst": [
                {"image_path": str(r.label.path), "label": r.label.text, "read": r.text, "confidence": r.confidence}
                for r in self.worst(50)
            ],
        }


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
        reads = [Read(label, "", 0.0) for label in chunk]
        for place, label in enumerate(chunk):
            try:
                crops.append(load(label.path))
                places.append(place)
            except PhotoError as error:
                reads[place] = Read(label, "", 0.0, str(error))
        for place, reading in zip(places, recognizer.read(crops), strict=True):
            reads[place] = Read(chunk[place], reading.text, reading.confidence)
        yield from reads


def group_by_split(reads: Sequence[Read]) -> list[Evaluation]:
    """One evaluation for each split that occurs, in order of appearance."""
    splits = dict.fromkeys(read.label.split for read in reads)
    return [Evaluation(split, tuple(r for r in reads if r.label.split == split)) for split in splits]
