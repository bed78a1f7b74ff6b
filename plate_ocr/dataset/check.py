"""What a training would stumble over, or learn wrong, in a label table."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from plate_ocr.dataset import findings as kinds
from plate_ocr.dataset.findings import Finding
from plate_ocr.dataset.pictures import BLANK, Picture
from plate_ocr.dataset.similar import Twins
from plate_ocr.labels import Label
from plate_ocr.recognition.alphabet import LONGEST, Alphabet, steps_needed
from plate_ocr.recognition.formats import Formats
from plate_ocr.synthesis.region import load_regions

TRAINING = frozenset({"train", "training", "synthetic"})
"""Splits that are trained on; every other one is held out."""

FAMILIAR = 0.9
"""The share of a region's rows that must fit its formats before one that does not is told of: the formats of mixed
regions do not know every plate."""

SMALLEST = 12
"""Pixels of height below which nobody reads a plate."""

LARGEST = 1200
"""Pixels of the longer side above which a picture is hardly a crop."""


def check_texts(labels: Iterable[Label], alphabet: Alphabet, steps: int) -> list[Finding]:
    """Texts that are empty, hold characters that `alphabet` lacks, or do not fit `steps` time steps.

    CTC gives a text that does not fit a loss of about 700 instead of an error, which silently poisons a training.
    """
    found = []
    for label in labels:
        if not label.text:
            found.append(Finding(kinds.EMPTY, (label,), "no text"))
        if unknown := alphabet.unknown(label.text):
            found.append(Finding(kinds.UNKNOWN, (label,), ", ".join(map(describe, unknown))))
        if steps_needed(label.text) > steps or len(label.text) > LONGEST:
            found.append(Finding(kinds.TOO_LONG, (label,), _too_long(label.text, steps)))
    return found


def check_splits(labels: Iterable[Label]) -> list[Finding]:
    """Plate texts that stand in rows to train on and in rows to score on."""
    by_text: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        if label.text and label.split:
            by_text[label.text].append(label)
    found = []
    for text, rows in by_text.items():
        counts = Counter(row.split for row in rows)
        if 0 < len(TRAINING & counts.keys()) < len(counts):
            splits = ", ".join(f"{n}x in {split}" for split, n in counts.items())
            found.append(Finding(kinds.LEAK, tuple(rows), f"{text} {splits}"))
    return found


def check_formats(labels: Sequence[Label], formats: Formats) -> list[Finding]:
    """Texts that are odd for the region of their row, where nearly all of its rows fit its formats."""
    by_region: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        if label.text and label.region:
            by_region[label.region].append(label)
    found = []
    for region, rows in by_region.items():
        odd = [row for row in rows if region.upper() not in formats.regions(row.text)]
        if len(odd) <= (1 - FAMILIAR) * len(rows):
            found += [Finding(kinds.NO_FORMAT, (row,), f"{row.text} is no plate of {region}") for row in odd]
    return found


def check_pictures(pictures: Iterable[Picture]) -> list[Finding]:
    """Pictures that are missing or cannot be opened, show nothing, or are no crops by their size."""
    found = []
    for picture in pictures:
        size = f"{picture.width} x {picture.height} pixels"
        if picture.message:
            kind = kinds.MISSING if picture.missing else kinds.UNREADABLE
            found.append(Finding(kind, (picture.label,), picture.message))
        elif picture.contrast < BLANK:
            found.append(Finding(kinds.BLANK_PICTURE, (picture.label,), f"{size} of one shade"))
        elif picture.height < SMALLEST:
            found.append(Finding(kinds.SMALL, (picture.label,), size))
        elif max(picture.width, picture.height) > LARGEST:
            found.append(Finding(kinds.LARGE, (picture.label,), size))
    return found


def check_twins(twins: Iterable[Twins]) -> list[Finding]:
    """Groups of pictures that are the same or nearly, worse where their texts differ."""
    found = []
    for group in twins:
        rows = tuple(picture.label for picture in group.pictures)
        texts = ", ".join(dict.fromkeys(row.text or "no text" for row in rows))
        if group.agree:
            kind = kinds.DUPLICATE if group.exact else kinds.NEAR_DUPLICATE
        else:
            kind = kinds.CONTRADICTION if group.exact else kinds.NEAR_CONTRADICTION
        found.append(Finding(kind, rows, texts))
    return found


def all_formats(alphabet: Alphabet) -> Formats:
    """The formats of all shipped regions."""
    return Formats(load_regions(), alphabet)


def extended(alphabet: Alphabet, labels: Iterable[Label]) -> str:
    """The alphabet, and after it what the texts hold besides, sorted; what cannot be printed is left out."""
    unknown = {c for label in labels for c in alphabet.unknown(label.text) if c.isprintable()}
    return alphabet.characters + "".join(sorted(unknown))


def describe(character: str) -> str:
    """A character with its name, and the one it may be meant for: many look alike, Cyrillic А and A for one."""
    shown = f"{character!r} ({unicodedata.name(character, f'U+{ord(character):04X}')})"
    plain = unicodedata.normalize("NFKC", character)
    return f"{shown}, perhaps {plain} is meant" if plain != character and plain.isprintable() else shown


def _too_long(text: str, steps: int) -> str:
    if len(text) > LONGEST:
        return f"{text} has {len(text)} characters; {LONGEST} is the most"
    repeats = steps_needed(text) - len(text)
    return (
        f"{text} needs {steps_needed(text)} time steps ({repeats} of them between equal neighbours); there are {steps}"
    )
