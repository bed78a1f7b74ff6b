"""Prefix beam search: the likeliest texts, each with its probability summed over all its alignments. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.alphabet import BLANK

_NEVER = -math.inf


class Grammar(Protocol):
    """Says, character by character, whether a text can still become a plate of a known format."""

    start: int

    def step(self, state: int, cls: int) -> int:
        """The state after one more character; 0 when no format goes on so."""
        ...

    def accepts(self, state: int) -> bool:
        """Whether a text that ends here is whole."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text as classes, the natural logarithm of its probability, and whether it fits a known format."""

    classes: tuple[int, ...]
    log_p: float
    fits: bool = False


def _add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == _NEVER else a + math.log1p(math.exp(b - a))


def beam_search(
    log_p: NDArray[np.float32],
    *,
    width: int = 8,
    least: float = 1e-3,
    grammar: Grammar | None = None,
    penalty: float = 0.0,
) -> list[Candidate]:
    """The best texts of one sequence, best first: log-probabilities (T, C) to at most `width` candidates.

    After Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent
    DNNs" (2014): a prefix's probability is the sum over alignments that end in a blank and those that end in its last
    character. Characters below the probability `least` at a step are not followed there; with 0, and a `width` that
    holds every prefix, the sums are exact.

    With a `grammar`, prefixes that fit no format rank lower by `penalty` (in nats) while the search runs, not after it,
    so that a fitting text is not crowded out; an infinite penalty lets fitting texts alone pass. A candidate's `log_p`
    is the network's own, without the penalty.
    """
    start = grammar.start if grammar else 1
    # Only classes that are likely somewhere take part: a dozen of some hundred.
    likely = log_p > (math.log(least) if least > 0 else _NEVER)
    likely[:, BLANK] = False
    classes = np.flatnonzero(likely.any(axis=0))
    columns: list[list[float]] = log_p[:, classes].tolist()
    blanks: list[float] = log_p[:, BLANK].tolist()
    followed: list[list[tuple[int, int]]] = [[] for _ in columns]
    for t, i in np.argwhere(likely[:, classes]).tolist():
        followed[t].append((i, int(classes[i])))
    place = {int(cls): i for i, cls in enumerate(classes)}
    # prefix -> [log p ending in a blank, log p ending in its last character, grammar state]
    beams: dict[tuple[int, ...], list[float]] = {(): [0.0, _NEVER, start]}
    for row, blank, here in zip(columns, blanks, followed, strict=True):
        if not here and least > 0:
            # Three steps of four are blank for certain. That a character goes on in one is less likely than `least`.
            for entry in beams.values():
                entry[0], entry[1] = _add(entry[0], entry[1]) + blank, _NEVER
            continue
        grown: dict[tuple[int, ...], list[float]] = {}
        for prefix, (in_blank, in_last, state) in beams.items():
            both = _add(in_blank, in_last)
            last = prefix[-1] if prefix else BLANK
            stays = in_last + row[place[last]] if prefix else _NEVER
            known = grown.get(prefix)
            if known is None:
                grown[prefix] = [both + blank, stays, state]
            else:
                known[0], known[1] = _add(known[0], both + blank), _add(known[1], stays)
            for i, cls in here:
                # A character after itself is a new one only across a blank.
                source = in_blank if cls == last else both
                if source == _NEVER:
                    continue
                longer = (*prefix, cls)
                known = grown.get(longer)
                if known is None:
                    grown[longer] = [_NEVER, source + row[i], _next(grammar, state, cls)]
                else:
                    known[1] = _add(known[1], source + row[i])
        if penalty == math.inf:
            grown = {prefix: entry for prefix, entry in grown.items() if entry[2]}
        if len(grown) > width:
            ranked = sorted(grown.items(), key=lambda item: -_rank(item[1], penalty))
            grown = dict(ranked[:width])
        beams = grown
    candidates = []
    for prefix, (in_blank, in_last, state) in beams.items():
        fits = bool(grammar and grammar.accepts(int(state)))
        if fits or penalty < math.inf or grammar is None:
            candidates.append(Candidate(prefix, _add(in_blank, in_last), fits))
    # Nothing is a text too, and no plate: it pays no penalty.
    candidates.sort(key=lambda c: -(c.log_p - (0 if c.fits or not c.classes or grammar is None else penalty)))
    return candidates


def _next(grammar: Grammar | None, state: float, cls: int) -> int:
    return grammar.step(int(state), cls) if grammar else 1


def _rank(entry: Sequence[float], penalty: float) -> float:
    return _add(entry[0], entry[1]) - (0 if entry[2] else penalty)


def text_log_p(log_p: NDArray[np.float32], classes: Sequence[int], *, drop: float = 10.0) -> float:
    """The log-probability of one text, summed over its alignments: log-probabilities (T, C).

    The forward algorithm of Graves et al. (2006); states more than `drop` nats behind the best are let go.
    """
    states = [BLANK]
    for cls in classes:
        states += [cls, BLANK]
    rows: list[list[float]] = log_p[:, states].tolist()
    alive = {0: rows[0][0]}
    if classes:
        alive[1] = rows[0][1]
    end = len(states) - 1
    for row in rows[1:]:
        after: dict[int, float] = {}
        for s, p in alive.items():
            after[s] = _add(after[s], p) if s in after else p
            if s < end:
                after[s + 1] = _add(after[s + 1], p) if s + 1 in after else p
            if s % 2 and s + 2 <= end and states[s + 2] != states[s]:
                after[s + 2] = _add(after[s + 2], p) if s + 2 in after else p
        alive = {s: p + row[s] for s, p in after.items()}
        best = max(alive.values())
        if len(alive) > 3:
            alive = {s: p for s, p in alive.items() if p > best - drop}
    # Without characters there is but the one state.
    return _add(alive.get(end, _NEVER), alive.get(end - 1, _NEVER)) if end else alive[0]


def align(log_p: NDArray[np.float32], classes: Sequence[int], *, drop: float = 10.0) -> list[int]:
    """The time step of each character on the best path of a text: log-probabilities (T, C) to len(classes) steps.

    Viterbi's algorithm over the text with blanks between its characters; of a character's steps the likeliest is given.
    States more than `drop` nats behind the best are let go. Raises ValueError for a text that does not fit.
    """
    if not classes:
        return []
    states = [BLANK]
    for cls in classes:
        states += [cls, BLANK]
    rows: list[list[float]] = log_p[:, states].tolist()
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
            raise ValueError(f"a text of {len(classes)} characters does not fit into {len(rows)} time steps")
        return align(log_p, classes, drop=math.inf)
    steps = [-1] * len(classes)
    for t in range(len(rows) - 1, -1, -1):
        if state % 2:
            i = state // 2
            if steps[i] < 0 or rows[t][state] > rows[steps[i]][state]:
                steps[i] = t
        state = came[t][state]
    return steps
