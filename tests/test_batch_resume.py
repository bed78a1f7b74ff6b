"""A batch that never loses a row: killed at any moment and gone on with, its output is that of an uninterrupted one.

PLATE_OCR_KILLS sets how often each kind of table is killed; the default keeps the test short.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from plate_ocr.batch.journal import Journal, JournalError, photo_key, version_key
from plate_ocr.batch.reading import Here, Task
from plate_ocr.batch.run import Batch
from plate_ocr.batch.sinks import SinkError, TextSink, open_sink
from tests.batch_child import open_stub
from tests.conftest import ROOT

TASK = Task(open_stub, batch=4, threads=1)
KILLS = int(os.environ.get("PLATE_OCR_KILLS", "0"))


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a table of any kind."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    if path.suffix == ".parquet":
        return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()  # type: ignore[no-any-return]
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT * FROM plates ORDER BY id")]
    connection.close()
    return rows


class Children:
    """Runs batches in processes of their own; see tests/batch_child.py."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.batch_child"]
        self.server = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def begin(self, output: Path, photos: int, *, workers: int = 0, pause: float = 1.0) -> int:
        """Begin a batch with this pause between commits; the number of its process."""
        assert self.server.stdin is not None
        self.server.stdin.write(f"{output}\t{photos}\t{workers}\t{pause}\n")
        self.server.stdin.flush()
        return self._line()

    def ended(self) -> int:
        """Wait for the end of the batch; its exit code, negative for a signal."""
        return self._line()

    def _line(self) -> int:
        assert self.server.stdout is not None
        return int(self.server.stdout.readline())


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    """Batches in processes of their own."""
    children = Children()
    yield children
    children.server.communicate()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows kills otherwise")
@pytest.mark.parametrize(
    ("name", "kills", "workers"),
    [("p.csv", 12, 0), ("p.sqlite", 12, 0), ("p.jsonl", 4, 0), ("p.parquet", 4, 0), ("p.csv", 2, 2)],
)
def test_killed_at_any_moment_and_resumed_it_gives_the_rows_of_an_uninterrupted_run(
    children: Children, tmp_path: Path, name: str, kills: int, workers: int
) -> None:
    if name == "p.parquet":
        pytest.importorskip("pyarrow")
    kills = KILLS or kills
    photos = 40 * kills
    whole, output = tmp_path / "whole" / name, tmp_path / "killed" / name
    children.begin(whole, photos)
    assert children.ended() == 0
    rng = random.Random(name)
    struck, missed, longest = 0, 0, 0.7 if workers else 0.12
    while struck < kills:
        process = children.begin(output, photos, workers=workers, pause=0)
        time.sleep(rng.uniform(0, longest))
        # A fast machine may be done by now.
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        if (code := children.ended()) == -signal.SIGKILL:
            struck += 1
            continue
        assert code == 0
        missed, longest = missed + 1, longest / 2
        assert missed < 10, "the kills must strike a run that is under way"
        shutil.rmtree(output.parent)
    children.begin(output, photos, workers=workers)
    assert children.ended() == 0
    rows = rows_of(output)
    assert rows == rows_of(whole)
    assert len({row["source"] for row in rows}) == photos
    if output.suffix in (".csv", ".jsonl"):
        assert output.read_bytes() == whole.read_bytes()
    print(f"{name}: killed {struck} times, {missed} runs were done before; {len(rows)} rows are those of one run")


def read(
    output: Path, sources: list[str], *, resume: bool = False, settings: dict[str, str] | None = None, fail: int = -1
) -> None:
    """Read names into a table; with `fail`, be interrupted after so many photos."""

    def photos() -> Iterator[str]:
        for number, source in enumerate(sources):
            if number == fail:
                raise KeyboardInterrupt
            yield source

    journal = Journal(output, settings=settings, resume=resume)
    with journal, Batch(open_sink(output), journal, pause=0) as batch:
        batch.read(Here(TASK).read, photos())
        batch.complete()


def names(output: Path) -> list[str]:
    """Photos of a table, in order."""
    return list(dict.fromkeys(row["source"] for row in rows_of(output)))


ALL = [f"{i}.jpg" for i in range(20)]
KINDS = ["p.csv", "p.jsonl", "p.db", "p.parquet"]


@pytest.fixture(params=KINDS)
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An output of each kind."""
    if request.param == "p.parquet":
        pytest.importorskip("pyarrow")
    return tmp_path / str(request.param)


def test_interrupted_it_keeps_what_is_read_and_goes_on(output: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        read(output, ALL, fail=11)
    if output.suffix != ".parquet":
        assert names(output) == ALL[:8], "two batches of four were read"
    read(output, ALL, resume=True)
    assert names(output) == ALL
    read(output.with_stem("whole"), ALL)
    assert rows_of(output) == rows_of(output.with_stem("whole"))


def test_a_finished_run_goes_on_with_new_photos_only(output: Path) -> None:
    read(output, ALL[:7])
    read(output, ALL, resume=True)
    assert names(output) == ALL
    read(output, ALL, resume=True)
    assert names(output) == ALL
    read(output, ALL[:3])
    assert names(output) == ALL[:3], "without --resume a finished table is replaced"


def test_an_unfinished_run_is_not_replaced_by_mistake(output: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        read(output, ALL, fail=11)
    with pytest.raises(JournalError, match=r"8 photos are done: go on with --resume, or delete .*journal"):
        read(output, ALL)
    read(output, ALL, resume=True)
    assert names(output) == ALL


def test_another_model_or_flag_is_not_mixed_in(output: Path) -> None:
    read(output, ALL[:4], settings={"--model": "reader 1234", "--mask": "0.0"})
    with pytest.raises(JournalError, match=r"other settings: --model was 'reader 1234' and is 'reader 5678'") as told:
        read(output, ALL, resume=True, settings={"--model": "reader 5678", "--mask": "0.0"})
    assert "--mask" not in str(told.value)
    assert names(output) == ALL[:4]


def test_two_runs_on_one_output_are_one_too_many(output: Path) -> None:
    with Journal(output), pytest.raises(JournalError, match="another run is writing it"):
        read(output, ALL, resume=True)
    read(output, ALL, resume=True)
    assert names(output) == ALL


def test_a_table_without_its_journal_is_not_gone_on_with(output: Path) -> None:
    read(output, ALL[:4])
    Path(f"{output}.journal").unlink()
    with pytest.raises(JournalError, match="no journal beside it"):
        read(output, ALL, resume=True)
    assert names(output) == ALL[:4]


def test_a_table_that_was_changed_is_not_gone_on_with(output: Path) -> None:
    read(output, ALL)
    output.unlink()
    with pytest.raises(SinkError, match="changed or removed since"):
        read(output, [*ALL, "more.jpg"], resume=True)


def test_a_damaged_journal_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "p.csv").touch()
    (tmp_path / "p.csv.journal").write_bytes(b"no journal" * 1000)
    with pytest.raises(JournalError, match=r"p\.csv\.journal: the journal is damaged .*; delete it"):
        read(tmp_path / "p.csv", ALL, resume=True)


def test_a_full_disk_says_so_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "p.csv"
    commit, calls = TextSink.commit, []

    def half(sink: TextSink) -> int:
        calls.append(sink)
        if len(calls) == 3:
            sink._stream.write(b"half a row, then no sp")
            raise OSError(28, "No space left on device")
        return commit(sink)

    monkeypatch.setattr(TextSink, "commit", half)
    with pytest.raises(
        SinkError,
        match=r"p\.csv cannot be written \(No space left on device\): free some space, then go on with --resume",
    ):
        read(output, ALL)
    assert names(output) == ALL[:2]
    assert output.read_bytes().endswith(b"\n"), "the half row is cut off"
    read(output, ALL, resume=True)
    assert names(output) == ALL


def test_a_photo_listed_twice_or_by_another_name_is_read_once(tmp_path: Path) -> None:
    output = tmp_path / "p.csv"
    read(output, ["a/1.jpg", "./a/1.jpg", "a/../a/1.jpg", str(Path.cwd() / "a" / "1.jpg"), "a/2.jpg"])
    assert names(output) == ["a/1.jpg", "a/2.jpg"]


def test_a_name_that_is_used_again_is_another_version(tmp_path: Path) -> None:
    photo = tmp_path / "1.jpg"
    photo.write_bytes(b"one")
    first = version_key(str(photo))
    assert first == version_key(str(photo))
    photo.write_bytes(b"another")
    assert version_key(str(photo)) != first
    assert photo_key(str(photo)) == photo_key(str(tmp_path / "." / "1.jpg"))
