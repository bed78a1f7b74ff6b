"""The formats of all regions as one automaton over characters: which texts can be a plate, and whose."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plate_ocr.recognition.alphabet import Alphabet
from plate_ocr.recognition.order import Order
from plate_ocr.synthesis.region import NOWHERE, Region, TextBox, slots

COMMON = 0.05
"""The share of a region's plates from which on a format is common. What fits only rarer ones, such as the 26 groupings
that somewhere in Europe are a plate, may as well be another text that was misread."""

KEPT = 4000
"""Steps between states that are kept: about those that 500 plates of all countries take."""


@dataclass
class _Node:
    """A place in the patterns: where each character leads, with its share among all that may stand here, and what a
    plate that ends here costs, if it may. Regions share the nodes from which their patterns go on alike."""

    next: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    cost: float = math.inf
    left: int = 0
    """Bit n is set if n characters can follow up to a whole plate."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The first node of a region's layout, and the layout's share in the region's plates."""

    node: int
    region: str
    share: float


_Shares = dict[tuple[int, str], float]
"""What of each region is at a node: (node, region code) -> share of its plates."""


def _set_bits(number: int) -> list[int]:
    return [bit for bit in range(number.bit_length()) if number >> bit & 1]


class _Whose:
    """Follows a text through the nodes of all regions at once, with the share of each. What was gone through is kept:
    plates of one country go the same way but for a few steps."""

    def __init__(self, nodes: Sequence[_Node], first: Mapping[tuple[str, int], _Shares]) -> None:
        """`first` are the shares after the first character of a text of so many."""
        self._nodes, self._first = nodes, first
        self.forget()

    def __len__(self) -> int:
        return len(self._steps)

    def forget(self) -> None:
        """Forget what was gone through."""
        # A state is how many characters are still to come, and the shares; before the first it is the negative length.
        self._states: list[tuple[int, _Shares]] = [(0, {})]
        self._numbers: dict[tuple[int, frozenset[tuple[tuple[int, str], float]]], int] = {}
        self._steps: dict[tuple[int, str], int] = {}

    def __call__(self, text: str) -> dict[str, float]:
        state = -len(text)
        for character in text:
            key = (state, character)
            found = self._steps.get(key)
            if found is None:
                found = self._steps[key] = self._after(state, character)
            state = found
        totals: dict[str, float] = defaultdict(float)
        for (node, region), p in self._states[state][1].items():
            if self._nodes[node].cost < math.inf:
                totals[region] += p
        whole = sum(totals.values())
        return {code: p / whole for code, p in sorted(totals.items(), key=lambda item: -item[1])}

    def _after(self, state: int, character: str) -> int:
        """The number of the state after one more character."""
        if state < 0:
            left, after = -state - 1, self._first.get((character, -state), {})
        else:
            left, after = self._states[state][0] - 1, defaultdict(float)
            for (node, region), p in self._states[state][1].items():
                for n, share in self._nodes[node].next.get(character, ()):
                    if self._nodes[n].left >> left & 1:
                        after[n, region] += p * share
        # Only how they compare counts: scaled alike, texts that differ in digits alone meet in one state.
        top = max(after.values(), default=1.0)
        shares = {key: p / top for key, p in after.items()}
        number = self._numbers.setdefault((left, frozenset(shares.items())), len(self._states))
        if number == len(self._states):
            self._states.append((left, shares))
        return number


class Formats:
    """The patterns of regions, as an automaton that is made deterministic as far as it is used."""

    def __init__(self, regions: Sequence[Region], alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self.order = Order(regions)
        self._nodes: list[_Node] = []
        self._by_key: dict[tuple[str | int, ...], int] = {}
        layouts = []
        for region in regions:
            if region.code == NOWHERE:
                continue
            total = sum(layout.weight for layout in region.layouts)
            for k in region.layouts:
                share = k.weight / total
                layouts.append(_Layout(self._add(region, k.texts, share), region.code, share))
                if k.out_of_order:
                    # A label has the text as it is written, a network as it stands.
                    standing = [k.texts[n] for line in k.standing for n in line]
                    layouts.append(_Layout(self._add(region, standing, share), region.code, share))
        for layout in layouts:
            self._count_left(layout.node)
        # By first character and length: most of a few hundred layouts fall out with them.
        first: dict[tuple[str, int], _Shares] = defaultdict(lambda: defaultdict(float))
        for layout in layouts:
            for character, into in self._nodes[layout.node].next.items():
                for n, share in into:
                    for more in _set_bits(self._nodes[n].left):
                        first[character, 1 + more][n, layout.region] += layout.share * share
        self._whose = _Whose(self._nodes, first)
        self._start = frozenset(layout.node for layout in layouts)
        self.start = 1
        self.forget()

    def __len__(self) -> int:
        """Steps between states that are held in memory."""
        return len(self._steps) + len(self._whose)

    def tidy(self) -> None:
        """Forget the states that were gone through if there are more than KEPT steps between them: each new text brings
        some. To be called between texts: a state that was given before may mean another one then."""
        if len(self) > KEPT:
            self.forget()

    def forget(self) -> None:
        """Forget the states that were gone through; those that were given before mean nothing then."""
        # State 0 is dead; state 1 the start. A state is a set of nodes.
        self._states: list[frozenset[int]] = [frozenset(), self._start]
        self._numbers = {state: number for number, state in enumerate(self._states)}
        self._steps: dict[tuple[int, int], int] = {}
        self._costs: dict[int, float] = {}
        self._whose.forget()

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

    def cost(self, state: int) -> float:
        """Nats that a text which ends here pays: none for a plate of a common format, the logarithm of how much rarer
        than COMMON it is for one of others, in halves; infinite if it is no whole plate."""
        if state not in self._costs:
            self._costs[state] = min((self._nodes[node].cost for node in self._states[state]), default=math.inf)
        return self._costs[state]

    def regions(self, text: str) -> dict[str, float]:
        """Whose plate a text can be: region code -> probability, likeliest first; empty if it fits no format.

        Every region is as likely as another before the text is known, and within a region every text of a layout.
        """
        return self._whose(text)

    def _add(self, region: Region, boxes: Sequence[TextBox], share: float) -> int:
        """Nodes of one layout, which has this share in its region, from its end; gives the first. What goes on alike is
        one node: patterns differ more in how they begin."""
        # Patterns that differ in gaps and separators alone are one format.
        shapes = [{tuple(slots(region, pattern)) for pattern in box.patterns} for box in boxes]
        each = share / math.prod(map(len, shapes))
        halves = round(2 * max(0.0, math.log(COMMON / each)))
        after = self._shared(("end", halves))
        self._nodes[after].cost = halves / 2
        for box in reversed(boxes):
            start = self._new()
            for pattern in box.patterns:
                first, *others = slots(region, pattern)
                rest = after
                for slot in reversed(others):
                    rest = self._tail(slot, rest)
                self._lead(start, first, rest, 1 / len(box.patterns))
            after = start
        return after

    def _tail(self, slot: Sequence[str], rest: int) -> int:
        """The node that one slot leads on from, to the rest."""
        known = len(self._nodes)
        node = self._shared((rest, *slot))
        if node == known:
            self._lead(node, slot, rest, 1.0)
        return node

    def _lead(self, node: int, slot: Sequence[str], rest: int, share: float) -> None:
        for text in slot:
            into = self._tail((text[1:],), rest) if len(text) > 1 else rest
            self._nodes[node].next[text[0]].append((into, share / len(slot)))

    def _shared(self, key: tuple[str | int, ...]) -> int:
        """The node of a key, made if there is none."""
        if key not in self._by_key:
            self._by_key[key] = self._new()
        return self._by_key[key]

    def _count_left(self, number: int) -> int:
        node = self._nodes[number]
        if not node.left:
            node.left = int(node.cost < math.inf)
            for n in {n for into in node.next.values() for n, _ in into}:
                node.left |= self._count_left(n) << 1
        return node.left

    def _new(self) -> int:
        self._nodes.append(_Node())
        return len(self._nodes) - 1
