"""The rows of several tables that are to be scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from plate_ocr.labels import Label, LabelError, LabelledPhoto

Row = TypeVar("Row", Label, LabelledPhoto)


def select(
    tables: Sequence[Path], splits: Sequence[str], read: Callable[[Path, Sequence[str] | None], list[Row]]
) -> list[Row]:
    """The rows of all tables; with `splits`, those of these splits alone. `read` is `read_labels` or `read_photos`.

    Raises LabelError where there would be no row: for a table that is empty or holds none of the splits, and for a
    split that is in none of the tables. It says which splits there are.
    """
    rows: list[Row] = []
    for table in tables:
        # Files of other tools know no splits, and are read whole.
        found = [row for row in read(table, splits or None) if not splits or row.split in splits]
        if not found and splits:
            raise LabelError(
                f"{table}: no row has the split {' or '.join(splits)}; it has {_splits([table], read)}; "
                "leave --split out, or the file"
            )
        if not found:
            raise LabelError(f"{table}: no rows")
        rows += found
    for split in splits:
        if all(row.split != split for row in rows):
            raise LabelError(
                f"{', '.join(map(str, tables))}: no row has the split {split}; there are {_splits(tables, read)}"
            )
    return rows


def _splits(tables: Sequence[Path], read: Callable[[Path, Sequence[str] | None], list[Row]]) -> str:
    names = {row.split for table in tables for row in read(table, None)}
    return ", ".join(sorted(filter(None, names))) or "none"
