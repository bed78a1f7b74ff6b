"""Names to model files. Shipped models lie beside the code; each is checked against its sha256 before it is used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plate_ocr.recognition.alphabet import Alphabet

DESCRIPTION = "reader.json"
ONNX = "reader.onnx"
KERAS = "reader.keras"
SCHEMA = 1


class ModelError(RuntimeError):
    """A model is missing, damaged or of another kind; the message names the file."""


@dataclass(frozen=True)
class ReaderFiles:
    """A reader on disk: its folder, alphabet, input size (height, width), and what its JSON says besides.

    `calibration` holds a curve for each stage of looking: raw probabilities, and how often a reading was right.
    """

    folder: Path
    alphabet: Alphabet
    size: tuple[int, int]
    sha256: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """A file of the model, after its checksum was compared. Raises ModelError if it is missing or differs."""
        path = self.folder / name
        if name not in self.sha256 or not path.is_file():
            raise ModelError(f"{self.folder} holds no {name}; export the run with: plate-ocr export {self.folder}")
        if file_sha256(path) != self.sha256[name]:
            raise ModelError(
                f"{path} is damaged: its sha256 is not the one in {DESCRIPTION}; install or export it again"
            )
        return path

    def save(self) -> None:
        """Write the JSON beside the files it describes."""
        data = {
            "schema": SCHEMA,
            "alphabet": self.alphabet.characters,
            "blank": 0,
            "size": list(self.size),
            "sha256": self.sha256,
            "about": self.about,
            "calibration": self.calibration,
        }
        (self.folder / DESCRIPTION).write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def shipped() -> Path:
    """The folder of shipped models: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    return next((f for f in (here / "models", here.parent / "models") if f.is_dir()), here / "models")


def open_reader(name: str | Path = "reader") -> ReaderFiles:
    """A shipped reader by name, or the folder of a training run (or a file in it).

    Raises ModelError when there is none, or its JSON cannot be used.
    """
    path = Path(name)
    if path.is_file():
        path = path.parent
    folder = path if path.is_dir() and (path / DESCRIPTION).is_file() else shipped() / str(name)
    description = folder / DESCRIPTION
    if not description.is_file():
        known = sorted(f.parent.name for f in shipped().glob(f"*/{DESCRIPTION}"))
        raise ModelError(
            f"no model {str(name)!r}: neither a folder with a {DESCRIPTION} nor a shipped one "
            f"({', '.join(known) or 'none'})"
        )
    try:
        data = json.loads(description.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ModelError(f"{description} has schema {data['schema']}; this version reads schema {SCHEMA}")
        height, width = data["size"]
        curves = {s: (tuple(map(float, a)), tuple(map(float, b))) for s, (a, b) in data.get("calibration", {}).items()}
        return ReaderFiles(
            folder,
            Alphabet(data["alphabet"]),
            (int(height), int(width)),
            dict(data["sha256"]),
            data.get("about", {}),
            curves,
        )
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{description} is damaged ({error!r}); install or export it again") from None
