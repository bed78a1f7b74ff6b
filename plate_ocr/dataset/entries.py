"""What a source of labels gives, entry by entry, and how it is to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plate_ocr.labels import LabelError
from plate_ocr.plate import Corners

NAME_PATTERN = r"(?P<text>[^_(]+).*"
"""The text is what stands before the first _ or ( of a file's name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture and its text as found, and where that was; the corners of the plate if it has to be cut out first."""

    origin: str
    picture: Path
    text: str
    region: str = ""
    split: str = ""
    corners: Corners | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that cannot become a row: where it stands, and why."""

    origin: str
    reason: str


@dataclass(frozen=True)
class Options:
    """How to read a source. `pictures` is the folder that paths count from, None for the usual one of the kind."""

    pattern: str = NAME_PATTERN
    columns: Mapping[str, str] = field(default_factory=dict)
    pictures: Path | None = None
    encoding: str = "utf-8-sig"


def text_of(file: Path, options: Options) -> str:
    """The text of a file. Raises LabelError if it is missing, or of another encoding."""
    try:
        return file.read_bytes().decode(options.encoding)
    except FileNotFoundError:
        raise LabelError(f"{file}: no such file") from None
    except IsADirectoryError:
        raise LabelError(f"{file}: a folder, where a file is needed") from None
    except LookupError:
        raise LabelError(f"--encoding {options.encoding}: no such encoding; try cp949 or utf-8") from None
    except UnicodeDecodeError as error:
        raise LabelError(f"{file}: not {error.encoding} text; say which with --encoding, cp949 for instance") from None
