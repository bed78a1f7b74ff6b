"""Photos with corners: our table, and the files of other tools; and what is made of a reader's finds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.evaluation.scene_scores import group_scenes, score_scenes
from plate_ocr.evaluation.scenes import PhotoOutcome, compare, read_scenes
from plate_ocr.evaluation.selection import select
from plate_ocr.labels import LabelError, LabelledPhoto, LabelledPlate, read_photos
from plate_ocr.plate import Corners, Plate, Status
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
    right = compare(photo, [found(Corners.of_box(21, 30, 40, 10))])
    assert right.plates[0].fault == ""
    assert right.finds == (right.plates[0].iou,)
    assert right.plates[0].iou > 0.9
    assert right.plates[0].distance == pytest.approx(1 / 40)
    misread = compare(photo, [found(BOX, "AB13")])
    assert misread.plates[0].fault == "reader"
    missed = compare(photo, [found(Corners.of_box(120, 30, 40, 10))])
    assert (missed.plates[0].fault, missed.finds) == ("detector", (0.0,))
    assert math.isnan(missed.plates[0].distance)
    nothing = compare(photo, [Plate("a.png", status=Status.NO_PLATE)])
    assert (nothing.plates[0].fault, nothing.finds) == ("detector", ())
    score = score_scenes(
        PhotoOutcome(photo, outcome.plates, (iou,)) for outcome, iou in ((right, 0.95), (misread, 0.6), (missed, 0.0))
    )
    assert (score.precision(), score.precision(0.7)) == pytest.approx((2 / 3, 1 / 3))
    assert score.recall() == pytest.approx(2 / 3)
    assert (score.right, score.faults("detector"), score.faults("reader")) == (1, 1, 1)
    assert score.others_a_photo == pytest.approx(1 / 3)


def test_a_box_drawn_about_a_tilted_plate_is_compared_with_the_box_about_the_find() -> None:
    tilted = Corners.of([[20, 30], [100, 60], [95, 80], [15, 50]])
    boxed = LabelledPhoto(Path("a.png"), "", (LabelledPlate("AB12", "", Corners.of_box(15, 30, 85, 50)),))
    outcome = compare(boxed, [found(tilted)])
    assert outcome.plates[0].iou == pytest.approx(1)
    assert outcome.plates[0].distance == pytest.approx(0)
    # Where the label has corners of its own, a box about them is not good enough.
    cornered = LabelledPhoto(Path("a.png"), "", (LabelledPlate("AB12", "", tilted),))
    assert compare(cornered, [found(tilted)]).plates[0].iou == pytest.approx(1)
    assert compare(cornered, [found(Corners.of_box(15, 30, 85, 50))]).plates[0].iou < 0.6


def test_a_text_without_corners_counts_anywhere_in_its_photo() -> None:
    photo = LabelledPhoto(Path("a.png"), "", (LabelledPlate("AB12", "", None),))
    outcome = compare(photo, [found(BOX, "ZZ9"), found(Corners.of_box(90, 9, 40, 10))])
    assert outcome.plates[0].fault == ""
    assert all(map(math.isnan, outcome.finds)), "where its plate is, nobody said"
    assert compare(photo, [found(BOX, "ZZ9")]).plates[0].fault == "reader"
    assert compare(photo, []).plates[0].fault == "detector"


def test_a_photo_in_two_splits_and_tables_is_read_once_and_scored_in_each(tmp_path: Path) -> None:
    labelled = (LabelledPlate("AB12", "", BOX),)
    far = Corners.of_box(120, 60, 40, 10)
    photos = [
        LabelledPhoto(tmp_path / "a.png", "dev", labelled),
        LabelledPhoto(tmp_path / "b.png", "dev", labelled),
        LabelledPhoto(tmp_path / "a.png", "far", (LabelledPlate("X", "", far),)),
        LabelledPhoto(tmp_path / "a.png", "dev", labelled),
    ]
    read: list[Path] = []

    def read_many(paths: Iterable[Path]) -> Iterator[Plate]:
        for path in paths:
            read.append(path)
            yield Plate(str(path), "AB12", 0.9, number=1, corners=BOX)

    dev, other = group_scenes(list(read_scenes(read_many, photos)))
    assert read == [tmp_path / "a.png", tmp_path / "b.png"]
    assert (dev.split, dev.overall.photos, dev.overall.right) == ("dev", 3, 3)
    assert (other.split, other.overall.photos, other.overall.faults("detector")) == ("far", 1, 1)


def test_means_are_over_sources_of_equal_weight_that_have_something_to_count(tmp_path: Path) -> None:
    placed, unplaced = LabelledPlate("AB12", "", BOX), LabelledPlate("ZZ9", "", None)
    outcomes = [
        *(compare(LabelledPhoto(tmp_path / "x" / f"{i}.png", "", (placed,)), [found(BOX)]) for i in range(3)),
        compare(LabelledPhoto(tmp_path / "y" / "0.png", "", (placed,)), []),
        compare(LabelledPhoto(tmp_path / "z" / "0.png", "", (unplaced,)), [found(BOX)]),
        compare(LabelledPhoto(tmp_path / "road" / "0.png", "", ()), []),
    ]
    (evaluation,) = group_scenes(outcomes)
    assert list(evaluation.by_source) == ["road", "x", "y", "z"]
    assert evaluation.means.recall_50 == pytest.approx(1 / 2)
    assert evaluation.means.plate_accuracy == pytest.approx(1 / 3)
    assert evaluation.overall.accuracy == pytest.approx(3 / 5)
    assert evaluation.as_dict()["by_source"]["road"]["recall_50"] is None


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
    assert split["mean_of_sources"]["plate_accuracy"] == overall["plate_accuracy"], "there is but one source"


def test_a_photo_that_cannot_be_opened_is_named_and_its_plates_count_as_missed(tmp_path: Path) -> None:
    table = write_labels(tmp_path, [("gone.jpg", "AB12", "", "dev")])
    result = CliRunner().invoke(main, ["evaluate", "--scenes", str(table), "--json", str(tmp_path / "s.json")])
    assert result.exit_code == 0, result.output
    assert "gone.jpg: no such file" in result.output.replace("\n", "")
    (split,) = json.loads((tmp_path / "s.json").read_text())["splits"]
    assert split["overall"]["detector_faults"] == 1


@pytest.mark.parametrize("scenes", [True, False])
def test_a_split_that_no_row_has_ends_with_the_splits_that_there_are(tmp_path: Path, scenes: bool) -> None:
    (tmp_path / "more").mkdir()
    one = write_labels(tmp_path, [("a.png", "X", "", "dev"), ("b.png", "Y", "", "train")])
    two = write_labels(tmp_path / "more", [("c.png", "Z", "", "dev")])
    for tables, split, says in (
        ([one], "foo", "labels.csv: no row has the split foo; it has dev, train"),
        ([one, two], "train", "more/labels.csv: no row has the split train; it has dev"),
        ([one, two], "dev,foo", "no row has the split foo; there are dev, train"),
    ):
        arguments = ["evaluate", *map(str, tables), "--split", split, *(["--scenes"] if scenes else [])]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 1, result.output
        assert says in result.output.replace("\\", "/")
        assert "crops" not in result.output


def test_files_of_other_tools_know_no_splits(photo: Path, tmp_path: Path) -> None:
    coco = tmp_path / "coco.json"
    coco.write_text(json.dumps({"images": [{"id": 7, "file_name": photo.name}], "annotations": []}))
    assert len(select([coco], (), read_photos)) == 1
    with pytest.raises(LabelError, match=r"coco\.json: no row has the split dev; it has none; leave --split out"):
        select([coco], ("dev",), read_photos)
    coco.write_text(json.dumps({"images": [], "annotations": []}))
    with pytest.raises(LabelError, match=r"coco\.json: no rows"):
        select([coco], (), read_photos)
