"""Opening pictures safely and finding them."""

from __future__ import annotations

import io
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

from plate_ocr import photos
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


def test_the_thumbnail_of_a_truncated_jpeg_does_not_pass_for_its_end(jpeg: bytes) -> None:
    # The thumbnail in the header is a JPEG of its own, with its own end marker.
    segment = b"Exif\0\0" + jpeg
    whole = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]
    assert load(whole).shape == (90, 120, 3)
    with pytest.raises(PhotoError, match="truncated; copy it again"):
        load(whole[: len(jpeg) * 8 // 5])


def test_what_follows_a_jpeg_does_no_harm(jpeg: bytes) -> None:
    assert load(jpeg + b"\0" * 5000).shape == (90, 120, 3)


def test_pixels_are_limited_as_asked(jpeg: bytes) -> None:
    assert load(jpeg, max_pixels=120 * 90).shape == (90, 120, 3)
    with pytest.raises(PhotoError, match="120 x 90, more pixels than the 10,000 that are allowed"):
        load(jpeg, max_pixels=10_000)


def test_a_file_too_large_for_a_picture_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "disk.jpg").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(PhotoError, match="too large"):
        load(tmp_path / "disk.jpg")


def test_a_file_without_permission_says_so(tmp_path: Path, jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may read everything, so the refusal is played.
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.jpg").write_bytes(jpeg)
    monkeypatch.setattr(photos.Path, "read_bytes", refuse)
    with pytest.raises(PhotoError, match=r"secret\.jpg: no permission"):
        load(tmp_path / "secret.jpg")


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


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_photo_is_turned_upright_after_its_exif(tmp_path: Path, suffix: str) -> None:
    picture = Image.new("RGB", (60, 40), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 60, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    picture.save(tmp_path / f"turned{suffix}", exif=exif)
    upright = load(tmp_path / f"turned{suffix}")
    assert upright.shape[:2] == (60, 40)
    assert upright[:, -5:].mean() > 200 > 60 > upright[:, :20].mean()


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("plain.png", 1),
        ("grey.png", 0),
        ("deep.png", 1),
        ("deep grey.png", 1),
        ("clear.png", 0),
        ("deep clear.png", 0),
        ("palette.png", 1),
        ("plain.tif", 0),
        ("plain.bmp", 1),
        ("plain.webp", 3),
        ("plain.jpg", 3),
        ("turned.jpg", 3),
        ("grey.jpg", 0),
    ],
)
def test_a_photo_opened_in_grey_is_the_grey_of_its_colours(tmp_path: Path, name: str, off: int) -> None:
    """`off` is how many of 255 levels the two may differ by: a JPEG holds its grey, colours are rounded from it."""
    path = tmp_path / name
    y, x = np.mgrid[0:60, 0:90]
    picture = np.dstack([40 + 2 * x, 230 - 3 * y, (4 * np.abs(x - 45) + y) % 200]).astype(np.uint8)
    opaque = np.dstack([picture, (255 - 2 * x).astype(np.uint8)])
    if name.startswith("deep"):
        # Such as no 8 bits hold: the lower byte is not the upper one.
        picture, opaque = picture.astype(np.uint16) * 256 + 77, opaque.astype(np.uint16) * 256 + 200
    if name == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(picture[..., ::-1]).save(path, exif=exif)
    elif name == "palette.png":
        Image.fromarray(picture[..., ::-1]).convert("P").save(path)
    else:
        cv2.imwrite(str(path), opaque if "clear" in name else picture[..., 1] if "grey" in name else picture)
    colour, grey = load(path), load(path, grey=True)
    assert colour.shape == ((90, 60, 3) if name == "turned.jpg" else (60, 90, 3))
    assert (grey.shape, grey.dtype) == (colour.shape[:2], np.uint8)
    apart = np.abs(grey.astype(int) - cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY).astype(int))
    assert apart.max() <= off


def test_a_phone_s_picture_of_several_frames_gives_the_first_upright() -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ((200, 0, 0), (0, 200, 0))]
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    frames[0].save(data, "MPO", save_all=True, append_images=frames[1:], exif=exif)
    picture = load(data.getvalue())
    assert picture.shape == (60, 40, 3)
    assert picture[..., 2].mean() > 150 > picture[..., 1].mean()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_any_kind_are_taken(jpeg: bytes, kind: type) -> None:
    assert load(kind(jpeg)).shape == (90, 120, 3)


def test_arrays_of_16_bits_are_scaled() -> None:
    assert load(np.full((2, 2), 65535, np.uint16)).max() == 255
    assert load(np.full((2, 2, 3), 300, np.uint16)).tolist() == [[[1] * 3] * 2] * 2


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


def test_one_file_named_in_several_ways_comes_once(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    first = str(tmp_path / "a.jpg")
    ways = [first, os.path.join(tmp_path, ".", "a.jpg"), str(tmp_path / "**" / "*.jpg"), tmp_path]
    assert list(find(ways)) == [first]


def test_one_path_alone_is_one_input(tmp_path: Path) -> None:
    assert list(find(str(tmp_path / "a.jpg"))) == [str(tmp_path / "a.jpg")]


def test_find_streams(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    paths = find([tmp_path, tmp_path / "*.png"])
    assert next(paths) == str(tmp_path / "a.jpg"), "the first comes before the last input is looked at"


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
