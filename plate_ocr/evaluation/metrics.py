"""Scores of pairs (label, reading)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

_FOLD = str.maketrans("OI", "01")


def fold(text: str) -> str:
    """A text with O as 0 and I as 1: label sets do not agree about them."""
    return text.translate(_FOLD)


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over some crops; the shares follow from them."""

    plates: int
    exact: int
    exact_folded: int
    characters: int
    edits: int

    @property
    def plate_accuracy(self) -> float:
        """Share of texts that are right to the last character; nan without plates."""
        return self.exact / self.plates if self.plates else math.nan

    @property
    def plate_accuracy_folded(self) -> float:
        """The same with O = 0 and I = 1."""
        return self.exact_folded / self.plates if self.plates else math.nan

    @property
    def cer(self) -> float:
        """Character error rate: edit distance over label length, summed over all crops; may exceed 1."""
        return self.edits / self.characters if self.characters else math.nan

    @property
    def character_accuracy(self) -> float:
        """1 - CER, not below 0."""
        return max(0.0, 1 - self.cer) if self.characters else math.nan

    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the plate accuracy."""
        return wilson(self.exact, self.plates)


def score(pairs: Iterable[tuple[str, str]]) -> Score:
    """The score of (label, reading) pairs."""
    plates = exact = folded = characters = edits = 0
    for label, reading in pairs:
        plates += 1
        exact += label == reading
        folded += fold(label) == fold(reading)
        characters += len(label)
        edits += Levenshtein.distance(label, reading)
    return Score(plates, exact, folded, characters, edits)


@dataclass(frozen=True, slots=True)
class Naming:
    """How often a plate's region was named rightly, wrongly, and not at all."""

    right: int
    wrong: int
    unnamed: int

    @property
    def plates(self) -> int:
        """All of them."""
        return self.right + self.wrong + self.unnamed

    def shares(self) -> tuple[float, float, float]:
        """Right, wrong and not named, as shares of all; nan without plates."""
        counts = (self.right, self.wrong, self.unnamed)
        right, wrong, unnamed = (n / self.plates if self.plates else math.nan for n in counts)
        return right, wrong, unnamed


def naming(pairs: Iterable[tuple[str, str]]) -> Naming:
    """Counts of (label's region, region named or '') pairs."""
    counts = Counter("unnamed" if not named else "right" if named == truth else "wrong" for truth, named in pairs)
    return Naming(counts["right"], counts["wrong"], counts["unnamed"])


def wilson(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share (E. B. Wilson, 1927). (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    share = hits / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    below = 1 + z * z / trials
    # Exact at the ends, where rounding would leave the interval just outside its own share.
    low = 0.0 if hits == 0 else (centre - spread) / below
    high = 1.0 if hits == trials else (centre + spread) / below
    return low, high


def confusions(pairs: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """How often a label's character was read as another; '' stands for a character missed or invented."""
    counts: Counter[tuple[str, str]] = Counter()
    for label, reading in pairs:
        for edit in Levenshtein.editops(label, reading):
            truth = label[edit.src_pos] if edit.tag != "insert" else ""
            read = reading[edit.dest_pos] if edit.tag != "delete" else ""
            counts[truth, read] += 1
    return counts


def macro(scores: Sequence[Score]) -> tuple[float, float, float]:
    """Plate accuracy, folded plate accuracy and character accuracy, each the mean over groups of equal weight."""
    n = len(scores)
    if not n:
        return math.nan, math.nan, math.nan
    return (
        sum(s.plate_accuracy for s in scores) / n,
        sum(s.plate_accuracy_folded for s in scores) / n,
        sum(s.character_accuracy for s in scores) / n,
    )
