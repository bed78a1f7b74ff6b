"""Finding plates and setting them upright."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from plate_ocr.detection import ContourDetector, Detection, Detector, NetworkDetector, rectify
from plate_ocr.detection.closer import CloserLook
from plate_ocr.detection.quads import overlap
from plate_ocr.labels import read_photos
from plate_ocr.photos import load
from plate_ocr.plate import Corners
from tests.conftest import SAMPLE


def plate_picture() -> NDArray[np.uint8]:
    """A white plate of 260 x 60 with dark characters."""
    plate = np.full((60, 260, 3), 240, np.uint8)
    cv2.rectangle(plate, (2, 2), (257, 57), (20, 20, 20), 2)
    cv2.putText(plate, "AB 1234", (26, 44), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (15, 15, 15), 4)
    return plate


def photo_with_plate(tilt: float, scale: float = 1.0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A grey, grainy photo of 640 x 480 with the plate turned by `tilt` degrees, and the plate's corners."""
    rng = np.random.default_rng(0)
    photo = np.clip(rng.normal(110, 4, (480, 640, 3)), 0, 255).astype(np.uint8)
    photo = np.asarray(cv2.GaussianBlur(photo, (5, 5), 0), dtype=np.uint8)
    plate = plate_picture()
    turn = cv2.getRotationMatrix2D((130, 30), tilt, scale)
    turn[:, 2] += (320 - 130, 260 - 30)
    cv2.warpAffine(plate, turn, (640, 480), dst=photo, borderMode=cv2.BORDER_TRANSPARENT)
    corners = np.array([[[0, 0], [260, 0], [260, 60], [0, 60]]], np.float32)
    return photo, cv2.transform(corners, turn)[0].astype(np.float32)


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    shared, _ = cv2.intersectConvexConvex(a, b)
    return float(shared / (cv2.contourArea(a) + cv2.contourArea(b) - shared))


@pytest.mark.parametrize("tilt", [-20, -8, 0, 5, 15, 25])
def test_a_clear_plate_is_found_at_any_tilt_with_its_corners_in_order(tilt: float) -> None:
    photo, truth = photo_with_plate(tilt)
    found = ContourDetector().detect(photo)
    assert found
    best = found[0].corners.array
    assert iou(best, truth) > 0.5
    # In order: each corner is nearest to the true corner of the same name.
    distances = np.linalg.norm(best[:, None] - truth[None], axis=2)
    assert distances.argmin(axis=1).tolist() == [0, 1, 2, 3]


def test_detections_come_best_first_with_scores_from_0_to_1() -> None:
    detector: Detector = ContourDetector(threshold=0)
    left, _ = photo_with_plate(0)
    right, _ = photo_with_plate(12)
    found = detector.detect(np.hstack([left, right]))
    assert len(found) >= 2
    assert all(isinstance(detection, Detection) for detection in found)
    scores = [detection.score for detection in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len(ContourDetector(threshold=0, most=1).detect(np.hstack([left, right]))) == 1


def test_light_characters_in_two_lines_are_found() -> None:
    photo, _ = photo_with_plate(0)
    photo[:] = cv2.GaussianBlur(photo, (0, 0), 40)
    cv2.rectangle(photo, (250, 200), (390, 300), (90, 40, 20), -1)
    cv2.putText(photo, "MH 12", (263, 243), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (240, 240, 240), 3)
    cv2.putText(photo, "AB 345", (258, 289), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (240, 240, 240), 3)
    found = ContourDetector().detect(photo)
    assert found
    assert iou(found[0].corners.array, Corners.of_box(250, 200, 140, 100).array) > 0.5


def test_smaller_characters_beside_the_number_belong_to_the_plate() -> None:
    photo, _ = photo_with_plate(0)
    photo[:] = cv2.GaussianBlur(photo, (0, 0), 40)
    cv2.rectangle(photo, (180, 220), (470, 280), (235, 235, 235), -1)
    cv2.putText(photo, "01", (190, 262), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (15, 15, 15), 3)
    cv2.putText(photo, "A777BC", (238, 268), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (15, 15, 15), 4)
    found = ContourDetector().detect(photo)
    assert found
    assert found[0].corners.array[0, 0] < 195


def test_corners_are_in_the_pixels_of_a_large_photo() -> None:
    photo, truth = photo_with_plate(4)
    large = np.asarray(cv2.resize(photo, None, fx=3, fy=3), dtype=np.uint8)
    found = ContourDetector().detect(large)
    assert found
    assert iou(found[0].corners.array, truth * 3) > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (480, 640)])
def test_a_flat_photo_of_any_size_holds_no_plate(shape: tuple[int, int]) -> None:
    assert ContourDetector().detect(np.full((*shape, 3), 128, np.uint8)) == []


def test_noise_holds_no_plate() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    assert len(ContourDetector().detect(noise)) <= 1


def test_a_corner_lies_where_rectify_cuts() -> None:
    # Corners count from the photo's edge; half a pixel beside it is visible on a small plate.
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[10:20, 15:45] = 255
    crop = rectify(photo, Corners.of_box(15, 10, 30, 10), margin=0, height=10)
    assert crop.shape == (10, 30, 3)
    assert (crop == 255).all()


def test_a_large_plate_is_shrunk_without_aliasing() -> None:
    stripes = np.zeros((1200, 3600, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = rectify(stripes, Corners.of_box(200, 100, 3200, 1000))
    assert crop.shape[0] == 96
    assert crop.shape[1] <= 512
    assert crop.std() < 12
    assert abs(float(crop.mean()) - 127.5) < 6


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-25, 25), min_size=8, max_size=8),
    st.floats(0.5, 3.0),
)
def test_rectify_undoes_a_perspective(shifts: list[float], scale: float) -> None:
    plate = plate_picture()
    quad = (np.array([[60, 80], [320, 80], [320, 140], [60, 140]]) + np.reshape(shifts, (4, 2)) * [1, 0.5]) * scale
    # A warp samples single pixels, which in a small photo aliases: drawn at four times the size, then averaged.
    matrix = cv2.getPerspectiveTransform(
        np.array([[0, 0], [260, 0], [260, 60], [0, 60]], np.float32), 4 * quad.astype(np.float32)
    )
    size = (int(420 * scale), int(230 * scale))
    large = cv2.warpPerspective(plate, matrix, (4 * size[0], 4 * size[1]))
    photo = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    crop = rectify(np.asarray(photo, dtype=np.uint8), Corners.of(quad), margin=0)
    assert crop.shape[0] == 96
    assert crop.dtype == np.uint8
    expected = cv2.resize(plate, (crop.shape[1], crop.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(crop[..., 0].ravel(), expected[..., 0].ravel())[0, 1] > 0.8


def test_a_margin_shows_what_is_around_the_plate() -> None:
    photo, truth = photo_with_plate(0)
    inside = rectify(photo, Corners.of(truth), margin=-0.06)
    around = rectify(photo, Corners.of(truth), margin=0.3)
    assert inside[2, 2].mean() > 200
    assert around[2, 2].mean() < 140


def test_a_plate_that_leaves_the_photo_is_cut_out_all_the_same() -> None:
    photo, _ = photo_with_plate(0)
    crop = rectify(photo, Corners.of_box(-100, 400, 300, 120))
    assert crop.shape[0] == 96


def test_corners_that_cross_are_refused() -> None:
    photo, _ = photo_with_plate(0)
    with pytest.raises(ValueError, match=r"out of order|enclose nothing"):
        rectify(photo, Corners.of([(0, 0), (100, 0), (0, 40), (110, 40)]))


@pytest.mark.parametrize("points", [[(5, 5)] * 4, [(0, 0), (10, 0), (20, 0), (30, 0)], [(0, float("nan"))] * 4])
def test_corners_that_enclose_nothing_are_refused(points: list[tuple[float, float]]) -> None:
    photo, _ = photo_with_plate(0)
    with pytest.raises(ValueError, match="enclose nothing"):
        rectify(photo, Corners.of(points))


def test_a_crop_given_in_place_of_a_photo_is_found_to_be_a_plate() -> None:
    detector = NetworkDetector()
    plates = hits = 0
    for scene in read_photos(SAMPLE / "scenes" / "labels.csv")[:8]:
        photo = load(scene.path, grey=True)
        for plate in scene.plates:
            assert plate.corners
            quad = plate.corners.array
            low = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 2, 0)
            high = np.ceil(quad.max(axis=0)).astype(int) + 2
            found = detector.detect(photo[low[1] : high[1], low[0] : high[0]])
            plates += 1
            hits += any(overlap(detection.corners.array + low.astype(np.float32), quad)[0] > 0.6 for detection in found)
    assert hits >= 0.9 * plates


def test_plates_of_60_pixels_in_a_phones_photo_are_found() -> None:
    detector = NetworkDetector()
    grain = np.random.default_rng(0).integers(60, 190, (30, 40), dtype=np.uint8)
    for scene in read_photos(SAMPLE / "scenes" / "labels.csv")[6:9:2]:
        corners = max((plate.corners for plate in scene.plates if plate.corners), key=lambda c: c.width)
        scale = np.float32(60 / corners.width)
        small = cv2.resize(load(scene.path, grey=True), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        photo = cv2.resize(grain, (4032, 3024), interpolation=cv2.INTER_CUBIC)
        photo[1500 : 1500 + small.shape[0], 2500 : 2500 + small.shape[1]] = small
        found = [detection.corners.array for detection in detector.detect(np.asarray(photo, np.uint8))]
        quad = corners.array * scale + np.array([2500, 1500], np.float32)
        assert any(overlap(other, quad)[0] > 0.5 for other in found), scene.path.name


def test_the_closer_look_sets_corners_right_that_are_off_by_a_tenth_of_the_plate() -> None:
    closer = CloserLook()
    rng = np.random.default_rng(0)
    before, after = [], []
    for scene in read_photos(SAMPLE / "scenes" / "labels.csv"):
        photo = load(scene.path, grey=True)
        for plate in scene.plates:
            assert plate.corners
            quad, long = plate.corners.array, plate.corners.width
            if long < 60:
                continue
            off = np.asarray(quad + rng.normal(0, 0.07 * long, (4, 2)), dtype=np.float32)
            finer, score = closer(photo, [(off, 1.0)])[0]
            assert score > 0.5
            before.append(np.linalg.norm(off - quad, axis=1).mean() / long)
            after.append(np.linalg.norm(finer - quad, axis=1).mean() / long)
    assert len(after) > 10
    assert np.median(after) < 0.03 < 2 * np.median(before) / 3


def test_corners_that_cross_are_no_plate_and_stop_nothing() -> None:
    detector = NetworkDetector(again=False, refine=False)

    def says(photos: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        assert photos.shape == (1, 1, 320, 640)
        small, large = (np.full((1, 9, 320 // stride, 640 // stride), -9, np.float32) for stride in (8, 32))
        upright = np.array([[-40, -10], [40, -10], [40, 10], [-40, 10]], np.float32) / 32
        for column, quad in ((10, upright), (40, upright[[0, 2, 1, 3]]), (60, upright * np.nan)):
            small[0, 0, 20, column] = 4
            small[0, 1:, 20, column] = quad.reshape(-1)
        return [small, large]

    detector._network = says
    found = detector.detect(np.full((320, 640), 128, np.uint8))
    assert len(found) == 1
    np.testing.assert_allclose(found[0].corners.array, [[44, 154], [124, 154], [124, 174], [44, 174]], atol=0.1)
