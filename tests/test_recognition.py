"""Alphabet, labels and preprocessing: what a crop and its text go through on both sides."""

from __future__ import annotations

import dataclasses
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plate_ocr.labels import LabelError, read_labels
from plate_ocr.plate import Corners, Plate, Status
from plate_ocr.recognition.alphabet import Alphabet, AlphabetError, normalize, steps_needed
from plate_ocr.recognition.preprocess import fit, prepare
from plate_ocr.recognition.preprocess import normalize as standardise
from tests.conftest import write_labels

DEFAULT = Alphabet.default()


@given(st.text(alphabet=DEFAULT.characters, max_size=12))
def test_every_text_of_the_alphabet_survives_encoding(text: str) -> None:
    classes = DEFAULT.encode(text)
    assert 0 not in classes
    assert DEFAULT.decode(classes) == text


def test_the_default_alphabet_reads_korean_chinese_and_latin_plates() -> None:
    for text in (
        "12가3456",
        "서울52바1234",
        "경기04노7823",
        "제주79아0001",
        "皖AY3R00",
        "粤B12345D",
        "WA12345",
        "외교123456",
    ):
        assert not DEFAULT.unknown(text)


def test_unknown_characters_are_named() -> None:
    with pytest.raises(AlphabetError, match="'ÄЖ'"):
        DEFAULT.encode("ÄBЖÄ")


@pytest.mark.parametrize("characters", ["", "ABA"])
def test_an_alphabet_is_neither_empty_nor_repeats(characters: str) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Alphabet(characters)


def test_labels_are_taken_in_one_spelling() -> None:
    assert normalize(" ab-12 · c:d") == "AB12CD"
    assert normalize(unicodedata.normalize("NFD", "12가 3456")) == "12가3456"
    assert normalize("ᄀ.ᅡ") == "가"


@given(st.text())
def test_a_label_that_is_written_as_the_reader_does_stays_as_it_is(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(st.text(alphabet="12", max_size=12))
def test_steps_needed_counts_a_blank_between_equal_neighbours(text: str) -> None:
    # The shortest alignment, built by hand.
    path: list[str] = []
    for character in text:
        if path and path[-1] == character:
            path.append("")
        path.append(character)
    assert steps_needed(text) == len(path)


def test_label_rows_are_relative_to_their_table_and_chosen_by_split(tmp_path: Path) -> None:
    table = write_labels(tmp_path, [("x/a.jpg", "12가-3456", "KR", "train"), ("b.jpg", "", "EU", "far")])
    first, second = read_labels(table)
    assert first.path == tmp_path / "x" / "a.jpg"
    assert (first.text, first.region, first.split, first.source) == ("12가3456", "KR", "train", "x")
    assert second.text == ""
    assert [row.path.name for row in read_labels(table, ["far"])] == ["b.jpg"]
    with pytest.raises(LabelError, match=r"no row has the split dev; it has far, train"):
        read_labels(table, ["dev"])


def test_a_table_with_a_byte_order_mark_and_two_columns_is_read(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("\ufeffimage_path,plate_text\na.jpg,AB12\n", encoding="utf-8")
    assert [row.text for row in read_labels(table)] == ["AB12"]
    with pytest.raises(LabelError, match="no column 'split'"):
        read_labels(table, ["dev"])


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"a.jpg,AB12\n", "header"), (b"", "header"), (b"\xff\xfe\x00", "UTF-8"), (b"image_path,plate_text\n", "no rows")],
)
def test_tables_that_cannot_be_used_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(content)
    with pytest.raises(LabelError, match=says) as caught:
        read_labels(table)
    assert "labels.csv" in str(caught.value)


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1.0), st.integers(0, 60))
def test_exposure_and_contrast_change_little_for_the_network(seed: int, gain: float, offset: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 180, (1, 48, 160)).astype(np.uint8)
    other = np.clip(grey * gain + offset, 0, 255).astype(np.uint8)
    assert np.abs(standardise(grey) - standardise(other)).max() < 0.5


@pytest.mark.parametrize("shape", [(20, 90, 3), (200, 900, 3), (33, 47), (5, 5, 1)])
def test_crops_of_any_size_become_one_batch(shape: tuple[int, ...]) -> None:
    batch = prepare([np.full(shape, 90, np.uint8)] * 2, (48, 160))
    assert batch.shape == (2, 48, 160, 1)
    assert batch.dtype == np.float32
    assert np.isfinite(batch).all()


def test_an_empty_crop_is_refused() -> None:
    with pytest.raises(ValueError, match="empty crop"):
        fit(np.zeros((0, 5, 3), np.uint8), (48, 160))


@given(st.floats(-179, 179), st.floats(1, 500), st.floats(1, 100))
def test_corners_say_how_far_a_plate_leans(degrees: float, width: float, height: float) -> None:
    a = np.radians(degrees)
    upright = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    turned = upright @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    assert Corners.of(turned).tilt == pytest.approx(degrees, abs=0.01)


def test_results_are_frozen_and_corners_have_four_points() -> None:
    plate = Plate("a.jpg", status=Status.NO_PLATE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plate.text = "X"  # type: ignore[misc]
    assert not plate.ok
    with pytest.raises(ValueError, match=r"shape \(4, 2\)"):
        Corners.of([(0, 0), (1, 1)])
    corners = Corners.of_box(10, 20, 100, 30)
    assert (corners.width, corners.height) == (100, 30)
    assert corners == Corners.of(corners.array)
