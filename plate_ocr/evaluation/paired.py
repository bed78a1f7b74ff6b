"""Two models on the same crops."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from plate_ocr.evaluation.evaluate import Read
from plate_ocr.evaluation.metrics import Score, score


@dataclass(frozen=True, slots=True)
class Pair:
    """One crop as two models read it."""

    one: Read
    other: Read


@dataclass(frozen=True, slots=True)
class Contrast:
    """The scores of two models on some crops, and how many crops only one of them reads right."""

    one: Score
    other: Score
    only_one: int
    only_other: int

    @property
    def difference(self) -> float:
        """How much more of the plates the one reads right; nan without plates."""
        return self.one.plate_accuracy - self.other.plate_accuracy

    @property
    def p_value(self) -> float:
        """How likely so uneven a count is, were both models equally good."""
        return mcnemar(self.only_one, self.only_other)

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {
            "plates": self.one.plates,
            "plate_accuracy": self.one.plate_accuracy,
            "plate_accuracy_against": self.other.plate_accuracy,
            "only_model_right": self.only_one,
            "only_against_right": self.only_other,
            "mcnemar_p": self.p_value,
        }


@dataclass(frozen=True)
class Comparison:
    """All pairs of one split, and what follows from them."""

    split: str
    pairs: tuple[Pair, ...]

    @property
    def overall(self) -> Contrast:
        """Over all crops."""
        return _contrast(self.pairs)

    @property
    def by_region(self) -> dict[str, Contrast]:
        """By region, sorted."""
        return self.by(lambda read: read.label.region or "-")

    def by(self, key: Callable[[Read], str]) -> dict[str, Contrast]:
        """Of groups by what both reads have in common, sorted by group."""
        groups: dict[str, list[Pair]] = {}
        for pair in self.pairs:
            groups.setdefault(key(pair.one), []).append(pair)
        return {name: _contrast(groups[name]) for name in sorted(groups)}

    @property
    def only_one(self) -> list[Pair]:
        """Crops that only the one reads right, those first where the other errs most confidently."""
        found = [pair for pair in self.pairs if pair.one.right and not pair.other.right]
        return sorted(found, key=lambda pair: -pair.other.confidence)

    @property
    def only_other(self) -> list[Pair]:
        """Crops that only the other reads right, those first where the one errs most confidently."""
        found = [pair for pair in self.pairs if pair.other.right and not pair.one.right]
        return sorted(found, key=lambda pair: -pair.one.confidence)

    def as_dict(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        return {
            "split": self.split,
            "overall": self.overall.as_dict(),
            "by_region": {name: contrast.as_dict() for name, contrast in self.by_region.items()},
            "only_model_right": [_pair_dict(pair) for pair in self.only_one],
            "only_against_right": [_pair_dict(pair) for pair in self.only_other],
        }


def compare_by_split(reads: Sequence[Read], others: Sequence[Read]) -> list[Comparison]:
    """One comparison for each split that occurs, in order of appearance. Raises ValueError where the two are not of
    the same crops in the same order."""
    if [read.label for read in reads] != [read.label for read in others]:
        raise ValueError("two models can be compared on the same crops only")
    pairs = [Pair(one, other) for one, other in zip(reads, others, strict=True)]
    splits = dict.fromkeys(read.label.split for read in reads)
    return [Comparison(split, tuple(p for p in pairs if p.one.label.split == split)) for split in splits]


def mcnemar(only_one: int, only_other: int) -> float:
    """The two-sided p-value of McNemar's exact test ("Note on the sampling error of the difference between correlated
    proportions", 1947): were both equally good, each crop that one alone reads right would be a toss of a coin."""
    tosses = only_one + only_other
    tail = sum(math.comb(tosses, k) for k in range(min(only_one, only_other) + 1))
    # Whole numbers, as 2 to the power of some thousand is no float.
    return min(1.0, 2 * tail / (1 << tosses))


def p_text(p: float) -> str:
    """A p-value after a p: `= 0.034`, `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _contrast(pairs: Iterable[Pair]) -> Contrast:
    pairs = list(pairs)
    return Contrast(
        score(pair.one.pair for pair in pairs),
        score(pair.other.pair for pair in pairs),
        sum(pair.one.right and not pair.other.right for pair in pairs),
        sum(pair.other.right and not pair.one.right for pair in pairs),
    )


def _pair_dict(pair: Pair) -> dict[str, Any]:
    return {
        "image_path": str(pair.one.label.path),
        "label": pair.one.label.text,
        "read": pair.one.text,
        "confidence": pair.one.confidence,
        "read_against": pair.other.text,
        "confidence_against": pair.other.confidence,
    }
