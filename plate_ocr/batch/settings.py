"""How a batch reads: what its rows depend on, in a form that goes to other processes and into the journal."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import plate_ocr
from plate_ocr.model_store import open_detector, open_language, open_reader, open_regions
from plate_ocr.photos import Limits
from plate_ocr.plate import Plate

if TYPE_CHECKING:
    from plate_ocr.reader import PlateReader
    from plate_ocr.recognition.decoder import FormatMode

LEAST_KEY = 16
"""Bytes of a key: a shorter one can be tried out, and so can the plates then."""


class SettingsError(ValueError):
    """A batch cannot be read as it was asked for; the message says what would do."""


@dataclass(frozen=True)
class ReadingSettings:
    """How to read photos; see PlateReader and DecoderSettings, whose weight a language model has where none is given.
    `limits` are those of the photos."""

    model: str = "reader"
    detector: str = "detector"
    crops: bool = False
    formats: FormatMode = "soft"
    regions: tuple[str, ...] = ()
    known: Path | None = None
    language: str = ""
    language_weight: float | None = None
    looks: bool = True
    min_confidence: float = 0.0
    limits: Limits = field(default_factory=Limits)

    def open(self, threads: int) -> PlateReader:
        """A reader with these settings; 0 `threads` are as many as cores. Raises ModelError, RegionError and
        KnownPlatesError like the reader."""
        from plate_ocr.reader import PlateReader
        from plate_ocr.recognition.decoder import DecoderSettings
        from plate_ocr.recognition.known import read_known

        known = read_known(self.known) if self.known else ()
        decoding = DecoderSettings(formats=self.formats, regions=self.regions, known=known, language=self.language)
        if self.language_weight is not None:
            decoding = replace(decoding, language_weight=self.language_weight)
        return PlateReader(
            self.model,
            detector=self.detector,
            crops=self.crops,
            threads=threads,
            decoding=decoding,
            looks=self.looks,
            min_confidence=self.min_confidence,
        )

    def check(self) -> None:
        """Raise RegionError, KnownPlatesError or ModelError for what a reader would refuse, without opening one."""
        from plate_ocr.recognition.known import read_known
        from plate_ocr.synthesis.region import load_regions

        if self.known:
            read_known(self.known)
        if self.regions:
            load_regions(self.regions)
        if self.language:
            open_language(self.language)

    def fingerprint(self) -> dict[str, str]:
        """What the rows depend on, by name: models and files by their content. Raises ModelError if one is missing."""
        return {
            "version": plate_ocr.__version__,
            "--model": f"{self.model} {_digest(open_reader(self.model).checksums)}",
            "--detector": self._detector(),
            "regions": _digest(open_regions().sha256),
            "--crops": str(self.crops),
            "--formats": self.formats,
            "--region": ",".join(f"{name} {_content(Path(name))}".strip() for name in self.regions),
            "--known": _content(self.known) if self.known else "",
            "--language": self._language(),
            "--one-look": str(not self.looks),
            "--min-confidence": str(self.min_confidence),
            "limits": f"{self.limits.pixels} pixels, {self.limits.bytes} bytes",
        }

    def _language(self) -> str:
        if not self.language:
            return ""
        weight = "" if self.language_weight is None else f", weight {self.language_weight}"
        return f"{self.language} {_digest(open_language(self.language).sha256)}{weight}"

    def _detector(self) -> str:
        # Where nothing is searched, the shipped detector sets doubtful crops straight.
        name = "detector" if self.crops else self.detector
        return name if name == "contours" else f"{name} {_digest(open_detector(name).sha256)}"


def _digest(sums: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()[:12]


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""


@dataclass(frozen=True)
class Finish:
    """What becomes of a plate before it is written: characters less certain than `mask` become `?`; with a `key`, its
    text becomes the HMAC-SHA256 of it, and nothing else in the row tells it."""

    mask: float = 0.0
    key: bytes = b""

    def __call__(self, plate: Plate) -> Plate:
        """The plate as it is written."""
        if self.mask:
            plate = replace(plate, text=plate.masked(self.mask))
        if self.key and plate.text:
            text = hmac.new(self.key, plate.text.encode(), hashlib.sha256).hexdigest()
            plate = replace(plate, text=text, characters=(), message="")
        return plate

    def fingerprint(self) -> dict[str, str]:
        """What the rows depend on. The key itself is not in it."""
        proof = hmac.new(self.key, b"plate-ocr", hashlib.sha256).hexdigest()[:12] if self.key else ""
        return {"--mask": str(self.mask), "--hash-plates": proof}


def read_key(path: Path) -> bytes:
    """The key in a file, less its last line end. Raises SettingsError if it is missing or shorter than LEAST_KEY."""
    advice = f"a key has at least {LEAST_KEY} bytes; make one with: openssl rand -hex 32 > {path}"
    try:
        key = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); {advice}") from None
    if len(key) < LEAST_KEY:
        raise SettingsError(f"{path}: too short; {advice}")
    return key
