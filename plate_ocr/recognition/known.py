"""Known plates: a reading that is nearly one of them is taken for it, where the network itself holds that possible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from plate_ocr.recognition.alignment import text_log_p
from plate_ocr.recognition.alphabet import Alphabet, normalize
from plate_ocr.recognition.decoder import Text

MOST_EDITS = 2
LEAST_RATIO = 0.01
"""A known plate has to be at least this likely, relative to the reading, over all views. So the edits are weighed by
the picture: an O for a clear 8 never passes, one for a doubtful 0 does."""


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
    """The known plate that a reading stands for, and the odds of it against the reading: how likely each is, summed
    over the views, so that a view in which neither can be made out has no say.

    None where the reading is a known plate itself, or none is near.
    """
    if not reading or reading in known:
        return None
    found = process.extract(reading, known, scorer=Levenshtein.distance, score_cutoff=MOST_EDITS, limit=None)
    near = [plate for plate, _, _ in found if not alphabet.unknown(plate)]
    if not near:
        return None
    p = {plate: _likelihood(texts, alphabet.encode(plate).tolist()) for plate in near}
    best = max(near, key=lambda plate: p[plate])
    own = _likelihood(texts, alphabet.encode(reading).tolist())
    return (best, p[best] / own) if own > 0 and p[best] >= LEAST_RATIO * own else None


def _likelihood(texts: Sequence[Text], classes: Sequence[int]) -> float:
    return sum(math.exp(text_log_p(text.log_p, classes, drop=60)) for text in texts)
