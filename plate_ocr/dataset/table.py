"""A label table as it stands, every column of it: to write it again without losing anything."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from plate_ocr.labels import COLUMNS, Label, LabelError, read_rows
from plate_ocr.photos import place_of


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells by column, the cells beyond the header, and where it stands."""

    cells: dict[str, str]
    surplus: tuple[str, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Table:
    """A label table: its file, its columns in order, and its rows."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path) -> Table:
    """All of a CSV with the columns image_path and plate_text. Raises LabelError like `read_labels`."""
    rows = []
    columns: tuple[str, ...] = ()
    for origin, cells in read_rows(path, COLUMNS, None):
        # csv gathers the cells beyond the header under None.
        named = {name: value or "" for name, value in cells.items() if name is not None}
        surplus: list[str] = list(cells.get(None) or ())  # type: ignore[call-overload]
        rows.append(Row(named, tuple(surplus), origin))
        columns = tuple(named)
    return Table(path, columns, tuple(rows))


def write_table(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a CSV whole or not at all: a table that is replaced must not be lost halfway."""
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, tuple(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
    unfinished.replace(path)


def write_label_rows(path: Path, rows: Iterable[Label]) -> None:
    """Write rows as a label table; its paths count from its own folder."""
    cells = (
        {
            "image_path": path_from(row.path, path.parent),
            "plate_text": row.text,
            "region": row.region,
            "split": row.split,
            "lines": str(row.lines or ""),
        }
        for row in rows
    )
    write_table(path, ("image_path", "plate_text", "region", "split", "lines"), cells)


def refuse_to_overwrite(path: Path, *, force: bool) -> None:
    """Raises LabelError if there is such a file or folder, unless `force` says that it may be replaced."""
    if not force and os.path.lexists(path):
        raise LabelError(f"{path} exists already; choose another name for --output, or replace it with --force")


def move_rows(rows: Iterable[Mapping[str, str]], here: Path, there: Path) -> list[dict[str, str]]:
    """Rows of a table in the folder `here` as a table in `there` has to name their pictures."""
    if os.path.realpath(here) == os.path.realpath(there):
        return [dict(row) for row in rows]
    return [
        {**row, "image_path": path_from(here / row["image_path"], there) if row["image_path"] else ""} for row in rows
    ]


def path_from(picture: Path, folder: Path) -> str:
    """A picture's path as a table in `folder` names it: relative, with slashes; absolute on another drive."""
    place = place_of(str(picture))
    try:
        # Of real folders: behind a link, .. leads elsewhere.
        return Path(os.path.relpath(place, os.path.realpath(folder))).as_posix()
    except ValueError:
        return Path(place).as_posix()
