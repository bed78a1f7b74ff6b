"""The formats of all regions as one automaton over characters: which texts can be a plate, and whose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.synthesis.region import Region, TextBox, slots

_ANYWHERE = "XX"
"""The region that stands for no country; its patterns fit everything and say nothing."""


@dataclass
class _Node:
    """A place in the patterns: where each character leads (with how many others it shares that step), and whose plate
    ends here."""

    next: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    ends: str = ""
    left: int = 0
    """Bit n is set if n characters can follow up to a whole plate."""


class Formats:
    """The patterns of regions, as an automaton that is made deterministic as far as it is used."""

    def __init__(self, regions: Iterable[Region], alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self._nodes: list[_Node] = []
        roots = []
        for region in regions:
            if region.code == _ANYWHERE:
                continue
            total = sum(layout.weight for layout in region.layouts)
            roots += [(self._add(region, k.texts), k.weight / total) for k in region.layouts]
        for root, _ in roots:
            self._count_left(root)
        # By first character: most of a few hundred layouts fall out with it.
        self._first: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for root, weight in roots:
            for character, into in self._nodes[root].next.items():
                self._first[character] += [(node, weight * share) for node, share in into]
        # State 0 is dead; state 1 the start. A state is a set of nodes.
        start = frozenset(node for node, _ in roots)
        self._states: list[frozenset[int]] = [frozenset(), start]
        self._numbers = {state: number for number, state in enumerate(self._states)}
        self._steps: dict[tuple[int, int], int] = {}
        self.start = 1

    def step(self, state: int, cls: int) -> int:
        """The state after one more character; 0 when no format goes on so."""
        key = (state, cls)
        found = self._steps.get(key)
        if found is None:
            character = self._alphabet.characters[cls - 1]
            nodes = frozenset(n for node in self._states[state] for n, _ in self._nodes[node].next.get(character, ()))
            found = self._numbers.get(nodes)
            if found is None:
                found = self._numbers[nodes] = len(self._states)
                self._states.append(nodes)
            self._steps[key] = found
        return found

    def accepts(self, state: int) -> bool:
        """Whether a text that ends here is a whole plate."""
        return any(self._nodes[node].ends for node in self._states[state])

    def regions(self, text: str) -> dict[str, float]:
        """Whose plate a text can be: region code -> probability, likeliest first; empty if it fits no format.

        Every region is as likely as another before the text is known, and within a region every text of a layout.
        """
        nodes, left = self._nodes, 1 << max(0, len(text) - 1)
        at: dict[int, float] = defaultdict(float)
        for node, p in self._first.get(text[:1], ()):
            # Layouts of another length fall out at once.
            if nodes[node].left & left:
                at[node] += p
        for character in text[1:]:
            left >>= 1
            after: dict[int, float] = defaultdict(float)
            for node, p in at.items():
                for n, share in nodes[node].next.get(character, ()):
                    if nodes[n].left & left:
                        after[n] += p * share
            at = after
        totals: dict[str, float] = defaultdict(float)
        for node, p in at.items():
            if code := self._nodes[node].ends:
                totals[code] += p
        whole = sum(totals.values())
        return {code: p / whole for code, p in sorted(totals.items(), key=lambda item: -item[1])}

    def _add(self, region: Region, boxes: Sequence[TextBox]) -> int:
        """Nodes of one layout; gives the first."""
        root = here = self._new()
        for box in boxes:
            join = self._new()
            for pattern in box.patterns:
                self._add_pattern(region, pattern, here, join, 1 / len(box.patterns))
            here = join
        self._nodes[here].ends = region.code
        return root

    def _add_pattern(self, region: Region, pattern: str, first: int, last: int, share: float) -> None:
        places = slots(region, pattern)
        at = first
        for i, slot in enumerate(places):
            after = last if i == len(places) - 1 else self._new()
            for text in slot:
                p = (share if i == 0 else 1.0) / len(slot)
                node = at
                for j, character in enumerate(text):
                    into = after if j == len(text) - 1 else self._new()
                    self._nodes[node].next[character].append((into, p if j == 0 else 1.0))
                    node = into
            at = after

    def _count_left(self, number: int) -> int:
        node = self._nodes[number]
        if not node.left:
            node.left = int(bool(node.ends))
            for n in {n for into in node.next.values() for n, _ in into}:
                node.left |= self._count_left(n) << 1
        return node.left

    def _new(self) -> int:
        self._nodes.append(_Node())
        return len(self._nodes) - 1
