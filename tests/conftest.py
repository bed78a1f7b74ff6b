"""What several test files stand on."""

from __future__ import annotations

import csv
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

# Before anything imports Keras or albumentations.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "datasets" / "sample"


@pytest.fixture(autouse=True)
def offline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reaches beyond this machine; Ray, which asks where it is, gets no answer and is not blamed for it."""
    reached: list[object] = []

    def guarded(name: str) -> Callable[..., Any]:
        real = getattr(socket.socket, name)

        def call(self: socket.socket, *given: Any) -> Any:
            # The address comes last; those of this machine's own sockets are paths.
            address = given[-1]
            if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1", "localhost")):
                reached.append(address)
                raise OSError("tests are offline")
            return real(self, *given)

        return call

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    yield
    if "ray" not in request.node.path.stem:
        assert not reached, "something asked for a place beyond this machine"


@pytest.fixture(scope="session")
def shared_plates() -> Path:
    """Real plates, which are not part of the repository."""
    folder = ROOT.parent / "shared" / "plates"
    if not folder.is_dir():
        pytest.skip("the real plates (../shared/plates) are not on this machine")
    return folder


def write_labels(folder: Path, rows: list[tuple[str, ...]], header: str = "image_path,plate_text,region,split") -> Path:
    """A label table in `folder`."""
    table = folder / "labels.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return table


@pytest.fixture(scope="session")
def tiny_crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The label table of 30 crops with two to four drawn digits."""
    folder = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(30):
        text = str(rng.integers(10, 10_000))
        crop = np.full((32, 96, 3), 230, np.uint8)
        cv2.putText(crop, text, (6, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 20), 2)
        cv2.imwrite(str(folder / f"{i}.png"), crop)
        rows.append((f"{i}.png", text, "XX", "dev" if i % 5 == 0 else "train"))
    return write_labels(folder, rows)


@pytest.fixture(scope="session")
def tiny_run(tiny_crops: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model trained for seconds: it reads little, and everything about it is real."""
    pytest.importorskip("tensorflow", reason="training needs the train extra")
    pytest.importorskip("albumentations", reason="training needs the train extra")
    from plate_ocr.training.export import export
    from plate_ocr.training.fit import train
    from tests.test_training import tiny_config

    run = tmp_path_factory.mktemp("runs") / "tiny"
    train(tiny_config(tiny_crops, epochs=2), run, workers=0, say=lambda _: None)
    export(run)
    return run


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Trainings of a few steps without a graph: to trace one takes longer than they do. Others go through it."""
    tensorflow = pytest.importorskip("tensorflow", reason="training needs the train extra")
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)
