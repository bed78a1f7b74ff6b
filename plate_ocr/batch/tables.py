"""Tables that are no text: SQLite, and Parquet by way of it."""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from plate_ocr.batch.sinks import COLUMNS, SCHEMA, Sink, SinkError, changed, flat_row
from plate_ocr.plate import Plate

_WHOLE, _REAL = ("plate", "schema"), ("confidence", *COLUMNS[5:13])
_LISTS = "character_confidences"
_TYPES = dict.fromkeys(COLUMNS, "TEXT") | dict.fromkeys(_WHOLE, "INTEGER") | dict.fromkeys(_REAL, "REAL")

ROW_GROUP = 50_000
"""Rows that a Parquet file keeps together, and that are in memory at a time while it is written."""


class SqliteSink(Sink):
    """The table `plates` of a SQLite file, with the columns of every table and an `id` in the order of writing, indexed
    by text and by source; `PRAGMA user_version` is the schema's version. character_confidences is a JSON list.

    Its position is the last id. Others can read the file while it is written.
    """

    def __init__(self, path: Path, *, rows_in: Path | None = None) -> None:
        """`rows_in` holds the rows in place of `path`."""
        self._path, self._file = path, rows_in or path
        self._rows: list[tuple[Any, ...]] = []
        self._last = 0
        self._db: sqlite3.Connection | None = None

    def write(self, plate: Plate) -> None:
        """Add a row; it counts from the next `commit` on."""
        row = flat_row(plate)
        row[_LISTS] = json.dumps([round(p, 6) for p in row[_LISTS]])
        self._rows.append(tuple(row[name] for name in COLUMNS))

    def commit(self) -> int:
        """Add the rows in one transaction."""
        rows, self._rows = self._rows, []
        self._insert([(self._last + i, *row) for i, row in enumerate(rows, start=1)])
        return self._last

    def rewind(self, position: int) -> None:
        """Delete the rows after the id `position`."""
        self._rows = []
        try:
            if not position:
                self.close()
                self._remove()
            self._open()
            if self._highest() < position:
                self._restore()
            if self._highest() < position:
                raise changed(self._path)
            with self._connected:
                self._connected.execute("DELETE FROM plates WHERE id > ?", (position,))
        except sqlite3.DatabaseError as error:
            raise SinkError(f"{self._file}: cannot be written as a SQLite file ({error})") from None
        self._last = position

    def close(self) -> None:
        """Close the file; what SQLite kept beside it goes into it."""
        if self._db is not None:
            with suppress(sqlite3.Error):  # somebody reads it: the file stays as it is, and is whole
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()
            self._db = None

    @property
    def _connected(self) -> sqlite3.Connection:
        assert self._db is not None, "rewind comes first"
        return self._db

    def _open(self) -> None:
        if self._db is None:
            self._db = sqlite3.connect(self._file, timeout=60)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            columns = ", ".join(f"{name} {_TYPES[name]}" for name in COLUMNS)
            with self._db:
                self._db.execute(f"CREATE TABLE IF NOT EXISTS plates (id INTEGER PRIMARY KEY, {columns})")
                self._db.execute("CREATE INDEX IF NOT EXISTS plates_text ON plates (text)")
                self._db.execute("CREATE INDEX IF NOT EXISTS plates_source ON plates (source)")
                self._db.execute(f"PRAGMA user_version = {SCHEMA}")

    def _insert(self, rows: list[tuple[Any, ...]]) -> None:
        with self._connected:
            self._connected.executemany(f"INSERT INTO plates VALUES (?{', ?' * len(COLUMNS)})", rows)
        self._last += len(rows)

    def _highest(self) -> int:
        return int(self._connected.execute("SELECT coalesce(max(id), 0) FROM plates").fetchone()[0])

    def _restore(self) -> None:
        """Bring back rows that went elsewhere when the output was finished."""

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)


class ParquetSink(SqliteSink):
    """A Parquet file. Nothing can be added to one, so the rows wait in a SQLite file beside it until the run is
    finished, and go back there if a finished run is gone on with."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, rows_in=Path(f"{path}.rows"))

    def rewind(self, position: int) -> None:
        """Delete the rows after the id `position`."""
        if not position:
            # Else its rows could be taken for those of this run.
            self._path.unlink(missing_ok=True)
        super().rewind(position)

    def finish(self) -> None:
        """Write the Parquet file, which takes the place of an older one in one step."""
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        types = {"TEXT": pa.string(), "INTEGER": pa.int32(), "REAL": pa.float64()}
        fields = [pa.field(n, pa.list_(pa.float32()) if n == _LISTS else types[_TYPES[n]]) for n in COLUMNS]
        schema = pa.schema(fields, metadata={"plate_ocr.schema": str(SCHEMA)})
        partial = Path(f"{self._path}.partial")
        rows = self._connected.execute(f"SELECT {', '.join(COLUMNS)} FROM plates ORDER BY id")
        with partial.open("wb") as stream:
            with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
                while block := rows.fetchmany(ROW_GROUP):
                    columns = dict(zip(COLUMNS, zip(*block, strict=True), strict=True))
                    columns[_LISTS] = tuple(map(json.loads, columns[_LISTS]))
                    writer.write_table(pa.table({n: list(columns[n]) for n in COLUMNS}, schema=schema))
            stream.flush()
            os.fsync(stream.fileno())
        rows.close()
        os.replace(partial, self._path)
        self.close()
        self._remove()

    def _restore(self) -> None:
        if not self._path.exists():
            return
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        self._last = 0
        try:
            with pq.ParquetFile(self._path) as file:
                connection = self._connected
                with connection:
                    connection.execute("DELETE FROM plates")
                    for batch in file.iter_batches(ROW_GROUP, columns=list(COLUMNS)):
                        for row in batch.to_pylist():
                            row[_LISTS] = json.dumps([round(p, 6) for p in row[_LISTS]])
                            self._last += 1
                            cells = (self._last, *(row[name] for name in COLUMNS))
                            connection.execute(f"INSERT INTO plates VALUES (?{', ?' * len(COLUMNS)})", cells)
        except (pa.ArrowException, KeyError) as error:
            raise SinkError(f"{self._path}: not a Parquet file that can be gone on with ({error})") from None


def need_pyarrow(path: Path) -> None:
    """Raise SinkError with the command to run when pyarrow is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise SinkError(f"{path}: writing Parquet needs pyarrow; install with: pip install 'plate-ocr[parquet]'")
