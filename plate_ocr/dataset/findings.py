"""What can be wrong with a label table: the kinds, and one finding."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from plate_ocr.labels import Label


class Severity(StrEnum):
    """Whether a finding must be mended before a training, or only looked at."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: its name for machines, what it is called, and what to do about it."""

    name: str
    severity: Severity
    title: str
    remedy: str


_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

SURPLUS = Kind(
    "surplus-cells", _ERROR, "rows with more cells than the header", "put a text that holds a comma in quotes"
)
EMPTY = Kind("empty-label", _ERROR, "rows without a text", "write what the plate says, or remove the row")
UNKNOWN = Kind(
    "unknown-character",
    _ERROR,
    "texts with characters outside the alphabet",
    "correct slips; learn the others with the alphabet below",
)
TOO_LONG = Kind(
    "too-long", _ERROR, "texts that do not fit the reader's time steps", "correct the text, or remove the row"
)
MISSING = Kind(
    "missing-picture", _ERROR, "pictures missing", "correct image_path (it counts from the table's own folder)"
)
UNREADABLE = Kind(
    "unreadable-picture", _ERROR, "pictures that cannot be opened", "copy or convert them again, or remove the rows"
)
LEAK = Kind(
    "leak",
    _ERROR,
    "plates that stand in training rows and in held-out ones, so that scores come out too high",
    "split anew with: plate-ocr dataset split",
)
CONTRADICTION = Kind(
    "contradiction", _ERROR, "pictures that stand there twice, with different texts", "keep the row that is right"
)
NEAR_CONTRADICTION = Kind(
    "near-contradiction",
    _WARNING,
    "nearly the same pictures with different texts",
    "see whether they show one plate, and correct the text that is wrong",
)
DUPLICATE = Kind("duplicate", _WARNING, "pictures that stand there more than once", "keep one row of each")
NEAR_DUPLICATE = Kind(
    "near-duplicate", _WARNING, "nearly the same pictures of a plate", "keep the clearest: copies teach nothing new"
)
NO_FORMAT = Kind(
    "no-format",
    _WARNING,
    "texts that fit no format of their region, where nearly all others do",
    "compare them with the picture",
)
BLANK_PICTURE = Kind("blank-picture", _WARNING, "pictures that show nothing", "remove the rows")
SMALL = Kind("small-picture", _WARNING, "pictures too small to be read", "cut them out of the original photo again")
LARGE = Kind(
    "large-picture", _WARNING, "pictures that look like whole photos", "cut the plate out: a reader learns from crops"
)
DISAGREES = Kind(
    "suspicious-label",
    _WARNING,
    "labels that the model contradicts, the surest first",
    "compare them with the picture (--page shows them)",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row, or with several together."""

    kind: Kind
    rows: tuple[Label, ...]
    says: str

    def as_dict(self, folder: Path) -> dict[str, Any]:
        """Everything for a JSON file; pictures are named as in the table, which lies in `folder`."""
        return {
            "kind": self.kind.name,
            "severity": self.kind.severity.value,
            "rows": [
                {"row": row.origin, "image_path": name_in(folder, row), "plate_text": row.text, "split": row.split}
                for row in self.rows
            ],
            "says": self.says,
            "do": self.kind.remedy,
        }


def name_in(folder: Path, row: Label) -> str:
    """A row's image_path, as the table in `folder` has it."""
    return os.path.relpath(row.path, folder) if row.path.is_relative_to(folder) else str(row.path)
