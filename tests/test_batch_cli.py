"""`plate-ocr recognize` as it is run overnight: stopped, gone on with, with pictures beside the table, and offline."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from plate_ocr import Corners, Plate, PlateReader, Status
from plate_ocr.batch.journal import Journal
from plate_ocr.batch.pictures import ROWS, Names, Pictures, blur
from plate_ocr.cli import main
from plate_ocr.cli.batch_options import interruptible
from tests.conftest import ROOT, SAMPLE
from tests.test_batch_resume import rows_of

CROPS = sorted((SAMPLE / "crops").glob("*.jpg"))
SCENES = SAMPLE / "scenes"
COMMAND = [sys.executable, "-m", "plate_ocr.cli", "recognize"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["recognize", *map(str, arguments)])


@pytest.mark.skipif(os.name != "posix", reason="Windows stops otherwise")
def test_stopped_it_keeps_what_is_done_says_how_to_go_on_and_goes_on(tmp_path: Path) -> None:
    table, crops = tmp_path / "p.csv", tmp_path / "crops"
    flags = ["--crops", "--batch", "2", "--workers", "1", "--save-crops", str(crops)]
    listed = "".join(f"{path}\n" for path in CROPS[:12])
    process = subprocess.Popen(
        [*COMMAND, "-", "-o", str(table), *flags], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stderr is not None
    # More is announced and does not come, so the run is under way for as long as it takes.
    process.stdin.write(listed)
    process.stdin.flush()
    while process.poll() is None and not (crops.is_dir() and len(list(crops.iterdir())) >= 6):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait() == 130
    process.stdin.close()
    process.stderr.close()
    assert "Traceback" not in said
    done = len(rows_of(table))
    assert f"stopped, {done} are done; go on with the same command and --resume" in said
    assert 4 <= done < 12
    assert "is unfinished" in run(*CROPS[:12], "-o", table, *flags).output
    flags = ["--crops", "--batch", "2", "--workers", "0", "--save-crops", str(crops)]
    result = run(*CROPS[:12], "-o", table, "--resume", *flags)
    assert result.exit_code == 0, result.output
    assert run(*CROPS[:12], "-o", tmp_path / "whole.csv", *flags).exit_code == 0
    assert table.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(list(crops.iterdir())) == 12


def test_a_second_ctrl_c_ends_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before


def test_pictures_of_plates_stand_beside_the_table(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    for name in ("00001.jpg", "00002.jpg"):
        with Image.open(SCENES / name) as picture:
            picture.save(photos / name, exif=exif, quality=95)
    folders = {flag: tmp_path / flag for flag in ("annotate", "save-crops", "blur-plates")}
    table = tmp_path / "p.csv"
    flags = [argument for flag, folder in folders.items() for argument in (f"--{flag}", folder)]
    result = run(photos, "-o", table, "--workers", "1", *flags)
    assert result.exit_code == 0, result.output
    rows = rows_of(table)
    assert sorted(p.name for p in folders["annotate"].iterdir()) == ["00001.jpg", "00002.jpg"]
    crops = sorted(p.name for p in folders["save-crops"].iterdir())
    assert crops == sorted(f"{Path(row['source']).stem}.plate{row['plate']}.jpg" for row in rows if row["x1"])
    blurred = PlateReader(threads=1).read_many(sorted(folders["blur-plates"].iterdir()))
    assert not {plate.text for plate in blurred if plate.text} & {row["text"] for row in rows}
    for path in folders["blur-plates"].iterdir():
        assert b"SecretCamera" in (photos / path.name).read_bytes()
        assert b"SecretCamera" not in path.read_bytes()
        with Image.open(path) as picture:
            assert not picture.getexif()


def test_of_a_blurred_plate_a_few_values_remain_and_the_rest_of_the_photo_stays() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    corners = Corners.of([(100, 80), (220, 90), (216, 130), (96, 118)])
    inside = np.zeros((200, 300), np.uint8)
    cv2.fillConvexPoly(inside, np.round(corners.array).astype(np.int32), 255)
    around = cv2.dilate(inside, np.ones((61, 61), np.uint8))
    other = photo.copy()
    other[inside > 0] = np.random.default_rng(1).permutation(other[inside > 0])
    plate = Plate("a", "x", number=1, corners=corners)
    one, two = blur(photo, [plate]), blur(other, [plate])
    assert (one[around == 0] == photo[around == 0]).all()
    assert one[inside > 0].std() < photo[inside > 0].std() / 3
    difference = np.abs(one[inside > 0].astype(int) - two[inside > 0].astype(int))
    assert difference.mean() < 8, f"which of the pixels is where shows through {ROWS} rows"
    outside = Corners.of_box(-500, -500, 20, 10)
    assert (blur(photo, [Plate("a", corners=outside), Plate("a", status=Status.NO_PLATE)]) == photo)[20:, 20:].all()


def test_names_of_pictures_are_unlike_each_other_and_the_same_when_resumed(tmp_path: Path) -> None:
    sources = ("a/car.jpg", "b/car-2.jpg", "b/Car.png", "c/car.jpg", "d/car.jpg", "e/CAR-2.jpg")

    def given(names: Names, journal: Journal, sources: tuple[str, ...], *, note: bool) -> list[str]:
        result = []
        for source in sources:
            name, notes = names.give(source)
            result.append(name)
            if note:
                journal.commit([source.encode()], notes, 1)
                names.noted(notes)
        return result

    with Journal(tmp_path / "p.csv") as journal:
        whole = given(Names(journal), journal, sources, note=False)
        first = given(Names(journal), journal, sources[:3], note=True)
    with Journal(tmp_path / "p.csv", resume=True) as journal:
        assert first + given(Names(journal), journal, sources[3:], note=True) == whole
    assert len({name.casefold() for name in whole}) == len(sources)
    assert whole[0] == "car"


def test_pictures_never_go_where_photos_are_read(tmp_path: Path) -> None:
    (tmp_path / "photos" / "in").mkdir(parents=True)
    shutil.copy(CROPS[0], tmp_path / "photos")
    for flag in ("--annotate", "--save-crops", "--blur-plates"):
        for folder in (tmp_path / "photos", tmp_path / "photos" / "in"):
            result = run(tmp_path / "photos", "-o", tmp_path / "p.csv", flag, folder)
            assert result.exit_code == 1
            assert "photos are read from this folder" in result.output
    assert [p.name for p in (tmp_path / "photos").rglob("*.jpg")] == [CROPS[0].name]
    Pictures(tmp_path / "elsewhere").prepare([str(tmp_path / "photos")])


def test_flags_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0123456789abcdef0123")
    result = run(CROPS[0], "-o", tmp_path / "p.csv", "--hash-plates", tmp_path / "key", "--annotate", tmp_path / "a")
    assert result.exit_code == 2
    assert "--annotate shows what --hash-plates hides" in result.output
    assert run(CROPS[0], "--resume").exit_code == 2
    assert "no share such as 3/16" in run(CROPS[0], "--shard", "5/4").output


def test_changed_flags_are_named_when_a_run_is_resumed(tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    flags = ("--crops", "--workers", "0", "-o", table)
    assert run(CROPS[0], *flags).exit_code == 0
    result = run(*CROPS[:2], *flags, "--resume", "--formats", "strict")
    assert result.exit_code == 1
    assert "--formats was 'soft' and is 'strict'" in result.output
    assert len(rows_of(table)) == 1
    assert run(*CROPS[:2], *flags, "--resume", "--batch", "1").exit_code == 0, "how many at a time changes no row"
    assert len(rows_of(table)) == 2


def test_several_processes_give_one_table_in_order(tmp_path: Path) -> None:
    table = tmp_path / "p.jsonl"
    result = run(*CROPS[:5], tmp_path / "gone.jpg", "--crops", "--workers", "2", "--batch", "1", "-o", table)
    assert result.exit_code == 0
    assert [row["source"] for row in rows_of(table)] == [*map(str, CROPS[:5]), str(tmp_path / "gone.jpg")]
    assert [row["status"] for row in rows_of(table)][-1] == "unreadable-photo"


@pytest.mark.parametrize("workers", ["0", "1"])
def test_reading_opens_no_socket_to_anywhere(tmp_path: Path, workers: str) -> None:
    guard = tmp_path / "sitecustomize.py"
    guard.write_text(
        "import socket, sys\n"
        "def refuse(*_, **__):\n"
        "    sys.stderr.write('A SOCKET WAS USED\\n')\n"
        "    raise OSError('offline')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse\n"
        "socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse\n"
    )
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    command = [*COMMAND, str(SCENES / "00002.jpg"), "-o", str(tmp_path / "p.csv"), "--workers", workers]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert "A SOCKET WAS USED" not in done.stderr
    assert rows_of(tmp_path / "p.csv")[0]["status"] == "ok"
    proof = subprocess.run(
        [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"],
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "A SOCKET WAS USED" in proof.stderr, "the guard does not stand"
