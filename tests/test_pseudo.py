"""Labels from a reader that is sure of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.dataset.pseudo import crops_of_labels, crops_of_photos, write_pseudo_labels
from plate_ocr.labels import read_labels, read_photos
from plate_ocr.recognition.recognizer import Recognizer
from tests.conftest import SAMPLE


def test_what_is_read_for_certain_gets_a_label_and_the_rest_gets_none(tmp_path: Path) -> None:
    truth = read_labels(SAMPLE / "crops" / "labels.csv")[:12]
    rows = [f"{label.path}," for label in truth]
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((40, 120), 128, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "mine.csv").write_text("\n".join(["image_path,plate_text", *rows, "grey.png,", "broken.png,"]))
    crops = crops_of_labels(read_labels(tmp_path / "mine.csv"))
    counts = write_pseudo_labels(crops, Recognizer(), tmp_path / "out", least=0.8)
    written = read_labels(tmp_path / "out" / "labels.csv", ["train"])
    assert (counts.plates, counts.unreadable, counts.labelled) == (13, 1, len(written))
    assert 4 <= len(written) <= 12
    assert {label.source for label in written} == {"crops"}
    assert all(label.path.is_file() for label in written)
    right = {label.text for label in truth}
    assert sum(label.text in right for label in written) >= len(written) - 1


def test_plates_of_photos_are_cut_out_and_known_texts_are_kept(tmp_path: Path) -> None:
    table = SAMPLE / "scenes" / "labels.csv"
    photos = read_photos(table)[:3]
    counts = write_pseudo_labels(crops_of_photos(photos), Recognizer(), tmp_path, least=1.0)
    plates = [plate for photo in photos for plate in photo.plates]
    assert counts.labelled == counts.plates == len(plates)
    assert [label.text for label in read_labels(tmp_path / "labels.csv")] == [plate.text for plate in plates]


def test_the_command_takes_crops_without_texts_and_overwrites_nothing(tmp_path: Path) -> None:
    crops = sorted((SAMPLE / "crops").glob("*.jpg"))[:4]
    table = tmp_path / "mine.csv"
    table.write_text("\n".join(["image_path,plate_text", *(f"{crop}," for crop in crops)]))
    arguments = ["dataset", "label", str(table), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "of 4 plates have a label" in done.output
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 2
    assert "choose another folder" in again.output
