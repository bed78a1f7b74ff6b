"""Networks in 8 bits: made by a command, read by the others, and what cannot be made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.detection.closer import CloserLook
from plate_ocr.detection.grid import THRESHOLD
from plate_ocr.detection.network import NetworkDetector
from plate_ocr.detection.quads import overlap
from plate_ocr.labels import read_labels, read_photos
from plate_ocr.model_store import open_detector, open_reader
from plate_ocr.photos import load
from plate_ocr.recognition.recognizer import Recognizer
from tests.conftest import SAMPLE, write_labels

pytest.importorskip("tensorflow", reason="training needs the train extra")

pytestmark = pytest.mark.train

PHOTOS = SAMPLE / "scenes"


def test_a_reader_in_8_bits_reads_on_and_the_price_is_told(tiny_run: Path, tiny_crops: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    for _ in range(2):  # a second time begins with the same weights again
        result = CliRunner().invoke(main, ["export", str(run), "--int8", str(tiny_crops), "--split", "train"])
        assert result.exit_code == 0, result.output
        assert "crops, read right:" in result.output
        assert "ms a picture instead of" in result.output
    assert b"QuantizeLinear" in (run / "reader.onnx").read_bytes()
    assert b"QuantizeLinear" not in (tiny_run / "reader.onnx").read_bytes()
    assert open_reader(run).file("reader.onnx").is_file()
    result = CliRunner().invoke(main, ["evaluate", str(tiny_crops), "--split", "dev", "--model", str(run)])
    assert result.exit_code == 0, result.output


def test_the_shipped_reader_reads_the_same_in_8_bits() -> None:
    assert b"QuantizeLinear" in open_reader().file("reader.onnx").read_bytes()
    crops = [load(label.path) for label in read_labels(SAMPLE / "crops" / "labels.csv")]
    readings = [[read.text for read in Recognizer("reader", keras=keras).read(crops)] for keras in (False, True)]
    same = sum(a == b for a, b in zip(*readings, strict=True))
    assert same >= 0.95 * len(crops)


def test_a_detector_in_8_bits_finds_the_same_plates(tmp_path: Path) -> None:
    run, table = tmp_path / "run", tmp_path / "photos.csv"
    shutil.copytree(open_detector().folder, run)
    photos = sorted(path for path in PHOTOS.rglob("*.jpg"))
    table.write_text("image_path\n" + "".join(f"{path}\n" for path in photos))
    result = CliRunner().invoke(main, ["export", str(run), "--int8", str(table)])
    assert result.exit_code == 0, result.output
    assert f"{len(photos)} photos, plates found:" in result.output
    # At the very threshold rounding decides on which side a find is: what one tells of, the other has about as surely.
    told, about = THRESHOLD, 0.05
    shipped, *others = (
        NetworkDetector(folder, threshold=told - about, engine=engine)
        for folder, engine in (("detector", "onnxruntime"), (run, "onnxruntime"), (run, "opencv"))
    )
    for path in photos:
        photo = load(path)
        before = shipped.detect(photo)
        for after in (other.detect(photo) for other in others):
            for ones, rest in ((before, after), (after, before)):
                assert any(find.score >= told for find in ones)
                for find in ones:
                    if find.score >= told:
                        same = max(rest, key=lambda one: overlap(find.corners.array, one.corners.array)[0])
                        assert overlap(find.corners.array, same.corners.array)[0] > 0.7
                        assert same.score == pytest.approx(find.score, abs=about)


def test_the_closer_look_in_8_bits_finds_the_same_corners(tmp_path: Path) -> None:
    run = tmp_path / "closer"
    shutil.copytree(open_detector("closer").folder, run)
    result = CliRunner().invoke(main, ["export", str(run), "--int8", str(SAMPLE / "scenes" / "labels.csv")])
    assert result.exit_code == 0, result.output
    assert "photos, plates found:" in result.output
    assert b"QuantizeLinear" in (run / "detector.onnx").read_bytes()
    shipped, ours = CloserLook(), CloserLook(run)
    for scene in read_photos(SAMPLE / "scenes" / "labels.csv"):
        photo = load(scene.path, grey=True)
        finds = [(plate.corners.array, 1.0) for plate in scene.plates if plate.corners]
        for (before, _), (after, _) in zip(shipped(photo, finds), ours(photo, finds), strict=True):
            assert overlap(before, after)[0] > 0.85


def test_what_cannot_be_had_in_8_bits_is_told(tiny_run: Path, tiny_crops: Path, tmp_path: Path) -> None:
    def told(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["export", *arguments])
        assert result.exit_code in (1, 2), result.output
        assert "Traceback" not in result.output
        return result.output

    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    before = (run / "reader.onnx").read_bytes()
    assert "--int8 is for --format onnx" in told(str(run), "--int8", str(tiny_crops), "--format", "litert")
    assert "name its table" in told(str(run), "--split", "train")
    assert "no folder" in told("reader", "--int8", str(tiny_crops))
    assert "region classifier" in told(str(open_reader().folder.parent / "regions"), "--int8", str(tiny_crops))
    (tmp_path / "no picture.png").write_bytes(b"text")
    table = write_labels(tmp_path, [("no picture.png", "123", "train")])
    assert "none of 1 pictures can be opened" in told(str(run), "--int8", str(table))
    description = json.loads((run / "reader.json").read_text())
    (run / "reader.json").write_text(json.dumps(description | {"head": "attention", "longest": 16}))
    assert "a head with attention" in told(str(run), "--int8", str(tiny_crops))
    assert (run / "reader.onnx").read_bytes() == before


def test_weights_have_seven_bits_so_that_no_cpu_overflows() -> None:
    import onnx
    from onnx import numpy_helper

    for file in (open_reader().file("reader.onnx"), open_detector().file("detector.onnx")):
        weights = [numpy_helper.to_array(w) for w in onnx.load(file).graph.initializer]
        kernels = [w for w in weights if w.dtype == np.int8 and w.ndim == 4]
        assert kernels
        assert max(int(np.abs(w.astype(int)).max()) for w in kernels) <= 64
