"""Two models beside each other, as parts of a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from plate_ocr.evaluation.gallery import told_apart
from plate_ocr.evaluation.metrics import Score
from plate_ocr.evaluation.page import percent, table
from plate_ocr.evaluation.paired import Comparison, Contrast, Pair, p_text

SHOWN = 30
"""Crops that are shown of those that one model alone reads right."""


def side_by_side(comparisons: Sequence[Comparison], names: tuple[str, str]) -> list[str]:
    """Scores by region with McNemar's test, and the crops that only one of the models, called `names`, reads right."""
    one, other = map(escape, names)
    parts = [
        f"<h2>{one} against {other}</h2>",
        "<p class=note>On the same crops. p is that of McNemar's exact test: were both models equally good, so uneven "
        "a count of crops that only one of them reads right would come about this often. Of twenty regions one falls "
        "below 0.05 by chance.</p>",
    ]
    for comparison in comparisons:
        overall = comparison.overall
        heads = (
            f"<th><th class=n>crops<th class=n>{one}<th class=n>95 % interval<th class=n>{other}<th class=n>95 % "
            f"interval<th class=n>points<th class=n>only {one} right<th class=n>only {other} right<th class=n>p"
        )
        rows = [_row(escape(region), contrast) for region, contrast in comparison.by_region.items()]
        parts += [
            f"<h3>{escape(comparison.split or 'all rows')}</h3>",
            table(heads, [*rows, _row("<b>all crops</b>", overall)]),
            f"<p>{verdict(overall, names)}</p>",
            *_crops(comparison.only_one, f"Only {one} reads these", names),
            *_crops(comparison.only_other, f"Only {other} reads these", names),
        ]
    return parts


def verdict(contrast: Contrast, names: tuple[str, str]) -> str:
    """What the paired test says, in a sentence of HTML."""
    if not contrast.only_one + contrast.only_other:
        return "Both read the same crops right."
    better = escape(names[0] if contrast.difference > 0 else names[1])
    p = f"p {escape(p_text(contrast.p_value))}"
    if contrast.p_value < 0.05:
        return f"<b>{better} is better</b>, by {abs(100 * contrast.difference):.1f} points of plate accuracy ({p})."
    return f"That either is better cannot be said from these crops ({p})."


def _row(name: str, contrast: Contrast) -> str:
    points = "" if math.isnan(contrast.difference) else f"{100 * contrast.difference:+.1f}"
    return (
        f"<td>{name}<td class=n>{contrast.one.plates}{_score(contrast.one)}{_score(contrast.other)}<td class=n>{points}"
        f"<td class=n>{contrast.only_one}<td class=n>{contrast.only_other}"
        f"<td class=n>{escape(p_text(contrast.p_value).removeprefix('= '))}"
    )


def _score(score: Score) -> str:
    low, high = score.interval()
    return f"<td class=n>{percent(score.plate_accuracy)}<td class=n>{100 * low:.1f} - {100 * high:.1f}"


def _crops(pairs: Sequence[Pair], title: str, names: tuple[str, str]) -> list[str]:
    if not pairs:
        return []
    shown = pairs[:SHOWN]
    of = f"{len(shown)} of {len(pairs)}, all of which --json writes" if len(shown) < len(pairs) else f"{len(pairs)}"
    return [
        f"<h4>{title}: {of}</h4><div class=gallery>",
        *(told_apart(pair, names) for pair in shown),
        "</div>",
    ]
