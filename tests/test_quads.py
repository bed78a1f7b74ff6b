"""Quadrangles, and the grid that they are written on and read off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.detection.grid import GREY, INPUT, LEVELS, STEP, first_scale, read_off, resize
from plate_ocr.detection.quads import length, merge, overlap, overlaps, usable
from plate_ocr.training.detector.targets import encode

boxes = st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 80), st.floats(1, 80))


def box(x: float, y: float, width: float, height: float) -> NDArray[np.float32]:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)


@given(boxes, boxes)
def test_overlap_of_upright_boxes_is_the_textbook_one(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    one, other = a[2] * a[3], b[2] * b[3]
    iou, inside = overlap(box(*a), box(*b))
    assert iou == pytest.approx(shared / (one + other - shared), abs=2e-3)
    assert inside == pytest.approx(shared / min(one, other), abs=5e-3)
    assert overlap(box(*b), box(*a)) == pytest.approx((iou, inside), abs=1e-5)


@given(st.lists(boxes, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_merged_quads_lie_apart_and_come_best_first(found: list[tuple[float, ...]], random: object) -> None:
    quads = np.stack([box(*b) for b in found])
    scores = np.array([random.uniform(0.1, 1) for _ in found], np.float32)  # type: ignore[attr-defined]
    kept = merge(quads, scores)
    assert kept[0][1] == pytest.approx(float(scores.max()))
    assert [s for _, s in kept] == sorted((s for _, s in kept), reverse=True)
    # Every quad that went in is one that came out, or the same plate as one.
    for quad in quads:
        best = max(overlap(quad, other) for other, _ in kept)
        assert best[0] >= 0.3 or max(overlap(quad, other)[1] for other, _ in kept) >= 0.6


def test_corners_of_one_plate_are_averaged() -> None:
    plate = box(100, 100, 120, 30)
    kept = merge(np.stack([plate - 2, plate + 2, box(300, 300, 50, 20)]), np.array([0.8, 0.8, 0.7], np.float32))
    assert len(kept) == 2
    np.testing.assert_allclose(kept[0][0], plate, atol=1e-3)


@given(st.floats(14, 500), st.floats(0.18, 1.0), st.floats(-40, 40), st.floats(0.3, 0.7), st.floats(0.3, 0.7))
def test_a_plate_of_any_size_and_tilt_is_read_off_where_it_was_written(
    width: float, ratio: float, degrees: float, x: float, y: float
) -> None:
    size = (384, 640)
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    quad = (box(-width / 2, -width * ratio / 2, width, width * ratio) @ rotation + [x * 640, y * 384]).astype(
        np.float32
    )
    maps = []
    for truth in encode(quad[None], np.zeros((0, 4, 2), np.float32), size):
        said = np.concatenate([np.where(truth[..., :1] > 0, 5.0, -9.0), truth[..., 3:11]], axis=-1)
        maps.append(said.astype(np.float32))
    found = merge(*read_off(maps, threshold=0.5))
    assert len(found) == 1
    np.testing.assert_allclose(found[0][0], quad, atol=0.05)


def test_nothing_is_asked_beside_a_plate_or_where_one_is_left_undecided() -> None:
    plate, undecided = box(100, 100, 96, 24), box(300, 200, 96, 24)
    small, large = encode(plate[None], undecided[None], (384, 640))
    assert small[..., 0].sum() > 1, "a plate of 96 pixels is one for the fine level"
    assert large[..., 0].sum() == 0, "and none for the coarse one"
    stride = LEVELS[0].stride
    assert small[212 // stride, 348 // stride, 1] == 0
    assert small[112 // stride, 104 // stride, 1] == 0, "its ends are neither plate nor background"
    assert small[20 // stride, 20 // stride, 1] == 1
    assert large[212 // LEVELS[1].stride, 348 // LEVELS[1].stride, 1] == 0


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from([0.5, 1.0, 2.0]))
def test_a_photo_is_resized_as_a_whole_and_padded(height: int, width: int, times: float) -> None:
    photo = np.full((height, width), 7, np.uint8)
    scale = first_scale(photo) * times
    grey = resize(photo, scale)
    assert grey.shape[0] % STEP == 0
    assert grey.shape[1] % STEP == 0
    assert max(grey.shape) <= INPUT * times + STEP
    inside = grey[: max(1, round(height * scale)), : max(1, round(width * scale))]
    assert (inside == 7).all()
    assert np.count_nonzero(grey == GREY) == grey.size - inside.size


@given(boxes, boxes, st.floats(-0.5, 0.5))
def test_the_fast_overlap_says_about_what_the_exact_one_does(
    a: tuple[float, ...], b: tuple[float, ...], turn: float
) -> None:
    first, second = box(*a), box(*b)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
    first = first @ rotation.T
    iou, inside = overlaps(first, np.stack([second, first]))
    assert (iou[0], inside[0]) == pytest.approx(overlap(first, second), abs=0.15)
    assert (iou[1], inside[1]) == pytest.approx((1, 1), abs=1e-3)


@given(boxes)
def test_a_box_can_be_straightened_and_a_crossed_flat_or_mirrored_one_cannot(a: tuple[float, ...]) -> None:
    quad = box(*a)
    assert length(quad) == pytest.approx(max(a[2], a[3]), rel=1e-4)
    # A side of exactly one pixel may be a hair less in float32.
    assert usable(quad) or min(a[2:]) < 1.001
    assert not usable(quad[[0, 2, 1, 3]])
    assert not usable(quad[::-1])
    assert not usable(np.full((4, 2), np.nan, np.float32))
    assert not usable(quad * [1, 0])


@pytest.mark.parametrize("long", [12, 40, 96, 250, 900])
def test_a_closer_look_has_the_plate_in_its_middle_and_knows_the_way_back(long: int) -> None:
    from plate_ocr.detection.closer import LENGTH, WINDOW, window

    photo = np.full((900, 1200), 90, np.uint8)
    quad = box(150, 300, long, long / 4)
    photo[300 : 300 + long // 4, 150 : 150 + long] = 240
    piece, matrix = window(photo, quad)
    assert piece.shape == WINDOW[::-1]
    moved = quad @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(moved.mean(axis=0), np.array(WINDOW) / 2, atol=1)
    bright = np.argwhere(piece > 200)
    high, wide = np.ptp(bright, axis=0) + 1
    expected = min(LENGTH, 2 * long)
    assert wide == pytest.approx(expected, abs=3)
    assert high == pytest.approx(expected / 4, abs=3)
    np.testing.assert_allclose(bright[:, ::-1].mean(axis=0) + 0.5, moved.mean(axis=0), atol=1)
