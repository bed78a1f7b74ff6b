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
STEP_ONNX = "step.onnx"
KERAS = "reader.keras"
COMPANION = "companion"
"""The folder, within a reader's, of the reader that reads what is not of its own regions."""

DETECTOR_DESCRIPTION = "detector.json"
DETECTOR_ONNX = "detector.onnx"
DETECTOR_KERAS = "detector.keras"
CLOSER = "closer"
"""The folder, within a detector's, of the detector that takes the closer look at its finds."""

LANGUAGE_DESCRIPTION = "language.json"
LANGUAGE_ONNX = "language.onnx"
LANGUAGE_KERAS = "language.keras"
REGIONS_DESCRIPTION = "regions.json"
REGIONS_ONNX = "regions.onnx"
REGIONS_KERAS = "regions.keras"
SCHEMA = 1


class ModelError(RuntimeError):
    """A model is missing, damaged or of another kind; the message names the file."""


@dataclass(frozen=True)
class ModelFiles:
    """A model on disk: its folder, the checksum of each file, and what its JSON says besides."""

    folder: Path
    sha256: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """A file of the model, after its checksum was compared. Raises ModelError if it is missing or differs."""
        path = self.folder / name
        if name not in self.sha256 or not path.is_file():
            raise ModelError(f"{self.folder} holds no {name}; export the run with: plate-ocr export {self.folder}")
        if file_sha256(path) != self.sha256[name]:
            raise ModelError(
                f"{path} is damaged: its sha256 is not the one in {path.stem}.json; install or export it again"
            )
        return path


@dataclass(frozen=True)
class DetectorFiles(ModelFiles):
    """A detector on disk."""

    def save(self) -> None:
        """Write the JSON beside the files it describes."""
        _write(self.folder / DETECTOR_DESCRIPTION, {"schema": SCHEMA, "sha256": self.sha256, "about": self.about})


@dataclass(frozen=True, kw_only=True)
class LanguageFiles(ModelFiles):
    """A language model on disk: besides, its characters (class 1 on) and the length of the longest text."""

    characters: str
    longest: int

    def save(self) -> None:
        """Write the JSON beside the files it describes."""
        data = {
            "schema": SCHEMA,
            "characters": self.characters,
            "longest": self.longest,
            "sha256": self.sha256,
            "about": self.about,
        }
        _write(self.folder / LANGUAGE_DESCRIPTION, data)


@dataclass(frozen=True, kw_only=True)
class RegionsFiles(ModelFiles):
    """A region classifier on disk: besides, the code of each class and the input size (height, width)."""

    codes: tuple[str, ...]
    size: tuple[int, int]

    def save(self) -> None:
        """Write the JSON beside the files it describes."""
        data = {
            "schema": SCHEMA,
            "codes": list(self.codes),
            "size": list(self.size),
            "sha256": self.sha256,
            "about": self.about,
        }
        _write(self.folder / REGIONS_DESCRIPTION, data)


@dataclass(frozen=True, kw_only=True)
class ReaderFiles(ModelFiles):
    """A reader on disk: besides, its alphabet, input size (height, width), and `head`: "ctc", or "attention", whose
    texts are at most `longest` characters long.

    `calibration` holds a curve for each stage of looking: raw probabilities, and how often a reading was right.
    `thresholds` maps an error rate to the confidence from which on no larger share of readings was wrong. A companion
    leaves plates of the regions `leaves` to the reader in whose folder it lies; if it names none, the surer one reads.
    """

    alphabet: Alphabet
    size: tuple[int, int]
    head: str = "ctc"
    longest: int = 0
    calibration: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)
    thresholds: dict[float, float] = field(default_factory=dict)
    leaves: tuple[str, ...] = ()

    @property
    def companion(self) -> ReaderFiles | None:
        """The reader of other plates that goes with this one. Raises ModelError like `open_reader`."""
        folder = self.folder / COMPANION
        return open_reader(folder) if (folder / DESCRIPTION).is_file() else None

    @property
    def reads(self) -> str:
        """What a companion reads, in words."""
        return f"what is no plate of {', '.join(self.leaves)}" if self.leaves else "what it is surer of"

    @property
    def checksums(self) -> dict[str, str]:
        """The sha256 of each file, the companion's as well."""
        others = self.companion.sha256 if self.companion else {}
        return self.sha256 | {f"{COMPANION}/{name}": sha for name, sha in others.items()}

    def threshold(self, error_rate: float) -> float:
        """The least confidence above which, of the crops that the model was calibrated with, at most this share was
        read wrong; of a companion's, too. Raises ModelError if a model holds no threshold as strict as that."""
        fitting = [rate for rate in self.thresholds if rate <= error_rate]
        if not fitting:
            known = f"the strictest is {min(self.thresholds):.1%}" if self.thresholds else "there is none"
            raise ModelError(
                f"{self.folder} holds no threshold for {error_rate:.2%} of errors ({known}); see plate-ocr calibrate"
            )
        companion = self.companion
        return max(self.thresholds[max(fitting)], companion.threshold(error_rate) if companion else 0.0)

    def save(self) -> None:
        """Write the JSON beside the files it describes."""
        data = {
            "schema": SCHEMA,
            "alphabet": self.alphabet.characters,
            "blank": 0,
            "size": list(self.size),
            **({"head": self.head, "longest": self.longest} if self.head != "ctc" else {}),
            "sha256": self.sha256,
            "about": self.about,
            "calibration": self.calibration,
            "thresholds": {str(rate): confidence for rate, confidence in self.thresholds.items()},
            **({"leaves": list(self.leaves)} if self.leaves else {}),
        }
        _write(self.folder / DESCRIPTION, data)


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


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
    folder, data = _describe(name, DESCRIPTION)
    try:
        height, width = data["size"]
        curves = {s: (tuple(map(float, a)), tuple(map(float, b))) for s, (a, b) in data.get("calibration", {}).items()}
        return ReaderFiles(
            folder,
            dict(data["sha256"]),
            data.get("about", {}),
            alphabet=Alphabet(data["alphabet"]),
            size=(int(height), int(width)),
            head=_head(data),
            longest=int(data.get("longest", 0)),
            calibration=curves,
            thresholds={float(rate): float(least) for rate, least in data.get("thresholds", {}).items()},
            leaves=tuple(map(str, data.get("leaves", ()))),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _damaged(folder / DESCRIPTION, error) from None


def open_detector(name: str | Path = "detector") -> DetectorFiles:
    """A shipped detector by name, or the folder of a training run (or a file in it). Raises ModelError like
    `open_reader`."""
    folder, data = _describe(name, DETECTOR_DESCRIPTION)
    try:
        return DetectorFiles(folder, dict(data["sha256"]), data.get("about", {}))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _damaged(folder / DETECTOR_DESCRIPTION, error) from None


def open_language(name: str | Path) -> LanguageFiles:
    """A shipped language model by name, or the folder of a training run. Raises ModelError like `open_reader`."""
    folder, data = _describe(name, LANGUAGE_DESCRIPTION)
    try:
        return LanguageFiles(
            folder,
            dict(data["sha256"]),
            data.get("about", {}),
            characters=str(data["characters"]),
            longest=int(data["longest"]),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _damaged(folder / LANGUAGE_DESCRIPTION, error) from None


def open_regions(name: str | Path = "regions") -> RegionsFiles:
    """A shipped region classifier by name, or the folder of a training run. Raises ModelError like `open_reader`."""
    folder, data = _describe(name, REGIONS_DESCRIPTION)
    try:
        height, width = data["size"]
        return RegionsFiles(
            folder,
            dict(data["sha256"]),
            data.get("about", {}),
            codes=tuple(map(str, data["codes"])),
            size=(int(height), int(width)),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _damaged(folder / REGIONS_DESCRIPTION, error) from None


def _describe(name: str | Path, file: str) -> tuple[Path, dict[str, Any]]:
    """A model's folder, and what the JSON `file` in it says."""
    path = Path(name)
    if path.is_file():
        path = path.parent
    folder = path if path.is_dir() and (path / file).is_file() else shipped() / str(name)
    description = folder / file
    if not description.is_file():
        known = sorted(f.parent.name for f in shipped().glob(f"*/{file}"))
        raise ModelError(
            f"no model {str(name)!r}: neither a folder with a {file} nor a shipped one ({', '.join(known) or 'none'})"
        )
    try:
        data = json.loads(description.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ModelError(f"{description} has schema {data['schema']}; this version reads schema {SCHEMA}")
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, RecursionError, TypeError) as error:
        raise _damaged(description, error) from None
    return folder, data


def _head(data: dict[str, Any]) -> str:
    head = data.get("head", "ctc")
    if head not in ("ctc", "attention"):
        raise ValueError(f"head {head!r}")
    return str(head)


def _damaged(description: Path, error: Exception) -> ModelError:
    return ModelError(f"{description} is damaged ({error!r}); install or export it again")


def open_session(path: Path, *, threads: int = 0) -> Any:
    """An ONNX Runtime session on the CPU, safe to call from several threads; 0 threads leave their number to it.

    Raises ModelError if the file is no usable network.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait take the cores from the photo decoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base class
        raise ModelError(f"{path} is not a network that ONNX Runtime can load: {error}") from None
