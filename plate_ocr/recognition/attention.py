"""From a decoder with attention to text: character by character, the likeliest one or a beam of them. NumPy only.

`training.attention` says how the network is made, and after whom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from plate_ocr.recognition.alphabet import BLANK, Alphabet
from plate_ocr.recognition.beam import Candidate, Grammar, Prior
from plate_ocr.recognition.ctc import log_softmax
from plate_ocr.recognition.decoder import Decoder, DecoderSettings, Text
from plate_ocr.recognition.network import AttentionNetwork, Encoded

END = BLANK
"""The class that stands before every text and ends it."""

_IMPOSSIBLE = -30.0
"""The logarithm of what stands for no probability where a text has ended."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text of L characters, and for each and its end the log-probabilities (L + 1, C) of all classes after what was
    written before, and the weights (L + 1, T) with which the features were looked at."""

    classes: tuple[int, ...]
    log_p: NDArray[np.float32]
    attention: NDArray[np.float32]

    @property
    def text_log_p(self) -> float:
        """The log-probability of the text: of each character after those before it, and of the end."""
        return float(self.log_p[np.arange(len(self.classes) + 1), [*self.classes, END]].sum(dtype=np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionText(Text):
    """A text as `Text` has it, with the weights (L + 1, T) with which the features were looked at for each character
    and for the end, and the texts that the beam ended with, best first, if it was asked.

    Such a decoder tells the probability of a character after those before it, and no lattice. `log_p` is the lattice
    of the text that was read, so that whatever reads lattices reads it too: each character's step stands between two
    sure blanks, with the end as its blank. The text's own probability in it is exact; of a text that differs in a
    character, it is what it were if the others did not care.
    """

    attention: NDArray[np.float32]
    candidates: tuple[Candidate, ...] = ()

    def looked_at(self) -> list[int]:
        """The features' time step that was looked at most for each character."""
        most = self.attention.argmax(axis=1)
        return [int(most[min(step // 2, len(most) - 1)]) for step in self.steps()]


def write_greedily(network: AttentionNetwork, encoded: Encoded, longest: int) -> list[Written]:
    """N texts of at most `longest` characters, each of whose characters is the likeliest after those before it."""
    seen, looked, previous = encoded, np.zeros(encoded.keys.shape[:2], np.float32), np.zeros(len(encoded), np.int32)
    rows, looks, chosen = [], [], []
    ended = np.zeros(len(encoded), bool)
    for place in range(longest + 1):
        step = network.step(seen, looked, previous)
        rows.append(log_softmax(step.logits))
        looks.append(step.attention)
        previous = np.where(ended | (place == longest), END, rows[-1].argmax(axis=1)).astype(np.int32)
        chosen.append(previous)
        ended |= previous == END
        if ended.all():
            break
        seen, looked = Encoded(encoded.features, encoded.keys, step.state), step.attention
    texts = []
    for i, classes in enumerate(np.stack(chosen, axis=1)):
        length = int((classes != END).argmin())
        log_p, attention = (np.stack([part[i] for part in parts[: length + 1]]) for parts in (rows, looks))
        texts.append(Written(tuple(classes[:length].tolist()), log_p, attention))
    return texts


@dataclass(frozen=True, slots=True, eq=False)
class _Prefix:
    """A text's beginning, or with `ended` a whole text: its log-probability, what the prior adds, the grammar's state,
    what it ranks by, and of each step so far the log-probabilities (C,) and weights (T,). `memory` is the decoder's
    state (U,)."""

    classes: tuple[int, ...]
    log_p: float
    bonus: float
    state: int
    rank: float
    memory: NDArray[np.float32]
    rows: tuple[NDArray[np.float32], ...] = ()
    looks: tuple[NDArray[np.float32], ...] = ()
    ended: bool = False


_RANK = attrgetter("rank")


@dataclass(frozen=True)
class Search:
    """A beam of texts, `width` wide, with what speaks for and against them as in `beam.beam_search`: fitting no format
    of the `grammar` costs `penalty` nats, an infinite one forbids it; a `prior` counts `weight` times. Characters below
    the probability `least` are not followed, nor are texts so much less likely than the best; with 0 and a `width` that
    holds every text, the search is exact."""

    width: int = 8
    least: float = 1e-3
    grammar: Grammar | None = None
    penalty: float = 0.0
    prior: Prior | None = None
    weight: float = 1.0

    def __call__(self, network: AttentionNetwork, encoded: Encoded, longest: int) -> list[list[Written]]:
        """For each of N crops the best texts of at most `longest` characters, best first; none where none fits."""
        start = self.grammar.start if self.grammar else 1
        beams = [[_Prefix((), 0.0, 0.0, start, 0.0, memory)] for memory in encoded.state]
        for place in range(longest + 1):
            live = [(i, prefix) for i, beam in enumerate(beams) for prefix in beam if not prefix.ended]
            if not live:
                break
            owners, prefixes = zip(*live, strict=True)
            grown: list[list[_Prefix]] = [[prefix for prefix in beam if prefix.ended] for beam in beams]
            for i, longer in zip(owners, self._grow(network, encoded, owners, prefixes, place == longest), strict=True):
                grown[i] += longer
            beams = [self._best(beam) for beam in grown]
        return [[Written(p.classes, np.stack(p.rows), np.stack(p.looks)) for p in beam] for beam in beams]

    def _grow(
        self,
        network: AttentionNetwork,
        encoded: Encoded,
        owners: Sequence[int],
        prefixes: Sequence[_Prefix],
        last: bool,
    ) -> list[list[_Prefix]]:
        """What each prefix, of the crop that owns it, goes on as; if these are the `last` steps, it ends."""
        at = list(owners)
        memory = np.stack([prefix.memory for prefix in prefixes])
        steps = encoded.keys.shape[1]
        looked = np.stack([p.looks[-1] if p.looks else np.zeros(steps, np.float32) for p in prefixes])
        previous = np.array([p.classes[-1] if p.classes else END for p in prefixes], np.int32)
        step = network.step(Encoded(encoded.features[at], encoded.keys[at], memory), looked, previous)
        log_p = log_softmax(step.logits)
        scores = np.zeros(log_p.shape)
        if self.prior:
            scores = self.weight * self.prior.rows([prefix.classes for prefix in prefixes])
        grown = []
        for i, prefix in enumerate(prefixes):
            row, score = log_p[i], scores[i]
            likely = np.flatnonzero(row >= min(self._floor, row.max())) if not last else [END]
            grown.append(
                [self._longer(prefix, int(c), row, float(score[c]), step.state[i], step.attention[i]) for c in likely]
            )
        return grown

    def _longer(
        self,
        prefix: _Prefix,
        cls: int,
        row: NDArray[np.float32],
        score: float,
        memory: NDArray[np.float32],
        look: NDArray[np.float32],
    ) -> _Prefix:
        ended, state, bonus = cls == END, prefix.state, prefix.bonus
        classes = prefix.classes if ended else (*prefix.classes, cls)
        if classes:
            # Nothing is a text too, and no plate: it has no score, and pays no penalty.
            bonus += score
        pays = 0.0
        if ended:
            cost = self._cost(state)
            pays = min(self.penalty, cost) if classes or self.penalty == cost == math.inf else 0.0
        elif self.grammar:
            state = self.grammar.step(state, cls)
            pays = 0.0 if state else self.penalty
        log_p = prefix.log_p + float(row[cls])
        rank = log_p + bonus - pays
        return _Prefix(classes, log_p, bonus, state, rank, memory, (*prefix.rows, row), (*prefix.looks, look), ended)

    def _best(self, beam: Sequence[_Prefix]) -> list[_Prefix]:
        kept = nlargest(self.width, (prefix for prefix in beam if prefix.rank > -math.inf), key=_RANK)
        return [prefix for prefix in kept if prefix.rank >= kept[0].rank + self._floor]

    @property
    def _floor(self) -> float:
        return math.log(self.least) if self.least > 0 else -math.inf

    def _cost(self, state: int) -> float:
        if not self.grammar:
            return 0.0
        return self.grammar.cost(state) if state else math.inf


class AttentionDecoder(Decoder):
    """Reads crops with a decoder that has attention: greedily, and where that leaves doubt by a beam in which formats
    and a language model count as in `Decoder`."""

    def __init__(
        self, alphabet: Alphabet, settings: DecoderSettings | None, network: AttentionNetwork, longest: int
    ) -> None:
        """`longest` is how many characters a text has at most. Raises as `Decoder` does."""
        super().__init__(alphabet, settings)
        self._network, self._longest = network, longest

    def read(self, crops: NDArray[np.float32]) -> list[Text]:
        """Crops (N, H, W, 1) float32 to N texts."""
        self._tidy()
        encoded = self._network.encode(crops)
        written = write_greedily(self._network, encoded, self._longest)
        self.decoded += len(written)
        texts = [self._text([first]) for first in written]
        doubtful = [i for i, first in enumerate(written) if not self._sure(first)]
        self.searched += len(doubtful)
        penalties = {i: self._penalty(written[i].log_p) for i in doubtful}
        for penalty in set(penalties.values()):
            part = [i for i in doubtful if penalties[i] == penalty]
            those = Encoded(encoded.features[part], encoded.keys[part], encoded.state[part])
            for i, found in zip(part, self._search(penalty)(self._network, those, self._longest), strict=True):
                texts[i] = self._text(found) if found else self._nothing(written[i])
        return list(texts)

    def considered(self, text: Text) -> list[Candidate]:
        """The texts that the beam ended with, or the one that was written without it, best first."""
        return list(text.candidates) if isinstance(text, AttentionText) else super().considered(text)

    def _sure(self, first: Written) -> bool:
        least = first.log_p[np.arange(len(first.log_p)), [*first.classes, END]].min()
        if least < math.log(self._enough):
            return False
        return self._stands(first.classes, first.text_log_p, first.log_p)

    def _search(self, penalty: float) -> Search:
        return Search(
            width=self.settings.width,
            grammar=None if self.settings.formats == "off" else self.formats,
            penalty=penalty,
            prior=self._prior,
            weight=self.settings.language_weight,
        )

    def _text(self, found: Sequence[Written]) -> AttentionText:
        best = found[0]
        formats = self.settings.formats != "off"
        candidates = tuple(
            Candidate(text.classes, text.text_log_p, formats and self._cost(text.classes) < math.inf) for text in found
        )
        steps = tuple(range(1, 2 * len(best.classes), 2))
        p = min(1.0, math.exp(best.text_log_p))
        log_p = lattice(best.log_p, self._longest)
        return AttentionText(best.classes, p, log_p, steps, attention=best.attention, candidates=candidates)

    def _nothing(self, first: Written) -> AttentionText:
        """What is told where no text may be: none, as a CTC decoder has it."""
        return AttentionText((), 0.0, lattice(first.log_p, self._longest), attention=first.attention)


def lattice(log_p: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """Log-probabilities (L + 1, C) of each class after those before it as those of a lattice (2 * longest + 3, C): step
    2 i + 1 is that of character i, all others are sure blanks."""
    steps = np.full((2 * longest + 3, log_p.shape[1]), _IMPOSSIBLE, np.float32)
    steps[:, BLANK] = 0.0
    steps[1 : 2 * len(log_p) : 2] = log_p
    return steps
