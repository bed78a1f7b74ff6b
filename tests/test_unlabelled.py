"""Plates that photos show without a label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.dataset.unlabelled import Find, find_unlabelled, write_finds
from plate_ocr.detection import NetworkDetector
from plate_ocr.detection.quads import overlap
from plate_ocr.labels import LabelledPhoto, LabelledPlate, read_photos
from plate_ocr.photos import PhotoError
from plate_ocr.plate import Corners
from tests.conftest import SAMPLE

SCENES = SAMPLE / "scenes" / "labels.csv"


def several() -> LabelledPhoto:
    """A photo of several plates."""
    return max(read_photos(SCENES), key=lambda photo: len(photo.plates))


def half_labelled(folder: Path, *more: str) -> tuple[Path, LabelledPlate]:
    """A table in which all plates of a photo but the first have a label, and the one that has none."""
    photo = several()
    rows = [
        f"{photo.path}," + ",".join(f"{x:.1f}" for x in plate.corners.array.ravel())
        for plate in photo.plates[1:]
        if plate.corners
    ]
    table = folder / "mine.csv"
    table.write_text("\n".join(["image_path,x1,y1,x2,y2,x3,y3,x4,y4", *rows, *more]), encoding="utf-8")
    return table, photo.plates[0]


def test_what_has_a_label_is_left_out_and_what_has_none_is_found(tmp_path: Path) -> None:
    table, left_out = half_labelled(tmp_path, "gone.jpg,1,1,9,1,9,5,1,5")
    found, gone = find_unlabelled(read_photos(table), NetworkDetector(threshold=0.7))
    assert isinstance(gone, PhotoError)
    assert isinstance(found, list)
    assert left_out.corners
    assert overlap(found[0].corners.array, left_out.corners.array)[0] > 0.7
    labels = [plate.corners.array for plate in several().plates[1:] if plate.corners]
    assert all(overlap(find.corners.array, label)[0] < 0.2 for find in found for label in labels)
    # Shown with what is about it, or nobody could tell a plate from a lamp.
    assert found[0].picture.shape == (160, 240, 3)


def test_until_somebody_looked_a_training_asks_nothing_of_them(tmp_path: Path) -> None:
    from plate_ocr.training.detector.config import DetectorConfig
    from plate_ocr.training.detector.scenes import read_scenes

    table, left_out = half_labelled(tmp_path, "gone.jpg,1,1,9,1,9,5,1,5")
    arguments = ["dataset", "find", str(table), "-o", str(tmp_path / "out"), "--least", "0.7"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "beside the labels of 1 photo" in done.output
    assert "gone.jpg" in done.output
    assert (tmp_path / "out" / "review.html").read_text(encoding="utf-8").count("class=find") >= 1
    config = DetectorConfig(scenes=(str(table),), unlabelled=(str(tmp_path / "out" / "unlabelled.csv"),))
    scene = read_scenes(config, ())[0]
    assert left_out.corners
    assert max(overlap(quad, left_out.corners.array)[0] for quad in scene.perhaps) > 0.7
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 2
    assert "choose another folder" in again.output


def test_all_labelled_is_said_and_no_photo_at_all_is_an_error(tmp_path: Path) -> None:
    photo = several()
    all_of_it = tmp_path / "all.csv"
    rows = [
        f"{photo.path}," + ",".join(map(str, plate.corners.array.ravel())) for plate in photo.plates if plate.corners
    ]
    all_of_it.write_text("\n".join(["image_path,x1,y1,x2,y2,x3,y3,x4,y4", *rows]), encoding="utf-8")
    done = CliRunner().invoke(main, ["dataset", "find", str(all_of_it), "-o", str(tmp_path / "out"), "--least", "0.9"])
    assert done.exit_code == 0, done.output
    assert "nothing like a plate beside the labels of 1 photo" in done.output
    assert not (tmp_path / "out").exists()
    lost = tmp_path / "lost.csv"
    lost.write_text("image_path\ngone.jpg\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["dataset", "find", str(lost), "-o", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "none of the photos could be opened" in done.output


@pytest.mark.parametrize("least", ["0", "1.5"])
def test_a_score_out_of_range_is_refused(least: str) -> None:
    done = CliRunner().invoke(main, ["dataset", "find", str(SCENES), "-o", "out", "--least", least])
    assert done.exit_code == 2
    assert "--least" in done.output


def test_a_training_with_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    table, _ = half_labelled(tmp_path)
    arguments = ["train-detector", str(table), "-o", str(tmp_path / "run"), "--unlabelled", str(tmp_path / "no.csv")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "no.csv: no such file" in done.output


def test_a_name_that_is_no_unicode_is_written_in_escapes(tmp_path: Path) -> None:
    corners = Corners.of([(1, 2), (31, 2), (31, 12), (1, 12)])
    write_finds([Find("street/\udcff.jpg", corners, 0.6, np.zeros((9, 9, 3), np.uint8))], tmp_path)
    assert "street/\\xff.jpg,1.0,2.0" in (tmp_path / "unlabelled.csv").read_text(encoding="utf-8")
    assert "street/\\xff.jpg,1.0,2.0" in (tmp_path / "review.html").read_text(encoding="utf-8")
