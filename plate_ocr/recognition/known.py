"""Known plates: a reading that is nearly one of them is taken for it, where the network itself holds that possible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from plate_ocr.recognition.alphabet import Alphabet, normalize
from plate_ocr.recognition.beam import text_log_p
from plate_ocr.recognition.decoder import Text

MOST_EDITS = 2
LEAST_RATIO = 0.01
"""A known plate has to be at least this likely, relative to the reading, in one of the views. So the edits are weighed
by the picture: an O for a clear 8 never passes, one for a 0 does."""


class KnownPlatesError(ValueError):
    """A list of known plates cannot be used; the message names the file."""


def read_known(path: Path) -> tuple[str, ...]:
    """The plates of a text file, one a line; empty lines and lines that begin with # are left out.

    Raises KnownPlatesError for a file that is missing, is no UTF-8 text or holds no plate.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KnownPlatesError(f"{path}: not a readable UTF-8 text file ({error})") from None
    plates = tuple(dict.fromkeys(normalize(line) for line in lines if line.strip() and not line.startswith("#")))
    if not plates:
        raise KnownPlatesError(f"{path}: holds no plate; write one a line")
    return plates


def nearest(texts: Sequence[Text], reading: str, known: Sequence[str], alphabet: Alphabet) -> tuple[str, float] | None:
    """The known plate that a reading stands for, and the odds of it against the reading in its best view.

    None where the reading is a known plate itself, or none is near.
    """
    if not reading or reading in known:
        return None
    near = [
        plate
        for plate in known
        if Levenshtein.distance(reading, plate, score_cutoff=MOST_EDITS) <= MOST_EDITS and not alphabet.unknown(plate)
    ]
    own = alphabet.encode(reading).tolist()
    odds = {plate: max(_odds(text, alphabet.encode(plate).tolist(), own) for text in texts) for plate in near}
    best = max(odds, key=lambda plate: odds[plate], default="")
    return (best, odds[best]) if best and odds[best] >= LEAST_RATIO else None


def _odds(text: Text, plate: Sequence[int], reading: Sequence[int]) -> float:
    against = text_log_p(text.log_p, reading, drop=60)
    return math.exp(min(30.0, text_log_p(text.log_p, plate, drop=60) - against)) if against > -math.inf else 0.0
