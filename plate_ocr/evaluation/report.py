"""An evaluation as one page: scores, how far confidences can be trusted, and the errors to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from plate_ocr.evaluation import charts
from plate_ocr.evaluation.evaluate import Evaluation
from plate_ocr.evaluation.gallery import Guesser, wrong_read
from plate_ocr.evaluation.metrics import Score, macro
from plate_ocr.evaluation.page import page, percent, table
from plate_ocr.evaluation.paired import Comparison
from plate_ocr.evaluation.side_by_side import side_by_side

GALLERY = 60
"""Wrong readings that are shown of each split, the most confident ones first."""


@dataclass(frozen=True)
class Against:
    """Another model on the same crops: its name, its evaluations, and both compared, each by split."""

    model: str
    evaluations: Sequence[Evaluation]
    comparisons: Sequence[Comparison]


def report(
    evaluations: Sequence[Evaluation], guesser: Guesser, *, model: str, command: str, against: Against | None = None
) -> str:
    """An HTML page on all splits. `guesser` says which texts came into question for a crop, `command` is what printed
    the page, `against` is a model to set beside."""
    others = against.evaluations if against else ()
    named = _named(evaluations, model, against)
    told = names(model, against.model) if against else ("",)
    dashed = f"; dashed: {escape(told[-1])}" if against else ""
    parts = [
        f"<h1>Plates read by {escape(model)}</h1>",
        f"<p class=note>{escape(command)}</p>",
        _overview(named),
        "<h2>How far a confidence can be trusted</h2>",
        "<div class=charts>",
        *(_reliability(name, both) for name, both in zip(told, (evaluations, others), strict=False)),
        f"<figure>{charts.risk_coverage(evaluations, others)}<figcaption>with the least sure readings put aside, how "
        f"many of those that stay are wrong; dotted: 0.5 and 1 %{dashed}</figcaption></figure>",
        "</div>",
        _trust(named),
    ]
    if against:
        parts += side_by_side(against.comparisons, names(model, against.model))
    for evaluation in evaluations:
        parts += _split(evaluation, guesser)
    return page(f"Plates read by {model}", parts)


def names(model: str, against: str) -> tuple[str, str]:
    """What two models are called beside each other: the last part of their folders where it tells them apart."""
    short = [name.rstrip("/\\").replace("\\", "/").rpartition("/")[2] or name for name in (model, against)]
    return (short[0], short[1]) if short[0] != short[1] else (model, against)


def _named(evaluations: Sequence[Evaluation], model: str, against: Against | None) -> list[tuple[str, Evaluation]]:
    """What each evaluation is called in a table, split by split."""
    if against is None:
        return [(evaluation.split or "all rows", evaluation) for evaluation in evaluations]
    return [
        (f"{evaluation.split or 'all rows'}: {name}", evaluation)
        for both in zip(evaluations, against.evaluations, strict=True)
        for name, evaluation in zip(names(model, against.model), both, strict=True)
    ]


def _overview(named: Sequence[tuple[str, Evaluation]]) -> str:
    heads = (
        "<th>split<th class=n>crops<th class=n>plate accuracy<th class=n>O = 0, I = 1<th class=n>character accuracy"
        "<th class=n>all crops<th class=n>95 % interval"
    )
    note = "<p class=note>Means over sources of equal weight; last, over all crops.</p>"
    return table(heads, [_means(*row) for row in named]) + note


def _means(name: str, evaluation: Evaluation) -> str:
    plate, folded, character = macro(list(evaluation.by_source.values()))
    overall = evaluation.overall
    low, high = overall.interval()
    return (
        f"<td>{escape(name)}<td class=n>{len(evaluation.reads)}<td class=n><b>{percent(plate)}</b>"
        f"<td class=n>{percent(folded)}<td class=n>{percent(character)}<td class=n>{percent(overall.plate_accuracy)}"
        f"<td class=n>{100 * low:.1f} - {100 * high:.1f}"
    )


def _reliability(name: str, evaluations: Sequence[Evaluation]) -> str:
    of = f"{escape(name)}: " if name else ""
    return (
        f"<figure>{charts.reliability(evaluations)}<figcaption>{of}readings of a confidence, and how many of them were "
        "right; on the dotted line both agree</figcaption></figure>"
    )


def _trust(named: Sequence[tuple[str, Evaluation]]) -> str:
    rows = []
    for name, evaluation in named:
        trust = evaluation.calibration
        cells = "".join(
            f"<td class=n>{least:.3f}<td class=n>{percent(kept)}" for least, kept in trust.thresholds.values()
        )
        rows.append(f"<td>{escape(name)}<td class=n>{100 * trust.ece:.1f}<td class=n>{trust.brier:.3f}{cells}")
    heads = "".join(
        f"<th class=n>≤ {100 * rate:g} % wrong above<th class=n>which keeps"
        for rate in named[0][1].calibration.thresholds
    )
    return table(f"<th>split<th class=n>calibration error, points<th class=n>Brier score{heads}", rows)


def _split(evaluation: Evaluation, guesser: Guesser) -> list[str]:
    parts = [f"<h2>{escape(evaluation.split or 'all rows')}</h2>"]
    for title, scores in (
        ("source", evaluation.by_source),
        ("region", evaluation.by_region),
        ("lines and size", {**evaluation.by_lines, **evaluation.by_size}),
    ):
        parts.append(f"<h3>By {title}</h3>{_scores(scores)}")
    if evaluation.confusions(1):
        parts += [
            "<div class=charts>",
            f"<figure>{charts.confusion_matrix(evaluation)}<figcaption>characters confused most; – is a character "
            "missed or invented</figcaption></figure>",
            f"<figure>{charts.by_position(evaluation)}<figcaption>where in the text the errors are, and how many; with "
            "95 % intervals</figcaption></figure>",
            "</div>",
        ]
    wrong = evaluation.wrong
    shown = wrong[:GALLERY]
    of = f"{len(shown)} of {len(wrong)}" if len(shown) < len(wrong) else f"{len(wrong)}"
    parts.append(f"<h3>{of} wrong readings, the most confident first</h3>")
    if shown:
        parts.append(
            "<p class=note>What was read, after all looks and calibration; below, the candidates of the first look, "
            "with the network's own probabilities; formats that count may change their order. O for 0 and I for 1 are "
            "no errors here.</p><div class=gallery>"
        )
        parts += [wrong_read(read, guesser) for read in shown]
        parts.append("</div>")
    return parts


def _scores(scores: Mapping[str, Score]) -> str:
    rows = []
    for name, score in scores.items():
        low, high = score.interval()
        rows.append(
            f"<td>{escape(name)}<td class=n>{score.plates}<td class=n>{percent(score.plate_accuracy)}"
            f"<td class=bars><span class=bar style='width:{score.plate_accuracy * 120:.0f}px'></span>"
            f"<td class=n>{100 * low:.1f} - {100 * high:.1f}<td class=n>{percent(score.plate_accuracy_folded)}"
            f"<td class=n>{percent(score.character_accuracy)}"
        )
    heads = (
        "<th><th class=n>crops<th class=n>plate accuracy<th class=bars><th class=n>95 % interval"
        "<th class=n>O = 0, I = 1<th class=n>character accuracy"
    )
    return table(heads, rows)
