"""Charts of an evaluation, as SVG text. Needs matplotlib, from the train extra."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from plate_ocr.evaluation.evaluate import Evaluation
from plate_ocr.evaluation.metrics import confusions, wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#1c5fb8", "#c8541c", "#2a9d5c", "#8a4fb0")
"""One for each split; told apart in print and by the colour-blind, too."""


@dataclass(frozen=True, slots=True)
class _Line:
    """How one evaluation is drawn."""

    evaluation: Evaluation
    name: str
    colour: str
    dashes: str

    @property
    def outcomes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Confidences, and 1 for each reading that was right, else 0."""
        reads = self.evaluation.reads
        return np.array([read.confidence for read in reads]), np.array([float(read.right) for read in reads])


def _lines(evaluations: Sequence[Evaluation], against: Sequence[Evaluation] = ()) -> Iterator[_Line]:
    """One for each split, and a dashed one of the same colour for the other model."""
    for group, dashes, suffix in ((evaluations, "-", ""), (against, "--", ", against")):
        for evaluation, colour in zip(group, COLOURS * len(group), strict=False):
            yield _Line(evaluation, (evaluation.split or "all rows") + suffix, colour, dashes)


def _name(figure: Figure) -> None:
    """The names of the lines, above them: within the axes there is no place that is always free."""
    figure.legend(loc="outside upper left", ncols=3, frameon=False)


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
    """How often readings of a confidence were right: bins of equal mass, of ten readings at least, with their 95 %
    Wilson intervals."""
    figure = _figure(5.2, 4.4)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#999", linewidth=1, linestyle=":")
    for line in _lines(evaluations):
        p, y = line.outcomes
        groups = np.array_split(np.argsort(p, kind="stable"), min(bins, max(1, len(p) // 10)))
        right = [float(y[g].mean()) for g in groups]
        axes.errorbar(
            [float(p[g].mean()) for g in groups],
            right,
            _spans([int(y[g].sum()) for g in groups], [len(g) for g in groups]),
            color=line.colour,
            marker="o",
            markersize=4,
            linewidth=1.2,
            elinewidth=0.7,
            capsize=2,
            label=line.name,
        )
    axes.set(xlabel="confidence", ylabel="share read right", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid(alpha=0.25)
    _name(figure)
    return _svg(figure)


def risk_coverage(evaluations: Sequence[Evaluation], against: Sequence[Evaluation] = ()) -> str:
    """The share of wrong readings among the surest ones, over how many of them are kept. Those of another model,
    `against`, are dashed."""
    figure = _figure(5.2, 4.4)
    axes = figure.add_subplot()
    top = 0.0
    for line in _lines(evaluations, against):
        p, y = line.outcomes
        down = np.argsort(-p, kind="stable")
        kept = np.arange(1, len(p) + 1)
        wrong = np.cumsum(1 - y[down]) / kept
        axes.plot(
            100 * kept / len(p), 100 * wrong, color=line.colour, linestyle=line.dashes, linewidth=1.6, label=line.name
        )
        top = max(top, float(wrong[-1]))
    for rate in (0.5, 1.0):
        axes.axhline(rate, color="#999", linewidth=0.7, linestyle=":")
    axes.set(xlabel="readings kept, %", ylabel="wrong among them, %", xlim=(0, 100), ylim=(0, max(3.0, 110 * top)))
    axes.grid(alpha=0.25)
    _name(figure)
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
    """How often the first, the second … character of a label was read wrong or missed, with 95 % Wilson intervals and
    the number of errors; places that fewer than ten labels have are left out."""
    seen: Counter[int] = Counter()
    wrong: Counter[int] = Counter()
    for read in evaluation.reads:
        label, text = read.pair
        seen.update(range(len(label)))
        wrong.update({op.src_pos for op in Levenshtein.editops(label, text) if op.tag != "insert"})
    least = min(10, max(seen.values()))
    places = [place for place in sorted(seen) if seen[place] >= least][:most]
    figure = _figure(5.2, 4.4)
    axes = figure.add_subplot()
    shares = [100 * wrong[p] / seen[p] for p in places]
    low, high = _spans([wrong[p] for p in places], [seen[p] for p in places])
    bars = axes.bar(
        [p + 1 for p in places],
        shares,
        yerr=[[100 * v for v in low], [100 * v for v in high]],
        color=COLOURS[0],
        width=0.7,
        error_kw={"ecolor": "#444", "elinewidth": 0.8, "capsize": 2},
    )
    axes.bar_label(bars, [f"{wrong[p]}/{seen[p]}" for p in places], padding=2, fontsize=8)
    axes.set(xlabel="character of the label", ylabel="wrong or missed, %", xticks=[p + 1 for p in places])
    axes.grid(alpha=0.25, axis="y")
    return _svg(figure)


def _spans(hits: Sequence[int], trials: Sequence[int]) -> tuple[list[float], list[float]]:
    """How far the 95 % Wilson intervals reach below and above the shares, as matplotlib takes them."""
    shares = [h / n for h, n in zip(hits, trials, strict=True)]
    spans = [wilson(h, n) for h, n in zip(hits, trials, strict=True)]
    return (
        [max(0.0, share - low) for share, (low, _) in zip(shares, spans, strict=True)],
        [max(0.0, high - share) for share, (_, high) in zip(shares, spans, strict=True)],
    )
