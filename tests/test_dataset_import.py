"""Labels from elsewhere become our table, and whatever cannot is told of."""

from __future__ import annotations

import csv
import json
import os
import tempfile
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from plate_ocr.cli import dataset_import, main
from plate_ocr.dataset import ccpd
from plate_ocr.dataset.entries import Options
from plate_ocr.dataset.imports import KINDS, import_labels, write_labels
from plate_ocr.labels import read_labels
from plate_ocr.recognition.alphabet import LATIN, normalize
from tests.conftest import SAMPLE

CROP = (SAMPLE / "crops" / "00001.jpg").read_bytes()
CCPD = "025-95_113-154&383_386&473-{corners}-0_0_22_27_27_33_16-37-15"


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CROP)
    return path


def take(kind: str, source: Path, output: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["dataset", "import", kind, *map(str, (source, "-o", output, *arguments))])


def rows_of(table: Path) -> list[tuple[str, ...]]:
    with table.open(encoding="utf-8", newline="") as stream:
        return [tuple(row.values()) for row in csv.DictReader(stream)]


def test_the_command_knows_every_kind() -> None:
    assert tuple(KINDS) == dataset_import.KINDS


def test_texts_in_file_names(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    # As macOS writes it, with the Hangul taken apart.
    picture(photos / unicodedata.normalize("NFD", "12가3456_1.jpg"))
    picture(photos / "train" / "서울 52바 1234 (2).PNG")
    picture(photos / "_7.jpg")
    picture(photos / ".hidden" / "99하9999.jpg")
    (photos / "notes.docx").touch()
    result = take("names", photos, tmp_path / "labels.csv", "--region", "KR")
    assert result.exit_code == 0, result.output
    labels = read_labels(tmp_path / "labels.csv")
    assert sorted((label.text, label.region, label.split) for label in labels) == [
        ("12가3456", "KR", ""),
        ("서울52바1234", "KR", "train"),
    ]
    assert all(label.path.is_file() for label in labels)
    assert "2 left out" in result.output
    left = dict(rows_of(tmp_path / "labels_left_out.csv"))
    assert "--pattern" in left["_7.jpg"]
    assert "suffix" in left["notes.docx"]


def test_a_pattern_finds_text_region_and_split(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "de" / "cam3_BAB1234_x.jpg")
    picture(tmp_path / "in" / "cam3.jpg")
    pattern = r"(?P<region>\w\w)/(?P<split>\w+?)_(?P<text>[^_]+)_.*"
    result = take("names", tmp_path / "in", tmp_path / "out.csv", "--pattern", pattern)
    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "out.csv") == [("in/de/cam3_BAB1234_x.jpg", "BAB1234", "de", "cam3")]
    assert "cam3.jpg" in result.output


@pytest.mark.parametrize(("pattern", "says"), [("(?P<text>", "no regular expression"), (".*", "?P<text>")])
def test_a_pattern_that_cannot_work_is_refused(pattern: str, says: str, tmp_path: Path) -> None:
    picture(tmp_path / "in" / "A1.jpg")
    result = take("names", tmp_path / "in", tmp_path / "out.csv", "--pattern", pattern)
    assert result.exit_code == 1
    assert says in result.output


def test_ccpd_photos_become_upright_crops(tmp_path: Path) -> None:
    photo = np.zeros((600, 700, 3), np.uint8)
    # From the lower right corner clockwise, as CCPD has them; the upper left of the plate is red.
    corners = np.array([[500, 320], [200, 300], [190, 210], [490, 230]])
    cv2.fillPoly(photo, [corners], (255, 255, 255))
    cv2.fillPoly(photo, [np.array([[345, 265], [195, 255], [190, 210], [340, 220]])], (0, 0, 255))
    name = CCPD.format(corners="_".join(f"{x}&{y}" for x, y in corners))
    (tmp_path / "in" / "val").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in" / "val" / f"{name}.png"), photo)
    # The same name on a crop: its corners are not in it.
    picture(tmp_path / "in" / f"{name}.jpg")
    (tmp_path / "in" / f"{CCPD.format(corners='9&9_1&9_1&1_9&1')}.jpg").write_bytes(b"damaged")
    picture(tmp_path / "in" / "car.jpg")
    result = take("ccpd", tmp_path / "in", tmp_path / "labels.csv")
    assert result.exit_code == 0, result.output
    labels = {label.split: label for label in read_labels(tmp_path / "labels.csv")}
    assert {label.text for label in labels.values()} == {"皖AY339S"}
    assert {label.region for label in labels.values()} == {"CN"}
    assert labels[""].path.read_bytes() == CROP
    crop = cv2.imread(str(labels["val"].path))
    assert 2.8 < crop.shape[1] / crop.shape[0] < 3.8
    height, width = crop.shape[:2]
    assert crop[height // 4, width // 4].tolist()[2] - crop[height // 4, width // 4].tolist()[0] > 150, "red"
    assert crop[3 * height // 4, 3 * width // 4].min() > 200, "white"
    left = dict(rows_of(tmp_path / "labels_left_out.csv"))
    assert "none of CCPD" in left["car.jpg"]
    assert len(left) == 2


@given(first=st.integers(0, 40), second=st.integers(0, 30), rest=st.lists(st.integers(0, 40), min_size=3, max_size=8))
def test_a_ccpd_name_gives_a_plate_or_nothing(first: int, second: int, rest: list[int]) -> None:
    numbers = "_".join(map(str, (first, second, *rest)))
    plate = ccpd.parse(f"025-95_113-1&2_3&4-9&8_1&8_1&2_9&2-{numbers}-37-15")
    known = first < 33 and second < 24 and max(rest) < 34 and len(rest) in (5, 6)
    assert (plate is not None) == known
    if plate:
        assert plate.text[0] in ccpd.PROVINCES
        assert set(plate.text[1:]) <= set(LATIN) - {"I", "O"}
        assert plate.corners.points == ((1, 2), (9, 2), (9, 8), (1, 8))


def test_a_table_with_other_columns(tmp_path: Path) -> None:
    picture(tmp_path / "crops" / "a.jpg")
    picture(tmp_path / "crops" / "b,c.jpg")
    table = tmp_path / "alt.csv"
    table.write_bytes(
        'datei;kennzeichen;set\na.jpg;12가3456;train\n"b,c.jpg";B-AB 12;dev\ngone.jpg;X1;dev\n'.encode("cp949")
    )
    output = tmp_path / "new" / "labels.csv"
    plain = take("csv", table, output, "--pictures", tmp_path / "crops")
    assert plain.exit_code == 1
    assert "--encoding" in plain.output
    unnamed = take("csv", table, output, "--encoding", "cp949")
    assert unnamed.exit_code == 1
    assert "datei, kennzeichen, set" in unnamed.output
    columns = ("--column", "image=datei", "--column", "text=kennzeichen", "--column", "split=set")
    result = take("csv", table, output, "--pictures", tmp_path / "crops", "--encoding", "cp949", *columns)
    assert result.exit_code == 0, result.output
    assert rows_of(output) == [("../crops/a.jpg", "12가3456", "train"), ("../crops/b,c.jpg", "BAB12", "dev")]
    assert rows_of(tmp_path / "new" / "labels_left_out.csv")[0][0] == "alt.csv:4"


def test_usual_columns_are_found_by_themselves(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "data.tsv").write_text(
        "\ufefffilename\tlabel\tcountry\na.jpg\tAB1\tDE\na.jpg\tAB1\tDE\textra\n", encoding="utf-8"
    )
    result = take("csv", tmp_path / "data.tsv", tmp_path / "labels.csv")
    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "labels.csv") == [("a.jpg", "AB1", "DE")]
    assert "data.tsv:3" in result.output


def test_lists_of_paddle(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c d.jpg"):
        picture(tmp_path / "rec" / name)
    lines = [
        "a.jpg\t12가3456",
        '["b.jpg", "c d.jpg"]\tAB 12',
        "no tab",
        'a.jpg\t[{"transcription": "x"}]',
        "",
        "a.jpg\t",
    ]
    (tmp_path / "list.txt").write_text("\r\n".join(lines), encoding="utf-8")
    result = take("paddle", tmp_path / "list.txt", tmp_path / "labels.csv", "--pictures", tmp_path / "rec")
    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "labels.csv") == [
        ("rec/a.jpg", "12가3456"),
        ("rec/b.jpg", "AB12"),
        ("rec/c d.jpg", "AB12"),
    ]
    left = dict(rows_of(tmp_path / "labels_left_out.csv"))
    assert list(left) == ["list.txt:3", "list.txt:4", "list.txt:6"]


def test_labels_of_doctr(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    text = '{"a.jpg": "AB1", "a.jpg": "AB2", "b.jpg": {"typed_words": []}, "c.jpg": "AB3", "d.jpg": "\\ud800"}'
    (tmp_path / "labels.json").write_text(text, encoding="utf-8")
    result = take("doctr", tmp_path, tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "out.csv") == [("images/a.jpg", "AB1"), ("images/a.jpg", "AB2")], (
        "a name given twice counts twice"
    )
    assert len(rows_of(tmp_path / "out_left_out.csv")) == 3


def test_a_text_file_beside_each_picture(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("a.jpg", "b.png", "alone.jpg", "test/c.jpg"):
        picture(folder / name)
    (folder / "a.txt").write_text("서울52\n바1234\n", encoding="utf-8")
    (folder / "b.gt.txt").write_text("AB 12", encoding="utf-8")
    (folder / "test" / "c.txt").write_text("C1", encoding="utf-8")
    (folder / "orphan.txt").write_text("X1", encoding="utf-8")
    result = take("txt", folder, tmp_path / "labels.csv")
    assert result.exit_code == 0, result.output
    assert rows_of(tmp_path / "labels.csv") == [
        ("in/a.jpg", "서울52바1234", ""),
        ("in/b.png", "AB12", ""),
        ("in/test/c.jpg", "C1", "test"),
    ]
    assert {row[0] for row in rows_of(tmp_path / "labels_left_out.csv")} == {"alone.jpg", "orphan.txt"}


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\0\t\n\r[", exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=12,
)
TEXTS = st.text(st.sampled_from("0123456789ABZ가나서울京 -.\u1100\u1161"), max_size=9)
ENTRIES = st.lists(st.tuples(NAMES.filter(lambda name: name.strip(". ")), TEXTS, st.booleans()), min_size=1, max_size=8)


def test_crops_are_not_laid_among_the_photos_they_come_from(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "car.jpg")
    result = take("ccpd", tmp_path / "in", tmp_path / "in" / "labels.csv")
    assert result.exit_code == 2
    assert "move --output" in result.output


@settings(max_examples=60, deadline=None)
@given(entries=ENTRIES, kind=st.sampled_from(["csv", "paddle", "doctr"]))
def test_every_entry_is_a_row_or_left_out(entries: list[tuple[str, str, bool]], kind: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = folder / "files"
        for file, _, there in entries:
            if there:
                picture(files / file)
        source = folder / "source"
        if kind == "csv":
            with source.open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows([("image", "text"), *(entry[:2] for entry in entries)])
        elif kind == "paddle":
            source.write_text("".join(f"{file}\t{text}\n" for file, text, _ in entries), encoding="utf-8")
        else:
            pairs = ", ".join(f"{json.dumps(file)}: {json.dumps(text)}" for file, text, _ in entries)
            source.write_text("{" + pairs + "}", encoding="utf-8")
        imported = import_labels(KINDS[kind](source, Options(pictures=files)))
        usable = [(file, normalize(text)) for file, text, _ in entries if normalize(text) and (files / file).is_file()]
        assert len(imported.entries) + len(imported.left_out) == len(entries)
        assert [(entry.picture.name, entry.text) for entry in imported.entries] == usable
        assert all(item.origin and item.reason for item in imported.left_out)
        if usable:
            (folder / "out").mkdir()
            write_labels(imported.entries, folder / "out" / "labels.csv")
            labels = read_labels(folder / "out" / "labels.csv")
            assert [label.text for label in labels] == [text for _, text in usable]
            assert all(
                os.path.samefile(label.path, files / file) for label, (file, _) in zip(labels, usable, strict=True)
            )


def test_a_name_that_is_no_unicode_is_left_out(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "A1.jpg")
    try:
        picture(tmp_path / "in" / os.fsdecode(b"B1_\xff.jpg"))
    except (OSError, UnicodeError):
        pytest.skip("this system has no such names")
    result = take("names", tmp_path / "in", tmp_path / "labels.csv")
    assert result.exit_code == 0, result.output
    assert [row[1] for row in rows_of(tmp_path / "labels.csv")] == ["A1"]
    assert "rename" in result.output


def test_nothing_usable_is_an_error_and_names_what_there_was(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("gone.jpg\tA1\n", encoding="utf-8")
    result = take("paddle", tmp_path / "list.txt", tmp_path / "labels.csv")
    assert result.exit_code == 1
    assert "gone.jpg" in result.output
    assert not (tmp_path / "labels.csv").exists()
    assert len(rows_of(tmp_path / "labels_left_out.csv")) == 1


def test_what_exists_is_replaced_only_by_force(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "A1.jpg")
    (tmp_path / "in" / "note.txt").touch()
    table, left_out = tmp_path / "labels.csv", tmp_path / "labels_left_out.csv"
    assert take("names", tmp_path / "in", table).exit_code == 0
    assert left_out.is_file()
    refused = take("names", tmp_path / "in", table)
    assert refused.exit_code == 1
    assert "--force" in refused.output
    (tmp_path / "in" / "note.txt").unlink()
    assert take("names", tmp_path / "in", table, "--force").exit_code == 0
    assert not left_out.exists(), "it would tell of another import"


@pytest.mark.parametrize(
    ("kind", "source", "arguments", "says"),
    [
        ("names", "gone", (), "no such folder"),
        ("csv", "gone.csv", (), "no such file"),
        ("doctr", "empty", (), "not a JSON file"),
        ("csv", "empty", (), "which column holds the image"),
        ("csv", "one.csv", ("--encoding", "klingon"), "no such encoding"),
        ("names", ".", ("--column", "text=plate"), "--column is for csv"),
        ("csv", "empty", ("--column", "plate"), "is not image=NAME"),
        ("txt", "empty", (), "a folder of pictures is needed"),
    ],
)
def test_wrong_use_ends_with_a_message(
    kind: str, source: str, arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "one.csv").write_text("image,text\n", encoding="utf-8")
    result = take(kind, tmp_path / source, tmp_path / "labels.csv", *arguments)
    assert result.exit_code in (1, 2)
    assert says in result.output
    assert not (tmp_path / "labels.csv").exists()
