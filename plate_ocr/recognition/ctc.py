"""From per-step logits to text. NumPy only; class 0 is the blank."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

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
    best, top = log_p.argmax(axis=-1), log_p.max(axis=-1)
    paths = np.exp(top.sum(axis=-1))
    results = []
    # Plain lists: one step after the other, NumPy's scalars are slow.
    for classes, step_log_p, path in zip(best.tolist(), top.tolist(), paths.tolist(), strict=True):
        read, confidences, steps = [], [], []
        for cls, run in groupby(range(len(classes)), key=classes.__getitem__):
            if cls != BLANK:
                peak = max(run, key=step_log_p.__getitem__)
                read.append(cls)
                confidences.append(math.exp(step_log_p[peak]))
                steps.append(peak)
        results.append(Decoded(tuple(read), tuple(confidences), path, tuple(steps)))
    return results
