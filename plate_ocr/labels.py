"""Reading a label table: which picture shows which text, and where."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plate_ocr.plate import Corners
from plate_ocr.recognition.alphabet import normalize

COLUMNS = ("image_path", "plate_text")
CORNERS = tuple(f"{axis}{i}" for i in range(1, 5) for axis in "xy")
UNLABELLED = ("image_path", *CORNERS, "shows")
"""Columns of a table of plates that photos show without a label: image_path is a photo's folder and name; shows is
"plate", or "perhaps" where nobody can tell."""


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


@dataclass(frozen=True, slots=True)
class LabelledPlate:
    """A plate in a photo: its normalised text (may be empty), its region, and its corners where they are known."""

    text: str
    region: str
    corners: Corners | None


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo and the plates that are known to be in it; none if it is known to show none."""

    path: Path
    split: str
    plates: tuple[LabelledPlate, ...]

    @property
    def source(self) -> str:
        """The folder that holds the photo: the name by which scores are grouped."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """Its folder and its own name, by which tables of unlabelled plates know it."""
        return "/".join(self.path.parts[-2:])


def read_labels(table: Path, splits: Iterable[str] | None = None) -> list[Label]:
    """Rows of a CSV with the columns image_path and plate_text, and optionally region, split and lines.

    Paths in the table are relative to the table's own folder. With `splits`, only rows of these splits are given.
    Raises LabelError when the file is missing, is not UTF-8, has no such header, or holds no row of the splits.
    """
    return [
        Label(
            path=table.parent / (row["image_path"] or ""),
            text=normalize(row["plate_text"] or ""),
            region=row.get("region") or "",
            split=row.get("split") or "",
            lines={"1": 1, "2": 2}.get(row.get("lines") or "", 0),
            origin=origin,
        )
        for origin, row in read_rows(table, COLUMNS, splits)
    ]


def read_photos(table: Path, splits: Iterable[str] | None = None) -> list[LabelledPhoto]:
    """Photos of a CSV with the column image_path, and optionally plate_text, region, x1,y1 to x4,y4 and split; a row a
    plate. A row with neither text nor corners stands for a photo without a plate. Also takes a COCO file (.json), and a
    folder of YOLO or Pascal VOC files.

    Raises LabelError like `read_labels`, and for corners that are no numbers.
    """
    if table.is_dir() or table.suffix.lower() == ".json":
        from plate_ocr import foreign_labels

        return foreign_labels.read_folder(table) if table.is_dir() else foreign_labels.read_coco(table)
    photos: dict[tuple[str, str], list[LabelledPlate]] = {}
    for origin, row in read_rows(table, COLUMNS[:1], splits):
        plates = photos.setdefault((row["image_path"] or "", row.get("split") or ""), [])
        text, corners = normalize(row.get("plate_text") or ""), corners_of(origin, row)
        if text or corners:
            plates.append(LabelledPlate(text, row.get("region") or "", corners))
    return [LabelledPhoto(table.parent / name, split, tuple(plates)) for (name, split), plates in photos.items()]


def corners_of(origin: str, row: Mapping[str, str | None]) -> Corners | None:
    """The corners in a row's columns x1,y1 to x4,y4; None where they are empty. Raises LabelError for some that are no
    numbers."""
    given = [row.get(name) or "" for name in CORNERS]
    if not any(given):
        return None
    try:
        numbers = [float(value) for value in given]
    except ValueError:
        raise LabelError(f"{origin}: {', '.join(CORNERS)} must be eight numbers, or all be empty") from None
    return Corners.of([numbers[i : i + 2] for i in range(0, 8, 2)])


def read_rows(
    table: Path, columns: Sequence[str], splits: Iterable[str] | None
) -> list[tuple[str, dict[str, str | None]]]:
    """Rows of a CSV that has these columns, each with where it stands. Cells beyond the header are a list under None.

    Raises LabelError like `read_labels`.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise LabelError(
                    f"{table}: the first line must be a header with the columns {', '.join(columns)}; "
                    f"missing: {', '.join(missing)}"
                )
            if splits is not None and "split" not in (reader.fieldnames or ()):
                raise LabelError(f"{table}: no column 'split'; leave --split out, or add the column")
            rows = [(f"{table.name}:{reader.line_num}", row) for row in reader]
    except FileNotFoundError:
        raise LabelError(f"{table}: no such file") from None
    except IsADirectoryError:
        raise LabelError(f"{table}: a folder, where a label table (CSV) is needed") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{table}: not a UTF-8 CSV file ({error})") from None
    if splits is not None:
        wanted = set(splits)
        known = {row["split"] or "" for _, row in rows}
        rows = [(origin, row) for origin, row in rows if row["split"] in wanted]
        if not rows:
            raise LabelError(
                f"{table}: no row has the split {' or '.join(sorted(wanted))}; "
                f"it has {', '.join(sorted(known)) or 'none'}"
            )
    if not rows:
        raise LabelError(f"{table}: no rows")
    return rows
