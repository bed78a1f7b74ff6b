"""Cameras drop photos into a folder: each is read once, and only after it was written completely."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from plate_ocr.batch.journal import Journal, version_key
from plate_ocr.batch.reading import Here, Task
from plate_ocr.batch.run import Batch
from plate_ocr.batch.sinks import open_sink
from plate_ocr.batch.watch import WatchError, check_folders, watch
from plate_ocr.cli import main
from tests.batch_child import open_stub
from tests.conftest import ROOT, SAMPLE
from tests.test_batch_resume import rows_of

TASK = Task(open_stub, batch=4, threads=1)


def watched(
    folder: Path, output: Path, steps: list[Callable[[], object]], *, done: Path | None = None
) -> tuple[list[str], list[str]]:
    """Names in the table after looks between which these steps happen, and what was complained of."""
    left, seen, complaints = list(steps), [], list[str]()

    def wait(_: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    with Journal(output, resume=True) as journal:
        batch = Batch(open_sink(output), journal, key=version_key, pause=0)
        with pytest.raises(KeyboardInterrupt), batch:
            watch(folder, batch, journal, Here(TASK).read, done=done, wait=wait, complain=complaints.append)
    seen = [Path(name).name for name in dict.fromkeys(row["source"] for row in rows_of(output))]
    return seen, complaints


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a camera."""
    (tmp_path / "camera").mkdir()
    return tmp_path / "camera"


def nothing() -> None:
    pass


def test_a_photo_is_read_when_it_has_stayed_the_same_for_two_looks(folder: Path, tmp_path: Path) -> None:
    growing = folder / "growing.jpg"

    def grow() -> None:
        with growing.open("ab") as stream:
            stream.write(b"more")

    (folder / "whole.jpg").write_bytes(b"whole")
    (folder / ".hidden.jpg").write_bytes(b"x")
    (folder / "notes.txt").write_bytes(b"x")
    grow()
    assert watched(folder, tmp_path / "p.csv", [grow, grow, grow]) == (["whole.jpg"], [])
    assert watched(folder, tmp_path / "p.csv", [nothing, nothing, nothing]) == (["whole.jpg", "growing.jpg"], [])
    rows = rows_of(tmp_path / "p.csv")
    watched(folder, tmp_path / "p.csv", [nothing, nothing])
    assert rows_of(tmp_path / "p.csv") == rows, "it was read again"


def test_what_is_done_is_moved_and_its_name_may_be_used_again(folder: Path, tmp_path: Path) -> None:
    done = tmp_path / "done"
    (folder / "in").mkdir()
    photo = folder / "in" / "1.jpg"
    photo.write_bytes(b"one")
    seen, _ = watched(folder, tmp_path / "p.csv", [nothing, lambda: photo.write_bytes(b"another"), nothing], done=done)
    assert seen == ["1.jpg"]
    assert sum(row["source"] == str(photo) for row in rows_of(tmp_path / "p.csv")) >= 2
    assert sorted((p.name, p.read_bytes()) for p in (done / "in").iterdir()) == [
        ("1-2.jpg", b"another"),
        ("1.jpg", b"one"),
    ]
    assert not photo.exists()


def test_killed_between_reading_and_moving_it_only_moves(folder: Path, tmp_path: Path) -> None:
    (folder / "1.jpg").write_bytes(b"one")
    watched(folder, tmp_path / "p.csv", [nothing])
    rows = rows_of(tmp_path / "p.csv")
    watched(folder, tmp_path / "p.csv", [nothing], done=tmp_path / "done")
    assert rows_of(tmp_path / "p.csv") == rows
    assert (tmp_path / "done" / "1.jpg").exists()


def test_what_cannot_be_moved_is_told_and_not_read_again(folder: Path, tmp_path: Path) -> None:
    (folder / "1.jpg").write_bytes(b"one")
    (tmp_path / "done").write_bytes(b"a file where the folder should be")
    seen, complaints = watched(folder, tmp_path / "p.csv", [nothing, nothing, nothing], done=tmp_path / "done")
    assert seen == ["1.jpg"]
    assert len(complaints) == 1
    assert "1.jpg: not moved to" in complaints[0]


def test_a_folder_that_goes_away_ends_the_watch(folder: Path, tmp_path: Path) -> None:
    with Journal(tmp_path / "p.csv", resume=True) as journal:
        batch = Batch(open_sink(tmp_path / "p.csv"), journal, key=version_key)
        with pytest.raises(WatchError, match="is gone"), batch:
            watch(folder, batch, journal, Here(TASK).read, wait=lambda _: folder.rmdir())


def test_done_photos_must_not_come_back(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WatchError, match="would be read again"):
        check_folders(folder, folder / "done")
    with pytest.raises(WatchError, match="no such folder"):
        check_folders(tmp_path / "nowhere", None)
    check_folders(folder, tmp_path / "camera-done")
    result = CliRunner().invoke(main, ["watch", str(folder), "-o", str(tmp_path / "p.xls")])
    assert result.exit_code == 1
    assert "the suffix must be" in result.output


@pytest.mark.skipif(os.name != "posix", reason="Windows stops otherwise")
def test_the_command_reads_what_arrives_and_ends_cleanly(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "p.jsonl"
    command = [sys.executable, "-m", "plate_ocr.cli", "watch", str(folder), "-o", str(table), "--crops"]
    flags = ["--every", "0.05", "--workers", "1", "--done", str(tmp_path / "done")]
    process = subprocess.Popen([*command, *flags], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    for number in (1, 2):
        shutil.copy(SAMPLE / "crops" / f"0000{number}.jpg", folder / f"{number}.jpg")
        while process.poll() is None and not (tmp_path / "done" / f"{number}.jpg").exists():
            time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "2  photos in" in said
    assert [Path(row["source"]).name for row in rows_of(table)] == ["1.jpg", "2.jpg"]
