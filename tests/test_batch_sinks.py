"""Tables of every kind hold the same rows, whatever a row holds."""

from __future__ import annotations

import csv
import hashlib
import hmac
import importlib.util
import io
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plate_ocr import Character, Corners, Plate, Status
from plate_ocr.batch.settings import Finish, SettingsError, read_key
from plate_ocr.batch.sinks import (
    COLUMNS,
    CSV,
    JSONL,
    SCHEMA,
    Sink,
    SinkError,
    StreamSink,
    csv_row,
    flat_row,
    open_sink,
    plate_of_json,
)  # fmt: skip
from tests.test_batch_resume import KINDS, rows_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
shares = st.floats(0, 1)
plates = st.builds(
    Plate,
    source=texts,
    text=texts,
    confidence=shares,
    status=st.sampled_from(Status),
    number=st.integers(0, 9),
    region=texts,
    corners=st.none() | st.lists(st.tuples(*[st.floats(-1e4, 1e4)] * 2), min_size=4, max_size=4).map(Corners.of),
    characters=st.lists(st.builds(Character, texts, shares), max_size=4).map(tuple),
    message=texts,
)


def fill(sink: Sink, rows: list[Plate]) -> None:
    """Write all rows and complete the table."""
    sink.rewind(0)
    for row in rows:
        sink.write(row)
    sink.commit()
    sink.finish()
    sink.close()


@given(st.lists(plates, max_size=4))
def test_jsonl_reads_back_as_it_was_written(rows: list[Plate]) -> None:
    stream = io.StringIO()
    fill(StreamSink(stream, JSONL), rows)
    lines = stream.getvalue().split("\n")[:-1]
    assert [plate_of_json(json.loads(line)) for line in lines] == rows


@given(st.lists(plates, max_size=4))
def test_csv_keeps_every_row(rows: list[Plate]) -> None:
    stream = io.StringIO(newline="")
    fill(StreamSink(stream, CSV), rows)
    back = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    assert [r["text"].removeprefix("'") for r in back] == [r.text.removeprefix("'") for r in rows]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1"])
def test_no_cell_runs_as_a_formula(cell: str) -> None:
    row = csv_row(Plate(cell, cell, message=cell, region=cell))
    assert [row[name] for name in ("source", "text", "region", "message")] == ["'" + cell] * 4


def test_names_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    for kind in KINDS:
        if kind != "p.parquet" or importlib.util.find_spec("pyarrow"):
            fill(open_sink(tmp_path / kind), [Plate(name, message=f"{name}: gone")])
            (row,) = rows_of(tmp_path / kind)
            assert (row["source"], row["message"]) == ("caf\\xe9.jpg", "caf\\xe9.jpg: gone")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(plates, max_size=4))
def test_sqlite_and_parquet_hold_the_values_as_they_are(tmp_path: Path, rows: list[Plate]) -> None:
    for kind in ("p.sqlite", "p.parquet"):
        if kind == "p.parquet" and importlib.util.find_spec("pyarrow") is None:
            continue
        fill(open_sink(tmp_path / kind), rows)
        back = rows_of(tmp_path / kind)
        for row, plate in zip(back, rows, strict=True):
            expected = flat_row(plate)
            shares = row.pop("character_confidences")
            shares = json.loads(shares) if isinstance(shares, str) else shares
            assert shares == pytest.approx(expected.pop("character_confidences"), abs=1e-6)
            row.pop("id", None)
            assert row == expected


def test_sqlite_is_one_file_with_the_documented_form(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    fill(open_sink(path), [Plate("a.jpg", "12가3456", 0.9, number=1)])
    assert [p.name for p in tmp_path.iterdir()] == ["p.sqlite"]
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(plates)")]
        assert columns == ["id", *COLUMNS]
        for column in ("text", "source"):
            plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM plates WHERE {column} = 'x'").fetchall()
            assert f"plates_{column}" in str(plan), "the search goes through the whole table"
    finally:
        connection.close()


def test_a_sqlite_table_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "p.sqlite")
    sink.rewind(0)
    sink.write(Plate("a.jpg"))
    sink.commit()
    sink.write(Plate("b.jpg"))
    assert [row["source"] for row in rows_of(tmp_path / "p.sqlite")] == ["a.jpg"]
    sink.commit()
    assert [row["source"] for row in rows_of(tmp_path / "p.sqlite")] == ["a.jpg", "b.jpg"]
    sink.close()


def test_parquet_says_its_schema_and_its_rows_wait_nowhere_else(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    fill(open_sink(tmp_path / "p.parquet"), [Plate("a.jpg")])
    assert [p.name for p in tmp_path.iterdir()] == ["p.parquet"]
    schema = parquet.read_schema(tmp_path / "p.parquet")
    assert schema.metadata[b"plate_ocr.schema"] == str(SCHEMA).encode()
    assert tuple(schema.names) == COLUMNS


def test_a_table_that_cannot_be_says_what_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SinkError, match=r"must be \.csv, \.jsonl, \.sqlite, \.db, \.parquet"):
        open_sink(tmp_path / "p.xls")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SinkError, match=r"folder\.csv is a folder; give the name of a file"):
        open_sink(tmp_path / "folder.csv")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SinkError, match=r"pip install 'plate-ocr\[parquet\]'"):
        open_sink(tmp_path / "p.parquet")


def test_hashed_plates_show_nothing_of_the_plate(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"0123456789abcdef\n")
    key = read_key(tmp_path / "key")
    plate = Plate(
        "a.jpg", "12가3456", 0.9, number=1, message="known plate; read as 12가3458",
        characters=tuple(Character(c, 0.9) for c in "12가3456"),
    )  # fmt: skip
    hashed = Finish(key=key)(plate)
    assert hashed.text == hmac.new(b"0123456789abcdef", "12가3456".encode(), hashlib.sha256).hexdigest()
    everything: list[Any] = [csv_row(hashed), flat_row(hashed), JSONL.line(hashed)]
    assert "3456" not in str(everything).replace(hashed.text, "")
    assert "3458" not in str(everything)
    assert Finish(key=key)(Plate("a.jpg", status=Status.NO_PLATE)).text == "", "no text has no hash"
    assert "0123456789" not in str(Finish(key=key).fingerprint()), "the journal must not hold the key"


@pytest.mark.parametrize("content", [b"", b"short\n", None])
def test_a_key_that_could_be_guessed_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(SettingsError, match="openssl rand"):
        read_key(tmp_path / "key")
