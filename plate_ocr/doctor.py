"""What is installed, and whether it works: the checks of `plate-ocr doctor`."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import plate_ocr
from plate_ocr.model_store import (
    ModelError,
    ModelFiles,
    open_detector,
    open_language,
    open_reader,
    open_regions,
    shipped,
)

CORE = ("numpy", "opencv-python-headless", "onnxruntime", "pillow", "click", "rich", "pyyaml", "rapidfuzz")
EXTRAS = ("pyarrow", "keras", "tensorflow", "albumentations", "tf2onnx", "matplotlib")

# Of each kind, two packages write into one folder and break each other.
RIVALS = (
    ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"),
)

SAMPLE = Path(__file__).with_name("sample_plate.jpg")
SAMPLE_TEXT = "09마9378"

_OPENERS: dict[str, Callable[[Path], ModelFiles]] = {
    "reader.json": open_reader,
    "detector.json": open_detector,
    "regions.json": open_regions,
    "language.json": open_language,
}


@dataclass(frozen=True)
class Finding:
    """What a check found, and what to do about it; nothing to do if `advice` is empty."""

    what: str
    found: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """All checks, one after the other. None of them raises."""
    yield Finding("plate-ocr", f"{plate_ocr.__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield from _packages()
    yield from _rivals()
    yield _processors()
    yield from _models()
    yield _providers()
    yield _reading()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _packages() -> Iterator[Finding]:
    for name in CORE:
        rivals = next((kind for kind in RIVALS if name in kind), ())
        if any(_version(rival) for rival in rivals):
            found = ", ".join(f"{rival} {_version(rival)}" for rival in rivals if _version(rival))
            yield Finding("package", found)
        elif version := _version(name):
            yield Finding("package", f"{name} {version}")
        else:
            yield Finding("package", f"{name} is missing", "pip install plate-ocr")
    extras = [f"{name} {version}" for name in EXTRAS if (version := _version(name))]
    yield Finding("extras", ", ".join(extras) or "none; reading needs none")


def _rivals() -> Iterator[Finding]:
    for kind in RIVALS:
        if len(installed := [name for name in kind if _version(name)]) > 1:
            keep = installed[0]
            yield Finding(
                "conflict",
                f"{' and '.join(installed)} are both installed and break each other",
                f"pip uninstall -y {' '.join(installed)} && pip install {keep}",
            )


def _processors() -> Finding:
    from plate_ocr.batch.workers import cores

    return Finding("processors", f"{cores()} may be used, of {os.cpu_count()}")


def _models() -> Iterator[Finding]:
    folders = [f for f in sorted(shipped().glob("*")) if any((f / name).is_file() for name in _OPENERS)]
    if not folders:
        yield Finding("models", f"none in {shipped()}", "pip install --force-reinstall plate-ocr")
    for folder in folders:
        try:
            for description, opener in _OPENERS.items():
                if (folder / description).is_file():
                    files = opener(folder)
                    for name in files.sha256:
                        files.file(name)
            yield Finding("model", f"{folder.name}: every checksum is right")
        except ModelError as error:
            yield Finding("model", str(error), "pip install --force-reinstall plate-ocr")


def _providers() -> Finding:
    try:
        import onnxruntime

        from plate_ocr.model_store import ONNX, open_session

        session = open_session(open_reader().file(ONNX), threads=1)
        available = ", ".join(onnxruntime.get_available_providers())
        return Finding("ONNX Runtime", f"reads on {', '.join(session.get_providers())} (available: {available})")
    except (ImportError, ModelError) as error:
        return Finding("ONNX Runtime", f"does not work: {error}", "pip install --force-reinstall onnxruntime")


def _reading() -> Finding:
    """Read the shipped plate, and let the detector look at it too."""
    advice = "pip install --force-reinstall plate-ocr onnxruntime opencv-python-headless"
    try:
        from plate_ocr.detection import make_detector
        from plate_ocr.photos import load
        from plate_ocr.reader import PlateReader

        make_detector(threads=1).detect(load(SAMPLE, grey=True))
        text = PlateReader(crops=True, threads=1).read(SAMPLE)[0].text
    except Exception as error:  # whatever is wrong with the installation, this is the place to say so
        return Finding("sample plate", f"cannot be read ({type(error).__name__}: {error})", advice)
    if text != SAMPLE_TEXT:
        return Finding("sample plate", f"read as {text!r}, but it shows {SAMPLE_TEXT!r}", advice)
    return Finding("sample plate", f"read as {text}")
