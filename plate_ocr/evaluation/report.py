"""An evaluation as one page: scores, how far confidences can be trusted, and the errors to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from rapidfuzz.distance import Levenshtein

from plate_ocr.evaluation import charts
from plate_ocr.evaluation.evaluate import Evaluation, Read
from plate_ocr.evaluation.metrics import Score, macro
from plate_ocr.evaluation.page import figure, page, percent
from plate_ocr.photos import PhotoError, load

GALLERY = 60
"""Wrong readings that are shown of each split, the most confident ones first."""


def report(evaluations: Sequence[Evaluation], *, model: str, command: str) -> str:
    """An HTML page on all splits. `command` is what printed it."""
    parts = [
        f"<h1>Plates read by {escape(model)}</h1>",
        f"<p class=note>{escape(command)}</p>",
        _overview(evaluations),
        "<h2>How far a confidence can be trusted</h2>",
        "<div class=charts>",
        f"<figure>{charts.reliability(evaluations)}<figcaption>readings of a confidence, and how many of them were "
        "right; on the dashed line both agree</figcaption></figure>",
        f"<figure>{charts.risk_coverage(evaluations)}<figcaption>with the least sure readings put aside, how many of "
        "those that stay are wrong; dotted: 0.5 and 1 %</figcaption></figure>",
        "</div>",
        _trust(evaluations),
    ]
    for evaluation in evaluations:
        parts += _split(evaluation)
    return page(f"Plates read by {model}", parts)


def _overview(evaluations: Sequence[Evaluation]) -> str:
    rows = ""
    for evaluation in evaluations:
        plate, folded, character = macro(list(evaluation.by_source.values()))
        rows += (
            f"<tr><td>{escape(evaluation.split or 'all rows')}<td class=n>{len(evaluation.reads)}<td class=n>"
            f"<b>{percent(plate)}</b><td class=n>{percent(folded)}<td class=n>{percent(character)}</tr>"
        )
    return (
        "<table><tr><th>split<th class=n>crops<th class=n>plate accuracy<th class=n>O = 0, I = 1<th class=n>character "
        f"accuracy</tr>{rows}</table><p class=note>Means over sources of equal weight.</p>"
    )


def _trust(evaluations: Sequence[Evaluation]) -> str:
    rows = ""
    for evaluation in evaluations:
        trust = evaluation.calibration
        cells = "".join(
            f"<td class=n>{least:.3f}<td class=n>{percent(kept)}" for least, kept in trust.thresholds.values()
        )
        rows += (
            f"<tr><td>{escape(evaluation.split or 'all rows')}<td class=n>{100 * trust.ece:.1f}"
            f"<td class=n>{trust.brier:.3f}{cells}</tr>"
        )
    heads = "".join(
        f"<th class=n>≤ {100 * rate:g} % wrong above<th class=n>which keeps"
        for rate in evaluations[0].calibration.thresholds
    )
    return f"<table><tr><th>split<th class=n>calibration error, points<th class=n>Brier score{heads}</tr>{rows}</table>"


def _split(evaluation: Evaluation) -> list[str]:
    name = escape(evaluation.split or "all rows")
    parts = [f"<h2>{name}</h2>"]
    for title, scores in (
        ("source", evaluation.by_source),
        ("region", evaluation.by_region),
        ("lines and size", {**evaluation.by_lines, **evaluation.by_size}),
    ):
        parts.append(f"<h3>By {title}</h3>{_scores(scores)}")
    parts += [
        "<div class=charts>",
        f"<figure>{charts.confusion_matrix(evaluation)}<figcaption>characters confused most; – is a character missed "
        "or invented</figcaption></figure>",
        f"<figure>{charts.by_position(evaluation)}<figcaption>where in the text the errors are</figcaption></figure>",
        "</div>",
    ]
    wrong = evaluation.worst(GALLERY)
    parts.append(f"<h3>{len(wrong)} wrong readings, the most confident first</h3><div class=gallery>")
    parts += [_wrong(read) for read in wrong]
    parts.append("</div>")
    return parts


def _scores(scores: Mapping[str, Score]) -> str:
    rows = ""
    for name, score in scores.items():
        low, high = score.interval()
        rows += (
            f"<tr><td>{escape(name)}<td class=n>{score.plates}<td class=n>{percent(score.plate_accuracy)}"
            f"<td><span class=bar style='width:{score.plate_accuracy * 120:.0f}px'></span>"
            f"<td class=n>{100 * low:.1f} - {100 * high:.1f}<td class=n>{percent(score.plate_accuracy_folded)}"
            f"<td class=n>{percent(score.character_accuracy)}</tr>"
        )
    return (
        "<div class=wide><table><tr><th><th class=n>crops<th class=n>plate accuracy<th><th class=n>95 % interval"
        f"<th class=n>O = 0, I = 1<th class=n>character accuracy</tr>{rows}</table></div>"
    )


def _wrong(read: Read) -> str:
    caption = (
        f"{_marked(read.label.text, read.text)}<br>label {escape(read.label.text)}, {percent(read.confidence)}<br>"
        f"<span class=note>{escape(read.label.source)}/{escape(read.label.path.name)}</span>"
    )
    try:
        return figure(load(read.label.path), caption, largest=320)
    except PhotoError as error:
        return f"<figure><figcaption>{caption}<br>{escape(str(error))}</figcaption></figure>"


def _marked(label: str, text: str) -> str:
    """The reading, with what is not in the label marked; a caret where something was missed."""
    out, pieces = "", Levenshtein.opcodes(label, text)
    for piece in pieces:
        said = escape(text[piece.dest_start : piece.dest_end])
        out += said if piece.tag == "equal" else f"<mark>{said or '‸'}</mark>"
    return f"<b>{out or '(nothing)'}</b>"
