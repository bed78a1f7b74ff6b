"""How sure each character of a reading is: against the texts that differ from it in this character alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.alignment import forward_log_p, text_log_p
from plate_ocr.recognition.alphabet import BLANK
from plate_ocr.recognition.decoder import Text


def certainties(texts: Sequence[Text], classes: Sequence[int]) -> list[float]:
    """The probability of each character of a reading, from the views of one crop.

    It is p(text) / (p(text) + the sum of p(other)) over all texts that have another character at this place and are the
    same elsewhere; probabilities are sums over alignments, and over views. So a character's is never below the mean of
    the text's own probability over the views, and is 1 where no view holds another one possible.
    """
    if len(texts) == 1:
        return [math.exp(share) for share in log_shares(texts[0].log_p, classes, texts[0].steps_of(classes))]
    own, all_alike = 0.0, [0.0] * len(classes)
    for text in texts:
        # What a view has read itself is weighed already.
        p = text.confidence if text.classes == tuple(classes) else math.exp(text_log_p(text.log_p, classes))
        own += p
        for i, share in enumerate(log_shares(text.log_p, classes, text.steps_of(classes))):
            all_alike[i] += p * math.exp(-share)
    return [min(1.0, own / alike) if alike else 0.0 for alike in all_alike]


def log_shares(
    log_p: NDArray[np.float32], classes: Sequence[int], steps: Sequence[int], *, least: float = 1e-3
) -> list[float]:
    """The logarithm of each character's share among the texts that differ in it alone, in one view: log-probabilities
    (T, C), the text's classes and the time step of each.

    A step that is blank but for a probability of `least` parts the text into pieces that do not touch, and only
    characters that are likelier than `least` somewhere between their neighbours are put in another's place. With 0 the
    shares are exact.
    """
    quiet = (log_p[:, BLANK] > math.log1p(-least)).tolist()
    likely = log_p > (math.log(least) if least > 0 else -math.inf)
    likely[:, BLANK] = False
    at = np.argwhere(likely).tolist()
    shares: list[float] = []
    # A character belongs to the run of steps that holds its own.
    for (start, end), group in groupby(range(len(classes)), key=lambda i: _run(quiet, steps[i])):
        places = list(group)
        piece = [classes[i] for i in places]
        likely_here = [(t, cls) for t, cls in at if start <= t < end]
        own: float | None = None
        for j, i in enumerate(places):
            after = steps[i - 1] if j else start - 1
            before = steps[i + 1] if j + 1 < len(places) else end
            against = 0.0
            for cls in {cls for t, cls in likely_here if after < t < before} - {classes[i]}:
                if own is None:
                    own = forward_log_p(log_p[start:end], piece)
                p = forward_log_p(log_p[start:end], [*piece[:j], cls, *piece[j + 1 :]])
                against += math.exp(min(600.0, p - own))
            shares.append(-math.log1p(against))
    return shares


def _run(quiet: Sequence[bool], step: int) -> tuple[int, int]:
    """The steps around one that no quiet step parts from it: first, last + 1."""
    start, end = step, step + 1
    while start > 0 and not quiet[start - 1]:
        start -= 1
    while end < len(quiet) and not quiet[end]:
        end += 1
    return start, end
