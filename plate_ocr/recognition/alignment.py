"""One text against the network's time steps: how probable it is, and where its characters stand. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.alphabet import BLANK

_NEVER = -math.inf

_TINY = 1e-100
"""Probabilities whose best falls below this are scaled up again, long before floats end."""


def text_log_p(log_p: NDArray[np.float32], classes: Sequence[int], *, drop: float = 10.0) -> float:
    """The log-probability of one text, summed over its alignments: log-probabilities (T, C).

    `drop` is as in `forward_log_p`. Of steps in a row that are blank but for 1e-4 only the first is gone through.
    """
    idle = _idle(log_p)
    return forward_log_p(log_p[~idle], classes, drop=drop) + float(log_p[idle, BLANK].sum())


def _idle(log_p: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which steps (T,) of log-probabilities (T, C) are blank but for 1e-4 as the step before is, too."""
    idle: NDArray[np.bool_] = log_p[:, BLANK] > -1e-4
    idle[1:] &= idle[:-1]
    idle[:1] = False
    return idle


def forward_log_p(log_p: NDArray[np.float32], classes: Sequence[int], *, drop: float = math.inf) -> float:
    """The same, through every step: the forward algorithm of Graves et al. (2006). The outer ones of its states are let
    go while they are more than `drop` nats behind the best."""
    states = [BLANK]
    for cls in classes:
        states += [cls, BLANK]
    # A blank may be left out between characters that differ.
    skips = [s % 2 == 1 and s > 1 and states[s] != states[s - 2] for s in range(len(states))]
    rows: list[list[float]] = np.exp(log_p[:, states], dtype=np.float64).tolist()
    at = [1.0] + [0.0] * (len(states) - 1)
    # Before the first step, as if a blank had been: the states that are reached lie from `low` to below `high`.
    low, high, scale, behind = 0, 1, 0.0, math.exp(-drop)
    for row in rows:
        high = min(high + 2, len(states))
        for s in range(high - 1, low - 1, -1):
            p = at[s]
            if s:
                p += at[s - 1]
                if skips[s]:
                    p += at[s - 2]
            at[s] = p * row[s]
        best = max(at[low:high])
        if best < _TINY:
            if best == 0:
                return _NEVER
            at = [p / best for p in at]
            scale, best = scale + math.log(best), 1.0
        while at[low] < best * behind:
            at[low] = 0.0
            low += 1
        while at[high - 1] < best * behind:
            at[high - 1] = 0.0
            high -= 1
    total = at[-1] + (at[-2] if classes else 0.0)
    return math.log(total) + scale if total else _NEVER


def align(log_p: NDArray[np.float32], classes: Sequence[int], *, drop: float = 10.0) -> list[int]:
    """The time step of each character on the best path of a text: log-probabilities (T, C) to len(classes) steps.

    Viterbi's algorithm over the text with blanks between its characters; of a character's steps the likeliest is given.
    States more than `drop` nats behind the best are let go, and no character is put in a step that is as blank as the
    one before it, unless the text does not fit otherwise. Raises ValueError for one that does not fit at all.
    """
    if not classes:
        return []
    states = [BLANK]
    for cls in classes:
        states += [cls, BLANK]
    steps_of_rows = np.arange(len(log_p)) if drop == math.inf else np.flatnonzero(~_idle(log_p))
    rows: list[list[float]] = log_p[steps_of_rows][:, states].tolist()
    end = len(states) - 1
    alive = {0: rows[0][0], 1: rows[0][1]}
    came: list[dict[int, int]] = [{0: 0, 1: 1}]
    for row in rows[1:]:
        after: dict[int, float] = {}
        back: dict[int, int] = {}
        for s, p in alive.items():
            jumps = (s, s + 1, s + 2) if s % 2 and s + 2 <= end and states[s + 2] != states[s] else (s, s + 1)
            for target in jumps:
                if target <= end and p > after.get(target, _NEVER):
                    after[target], back[target] = p, s
        alive = {s: p + row[s] for s, p in after.items()}
        best = max(alive.values())
        alive = {s: p for s, p in alive.items() if p > best - drop}
        came.append(back)
    state = max((end, end - 1), key=lambda s: alive.get(s, _NEVER))
    if state not in alive:
        if drop == math.inf:
            raise ValueError(f"a text of {len(classes)} characters does not fit into {len(log_p)} time steps")
        return align(log_p, classes, drop=math.inf)
    likeliest = [-1] * len(classes)
    for t in range(len(rows) - 1, -1, -1):
        if state % 2:
            i = state // 2
            if likeliest[i] < 0 or rows[t][state] > rows[likeliest[i]][state]:
                likeliest[i] = t
        state = came[t][state]
    return [int(steps_of_rows[t]) for t in likeliest]
