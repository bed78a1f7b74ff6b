"""Prefix beam search: the likeliest texts, each with its probability summed over all its alignments. NumPy only."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.alphabet import BLANK

_NEVER = -math.inf

_RANK = itemgetter(0)

_TINY = 1e-100
"""A beam whose best probability falls below this is scaled up again, long before floats end."""


class Grammar(Protocol):
    """Says, character by character, whether a text can still become a plate of a known format, and how rare a one."""

    start: int

    def step(self, state: int, cls: int) -> int:
        """The state after one more character; 0 when no format goes on so."""
        ...

    def cost(self, state: int) -> float:
        """Nats that a text which ends here pays, 0 or more; infinite if it is not whole."""
        ...


class Prior(Protocol):
    """Says how well each character goes on from those before it. A text's score is the sum over its characters and its
    end."""

    def rows(self, prefixes: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
        """The score (N, C) of every class after each prefix, in nats and finite; class 0 stands for the end."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text as classes, the natural logarithm of its probability, and whether it fits a known format."""

    classes: tuple[int, ...]
    log_p: float
    fits: bool = False


@dataclass(slots=True, eq=False)
class _Prefix:
    """A text's beginning: a node in the tree of those that were followed.

    `blank` and `last` are the probabilities of its alignments so far: of those that end in a blank, and of those that
    end in its last character, which stands in column `place`. Times `factor`, their sum is its rank; `gain` is the
    prior's part in that. `gains` holds what the gain becomes with one more character, `end` what it becomes with none;
    they are asked for when they are needed.
    """

    classes: tuple[int, ...]
    place: int
    state: int
    factor: float
    gain: float = 1.0
    blank: float = 0.0
    last: float = 0.0
    kept: bool = False
    gains: list[float] = field(default_factory=list)
    end: float = 1.0
    longer: dict[int, _Prefix] = field(default_factory=dict)


def beam_search(
    log_p: NDArray[np.float32],
    *,
    width: int = 8,
    least: float = 1e-3,
    grammar: Grammar | None = None,
    penalty: float = 0.0,
    prior: Prior | None = None,
    weight: float = 1.0,
) -> list[Candidate]:
    """The best texts of one sequence, best first: log-probabilities (T, C) to at most `width` candidates.

    After Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent
    DNNs" (2014): a prefix's probability is the sum over alignments that end in a blank and those that end in its last
    character. Characters below the probability `least` at a step are not followed there, nor are prefixes that are so
    much less likely than the best; with 0, and a `width` that holds every prefix, the sums are exact.

    With a `grammar`, prefixes that fit no format rank lower by `penalty` (in nats) while the search runs, not after it,
    so that a fitting text is not crowded out; an infinite penalty lets fitting texts alone pass. A text that fits ranks
    lower by what the grammar says it costs, at most by the penalty. A `prior` counts `weight` times beside the network
    (shallow fusion; Gulcehre et al., "On Using Monolingual Corpora in Neural Machine Translation", 2015). Nothing is a
    text too, and no plate: it pays no penalty and has no score. A candidate's `log_p` is the network's own in any case.
    """
    likely = log_p > (math.log(least) if least > 0 else _NEVER)
    likely[:, BLANK] = False
    # Three steps of four are blank for certain: that a character goes on in one is less likely than `least`. They scale
    # all texts alike. And only classes that are likely somewhere take part: a dozen of some hundred.
    busy = np.flatnonzero(likely.any(axis=1)) if least > 0 else np.arange(len(log_p))
    classes = np.flatnonzero(likely.any(axis=0))
    blanks = log_p[:, BLANK].astype(np.float64)
    scale = float(blanks.sum() - blanks[busy].sum())
    rows: list[list[float]] = np.exp(log_p[np.ix_(busy, classes)].astype(np.float64)).tolist()
    search = _Search(classes.tolist(), width, least, grammar, math.exp(-penalty), prior, weight)
    before = -1
    for t, row, blank in zip(busy.tolist(), rows, np.exp(blanks[busy]).tolist(), strict=True):
        search.step(row, blank, after_blanks=t > before + 1)
        before = t
    return search.candidates(scale)


class _Search:
    """The beam as it goes from step to step."""

    def __init__(
        self,
        classes: list[int],
        width: int,
        least: float,
        grammar: Grammar | None,
        misfit: float,
        prior: Prior | None,
        weight: float,
    ) -> None:
        """`classes` says which class each column of a row is; `misfit` is the factor for what fits no format."""
        self._classes, self._width, self._least = classes, width, least
        self._grammar, self._misfit, self._prior, self._weight = grammar, misfit, prior, weight
        self._beam = [_Prefix((), -1, grammar.start if grammar else 1, 1.0, blank=1.0, kept=True)]
        self._scale = 0.0

    def step(self, row: list[float], blank: float, *, after_blanks: bool) -> None:
        """One time step: the probability of each class and of the blank; and whether sure blanks went before."""
        if self._prior:
            self._ask(self._prior)
        before = []
        ranks = []
        for prefix in self._beam:
            both = prefix.blank + prefix.last
            in_blank = both if after_blanks else prefix.blank
            before.append((prefix, in_blank, both))
            prefix.last = 0.0 if after_blanks or not prefix.last else prefix.last * row[prefix.place]
            prefix.blank = both * blank
            ranks.append((prefix.blank + prefix.last) * prefix.factor)
        best = max(ranks)
        # What ranks lower than every prefix of a full beam as it stands would not be kept, and need not be made.
        floor = max(min(ranks) if len(ranks) >= self._width else 0.0, best * self._least)
        here = [(place, p) for place, p in enumerate(row) if p > self._least]
        grown = []
        for prefix, in_blank, both in before:
            for place, p in here:
                # A character after itself is a new one only across a blank.
                p *= in_blank if place == prefix.place else both
                longer = prefix.longer.get(place)
                if longer is not None and longer.kept:
                    longer.last += p
                    continue
                # At best: the grammar may still object.
                bound = p * prefix.gains[place] if prefix.gains else p
                if bound >= floor and bound > 0:
                    grown.append((bound, p, prefix, place))
        if grown:
            self._select(grown)
        if best < _TINY:
            self._rescale()

    def candidates(self, scale: float) -> list[Candidate]:
        """All texts of the beam, best first; `scale` is a logarithm that is added to that of each probability."""
        if self._prior:
            self._ask(self._prior)
        ranked = []
        for prefix in self._beam:
            p = prefix.blank + prefix.last
            cost = self._grammar.cost(prefix.state) if self._grammar and prefix.state else math.inf
            factor = max(self._misfit, math.exp(-cost)) if self._grammar and prefix.classes else 1.0
            if p > 0 and (cost < math.inf or self._misfit > 0 or not self._grammar):
                found = Candidate(prefix.classes, math.log(p) + self._scale + scale, cost < math.inf)
                ranked.append((p * prefix.end * factor, found))
        return [candidate for _, candidate in sorted(ranked, key=_RANK, reverse=True)]

    def _select(self, grown: list[tuple[float, float, _Prefix, int]]) -> None:
        """Let (rank at best, probability, prefix, place) of new prefixes into the beam while they rank high enough. The
        grammar is asked about those alone that may."""
        ranked = sorted((((p.blank + p.last) * p.factor, p) for p in self._beam), key=_RANK)
        grown.sort(key=_RANK, reverse=True)
        for bound, p, prefix, place in grown:
            full = len(ranked) >= self._width
            if full and bound <= ranked[0][0]:
                break
            longer = prefix.longer.get(place) or self._lengthen(prefix, place)
            longer.blank, longer.last = 0.0, p
            rank = p * longer.factor
            if rank > (ranked[0][0] if full else 0.0):
                if full:
                    ranked.pop(0)[1].kept = False
                insort(ranked, (rank, longer), key=_RANK)
                longer.kept = True
        self._beam = [prefix for _, prefix in ranked]

    def _lengthen(self, prefix: _Prefix, place: int) -> _Prefix:
        cls = self._classes[place]
        state = self._grammar.step(prefix.state, cls) if self._grammar else 1
        gain = prefix.gains[place] if prefix.gains else 1.0
        longer = _Prefix((*prefix.classes, cls), place, state, gain if state else gain * self._misfit, gain)
        prefix.longer[place] = longer
        return longer

    def _ask(self, prior: Prior) -> None:
        """What the prior says of the prefixes that it was not asked about yet: all of them at once."""
        new = [prefix for prefix in self._beam if not prefix.gains]
        if not new:
            return
        scores = self._weight * prior.rows([prefix.classes for prefix in new])
        for prefix, gains, end in zip(new, np.exp(scores[:, self._classes]), np.exp(scores[:, BLANK]), strict=True):
            prefix.gains = (prefix.gain * gains).tolist()
            prefix.end = float(prefix.gain * end) if prefix.classes else 1.0

    def _rescale(self) -> None:
        top = max(prefix.blank + prefix.last for prefix in self._beam)
        if top > 0:
            self._scale += math.log(top)
            for prefix in self._beam:
                prefix.blank /= top
                prefix.last /= top
