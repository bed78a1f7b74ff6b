"""Opening pictures safely and finding them."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from plate_ocr.photos import PhotoError, find, load


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    ramp = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (90, 1))
    picture = np.dstack([ramp, 255 - ramp, np.full_like(ramp, 60)])
    done, data = cv2.imencode(".jpg", picture)
    assert done
    return data.tobytes()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["car.jpg", "한국 트럭.jpg", "a b & c.JPG"])
def test_paths_of_any_name_and_bytes_give_the_same_picture(tmp_path: Path, jpeg: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(jpeg)
    picture = load(tmp_path / name)
    assert picture.shape == (90, 120, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, load(jpeg))
    np.testing.assert_array_equal(picture, load(str(tmp_path / name)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"this is no picture at all", "not a picture"),
        (png_header(30_000, 30_000), "pixels than the 100,000,000"),
        (png_header(12_000, 10_000), "12000 x 10000"),
        (png_header(200, 100), "damaged"),
    ],
    ids=["zero bytes", "text", "bomb", "huge", "png without data"],
)
def test_what_is_no_picture_is_named_and_explained(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "car.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=says) as caught:
        load(path)
    assert "car.jpg" in str(caught.value)


def test_a_truncated_jpeg_is_refused_and_not_padded_with_grey(jpeg: bytes) -> None:
    for share in (0.3, 0.6, 0.95):
        with pytest.raises(PhotoError, match=r"truncated|damaged|not a picture"):
            load(jpeg[: int(len(jpeg) * share)])


def test_missing_folders_and_fifos_are_refused_without_waiting(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no such file"):
        load(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match="folder"):
        load(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(PhotoError, match="regular"):
            load(tmp_path / "pipe.jpg")


def test_kinds_of_pictures(tmp_path: Path) -> None:
    grey16 = np.full((20, 30), 40_000, np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), grey16)
    assert abs(int(load(tmp_path / "deep.png")[0, 0, 0]) - 40_000 // 256) <= 1
    clear = np.zeros((20, 30, 4), np.uint8)
    cv2.imwrite(str(tmp_path / "clear.png"), clear)
    assert (load(tmp_path / "clear.png") == 255).all(), "what is transparent shows white paper, not black"
    Image.new("RGB", (30, 20), (200, 10, 10)).convert("P").save(tmp_path / "palette.png")
    b, g, r = load(tmp_path / "palette.png")[5, 5]
    assert r > 150 > max(b, g)
    Image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    b, g, r = load(tmp_path / "print.jpg")[5, 5]
    assert r > 150 > max(b, g)
    Image.new("L", (30, 20), 77).save(tmp_path / "grey.jpg")
    assert load(tmp_path / "grey.jpg").shape == (20, 30, 3)
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "dot.png")
    assert load(tmp_path / "dot.png").tolist() == [[[3, 2, 1]]]


def test_a_photo_is_turned_upright_after_its_exif(tmp_path: Path) -> None:
    picture = Image.new("RGB", (60, 40), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 60, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    picture.save(tmp_path / "turned.jpg", exif=exif)
    upright = load(tmp_path / "turned.jpg")
    assert upright.shape[:2] == (60, 40)
    assert upright[:, -5:].mean() > 200 > 60 > upright[:, :20].mean()


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_arrays_of_pixels_are_taken(shape: tuple[int, ...]) -> None:
    assert load(np.full(shape, 255, np.uint8)).shape == (5, 7, 3)


@pytest.mark.parametrize("array", [np.zeros((5, 7)), np.zeros((0, 7, 3), np.uint8), np.zeros((2, 5, 7, 3), np.uint8)])
def test_other_arrays_are_refused(array: NDArray[np.float64]) -> None:
    with pytest.raises(PhotoError, match="uint8"):
        load(array)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_a_picture_or_a_photo_error(jpeg: bytes, data: st.DataObject) -> None:
    broken = bytearray(jpeg)
    for place in data.draw(st.lists(st.integers(0, len(jpeg) - 1), max_size=12)):
        broken[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(jpeg)))
    try:
        picture = load(bytes(broken[:cut]))
    except PhotoError:
        return
    assert picture.ndim == 3


def test_find_lists_folders_to_the_bottom_patterns_and_missing_files(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub/트럭 1.jpeg", "notes.txt", ".hidden.jpg", "sub/.git/x.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    names = [os.path.relpath(path, tmp_path) for path in find([tmp_path])]
    assert names == ["a.png", "b.JPG", os.path.join("sub", "트럭 1.jpeg")]
    assert len(list(find([str(tmp_path / "**" / "*.jp*g")]))) >= 1
    missing = str(tmp_path / "gone.jpg")
    assert list(find([missing, tmp_path / "a.png", str(tmp_path / "a.png")])) == [missing, str(tmp_path / "a.png")]


def test_a_file_name_with_brackets_is_a_file_first(tmp_path: Path) -> None:
    (tmp_path / "car[1].jpg").touch()
    assert list(find([tmp_path / "car[1].jpg"])) == [str(tmp_path / "car[1].jpg")]


def test_an_empty_folder_and_a_pattern_without_match_say_so(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no picture"):
        list(find([tmp_path]))
    with pytest.raises(PhotoError, match="no file matches"):
        list(find([str(tmp_path / "*.jpg")]))


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(list(find([tmp_path]))) == 1
