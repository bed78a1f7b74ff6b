"""A folder of photos becomes a table, and nothing is lost on the way."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr import Character, Corners, Plate, PlateReader, Status
from plate_ocr.batch.annotate import annotate
from plate_ocr.batch.sinks import COLUMNS, plate_of_json
from plate_ocr.cli import main
from plate_ocr.recognition.recognizer import Reading
from tests.conftest import SAMPLE

SCENES, AWKWARD = SAMPLE / "scenes", SAMPLE / "awkward"


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return PlateReader(threads=1)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def run(*arguments: str | Path, stdin: str | None = None) -> object:
    return CliRunner().invoke(main, ["recognize", *map(str, arguments)], input=stdin)


def test_a_folder_gives_a_row_for_each_photo_whatever_becomes_of_it(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    table = tmp_path / "plates.csv"
    result = run(AWKWARD, tmp_path / "empty.jpg", tmp_path / "gone.jpg", "--output", table)
    assert result.exit_code == 0, result.output
    rows = rows_of(table)
    assert tuple(rows[0]) == COLUMNS
    by_name = {Path(row["source"]).name: row for row in rows}
    assert by_name["empty road.jpg"]["status"] == "no-plate"
    assert by_name["한국 트럭.jpg"]["status"] == "ok"
    for name, says in (
        ("truncated.jpg", "truncated"),
        ("no picture.jpg", "not a picture"),
        ("empty.jpg", "empty"),
        ("gone.jpg", "no such file"),
    ):
        assert by_name[name]["status"] == "unreadable-photo"
        assert says in by_name[name]["message"]
    assert "could not be opened" in result.output


def test_rows_stand_in_the_order_of_the_photos_with_corners_and_confidences(tmp_path: Path) -> None:
    table = tmp_path / "plates.jsonl"
    result = run(SCENES, "--output", table)
    assert result.exit_code == 0, result.output
    plates = [plate_of_json(json.loads(line)) for line in table.read_text(encoding="utf-8").splitlines()]
    sources = list(dict.fromkeys(plate.source for plate in plates))
    assert sources == sorted(map(str, SCENES.glob("*.jpg")))
    assert [p.source for p in plates] == sorted(p.source for p in plates)
    found = [plate for plate in plates if plate.ok]
    for plate in found:
        assert plate.corners is not None
        assert "".join(c.text for c in plate.characters) == plate.text
        assert all(plate.confidence <= c.confidence + 1e-6 for c in plate.characters)
    truth = {(row["image_path"], row["plate_text"]) for row in rows_of(SCENES / "labels.csv")}
    right = {(Path(plate.source).name, plate.text) for plate in found} & truth
    assert len(right) >= 0.5 * len(truth), f"{len(right)} of {len(truth)} plates of the drawn scenes"


def test_crops_are_read_whole(tmp_path: Path) -> None:
    table = tmp_path / "plates.csv"
    assert run(SAMPLE / "crops", "--crops", "--output", table).exit_code == 0
    rows = rows_of(table)
    assert len(rows) == 40
    truth = {row["image_path"]: row["plate_text"] for row in rows_of(SAMPLE / "crops" / "labels.csv")}
    right = sum(truth[Path(row["source"]).name] == row["text"] for row in rows)
    assert right >= 24, f"{right} of 40 drawn crops"


def test_paths_come_from_standard_input_and_patterns(tmp_path: Path) -> None:
    table = tmp_path / "plates.csv"
    one, two = sorted(SCENES.glob("*.jpg"))[:2]
    assert run("-", "--output", table, stdin=f"{one}\n\n{two}\n").exit_code == 0
    assert {row["source"] for row in rows_of(table)} == {str(one), str(two)}
    assert run(SCENES / "0000[3-5].jpg", "--output", table).exit_code == 0
    assert {Path(row["source"]).name for row in rows_of(table)} == {"00003.jpg", "00004.jpg", "00005.jpg"}


def test_without_output_the_table_goes_to_standard_output() -> None:
    result = CliRunner().invoke(main, ["recognize", str(SCENES / "00001.jpg"), "--quiet"])
    assert result.exit_code == 0
    (row,) = list(csv.DictReader(io.StringIO(result.stdout)))
    assert row["source"].endswith("00001.jpg")


def test_annotated_photos_show_the_plate(tmp_path: Path) -> None:
    photo = cv2.imread(str(SCENES / "00001.jpg"))
    assert run(SCENES / "00001.jpg", "--output", tmp_path / "p.csv", "--annotate", tmp_path / "drawn").exit_code == 0
    drawn = cv2.imread(str(tmp_path / "drawn" / "00001.jpg"))
    assert drawn.shape == photo.shape
    row = rows_of(tmp_path / "p.csv")[0]
    x, y = round(float(row["x1"])), round(float(row["y1"]))
    change = np.abs(drawn.astype(int) - photo.astype(int)).max(axis=2)
    assert change[y - 3 : y + 4, x - 3 : x + 4].max() > 60
    assert np.median(change[-100:]) < 12, "far from the plate only the JPEG differs"


@pytest.mark.parametrize("shape", [(40, 60, 3), (480, 640, 3), (3000, 4000, 3)])
def test_hangul_is_drawn_on_photos_of_any_size_and_the_photo_itself_stays(shape: tuple[int, ...]) -> None:
    photo = np.full(shape, 120, np.uint8)
    height, width = shape[:2]
    corners = Corners.of_box(width * 0.2, height * 0.1, width * 0.6, height * 0.2)
    one = annotate(photo, [Plate("a", "12가3456", 0.95, number=1, corners=corners)])
    other = annotate(photo, [Plate("a", "12나3456", 0.95, number=1, corners=corners)])
    assert (photo == 120).all()
    assert (one != photo).any()
    if min(height, width) > 100:
        assert (one != other).any(), "two syllables look alike: the font lacks Hangul"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["NOTHING.jpg"], "none of the photos could be opened"),
        (["EMPTY"], "no picture in this folder"),
        (["EMPTY/*.jpg"], "no file matches"),
        (["-"], "standard input listed no photo"),
        (["SCENES", "--output", "EMPTY/table.xls"], "must be .csv, .jsonl, .sqlite"),
        (["SCENES", "--output", "FILE/table.csv"], "cannot be written"),
        (["SCENES", "--model", "nothing"], "no model 'nothing'"),
    ],
)
def test_where_nothing_can_be_done_one_line_says_so(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    places = {"EMPTY": tmp_path / "empty", "FILE": tmp_path / "file", "SCENES": SCENES, "NOTHING": tmp_path / "nothing"}
    for name, place in places.items():
        arguments = [argument.replace(name, str(place)) for argument in arguments]
    result = run(*arguments, stdin="")
    assert result.exit_code == 1
    assert says in result.output
    assert isinstance(result.exception, SystemExit)


def test_an_empty_folder_beside_a_good_one_is_told_and_the_good_one_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(tmp_path / "empty", SCENES / "00001.jpg", "--output", tmp_path / "p.csv")
    assert result.exit_code == 0
    assert "no picture in this folder" in result.output
    assert len(rows_of(tmp_path / "p.csv")) >= 1


def run_here(*arguments: str | Path) -> object:
    """Run in this process, where a test can put something in place of the model."""
    return run(*arguments, "--workers", "0")


def test_the_python_face_takes_paths_bytes_and_arrays(reader: PlateReader) -> None:
    path = SCENES / "00001.jpg"
    by_path, by_bytes = reader.read(path), reader.read(path.read_bytes())
    by_array = reader.read(np.asarray(cv2.imread(str(path)), dtype=np.uint8))
    assert by_path[0].text
    assert [p.text for p in by_path] == [p.text for p in by_bytes] == [p.text for p in by_array]
    assert reader.read(b"nonsense")[0].status is Status.UNREADABLE_PHOTO
    assert reader.read(np.full((1, 1, 3), 9, np.uint8))[0].status is Status.NO_PLATE


def test_batches_change_nothing_and_stream(reader: PlateReader) -> None:
    photos = sorted(SCENES.glob("*.jpg"))[:5]
    one_by_one = [plate.text for photo in photos for plate in reader.read(photo)]
    assert [plate.text for plate in reader.read_many(photos, batch=3)] == one_by_one
    asked: list[Path] = []

    def slowly() -> object:
        for photo in photos:
            asked.append(photo)
            yield photo

    next(iter(reader.read_many(slowly(), batch=2)))  # type: ignore[arg-type]
    assert len(asked) == 4, "no more than a second batch is opened ahead of the first plate"


class FakeRecognizer:
    """Reads the same plate in every crop, without a model."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def read(self, crops: list[np.ndarray]) -> list[Reading]:
        return [Reading(tuple(Character(c, 0.99) for c in "12가3456"), 0.97) for _ in crops]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two photos of one name in two folders, and a recogniser that needs no model."""
    monkeypatch.setattr("plate_ocr.reader.Recognizer", FakeRecognizer)
    paths = [tmp_path / "서울 a" / "car.jpg", tmp_path / "b" / "Car.JPG"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(cv2.imencode(".jpg", np.full((60, 200, 3), 200, np.uint8))[1].tobytes())
    return paths


def test_a_picture_that_cannot_be_written_is_told_and_loses_no_row(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("plate_ocr.batch.pictures.save_jpeg", full)
    result = run_here(*photos, "--crops", "--output", tmp_path / "p.csv", "--annotate", tmp_path / "drawn")
    assert result.exit_code == 0, result.output
    assert [row["text"] for row in rows_of(tmp_path / "p.csv")] == ["12가3456"] * 2
    assert result.output.count("not annotated: No space left on device") == 2


def test_photos_of_one_name_are_drawn_into_two_files(photos: list[Path], tmp_path: Path) -> None:
    assert run_here(*photos, "--crops", "--output", tmp_path / "p.csv", "--annotate", tmp_path / "drawn").exit_code == 0
    assert len({path.name.casefold() for path in (tmp_path / "drawn").iterdir()}) == 2


def test_annotating_never_replaces_the_photos_themselves(photos: list[Path], tmp_path: Path) -> None:
    before = [path.read_bytes() for path in photos]
    result = run_here(*photos, "--crops", "--output", tmp_path / "p.csv", "--annotate", photos[1].parent)
    assert result.exit_code == 1
    assert "photos are read from this folder" in result.output
    assert [path.read_bytes() for path in photos] == before


def test_a_long_list_of_complaints_is_cut_and_counted(photos: list[Path], tmp_path: Path) -> None:
    gone = [tmp_path / f"gone{i}.jpg" for i in range(14)]
    result = run_here(*gone, photos[0], "--crops", "--output", tmp_path / "p.csv")
    assert result.exit_code == 0
    assert len(rows_of(tmp_path / "p.csv")) == 15
    assert result.output.count("no such file") == 10
    assert "and 4 more" in result.output


@pytest.mark.skipif(os.name == "nt", reason="Windows has no names that are not Unicode")
def test_standard_input_is_utf8_and_other_bytes_are_kept(photos: list[Path], tmp_path: Path) -> None:
    listed = b"\xef\xbb\xbf" + os.fsencode(photos[0]) + b"\r\n" + os.fsencode(tmp_path) + b"/caf\xe9.jpg\n"
    result = CliRunner().invoke(
        main, ["recognize", "-", "--crops", "--workers", "0", "-o", str(tmp_path / "p.csv")], input=listed
    )
    assert result.exit_code == 0, result.output
    first, second = rows_of(tmp_path / "p.csv")
    assert (first["source"], first["status"]) == (str(photos[0]), "ok")
    assert second["source"].endswith("caf\\xe9.jpg")
    assert second["status"] == "unreadable-photo"


def test_unsure_plates_keep_their_rows_and_unsure_characters_can_be_masked(tmp_path: Path) -> None:
    crops = str(SAMPLE / "crops")
    tables = []
    for flags in ((), ("--min-confidence", "0.9", "--mask", "0.9")):
        table = tmp_path / f"{len(tables)}.csv"
        result = CliRunner().invoke(main, ["recognize", crops, "--crops", "--output", str(table), *flags])
        assert result.exit_code == 0, result.output
        with table.open(encoding="utf-8-sig", newline="") as stream:
            tables.append(list(csv.DictReader(stream)))
    plain, strict = tables
    assert [row["source"] for row in plain] == [row["source"] for row in strict]
    assert {row["status"] for row in plain} == {"ok"}
    assert {row["status"] for row in strict} == {"ok", "unsure"}
    assert "less surely than asked for" in result.output
    for before, after in zip(plain, strict, strict=True):
        assert (after["status"] == "unsure") == (float(before["confidence"]) < 0.9)
        shares = list(map(float, before["character_confidences"].split()))
        expected = "".join(c if p >= 0.9 else "?" for c, p in zip(before["text"], shares, strict=True))
        assert after["text"] == expected
