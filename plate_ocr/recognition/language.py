"""A character language model of plates, run by ONNX Runtime: which character comes next, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plate_ocr.model_store import LANGUAGE_ONNX, ModelError, open_language, open_session
from plate_ocr.recognition.alphabet import BLANK, Alphabet
from plate_ocr.recognition.ctc import log_softmax

UNLEARNED = 0.01
"""The share of probability that a prior gives to all classes alike, learned or not."""

END = 0
"""The class that starts every text and ends it."""


class LanguageModel:
    """Knows how probable a plate's text is, can draw others like those that it learned from, and can fill gaps."""

    def __init__(self, model: str | Path) -> None:
        """`model` is a shipped name or the folder of `plate-ocr language train`. Raises ModelError if it is missing or
        damaged."""
        files = open_language(model)
        self.characters = files.characters
        self.longest = files.longest
        self._session = open_session(files.file(LANGUAGE_ONNX), threads=1)
        self._input = self._session.get_inputs()[0].name

    def next(self, prefixes: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Log-probabilities (N, C) of the class after each prefix, a sequence of at most `longest` classes."""
        classes = np.zeros((len(prefixes), self.longest + 1), np.int32)
        for row, prefix in zip(classes, prefixes, strict=True):
            row[1 : len(prefix) + 1] = prefix
        logits = self._session.run(None, {self._input: classes})[0]
        last = np.array([len(prefix) for prefix in prefixes])
        return log_softmax(np.asarray(logits, np.float32)[np.arange(len(prefixes)), last])

    def log_p(self, text: str) -> float:
        """The natural logarithm of a text's probability; minus infinity for a character or a length never learned."""
        if len(text) > self.longest or any(c not in self.characters for c in text):
            return float("-inf")
        classes = [self.characters.index(c) + 1 for c in text]
        steps = self.next([classes[:i] for i in range(len(classes) + 1)])
        return float(sum(row[cls] for row, cls in zip(steps, [*classes, END], strict=True)))

    def sample(self, count: int, *, temperature: float = 1.0, seed: int = 0) -> list[str]:
        """Texts drawn character by character. Below a `temperature` of 1 the likely ones come oftener, above it the
        unlikely ones. Raises ValueError for a temperature of 0 or below."""
        if not temperature > 0:
            raise ValueError(f"a temperature is above 0, not {temperature}")
        rng = np.random.default_rng(seed)
        texts: list[list[int]] = [[] for _ in range(count)]
        growing = list(range(count))
        while growing:
            scaled = self.next([texts[i] for i in growing]) / temperature
            still = []
            for i, row in zip(growing, np.exp(log_softmax(scaled)).astype(np.float64), strict=True):
                cls = int(rng.choice(len(row), p=row / row.sum()))
                if cls != END:
                    texts[i].append(cls)
                    if len(texts[i]) < self.longest:
                        still.append(i)
            growing = still
        return ["".join(self.characters[cls - 1] for cls in text) for text in texts]

    def complete(self, pattern: str, *, most: int = 10, width: int = 64) -> list[tuple[str, float]]:
        """The likeliest texts that a pattern can stand for, `?` for any one character, each with its share among all
        that were found, best first: a beam search of this width.

        Raises ValueError for a pattern with an unknown character, or one that is too long.
        """
        unknown = [c for c in pattern if c != "?" and c not in self.characters]
        if unknown or len(pattern) > self.longest:
            reason = (
                f"{unknown[0]!r} is not among its characters" if unknown else f"more than {self.longest} characters"
            )
            raise ValueError(f"{pattern!r} cannot be completed: {reason}")
        beams: list[tuple[list[int], float]] = [([], 0.0)]
        for wanted in pattern:
            grown = []
            for (prefix, log_p), row in zip(beams, self.next([prefix for prefix, _ in beams]), strict=True):
                classes = range(1, len(row)) if wanted == "?" else [self.characters.index(wanted) + 1]
                grown += [([*prefix, cls], log_p + float(row[cls])) for cls in classes]
            beams = sorted(grown, key=lambda entry: -entry[1])[:width]
        ends = self.next([prefix for prefix, _ in beams])[:, END]
        scores = np.array([log_p for _, log_p in beams]) + ends
        shares = np.exp(log_softmax(scores[None].astype(np.float32)))[0]
        order = np.argsort(-shares, kind="stable")[:most]
        return [("".join(self.characters[cls - 1] for cls in beams[i][0]), float(shares[i])) for i in order]


class LanguagePrior:
    """A language model as the prior of a beam search, in the classes of a reader's alphabet.

    A score is how much likelier a character is, as a logarithm, than the characters that the model expects at its place
    are on average: log p + the entropy. So a typical text scores about 0 however long it is, and nothing, which has no
    score, is no better and no worse; log p alone would fall with each character, and log p against a uniform choice
    rise. A mixture with `UNLEARNED` keeps scores finite. After a character or a length that it never learned the model
    has no view, and every class scores 0.
    """

    def __init__(self, model: LanguageModel, alphabet: Alphabet) -> None:
        """Raises ModelError for a model that has no character of the alphabet."""
        shared = [c for c in model.characters if not alphabet.unknown(c)]
        if not shared:
            raise ModelError(f"the language model's characters ({model.characters[:9]}…) are none of the reader's")
        self._model = model
        self._classes = alphabet.classes
        # Of each class in both: the reader's number, the model's number.
        self._numbers = {int(alphabet.encode(c)[0]): model.characters.index(c) + 1 for c in shared} | {BLANK: END}
        self._readers, self._own = (np.array(n) for n in zip(*self._numbers.items(), strict=True))

    def rows(self, prefixes: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
        """The score (N, C) of every class of the reader after each prefix, in nats; class 0 stands for the end."""
        scores = np.zeros((len(prefixes), self._classes))
        known = [i for i, prefix in enumerate(prefixes) if self._knows(prefix)]
        if known:
            learned = np.exp(self._model.next([[self._numbers[c] for c in prefixes[i]] for i in known]))
            p = np.full((len(known), self._classes), UNLEARNED / self._classes)
            p[:, self._readers] += (1 - UNLEARNED) * learned[:, self._own]
            log_p = np.log(p)
            scores[known] = log_p - (p * log_p).sum(axis=1, keepdims=True)
        return scores

    def _knows(self, prefix: tuple[int, ...]) -> bool:
        return len(prefix) <= self._model.longest and all(cls in self._numbers for cls in prefix)
