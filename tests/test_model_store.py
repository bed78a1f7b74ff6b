"""Models on disk: found by name or folder, refused when damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from plate_ocr.cli import main
from plate_ocr.model_store import ModelError, open_reader, shipped
from plate_ocr.recognition.recognizer import Recognizer
from tests.conftest import SAMPLE


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped reader, free to be damaged."""
    return Path(shutil.copytree(shipped() / "reader", tmp_path / "model"))


def test_the_shipped_reader_is_found_by_name_and_by_folder(copy: Path) -> None:
    assert open_reader("reader").alphabet == open_reader(copy).alphabet == open_reader(copy / "reader.onnx").alphabet
    assert Recognizer(copy).kind == "ONNX"


def test_shipped_files_stay_small() -> None:
    for path in shipped().rglob("*"):
        assert path.stat().st_size < 8_000_000, path


def flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / "reader.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "reader.onnx").write_bytes(data)


def bad_network_with_right_checksum(folder: Path) -> None:
    (folder / "reader.onnx").write_bytes(b"no network")
    about = json.loads((folder / "reader.json").read_text())
    about["sha256"]["reader.onnx"] = __import__("hashlib").sha256(b"no network").hexdigest()
    (folder / "reader.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (flip_a_byte, "is damaged"),
        (bad_network_with_right_checksum, "not a network"),
        (lambda f: (f / "reader.onnx").unlink(), "holds no reader.onnx"),
        (lambda f: (f / "reader.json").write_text("{"), "is damaged"),
        (lambda f: (f / "reader.json").write_text('{"schema": 1}'), "is damaged"),
        (lambda f: (f / "reader.json").write_text('{"schema": 99}'), "schema 99"),
        (lambda f: (f / "reader.json").unlink(), "no model"),
    ],
)
def test_a_damaged_model_is_an_error_that_names_it(copy: Path, damage: object, says: str) -> None:
    assert callable(damage)
    damage(copy)
    with pytest.raises(ModelError, match=says) as caught:
        Recognizer(copy)
    assert str(copy) in str(caught.value)
    result = CliRunner().invoke(main, ["recognize", str(SAMPLE / "scenes"), "--model", str(copy)])
    assert result.exit_code == 1
    assert "plate-ocr: " in result.output
    assert isinstance(result.exception, SystemExit)
