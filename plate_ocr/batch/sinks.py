"""Where rows go, chosen by the file's suffix: CSV, JSONL, SQLite or Parquet. All hold the same columns; JSONL
also the regions that a plate can be of.

A sink is written in steps: `write` collects rows, `commit` puts them on the disk and says where the output ends now,
`rewind` cuts off what came after such a place.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from plate_ocr.photos import printable
from plate_ocr.plate import Character, Corners, Plate, RegionGuess, Status

SCHEMA = 1
"""The version of what follows; a column `schema` holds it in every row."""

COLUMNS = (
    "source", "plate", "text", "confidence", "region",
    "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4",
    "character_confidences", "status", "message", "schema",
)  # fmt: skip

SUFFIXES = (".csv", ".jsonl", ".sqlite", ".db", ".parquet")

# Spreadsheets also run what begins with the full-width forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class SinkError(ValueError):
    """An output cannot be written; the message names it and what would do."""


def flat_row(plate: Plate) -> dict[str, Any]:
    """A plate as one value a column, None where there is none; character_confidences is a list."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row.update(
        source=printable(plate.source),
        plate=plate.number,
        text=printable(plate.text),
        confidence=plate.confidence,
        region=plate.region,
        character_confidences=[c.confidence for c in plate.characters],
        status=plate.status.value,
        message=printable(plate.message),
        schema=SCHEMA,
    )
    for i, (x, y) in enumerate(plate.corners.points if plate.corners else (), start=1):
        row[f"x{i}"], row[f"y{i}"] = x, y
    return row


def csv_row(plate: Plate) -> dict[str, Any]:
    """A plate as CSV cells. Cells that a spreadsheet would run as a formula get an apostrophe in front."""
    row = flat_row(plate)
    for name in ("source", "text", "region", "message"):
        row[name] = "'" + row[name] if row[name].startswith(_FORMULA) else row[name]
    row["confidence"] = f"{plate.confidence:.4f}"
    row["character_confidences"] = " ".join(f"{c.confidence:.4f}" for c in plate.characters)
    for name in COLUMNS[5:13]:
        row[name] = "" if row[name] is None else f"{row[name]:.1f}"
    return row


def json_row(plate: Plate) -> dict[str, Any]:
    """A plate as a JSON object: corners are four pairs, characters stand beside their confidences, and all regions that
    it can be of beside their probabilities."""
    return {
        "schema": SCHEMA,
        "source": printable(plate.source),
        "plate": plate.number,
        "text": printable(plate.text),
        "confidence": plate.confidence,
        "region": plate.region,
        "regions": [{"region": g.region, "probability": g.probability} for g in plate.regions],
        "corners": [list(point) for point in plate.corners.points] if plate.corners else None,
        "characters": [{"text": c.text, "confidence": c.confidence} for c in plate.characters],
        "status": plate.status.value,
        "message": printable(plate.message),
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
        regions=tuple(RegionGuess(g["region"], g["probability"]) for g in row.get("regions", ())),  # not in older parts
    )


@dataclass(frozen=True)
class TextForm:
    """How a table is written as text: what it begins with, and the line of a plate."""

    header: str
    line: Callable[[Plate], str]


def _csv_line(cells: dict[str, Any]) -> str:
    stream = io.StringIO()
    csv.DictWriter(stream, COLUMNS).writerow(cells)
    return stream.getvalue()


CSV = TextForm(_csv_line(dict(zip(COLUMNS, COLUMNS, strict=True))), lambda plate: _csv_line(csv_row(plate)))
JSONL = TextForm("", lambda plate: json.dumps(json_row(plate), ensure_ascii=False) + "\n")


class Sink:
    """What takes rows. This one forgets them."""

    def write(self, plate: Plate) -> None:
        """Add a row; it counts from the next `commit` on."""

    def commit(self) -> int:
        """Put the rows on the disk, all or none of them; where the output ends now. Raises OSError if it is full."""
        return 0

    def rewind(self, position: int) -> None:
        """Cut off what came after `position`, which `commit` gave; 0 begins anew. To be called before the first row.

        Raises SinkError if the output is not what was written.
        """

    def finish(self) -> None:
        """Complete the output after the last `commit`."""

    def close(self) -> None:
        """Let the output go."""


class StreamSink(Sink):
    """A table on an open stream, such as standard output."""

    def __init__(self, stream: IO[str], form: TextForm = CSV) -> None:
        self._stream, self._form = stream, form
        self._header = form.header

    def rewind(self, position: int) -> None:  # noqa: ARG002
        """Begin: a stream cannot be cut."""
        self._stream.write(self._header)
        self._header = ""

    def write(self, plate: Plate) -> None:
        """Hand a row to the stream."""
        self._stream.write(self._form.line(plate))

    def commit(self) -> int:
        """Hand the rows to the system."""
        self._stream.flush()
        return 0


class TextSink(Sink):
    """A CSV or JSONL file; its position is its length in bytes."""

    def __init__(self, path: Path, form: TextForm, *, bom: bool) -> None:
        """With `bom` the file begins with a byte order mark: it lets spreadsheets see that Hangul is UTF-8."""
        self._path, self._form = path, form
        self._start = (b"\xef\xbb\xbf" if bom else b"") + form.header.encode()
        self._rows: list[str] = []
        self._stream = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b", 0)

    def write(self, plate: Plate) -> None:
        """Add a row; it counts from the next `commit` on."""
        self._rows.append(self._form.line(plate))

    def commit(self) -> int:
        """Append the rows and wait for the disk."""
        # What is no Unicode becomes backslash escapes rather than an error in the middle of a run.
        data, self._rows = memoryview("".join(self._rows).encode("utf-8", "backslashreplace")), []
        while data:
            data = data[self._stream.write(data) or 0 :]
        os.fsync(self._stream.fileno())
        return self._stream.tell()

    def rewind(self, position: int) -> None:
        """Cut the file to `position` bytes."""
        self._rows = []
        if position:
            self._stream.seek(position - 1)
            if self._stream.read(1) != b"\n":
                raise changed(self._path)
        self._stream.truncate(position)
        self._stream.seek(position)
        if not position:
            self._stream.write(self._start)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def changed(path: Path) -> SinkError:
    """The error of an output that is not what its journal says."""
    return SinkError(
        f"{path} is not what its journal says: it was changed or removed since. Put it back, or delete "
        f"{path}.journal to start over"
    )


def check_output(path: Path) -> None:
    """Raise SinkError for a suffix that stands for no table, for a folder, and for Parquet without pyarrow."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SinkError(f"{path}: the suffix must be {', '.join(SUFFIXES)}; it says which kind of table to write")
    if path.is_dir():
        raise SinkError(f"{path} is a folder; give the name of a file to write")
    if suffix == ".parquet":
        from plate_ocr.batch.tables import need_pyarrow

        need_pyarrow(path)


def open_sink(path: Path) -> Sink:
    """A sink for a file, whose rows stay until `rewind` says where to go on; its folder is made if need be.

    Raises SinkError like `check_output`, or if the file cannot be written.
    """
    check_output(path)
    suffix = path.suffix.lower()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix in (".csv", ".jsonl"):
            return TextSink(path, CSV if suffix == ".csv" else JSONL, bom=suffix == ".csv")
        from plate_ocr.batch.tables import ParquetSink, SqliteSink

        return ParquetSink(path) if suffix == ".parquet" else SqliteSink(path)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from None
