"""Reading a label table: which picture shows which text."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from plate_ocr.recognition.alphabet import normalize

COLUMNS = ("image_path", "plate_text")


class LabelError(ValueError):
    """A label table cannot be used; the message names the file, the line and what to do."""


@dataclass(frozen=True, slots=True)
class Label:
    """One row: a picture, its normalised text (may be empty), its region and split, its lines (1 or 2; 0: not said),
    and where the row stands."""

    path: Path
    text: str
    region: str = ""
    split: str = ""
    lines: int = 0
    origin: str = ""

    @property
    def source(self) -> str:
        """The folder that holds the picture: the name by which scores are grouped."""
        return self.path.parent.name


def read_labels(table: Path, splits: Iterable[str] | None = None) -> list[Label]:
    """Rows of a CSV with the columns image_path and plate_text, and optionally region, split and lines.

    Paths in the table are relative to the table's own folder. With `splits`, only rows of these splits are given.
    Raises LabelError when the file is missing, is not UTF-8, has no such header, or holds no row of the splits.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise LabelError(
                    f"{table}: the first line must be a header with the columns {', '.join(COLUMNS)}; "
                    f"missing: {', '.join(missing)}"
                )
            if splits is not None and "split" not in (rows.fieldnames or ()):
                raise LabelError(f"{table}: no column 'split'; leave --split out, or add the column")
            labels = [
                Label(
                    path=table.parent / (row["image_path"] or ""),
                    text=normalize(row["plate_text"] or ""),
                    region=row.get("region") or "",
                    split=row.get("split") or "",
                    lines={"1": 1, "2": 2}.get(row.get("lines") or "", 0),
                    origin=f"{table.name}:{rows.line_num}",
                )
                for row in rows
            ]
    except FileNotFoundError:
        raise LabelError(f"{table}: no such file") from None
    except IsADirectoryError:
        raise LabelError(f"{table}: a folder, where a label table (CSV) is needed") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{table}: not a UTF-8 CSV file ({error})") from None
    if splits is not None:
        wanted = set(splits)
        known = {label.split for label in labels}
        labels = [label for label in labels if label.split in wanted]
        if not labels:
            raise LabelError(
                f"{table}: no row has the split {' or '.join(sorted(wanted))}; "
                f"it has {', '.join(sorted(known)) or 'none'}"
            )
    if not labels:
        raise LabelError(f"{table}: no rows")
    return labels
