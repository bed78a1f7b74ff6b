"""The statistics of a table as one picture. Needs matplotlib, from the train extra."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from plate_ocr.dataset.stats import RARE, Statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.offsetbox import AnnotationBbox

BLUE, ORANGE = "#1c5fb8", "#c8541c"
COLOURS = (BLUE, ORANGE, "#2a9d5c", "#8a4fb0", "#8a8a8a")
"""One for each split; the last one for all further ones."""

PER_ROW = 48
"""Characters beside each other."""

ROW = 1.5
"""Inches of such a row's height."""

MOST_ROWS = 4
MOST_BARS = 12


def draw(statistics: Statistics, path: Path, *, title: str) -> None:
    """Write characters, lengths, sizes, regions and formats as a picture, whose kind the file's suffix says."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    characters = sorted(statistics.characters.items(), key=lambda item: (-item[1], item[0]))
    shown = characters[: PER_ROW * MOST_ROWS]
    rows = max(1, -(-len(shown) // PER_ROW))
    # Without pyplot: no global state, no window system.
    figure = Figure(figsize=(14, ROW * rows + 8.4), layout="constrained")
    FigureCanvasAgg(figure)
    head, above, below = figure.subfigures(3, 1, height_ratios=[0.5, ROW * rows + 0.4, 7.5])  # type: ignore[misc]
    _say(head.add_axes((0, 0, 1, 1)), title, statistics)
    left = f"; the commonest {len(shown)} of {len(characters)}" if len(shown) < len(characters) else ""
    above.suptitle(
        f"characters and how often they occur, on a logarithmic scale; orange: less than {RARE} times{left}",
        fontsize=11,
    )
    for row, axes in enumerate(above.subplots(rows, 1, squeeze=False)[:, 0]):
        _characters(axes, shown[row * PER_ROW : (row + 1) * PER_ROW], shown[0][1] if shown else 1)
    grid = below.subplots(2, 2)
    _lengths(grid[0, 0], statistics.lengths)
    _sizes(grid[0, 1], statistics)
    _places(grid[1, 0], statistics.places)
    _formats(grid[1, 1], statistics)
    figure.savefig(path, dpi=110)


def _say(axes: Axes, title: str, statistics: Statistics) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.add_artist(_words(title, (0.012, 0.68), size=15, anchor=(0, 0.5)))
    says = (
        f"{statistics.rows} rows, {statistics.plates} different plates, {len(statistics.characters)} characters; "
        f"{statistics.unlabelled} rows without a text, {statistics.unreadable} pictures that cannot be opened"
    )
    axes.text(0.012, 0.15, says, fontsize=11, color="#555")


def _characters(axes: Axes, counts: Sequence[tuple[str, int]], most: int) -> None:
    bars = axes.bar(
        range(len(counts)), [n for _, n in counts], color=[BLUE if n >= RARE else ORANGE for _, n in counts]
    )
    axes.bar_label(bars, fontsize=7, padding=1, color="#555")
    # Digits are ten times as frequent as letters, and the rare ones are those to look at.
    axes.set(xlim=(-0.8, PER_ROW - 0.2), yscale="log", ylim=(0.5, 3 * most), xticks=[])
    axes.yaxis.set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    for place, (character, _) in enumerate(counts):
        axes.add_artist(_words(character, (place, 0.5), size=13, shift=(0, -11)))
    # Room for what stands below the axis.
    axes.set_xlabel(" ", fontsize=11)


def _lengths(axes: Axes, lengths: Counter[int]) -> None:
    bars = axes.bar(list(lengths), list(lengths.values()), color=BLUE)
    axes.bar_label(bars, fontsize=8, padding=1)
    axes.set(title="lengths of the texts", xlabel="characters", ylabel="rows", xticks=sorted(lengths))
    axes.locator_params(axis="y", integer=True)
    axes.margins(y=0.12)


def _sizes(axes: Axes, statistics: Statistics) -> None:
    axes.scatter(
        [size.width for size in statistics.sizes],
        [size.height for size in statistics.sizes],
        s=14,
        alpha=0.5,
        color=BLUE,
        linewidths=0,
    )
    axes.set(title="sizes of the pictures", xlabel="width, pixels", ylabel="height, pixels")
    if statistics.sizes:
        axes.set(xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)


def _places(axes: Axes, places: Counter[tuple[str, str]]) -> None:
    by_region: Counter[str] = Counter()
    for (region, _), n in places.items():
        by_region[region] += n
    regions = [region for region, _ in by_region.most_common(MOST_BARS)]
    start = np.zeros(len(regions))
    splits = sorted({split for _, split in places})
    for place, split in enumerate(splits):
        values = np.array([places[region, split] for region in regions])
        axes.barh(range(len(regions)), values, left=start, color=COLOURS[min(place, len(COLOURS) - 1)])
        start += values
    _name_bars(axes, dict(zip(regions, start, strict=True)), "no region")
    axes.set(title="regions of the rows, by split", xlabel="rows")
    for place, split in enumerate(splits[: len(COLOURS)]):
        at = (0.97, 0.06 + 0.08 * place)
        axes.scatter(*at, s=50, marker="s", color=COLOURS[place], transform=axes.transAxes)
        axes.add_artist(_words(_short(split or "no split"), at, size=11, anchor=(1, 0.5), shift=(-8, 0), of_axes=True))


def _formats(axes: Axes, statistics: Statistics) -> None:
    common = statistics.fits.most_common(MOST_BARS)
    axes.barh(range(len(common)), [n for _, n in common], color="#9db9dd", label="fit")
    alone = [statistics.fits_alone[region] for region, _ in common]
    axes.barh(range(len(common)), alone, color=BLUE, label="fit no other region's")
    _name_bars(axes, dict(common), "")
    axes.set(title=f"texts that fit a region's formats; {len(statistics.unfit)} different ones fit none", xlabel="rows")
    if common:
        axes.legend(loc="lower right", frameon=False)


def _name_bars(axes: Axes, bars: Mapping[str, float], nameless: str) -> None:
    """Name the bars at 0, 1, 2 …, the first on top."""
    axes.set(yticks=range(len(bars)), yticklabels=["      "] * len(bars), ylim=(max(1, len(bars)) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    for place, (name, value) in enumerate(bars.items()):
        shown = _short(name or nameless)
        axes.add_artist(_words(shown, (0, place), size=11, anchor=(1, 0.5), shift=(-4, 0)))
        axes.annotate(f"{value:.0f}", (value, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    # Whole numbers, and room for the legend.
    axes.set_xlim(0, 1.35 * max(bars.values(), default=1))
    axes.locator_params(axis="x", integer=True)


def _short(name: str) -> str:
    return name if len(name) <= 10 else name[:9] + "…"


def _words(
    text: str,
    at: tuple[float, float],
    *,
    size: int,
    anchor: tuple[float, float] = (0.5, 0.5),
    shift: tuple[float, float] = (0, 0),
    of_axes: bool = False,
) -> AnnotationBbox:
    """A text drawn with OpenCV's own font, which has Hangul and hanzi whatever is installed; matplotlib's has not."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    font, scale = cv2.FontFace("uni"), 3
    pixels = scale * size
    _, _, width, _ = cv2.getTextSize((100_000, 100_000), text, (0, 0), font, pixels, 400)
    ink = np.zeros((round(1.4 * pixels), int(width) + 2 * scale, 3), np.uint8)
    cv2.putText(ink, text, (scale, round(1.05 * pixels)), (255, 255, 255), font, pixels, 400)
    picture = np.zeros((*ink.shape[:2], 4), np.uint8)
    picture[..., :3] = 34
    picture[..., 3] = ink[..., 0]
    box = OffsetImage(picture, zoom=1 / scale, interpolation="bilinear")
    return AnnotationBbox(
        box,
        at,
        xybox=shift,
        xycoords="axes fraction" if of_axes else "data",
        boxcoords="offset points",
        box_alignment=anchor,
        frameon=False,
        pad=0,
        annotation_clip=False,
    )
