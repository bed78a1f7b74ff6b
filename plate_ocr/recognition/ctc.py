"""From per-step logits to text. NumPy only; class 0 is the blank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.alphabet import BLANK


@dataclass(frozen=True, slots=True)
class Decoded:
    """Classes of one text, the probability of each, the probability of the whole path, and for each character the time
    step where it is likeliest."""

    classes: tuple[int, ...]
    confidences: tuple[float, ...]
    confidence: float
    steps: tuple[int, ...] = ()


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-probabilities over the last axis; any shape, same shape out."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float32)


def greedy(logits: NDArray[np.float32]) -> list[Decoded]:
    """Best path of each sequence: logits (N, T, C) to N texts.

    After Graves et al., "Connectionist Temporal Classification" (2006): the likeliest class at each step, repeats
    merged, blanks dropped. A character's confidence is its highest probability within its run of steps; the text's is
    the probability of the path, a lower bound of the text's own.
    """
    return best_paths(log_softmax(logits))


def best_paths(log_p: NDArray[np.float32]) -> list[Decoded]:
    """`greedy` for log-probabilities (N, T, C)."""
    best = log_p.argmax(axis=-1)
    top = log_p.max(axis=-1)
    # A step starts a character where its class is no blank and differs from the step before.
    before = np.pad(best[:, :-1], ((0, 0), (1, 0)), constant_values=BLANK)
    starts = (best != BLANK) & (best != before)
    results = []
    for classes, start, step_log_p in zip(best, starts, top, strict=True):
        places = np.flatnonzero(start)
        confidences, steps = [], []
        for place in places:
            end = place + 1
            while end < len(classes) and classes[end] == classes[place]:
                end += 1
            peak = int(place + step_log_p[place:end].argmax())
            confidences.append(float(np.exp(step_log_p[peak])))
            steps.append(peak)
        path = float(np.exp(step_log_p.sum()))
        results.append(Decoded(tuple(int(c) for c in classes[places]), tuple(confidences), path, tuple(steps)))
    return results
