"""Charts of an evaluation, as SVG text. Needs matplotlib, from the train extra."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rapidfuzz.distance import Levenshtein

from plate_ocr.evaluation.evaluate import Evaluation
from plate_ocr.evaluation.metrics import confusions, wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#1c5fb8", "#c8541c", "#2a9d5c", "#8a4fb0")
"""One a split; told apart in print and by the colour-blind, too."""


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Without pyplot: no global state, no window system.
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def _svg(figure: Figure) -> str:
    import matplotlib as mpl

    out = io.StringIO()
    # Text as text: it stays small, and the reader's own font has Hangul.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "plate-ocr"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :]


def reliability(evaluations: Sequence[Evaluation], *, bins: int = 15) -> str:
    """How often readings of a confidence were right: bins of equal mass with their 95 % Wilson intervals."""
    figure = _figure(5.2, 4.4)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#999", linewidth=1, linestyle="--")
    for evaluation, colour in zip(evaluations, COLOURS * len(evaluations), strict=False):
        p, y = _outcomes(evaluation)
        groups = [g for g in np.array_split(np.argsort(p, kind="stable"), min(bins, len(p))) if len(g)]
        x = [float(p[g].mean()) for g in groups]
        right = [float(y[g].mean()) for g in groups]
        spans = [wilson(int(y[g].sum()), len(g)) for g in groups]
        low = [max(0.0, r - s[0]) for r, s in zip(right, spans, strict=True)]
        high = [max(0.0, s[1] - r) for r, s in zip(right, spans, strict=True)]
        axes.errorbar(
            x,
            right,
            [low, high],
            color=colour,
            marker="o",
            markersize=4,
            linewidth=1.2,
            elinewidth=0.7,
            capsize=2,
            label=_name(evaluation),
        )
    axes.set(xlabel="confidence", ylabel="share read right", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", frameon=False)
    return _svg(figure)


def risk_coverage(evaluations: Sequence[Evaluation]) -> str:
    """The share of wrong readings among the surest ones, over how many of them are kept."""
    figure = _figure(5.2, 4.4)
    axes = figure.add_subplot()
    top = 0.0
    for evaluation, colour in zip(evaluations, COLOURS * len(evaluations), strict=False):
        p, y = _outcomes(evaluation)
        down = np.argsort(-p, kind="stable")
        wrong = np.cumsum(1 - y[down]) / np.arange(1, len(p) + 1)
        axes.plot(
            100 * np.arange(1, len(p) + 1) / len(p), 100 * wrong, color=colour, linewidth=1.6, label=_name(evaluation)
        )
        top = max(top, float(wrong[-1]))
    for rate in (0.5, 1.0):
        axes.axhline(rate, color="#999", linewidth=0.7, linestyle=":")
    axes.set(xlabel="readings kept, %", ylabel="wrong among them, %", xlim=(0, 100), ylim=(0, max(3.0, 110 * top)))
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", frameon=False)
    return _svg(figure)


def confusion_matrix(evaluation: Evaluation, *, most: int = 24) -> str:
    """Which characters were read as which, of those that were confused most; – stands for missed or invented."""
    counts = confusions(read.pair for read in evaluation.reads)
    involved: Counter[str] = Counter()
    for (truth, read), n in counts.items():
        involved[truth] += n
        involved[read] += n
    names = sorted(c for c, _ in involved.most_common(most))
    table = np.array([[counts[t, r] for r in names] for t in names], dtype=float).reshape(len(names), len(names))
    size = 1.6 + 0.26 * max(4, len(names))
    figure = _figure(size + 0.6, size)
    axes = figure.add_subplot()
    axes.imshow(table, cmap="Reds", vmin=0, vmax=max(1.0, float(table.max(initial=0))))
    shown = [name or "–" for name in names]
    axes.set_xticks(range(len(names)), shown)
    axes.set_yticks(range(len(names)), shown)
    for (i, j), n in np.ndenumerate(table):
        if n:
            axes.text(
                j,
                i,
                f"{n:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if n > table.max() / 2 else "black",
            )
    axes.set(xlabel="read as", ylabel="label")
    return _svg(figure)


def by_position(evaluation: Evaluation, *, most: int = 10) -> str:
    """How often the first, the second … character of a label was read wrong or missed."""
    seen: Counter[int] = Counter()
    wrong: Counter[int] = Counter()
    for read in evaluation.reads:
        label, text = read.pair
        seen.update(range(len(label)))
        wrong.update({op.src_pos for op in Levenshtein.editops(label, text) if op.tag != "insert"})
    places = sorted(seen)[:most]
    figure = _figure(5.2, 2.8)
    axes = figure.add_subplot()
    axes.bar([p + 1 for p in places], [100 * wrong[p] / seen[p] for p in places], color=COLOURS[0], width=0.7)
    axes.set(xlabel="character of the label", ylabel="wrong, %", xticks=[p + 1 for p in places])
    axes.grid(alpha=0.25, axis="y")
    return _svg(figure)


def _outcomes(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    p = np.array([read.confidence for read in evaluation.reads])
    return p, np.array([float(read.label.text == read.text) for read in evaluation.reads])


def _name(evaluation: Evaluation) -> str:
    return evaluation.split or "all rows"
