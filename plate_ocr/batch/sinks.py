"""Where rows go: CSV or JSONL, chosen by the file's suffix. Rows are written as they are read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from plate_ocr.photos import printable
from plate_ocr.plate import Character, Corners, Plate, Status

SCHEMA = 1

COLUMNS = (
    "source", "plate", "text", "confidence", "region",
    "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4",
    "character_confidences", "status", "message",
)  # fmt: skip


class SinkError(ValueError):
    """An output file cannot be written; the message names it and what would do."""


def csv_row(plate: Plate) -> dict[str, Any]:
    """A plate as CSV cells. Cells that a spreadsheet would run as a formula get an apostrophe in front."""
    row: dict[str, Any] = {
        "source": _no_formula(printable(plate.source)),
        "plate": plate.number,
        "text": plate.text,
        "confidence": f"{plate.confidence:.4f}",
        "region": plate.region,
        "character_confidences": " ".join(f"{c.confidence:.4f}" for c in plate.characters),
        "status": plate.status.value,
        "message": _no_formula(plate.message),
    }
    for i, (x, y) in enumerate(plate.corners.points if plate.corners else (), start=1):
        row[f"x{i}"], row[f"y{i}"] = f"{x:.1f}", f"{y:.1f}"
    return row


def json_row(plate: Plate) -> dict[str, Any]:
    """A plate as a JSON object."""
    return {
        "schema": SCHEMA,
        "source": printable(plate.source),
        "plate": plate.number,
        "text": plate.text,
        "confidence": plate.confidence,
        "region": plate.region,
        "corners": [list(point) for point in plate.corners.points] if plate.corners else None,
        "characters": [{"text": c.text, "confidence": c.confidence} for c in plate.characters],
        "status": plate.status.value,
        "message": plate.message,
    }


def plate_of_json(row: dict[str, Any]) -> Plate:
    """The plate of an object that `json_row` gave."""
    return Plate(
        source=row["source"],
        text=row["text"],
        confidence=row["confidence"],
        status=Status(row["status"]),
        number=row["plate"],
        region=row["region"],
        corners=Corners.of(row["corners"]) if row["corners"] else None,
        characters=tuple(Character(c["text"], c["confidence"]) for c in row["characters"]),
        message=row["message"],
    )


def _no_formula(cell: str) -> str:
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


class Sink:
    """A table that is being written to a stream. Use as a context manager; with `close` it closes the stream."""

    def __init__(self, stream: IO[str], *, jsonl: bool = False, close: bool = False) -> None:
        self._stream = stream
        self._close = close
        self._write: Callable[[Plate], object]
        if jsonl:
            self._write = lambda plate: stream.write(json.dumps(json_row(plate), ensure_ascii=False) + "\n")
        else:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            self._write = lambda plate: writer.writerow(csv_row(plate))

    def write(self, plate: Plate) -> None:
        """Add a row."""
        self._write(plate)

    def flush(self) -> None:
        """Hand what is written to the system."""
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()
        if self._close:
            self._stream.close()


def open_sink(path: Path) -> Sink:
    """A sink for a .csv or .jsonl file, replacing an older one; its folder is made if need be.

    Raises SinkError for another suffix, or if the file cannot be written.
    """
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise SinkError(f"{path}: the suffix must be .csv or .jsonl; it says which kind of table to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The BOM lets spreadsheets see that the Hangul in a CSV is UTF-8.
        jsonl = path.suffix.lower() == ".jsonl"
        encoding = "utf-8" if jsonl else "utf-8-sig"
        # What is no Unicode becomes backslash escapes rather than an error in the middle of a run.
        stream = path.open("w", encoding=encoding, errors="backslashreplace", newline="")
        return Sink(stream, jsonl=jsonl, close=True)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from None
