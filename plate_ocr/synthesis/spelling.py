"""Given texts on plates: which layouts can carry them, and how each text box then writes its part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from plate_ocr.synthesis.region import NOWHERE, TOKEN, Layout, Region, TextBox, drawn_place, plain


@dataclass(frozen=True, slots=True)
class Spelling:
    """A text on a plate of this layout: what its text boxes write, with gaps and separators."""

    region: Region
    layout: Layout
    writes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spelled:
    """All spellings of a text; `ends` are the sums of their weights up to each."""

    spellings: tuple[Spelling, ...]
    ends: tuple[float, ...]

    def pick(self, rng: np.random.Generator) -> Spelling:
        """A spelling by weight."""
        return self.spellings[drawn_place(self.ends, rng)]


def spell(
    texts: Iterable[str], regions: Sequence[Region], weights: Sequence[float] | None = None
) -> tuple[list[Spelled], list[str]]:
    """The texts that plates of these regions can carry, and those that none can. Regions count by `weights` and layouts
    by theirs; plates of no country, which carry anything, only where no other does."""
    shares = weights or [1.0] * len(regions)
    spellers = [_Speller(region) for region in regions]
    spelled: list[Spelled] = []
    strange: list[str] = []
    for text in texts:
        found = [
            (Spelling(speller.region, layout, writes), share * layout.weight / len(ways))
            for speller, share in zip(spellers, shares, strict=True)
            if share > 0
            for layout in speller.region.layouts
            if (ways := list(speller.by_boxes(layout.texts, text)))
            for writes in ways
        ]
        found = [way for way in found if way[0].region.code != NOWHERE] or found
        if found:
            ends = np.cumsum([weight for _, weight in found]).tolist()
            spelled.append(Spelled(tuple(way for way, _ in found), tuple(ends)))
        else:
            strange.append(text)
    return spelled, strange


class _Speller:
    """Writes texts with a region's patterns."""

    def __init__(self, region: Region) -> None:
        self.region = region
        # What each entry reads as takes longer to find out than all the rest.
        self._said = {
            name: [(entry, region.label(entry)) for entry in entries] for name, entries in region.alphabets.items()
        }

    def by_boxes(self, boxes: Sequence[TextBox], text: str) -> Iterator[tuple[str, ...]]:
        """What the boxes write, so that together they say the text."""
        if not boxes:
            if not text:
                yield ()
            return
        for pattern in boxes[0].patterns:
            for written, rest in self._by_tokens(_tokens(pattern), text):
                for others in self.by_boxes(boxes[1:], rest):
                    yield (written, *others)

    def _by_tokens(self, tokens: Sequence[re.Match[str]], text: str) -> Iterator[tuple[str, str]]:
        """What a pattern writes of the beginning of the text, and what is left of it."""
        if not tokens:
            yield "", text
            return
        token, *others = tokens
        if token[1]:
            fitting = [(entry, said) for entry, said in self._said[token[1]] if text.startswith(said)]
        elif not plain(token[2]):
            fitting = [(token[2], "")]
        else:
            fits = text and text[0] in self.region.choices(token)
            fitting = [(text[0], text[0])] if fits else []
        for drawn, said in fitting:
            for written, rest in self._by_tokens(others, text[len(said) :]):
                yield drawn + written, rest


@cache
def _tokens(pattern: str) -> tuple[re.Match[str], ...]:
    return tuple(TOKEN.finditer(pattern))
