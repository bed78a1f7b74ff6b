"""Photos with corners: our table, and the files of other tools; and what is made of a reader's finds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.evaluation.scenes import compare, score_scenes
from plate_ocr.labels import LabelError, LabelledPhoto, LabelledPlate, read_photos
from plate_ocr.plate import Corners, Plate
from tests.conftest import SAMPLE, write_labels

BOX = Corners.of_box(20, 30, 40, 10)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    path = tmp_path / "images" / "a.png"
    cv2.imwrite(str(path), np.zeros((100, 200), np.uint8))
    return path


def test_a_table_gives_photos_with_their_plates(tmp_path: Path) -> None:
    header = "image_path,plate_text,region,x1,y1,x2,y2,x3,y3,x4,y4,split"
    corners = ("20", "30", "60", "30", "60", "40", "20", "40")
    none = ("",) * 8
    table = write_labels(
        tmp_path,
        [
            ("a.png", "ab 12", "DE", *corners, "dev"),
            ("b.png", "", "", *none, "dev"),
            ("a.png", "", "", *corners, "dev"),
            ("c.png", "X1", "", *none, "train"),
        ],
        header,
    )
    a, b, c = read_photos(table)
    assert [plate.text for plate in a.plates] == ["AB12", ""]
    assert a.plates[0].corners == BOX
    assert b.plates == ()
    assert c.plates == (LabelledPlate("X1", "", None),)
    assert [photo.path.name for photo in read_photos(table, ["train"])] == ["c.png"]


def test_boxes_of_other_tools_mean_the_same(photo: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    yolo = labels / "a.txt"
    expected = [LabelledPhoto(photo, "", (LabelledPlate("", "", BOX),))]
    yolo.write_text("0 0.2 0.35 0.2 0.1\n\n")
    found = read_photos(labels)
    assert found[0].path == photo
    np.testing.assert_allclose(found[0].plates[0].corners.array, BOX.array, atol=1e-4)
    yolo.write_text("0 0.1 0.3 0.3 0.3 0.3 0.4 0.1 0.4\n")
    np.testing.assert_allclose(read_photos(labels)[0].plates[0].corners.array, BOX.array, atol=1e-4)
    yolo.unlink()
    box = "<bndbox><xmin>20</xmin><ymin>30</ymin><xmax>60</xmax><ymax>40</ymax></bndbox>"
    (labels / "a.xml").write_text(f"<annotation><filename>a.png</filename><object>{box}</object></annotation>")
    assert read_photos(labels) == expected
    coco = tmp_path / "coco.json"
    data = {"images": [{"id": 7, "file_name": "a.png"}], "annotations": [{"image_id": 7, "bbox": [20, 30, 40, 10]}]}
    coco.write_text(json.dumps(data))
    assert read_photos(coco) == expected
    data["annotations"] = [{"image_id": 7, "segmentation": [[20, 30, 60, 30, 60, 40, 20, 40]], "bbox": [0, 0, 1, 1]}]
    coco.write_text(json.dumps(data))
    assert read_photos(coco) == expected


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("coco.json", "[]", "not a COCO file"),
        ("coco.json", "{", "not a COCO file"),
        ("labels/a.txt", "0 0.1 0.2\n", "a.txt:1: a class and 4 or 8 numbers"),
        ("labels/a.txt", "0 a b c d\n", "a.txt:1: a class and 4 or 8 numbers"),
        ("labels/b.txt", "0 0.1 0.1 0.1 0.1\n", "size of this photo is needed"),
        ("labels/a.xml", "<annotation>", "not a Pascal VOC file"),
        ("labels/note.md", "", "no label files"),
    ],
)
def test_other_files_are_told(photo: Path, tmp_path: Path, name: str, content: str, complaint: str) -> None:
    assert photo.is_file()
    (tmp_path / "labels").mkdir()
    (tmp_path / name).write_text(content)
    with pytest.raises(LabelError, match=complaint):
        read_photos(tmp_path / Path(name).parts[0])


def found(corners: Corners, text: str = "AB12") -> Plate:
    return Plate("a.png", text, 0.9, number=1, corners=corners)


def test_a_miss_is_the_detectors_or_the_readers() -> None:
    photo = LabelledPhoto(Path("a.png"), "", (LabelledPlate("AB12", "", BOX),))
    ((right,), ious) = compare(photo, [found(Corners.of_box(21, 30, 40, 10))])
    assert right.fault == ""
    assert ious == (right.iou,)
    assert right.iou > 0.9
    assert right.distance == pytest.approx(1 / 40)
    ((misread,), _) = compare(photo, [found(BOX, "AB13")])
    assert misread.fault == "reader"
    ((missed,), ious) = compare(photo, [found(Corners.of_box(120, 30, 40, 10))])
    assert (missed.fault, ious) == ("detector", (0.0,))
    assert math.isnan(missed.distance)
    ((nothing,), ious) = compare(photo, [])
    assert (nothing.fault, ious) == ("detector", ())
    score = score_scenes([(photo, (right,), (0.95,)), (photo, (misread,), (0.6,)), (photo, (missed,), (0.0,))])
    assert (score.precision(), score.precision(0.7)) == pytest.approx((2 / 3, 1 / 3))
    assert score.recall() == pytest.approx(2 / 3)
    assert (score.right, score.faults("detector"), score.faults("reader"), score.others) == (1, 1, 1, 1)


def test_a_text_without_corners_counts_anywhere_in_its_photo() -> None:
    photo = LabelledPhoto(Path("a.png"), "", (LabelledPlate("AB12", "", None),))
    ((right,), ious) = compare(photo, [found(BOX, "ZZ9"), found(Corners.of_box(90, 9, 40, 10))])
    assert right.fault == ""
    assert all(map(math.isnan, ious)), "where its plate is, nobody said"
    assert compare(photo, [found(BOX, "ZZ9")])[0][0].fault == "reader"
    assert compare(photo, [])[0][0].fault == "detector"


def test_evaluate_scenes_prints_what_was_found_and_read(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    table = SAMPLE / "scenes" / "labels.csv"
    result = CliRunner().invoke(main, ["evaluate", "--scenes", str(table), "--json", str(report)])
    assert result.exit_code == 0, result.output
    assert "split synthetic, whole photos" in result.output
    (split,) = json.loads(report.read_text())["splits"]
    overall = split["overall"]
    assert overall["photos"] == 20
    assert overall["recall_50"] > 0.9
    assert overall["plate_accuracy"] > 0.75
    assert overall["other_finds_a_photo"] < 0.3
