"""`plate-ocr doctor` finds what is wrong with an installation, and says what to do."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from plate_ocr import doctor
from plate_ocr.cli import main
from plate_ocr.model_store import shipped


def run() -> Result:
    return CliRunner().invoke(main, ["doctor"])


def pretend(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str | None]) -> None:
    """Let packages be installed, or not."""
    real = metadata.version

    def version(name: str) -> str:
        if name not in versions:
            return real(name)
        if versions[name] is None:
            raise metadata.PackageNotFoundError(name)
        return str(versions[name])

    monkeypatch.setattr(doctor.metadata, "version", version)


def test_a_sound_installation_reads_its_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, dict.fromkeys((name for kind in doctor.RIVALS for name in kind[1:]), None))
    result = run()
    assert result.exit_code == 0, result.output
    for words in ("opencv-python-headless", "CPUExecutionProvider", "reader: every checksum", doctor.SAMPLE_TEXT):
        assert words in result.output
    assert "bad" not in result.output


def test_two_opencv_packages_are_found_and_the_way_out_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {"opencv-python": "5.0", "opencv-contrib-python": None, "opencv-python-headless": "5.0"})
    result = run()
    assert result.exit_code == 1
    assert "opencv-python-headless and opencv-python are both installed" in result.output
    assert "pip uninstall -y opencv-python-headless opencv-python && pip install" in result.output


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {"rapidfuzz": None})
    result = run()
    assert result.exit_code == 1
    assert "rapidfuzz is missing" in result.output


def test_a_damaged_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(shipped() / "reader", tmp_path / "reader")
    with (tmp_path / "reader" / "reader.onnx").open("ab") as stream:
        stream.write(b"x")
    monkeypatch.setattr(doctor, "shipped", lambda: tmp_path)
    result = run()
    assert result.exit_code == 1
    assert "reader.onnx is damaged" in result.output
    assert "to do: pip install --force-reinstall plate-ocr" in result.output


def test_a_plate_that_is_read_wrong_or_not_at_all_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "SAMPLE_TEXT", "12가3456")
    assert f"read as {'09마9378'!r}, but it shows" in run().output
    monkeypatch.setattr(doctor, "SAMPLE", tmp_path / "gone.jpg")
    result = run()
    assert result.exit_code == 1
    assert "cannot be read (PhotoError" in result.output
