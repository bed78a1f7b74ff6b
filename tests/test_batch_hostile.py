"""Folders that mean no good: every entry gets its row, and nothing hangs, runs or fills the memory."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from plate_ocr import photos
from plate_ocr.batch.sources import Shard, listed
from plate_ocr.cli import main
from plate_ocr.photos import Limits, PhotoError, load, scan, set_limits
from tests.conftest import SAMPLE
from tests.test_batch_resume import rows_of

CROP = SAMPLE / "crops" / "00001.jpg"
POSIX = os.name == "posix"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["recognize", *map(str, arguments)])


def png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """A JPEG that claims a size."""
    data = bytearray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def webp(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (7, 9)).save(stream, "TIFF")
    data = stream.getvalue()
    for tag, small, large in ((256, 7, width), (257, 9, height)):
        old = [struct.pack("<HHII", tag, kind, 1, small) for kind in (3, 4)]
        (found,) = [entry for entry in old if entry in data]
        data = data.replace(found, struct.pack("<HHII", tag, 4, 1, large))
    return data


def gif(width: int, height: int) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + frame + b"\x3b"


BOMBS = {
    "bomb.png": png(30_000, 30_000, bytes(1_000_000)),
    "bomb.jpg": jpeg(65_500, 65_500),
    "bomb.webp": webp(16_000, 16_000),
    "bomb.tif": tiff(30_000, 30_000),
    "gif.png": gif(65_535, 65_535),
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_is_refused_by_its_header(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos.cv2, "imdecode", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(PhotoError, match=r"pixels than the 100,000,000 that are allowed"):
        load(BOMBS[name])


@pytest.mark.parametrize("length", [2**32 - 1, 2**31 - 1, 100_000])
def test_a_png_that_claims_a_huge_chunk_is_refused_before_room_is_made_for_it(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(png(160, 100, bytes(161 * 100)))
    assert load(bytes(data)).shape == (100, 160, 3)
    place = data.index(b"IDAT") - 4
    data[place : place + 4] = struct.pack(">I", length)
    monkeypatch.setattr(photos.cv2, "imdecode", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(PhotoError, match="the PNG is damaged or truncated"):
        load(bytes(data))


@pytest.mark.skipif(not POSIX, reason="needs names and links that Windows does not have")
def test_every_entry_of_a_hostile_folder_gets_its_row(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "deep" / "er").mkdir(parents=True)
    good = CROP.read_bytes()
    rng = np.random.default_rng(0)
    bad = {
        **BOMBS,
        "empty.jpg": b"",
        "half.jpg": good[: len(good) // 2],
        "noise.png": rng.bytes(5000),
    }
    fine = {"a\nb.jpg": good, "=cmd|x.jpg": good, " .jpg": good, "한국,\"'.jpg": good, "deep/er/x.JPG": good}
    for name, content in (bad | fine).items():
        (folder / name).write_bytes(content)
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")).write_bytes(good)
    os.mkfifo(folder / "fifo.jpg")
    (folder / "device.jpg").symlink_to("/dev/zero")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "nowhere.jpg").symlink_to("nothing")
    (folder / "deep" / "loop").symlink_to(folder)
    (folder / "deep" / "folder.jpg").symlink_to(folder)
    with (folder / "sparse.jpg").open("wb") as stream:
        stream.truncate(1 << 40)
    table = tmp_path / "p.csv"
    result = run(folder, "--crops", "--workers", "1", "--output", table)
    assert result.exit_code == 0, result.output
    rows = rows_of(table)
    status = {os.path.relpath(row["source"], folder): row["status"] for row in rows}
    refused = {*bad, "fifo.jpg", "device.jpg", "loop.jpg", "nowhere.jpg", "sparse.jpg"}
    assert {name for name, what in status.items() if what == "unreadable-photo"} == refused
    assert set(status) - refused == {*fine, "caf\\xe9.jpg"}
    assert len(rows) == len(status)
    said = {os.path.basename(row["source"]): row["message"] for row in rows}
    assert "not a regular file" in said["fifo.jpg"]
    assert "not a regular file" in said["device.jpg"]
    assert "too large" in said["sparse.jpg"]
    assert "symbolic links" in said["loop.jpg"]
    assert run(folder, "--crops", "--workers", "1", "--output", table, "--resume").exit_code == 0
    assert rows_of(table) == rows


def test_a_name_that_is_a_formula_is_not_one_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "=1+1.jpg").write_bytes(b"")
    run("=1+1.jpg", "--crops", "--workers", "0", "--output", "p.csv")
    assert rows_of(tmp_path / "p.csv")[0]["source"] == "'=1+1.jpg"


def test_the_limits_are_those_of_the_flags(tmp_path: Path) -> None:
    for flags, says in ((("--max-pixels", "0.0001"), "pixels"), (("--max-size", "0.0001"), "too large")):
        table = tmp_path / f"{says}.csv"
        result = run(CROP, "--crops", "--workers", "1", "--output", table, *flags)
        assert result.exit_code == 1, "no photo could be opened"
        (row,) = rows_of(table)
        assert row["status"] == "unreadable-photo"
        assert says in row["message"]


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    monkeypatch.setattr(photos.Path, "read_bytes", lambda _: b"x" * 2000)
    set_limits(Limits(bytes=1000))
    try:
        with pytest.raises(PhotoError, match=r"a\.jpg: grew over 1,000 bytes"):
            load(tmp_path / "a.jpg")
    finally:
        set_limits(Limits())


class EndlessFolder:
    """A folder whose listing never ends."""

    def __init__(self, folder: str) -> None:
        self.folder, self.given = folder, 0

    def __enter__(self) -> EndlessFolder:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[EndlessFolder]:
        for self.given in count(1):
            entry = EndlessFolder(self.folder)
            entry.name = f"{9_999_999 - self.given}.jpg"
            entry.path = os.path.join(self.folder, entry.name)
            yield entry

    name = path = ""

    def __fspath__(self) -> str:
        return self.path

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return not follow_symlinks and False


def test_a_folder_without_end_is_read_from_the_first_entries_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = EndlessFolder(str(tmp_path))
    monkeypatch.setattr(photos.os, "scandir", lambda _: endless)
    first = list(islice(scan(str(tmp_path)), 3))
    assert endless.given == photos.BLOCK
    assert first == sorted(first)


def test_a_folder_within_that_cannot_be_listed_gets_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may list everything, so the refusal is played.
    (tmp_path / "secret").mkdir()
    (tmp_path / "a.jpg").touch()
    list_it = os.scandir

    def refuse(place: str) -> object:
        if place.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return list_it(place)

    monkeypatch.setattr(photos.os, "scandir", refuse)
    assert list(scan(str(tmp_path))) == [str(tmp_path / "a.jpg"), str(tmp_path / "secret")]
    with pytest.raises(PhotoError, match="check its permissions"):
        load(tmp_path / "secret")


def test_shards_share_all_photos_out_wherever_the_folder_lies(tmp_path: Path) -> None:
    shares = []
    for place in ("here", "there"):
        (tmp_path / place / "in").mkdir(parents=True)
        for i in range(40):
            (tmp_path / place / "in" / f"{i}.jpg").touch()
        folder = str(tmp_path / place)
        parts = [list(listed([folder], Shard(k, 3), pytest.fail)) for k in (1, 2, 3)]
        assert sorted(path for part in parts for path in part) == sorted(scan(folder))
        assert all(len(part) > 5 for part in parts)
        shares.append([[os.path.relpath(path, folder) for path in part] for part in parts])
    assert shares[0] == shares[1]
    for text in ("0/3", "4/3", "a/b", "3", "1/0"):
        with pytest.raises(ValueError, match="no share such as 3/16"):
            Shard.parse(text)
