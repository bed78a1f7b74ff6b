"""Pieces without a plate: they are found, or it is said why not, but nobody waits for ever."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plate_ocr.labels import LabelError
from plate_ocr.training.nothing import LEAST, Nothing
from tests.conftest import write_labels

HEADER = "image_path,x1,y1,x2,y2,x3,y3,x4,y4"
Box = tuple[int, int, int, int]


def table_of(folder: Path, photos: dict[str, tuple[tuple[int, int], list[Box]]]) -> str:
    """The table of dark photos (width, height) with white plates (left, top, right, bottom)."""
    rows: list[tuple[str, ...]] = []
    for name, ((width, height), boxes) in photos.items():
        picture = np.full((height, width), 10, np.uint8)
        for x0, y0, x1, y1 in boxes:
            picture[y0:y1, x0:x1] = 255
            rows.append((name, *map(str, (x0, y0, x1, y0, x1, y1, x0, y1))))
        if not boxes:
            rows.append((name, *[""] * 8))
        cv2.imwrite(str(folder / name), picture)
    return str(write_labels(folder, rows, HEADER))


@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        ((15, 200), []),
        ((200, 5), []),
        ((300, 200), [(0, 0, 300, 200)]),
        ((300, 200), [(-5, -5, 160, 220), (150, 0, 290, 200)]),
    ],
    ids=["narrow", "low", "covered", "covered but for a strip"],
)
def test_photos_without_room_are_refused_at_the_start(tmp_path: Path, size: tuple[int, int], boxes: list[Box]) -> None:
    inside = [(max(0, a), max(0, b), c, d) for a, b, c, d in boxes]
    table = table_of(tmp_path, {"a.png": (size, inside)})
    with pytest.raises(LabelError, match=r"labels\.csv: no photo .* 1 have no room for 16 x 6 pixels.*--backgrounds"):
        Nothing([table], ())


def test_photos_without_room_are_left_out_and_the_others_serve(tmp_path: Path) -> None:
    covered = ((300, 200), [(0, 0, 300, 200)])
    table = table_of(tmp_path, {"a.png": covered, "b.png": ((9, 9), []), "c.png": ((300, 200), [])})
    cut = Nothing([table], ())
    assert all(cut.draw(np.random.default_rng(i)).max() < 128 for i in range(40))


def test_the_last_free_corner_is_found(tmp_path: Path) -> None:
    table = table_of(tmp_path, {"a.png": ((300, 200), [(0, 0, 300, 190), (18, 185, 300, 200)])})
    cut = Nothing([table], ())
    for i in range(10):
        piece = cut.draw(np.random.default_rng(i))
        assert piece.max() < 128
        assert piece.shape[0] >= LEAST - 1


def test_a_plate_whose_place_is_not_known_keeps_its_photo_out(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((90, 90), np.uint8))
    table = write_labels(tmp_path, [("a.png", "AB12")], "image_path,plate_text")
    with pytest.raises(LabelError, match="1 show a plate without corners"):
        Nothing([str(table)], ())


BOX = st.tuples(st.integers(0, 100), st.integers(0, 60), st.integers(1, 100), st.integers(1, 60)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(8, 100), st.integers(4, 60), st.lists(BOX, max_size=6))
def test_no_piece_shows_a_plate_and_every_draw_ends(tmp_path: Path, width: int, height: int, boxes: list[Box]) -> None:
    table = table_of(tmp_path, {"a.png": ((width, height), boxes)})
    try:
        cut = Nothing([table], ())
    except LabelError:
        return
    for i in range(3):
        assert cut.draw(np.random.default_rng(i)).max() < 128
