"""A label table is checked, counted and shown before a training wastes a night on it."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from plate_ocr.cli import main
from plate_ocr.dataset.check import check_texts
from plate_ocr.dataset.pictures import fingerprint
from plate_ocr.labels import Label
from plate_ocr.recognition.alphabet import Alphabet
from tests.conftest import SAMPLE, write_labels

CROPS = SAMPLE / "crops"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["dataset", *map(str, arguments)])


def sample_rows(region: str = "") -> list[tuple[str, ...]]:
    with (CROPS / "labels.csv").open(encoding="utf-8", newline="") as stream:
        return [tuple(row.values()) for row in csv.DictReader(stream) if region in ("", row["region"])]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with copies of the sample crops."""
    for picture in CROPS.glob("*.jpg"):
        shutil.copy(picture, tmp_path)
    return tmp_path


def found_in(table: Path, *arguments: str) -> dict[str, list[dict[str, Any]]]:
    """The findings of `dataset check` by kind, and its exit code under 'exit'."""
    result = run("check", table, "--json", "-", *arguments)
    data = json.loads(result.stdout)
    assert (result.exit_code == 1) == bool(data["errors"]), result.output
    kinds: dict[str, list[dict[str, Any]]] = {}
    for finding in data["findings"]:
        kinds.setdefault(finding["kind"], []).append(finding)
        assert finding["do"], "each finding says what to do"
    return kinds


def test_good_crops_have_no_errors() -> None:
    result = run("check", CROPS / "labels.csv")
    assert result.exit_code == 0, result.output
    assert "40 rows: 0 errors, 0 warnings" in result.output


def test_pictures_that_are_missing_or_damaged_are_told_with_their_row(own: Path) -> None:
    shutil.copy(SAMPLE / "awkward" / "truncated.jpg", own / "cut.jpg")
    table = write_labels(
        own, [*sample_rows()[:2], ("gone.jpg", "12가3456", "KR", ""), ("cut.jpg", "34나5678", "KR", "")]
    )
    kinds = found_in(table)
    (missing,), (damaged,) = kinds["missing-picture"], kinds["unreadable-picture"]
    assert missing["rows"] == [{"row": "labels.csv:4", "image_path": "gone.jpg", "plate_text": "12가3456", "split": ""}]
    assert damaged["rows"][0]["row"] == "labels.csv:5"
    assert "truncated" in damaged["says"]
    shown = run("check", table)
    assert shown.exit_code == 1
    assert "labels.csv:4 gone.jpg" in shown.output


def test_unknown_characters_come_with_the_alphabet_that_learns_them(own: Path) -> None:
    table = write_labels(own, [("00001.jpg", "12Ж345", "", "train"), ("00002.jpg", "AÄ123", "", "dev")])
    result = run("check", table)
    assert result.exit_code == 1
    assert "CYRILLIC CAPITAL LETTER ZHE" in result.output
    (command,) = (line for line in result.output.splitlines() if line.strip().startswith("plate-ocr train"))
    words = shlex.split(command)
    offered = words[words.index("--alphabet") + 1]
    assert offered == "+ÄЖ"
    assert "--split train --dev-split dev" in command
    # With that alphabet, or with the labels' own, there is nothing to complain of.
    assert run("check", table, "--alphabet", offered).exit_code == 0
    assert run("check", table, "--alphabet", "labels").exit_code == 0
    whole = json.loads(run("check", table, "--json", "-").stdout)["alphabet"]["extended"]
    assert whole == Alphabet.default().characters + "ÄЖ"
    # One of one's own is offered whole.
    assert "--alphabet '0123456789AÄЖ'" in run("check", table, "--alphabet", "0123456789").output


def test_a_look_alike_is_named(own: Path) -> None:
    (finding,) = found_in(write_labels(own, [("00001.jpg", "１2가3456", "", "")]))["unknown-character"]
    assert "perhaps 1 is meant" in finding["says"]


@pytest.mark.parametrize(
    ("text", "steps", "fits"), [("1234", 4, True), ("1134", 4, False), ("1134", 5, True), ("1111", 6, False)]
)
def test_equal_neighbours_need_a_step_between_them(text: str, steps: int, fits: bool) -> None:
    found = check_texts([Label(Path("a.jpg"), text)], Alphabet("1234"), steps)
    assert [finding.kind.name for finding in found] == ([] if fits else ["too-long"])


def test_empty_and_endless_texts_and_torn_rows_are_errors(own: Path) -> None:
    table = own / "labels.csv"
    table.write_text(f"image_path,plate_text\n00001.jpg,\n00002.jpg,{'12' * 9}\n00003.jpg,AB,123\n", encoding="utf-8")
    kinds = found_in(table)
    assert [kinds[name][0]["rows"][0]["row"] for name in ("empty-label", "too-long", "surplus-cells")] == [
        "labels.csv:2",
        "labels.csv:3",
        "labels.csv:4",
    ]


def test_the_same_plate_in_train_and_dev_is_an_error_but_not_in_two_training_splits(own: Path) -> None:
    rows = [
        ("00001.jpg", "AB 123", "", "train"),
        ("00002.jpg", "ab-123", "", "dev"),
        ("00003.jpg", "CD123", "", "train"),
        ("00004.jpg", "CD123", "", "synthetic"),
        ("00005.jpg", "EF123", "", "dev"),
    ]
    (leak,) = found_in(write_labels(own, rows))["leak"]
    assert [row["row"] for row in leak["rows"]] == ["labels.csv:2", "labels.csv:3"]
    assert "plate-ocr dataset split" in leak["do"]


def test_copies_are_told_from_pictures_that_only_look_alike(own: Path) -> None:
    rows = [(row[0], row[1]) for row in sample_rows()]
    shutil.copy(own / "00003.jpg", own / "copy.jpg")
    picture = cv2.imread(str(own / "00005.jpg"))
    half = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(own / "again.jpg"), half, [cv2.IMWRITE_JPEG_QUALITY, 60])
    text = {row[0]: row[1] for row in rows}
    both = [("copy.jpg", text["00003.jpg"]), ("again.jpg", text["00005.jpg"])]
    kinds = found_in(write_labels(own, [*rows, *both], "image_path,plate_text"))
    assert {name for name in kinds if "duplicate" in name} == {"duplicate", "near-duplicate"}
    (copy,), (again,) = kinds["duplicate"], kinds["near-duplicate"]
    assert [row["image_path"] for row in copy["rows"]] == ["00003.jpg", "copy.jpg"]
    assert [row["image_path"] for row in again["rows"]] == ["00005.jpg", "again.jpg"]
    result = run("check", own / "labels.csv")
    assert result.exit_code == 0, "copies alone are no error"
    assert "2 of the pictures repeat another one" in result.output

    both = [("copy.jpg", "12가3456"), ("again.jpg", "34나5678")]
    kinds = found_in(write_labels(own, [*rows, *both], "image_path,plate_text"))
    assert len(kinds["contradiction"]) == 1, "one picture cannot say two things"
    assert len(kinds["near-contradiction"]) == 1


def test_a_fingerprint_outlives_compression_and_light() -> None:
    crop = cv2.imread(str(CROPS / "00002.jpg"), cv2.IMREAD_GRAYSCALE)
    signs = fingerprint(crop).astype(int)
    brighter = np.clip(crop * 1.1 + 10, 0, 255).astype(np.uint8)
    assert signs @ fingerprint(brighter) / len(signs) > 0.8
    other = cv2.imread(str(CROPS / "00004.jpg"), cv2.IMREAD_GRAYSCALE)
    assert signs @ fingerprint(other) / len(signs) < 0.6


def test_blank_small_and_whole_pictures_are_warned_of(own: Path) -> None:
    cv2.imwrite(str(own / "blank.png"), np.full((40, 160, 3), 90, np.uint8))
    cv2.imwrite(str(own / "blank2.png"), np.full((44, 160, 3), 90, np.uint8))
    noise = np.random.default_rng(0).integers(0, 255, (1000, 1600), np.uint8)
    cv2.imwrite(str(own / "small.png"), noise[:8, :40])
    cv2.imwrite(str(own / "whole.png"), noise)
    names = ("blank", "blank2", "small", "whole")
    table = write_labels(
        own, [(f"{name}.png", f"A{place}") for place, name in enumerate(names)], "image_path,plate_text"
    )
    kinds = found_in(table)
    assert {name: len(found) for name, found in kinds.items()} == {
        "blank-picture": 2,
        "small-picture": 1,
        "large-picture": 1,
    }


def test_a_slip_shows_where_nearly_all_rows_fit_their_region(own: Path) -> None:
    rows = [(name, text, region, "") for name, text, region, _ in sample_rows("KR")]
    assert not found_in(write_labels(own, rows))
    (slip,) = found_in(write_labels(own, [(rows[0][0], "12가345", "KR", ""), *rows[1:]]))["no-format"]
    assert slip["rows"][0]["row"] == "labels.csv:2"
    assert not found_in(write_labels(own, [(row[0], f"QQ{i}", "KR", "") for i, row in enumerate(rows)])), (
        "a region whose plates the formats do not know is left alone"
    )


def test_the_reader_contradicts_a_wrong_label_and_the_page_shows_it(own: Path, tmp_path: Path) -> None:
    rows = [(name, text, "", "") for name, text, region, _ in sample_rows() if region in ("KR", "DE")][:10]
    wrong = rows[0][1][:-1] + ("1" if rows[0][1][-1] != "1" else "2")
    # A picture that cannot be opened, or a character that the reader cannot write, is no contradiction.
    rows += [("gone.jpg", "12가3456", "", ""), (rows.pop()[0], "ЖЖЖ", "", "")]
    table = write_labels(own, [(rows[0][0], wrong, "", ""), *rows[1:]])
    page = tmp_path / "review.html"
    kinds = found_in(table, "--model", "reader", "--sure", "0.6", "--page", str(page))
    (suspicious,) = kinds["suspicious-label"]
    assert suspicious["rows"][0]["row"] == "labels.csv:2"
    assert rows[0][1] in suspicious["says"]
    html = page.read_text(encoding="utf-8")
    assert wrong in html
    assert "labels.csv:2" in html
    assert html.count("data:image/jpeg;base64,") == 1, "the one crop, within the page"
    assert "http" not in html


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "gone.csv"), "no such file"),
        (("check", CROPS / "labels.csv", "--page", "p.html"), "--model"),
        (("check", CROPS / "labels.csv", "--model", "nobody"), "no model"),
        (("check", CROPS / "00001.jpg"), "not a UTF-8 CSV"),
        (("check", CROPS / "labels.csv", "--alphabet", "AAB"), "none twice"),
        (("stats", CROPS / "labels.csv", "--picture", "p.tiff"), ".png"),
        (("stats", CROPS / "labels.csv", "--split", "dev"), "no row has the split"),
        (("preview", CROPS / "labels.csv", "-o", "sheet"), "suffix"),
    ],
)
def test_wrong_use_ends_with_a_message(arguments: tuple[str | Path, ...], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert says in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), "no traceback"


def test_statistics_count_what_is_there(own: Path) -> None:
    rows = [
        ("00001.jpg", "12가3456", "KR", "train"),
        ("00002.jpg", "12가3456", "KR", "dev"),
        ("00003.jpg", "", "KR", "dev"),
        ("gone.jpg", "@@@", "", "train"),
    ]
    result = run("stats", write_labels(own, rows))
    assert result.exit_code == 0, result.output
    assert "4 rows, 2 different plates; 1 rows without a text, 1 pictures that cannot be opened" in result.output
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.output.splitlines() if "│" in line]
    assert ["KR", "2", "1", "3"] in lines, "by region and split: dev, train, all"
    assert ["1 2 3 4 5 6 가", "2"] in lines
    assert ["KR", "2", "2"] in lines, "texts of the Korean format, which no other region has"
    assert "1 different texts fit no known format: @@@" in result.output
    assert "1 are not in the default alphabet: @" in result.output


def test_the_picture_of_statistics_has_hangul_whatever_fonts_there_are(own: Path) -> None:
    pytest.importorskip("matplotlib")
    # A missing glyph is a warning of matplotlib's, and warnings are errors here.
    rows = [(row[0], row[1], "서울특별시" if place % 2 else "", "학습") for place, row in enumerate(sample_rows())]
    table = write_labels(own, rows)
    for name in ("stats.png", "stats.svg"):
        assert run("stats", table, "--picture", own / name).exit_code == 0
    picture = cv2.imread(str(own / "stats.png"))
    assert min(picture.shape[:2]) > 500
    # One more character changes the picture: it is drawn, not left out.
    write_labels(own, [(rows[0][0], rows[0][1] + "뷁", *rows[0][2:]), *rows[1:]])
    assert run("stats", table, "--picture", own / "more.png").exit_code == 0
    assert not np.array_equal(picture, cv2.imread(str(own / "more.png")))


def test_statistics_of_a_table_without_texts_or_pictures_can_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    table = write_labels(tmp_path, [("gone.jpg", "", "", "")])
    result = run("stats", table, "--picture", tmp_path / "p.png")
    assert result.exit_code == 0, result.output
    assert cv2.imread(str(tmp_path / "p.png")) is not None
