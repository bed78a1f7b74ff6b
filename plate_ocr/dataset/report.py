"""All that was found in a label table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from plate_ocr.dataset import findings as kinds
from plate_ocr.dataset.check import (
    all_formats,
    check_formats,
    check_pictures,
    check_splits,
    check_texts,
    check_twins,
    extended,
)
from plate_ocr.dataset.findings import Finding, Kind, Severity
from plate_ocr.dataset.pictures import Picture, open_pictures
from plate_ocr.dataset.similar import Twins, find_twins
from plate_ocr.dataset.suspicious import as_finding
from plate_ocr.dataset.table import read_table
from plate_ocr.evaluation.evaluate import Read
from plate_ocr.labels import Label, LabelError, read_labels
from plate_ocr.model_store import ModelError, open_reader
from plate_ocr.recognition.alphabet import Alphabet

Track = Callable[[Iterable[Picture], int], Iterable[Picture]]
"""Passes pictures on and shows how far it has come; it is told how many there will be."""


@dataclass(frozen=True)
class Checked:
    """A table after all checks. `alphabet` is what the texts were compared with, `wider` the same with what they hold
    besides; `known` the characters of the reader, called `model`, itself."""

    table: Path
    labels: tuple[Label, ...]
    findings: tuple[Finding, ...]
    twins: tuple[Twins, ...]
    alphabet: Alphabet
    wider: Alphabet
    known: Alphabet
    model: str

    @property
    def errors(self) -> int:
        """How many findings must be mended."""
        return sum(finding.kind.severity is Severity.ERROR for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are only to be looked at."""
        return len(self.findings) - self.errors

    @property
    def by_kind(self) -> dict[Kind, list[Finding]]:
        """The findings by kind, errors first."""
        groups: dict[Kind, list[Finding]] = {}
        for finding in sorted(self.findings, key=lambda f: f.kind.severity is not Severity.ERROR):
            groups.setdefault(finding.kind, []).append(finding)
        return groups

    @property
    def readable(self) -> list[Label]:
        """The rows whose text the reader could say, and whose picture can be opened."""
        lost = {f.rows[0].origin for f in self.findings if f.kind in (kinds.MISSING, kinds.UNREADABLE)}
        return [row for row in self.labels if row.text and row.origin not in lost and not self.known.unknown(row.text)]

    def with_reads(self, reads: Sequence[Read]) -> Checked:
        """The same with labels that a reader contradicts."""
        return replace(self, findings=(*self.findings, *map(as_finding, reads)))

    def as_dict(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        unknown = self.wider.characters.removeprefix(self.alphabet.characters)
        return {
            "table": str(self.table),
            "rows": len(self.labels),
            "errors": self.errors,
            "warnings": self.warnings,
            "counts": {kind.name: len(found) for kind, found in self.by_kind.items()},
            "duplicate_pictures": _spare(group for group in self.twins if group.exact),
            "near_duplicate_pictures": _spare(group for group in self.twins if not group.exact),
            "alphabet": {"unknown": unknown, "extended": self.wider.characters if unknown else ""},
            "findings": [finding.as_dict(self.table.parent) for finding in self.findings],
        }


def check_table(table: Path, model: str, alphabet: str | None, track: Track) -> Checked:
    """Check a table against the time steps of a reader, and against `alphabet`: its own where that is None, its own
    and more for one like '+ÄÖ', whatever the texts hold for 'labels'.

    Raises LabelError for a table that cannot be read and for an alphabet that holds a character twice, ModelError for a
    reader that cannot be used.
    """
    files = open_reader(model)
    if "steps" not in files.about:
        raise ModelError(f"{files.folder}: its JSON does not say how many time steps it has; export it again")
    labels = read_labels(table)
    learned = _alphabet(alphabet, labels, files.alphabet)
    torn = {row.origin for row in read_table(table).rows if row.surplus}
    pictures = list(track(open_pictures(labels), len(labels)))
    twins = find_twins(pictures)
    found = [
        *(
            Finding(kinds.SURPLUS, (row,), "more cells than the header has columns")
            for row in labels
            if row.origin in torn
        ),
        *check_texts(labels, learned, int(files.about["steps"])),
        *check_pictures(pictures),
        *check_splits(labels),
        *check_twins(twins),
        # The formats of all regions take a while to load.
        *(check_formats(labels, all_formats(learned)) if any(label.region for label in labels) else ()),
    ]
    wider = Alphabet(extended(learned, labels))
    return Checked(table, tuple(labels), tuple(found), tuple(twins), learned, wider, files.alphabet, model)


def _alphabet(characters: str | None, labels: Sequence[Label], known: Alphabet) -> Alphabet:
    try:
        if characters == "labels":
            return Alphabet.of_texts(label.text for label in labels)
        if characters and characters.startswith("+"):
            return Alphabet("".join(dict.fromkeys(known.characters + characters[1:])))
        return Alphabet(characters) if characters else known
    except ValueError as error:
        raise LabelError(f"--alphabet {characters}: {error}") from None


def _spare(groups: Iterable[Twins]) -> int:
    """How many pictures could go."""
    return sum(len(group.pictures) - 1 for group in groups)
