"""Tables that `plate-ocr evaluate` prints of crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from plate_ocr.evaluation.evaluate import Evaluation
    from plate_ocr.evaluation.metrics import Score
    from plate_ocr.evaluation.paired import Comparison, Contrast, Pair

MOST = 10
"""Crops that are listed; --report and --json have more."""


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print all scores of one split."""
    from plate_ocr.evaluation.metrics import macro

    title = f"split {evaluation.split}" if evaluation.split else "all rows"
    table = _table(title, "source")
    by_source = evaluation.by_source
    _add(table, by_source)
    table.add_section()
    plate, folded, character = macro(list(by_source.values()))
    table.add_row(
        "macro over sources", "", _percent(plate), "", _percent(folded), _percent(character), f"{1 - character:.3f}"
    )
    _add(table, {"all crops": evaluation.overall})
    console.print(table)
    regions = _table(f"{title}, by region", "region")
    by_region = evaluation.by_region
    _add(regions, by_region)
    regions.add_section()
    plate, folded, character = macro(list(by_region.values()))
    regions.add_row(
        "macro over regions", "", _percent(plate), "", _percent(folded), _percent(character), f"{1 - character:.3f}"
    )
    console.print(regions)
    groups = _table(f"{title}, by lines and size", "plates of")
    _add(groups, evaluation.by_lines)
    groups.add_section()
    _add(groups, evaluation.by_size)
    console.print(groups)
    _show_naming(console, evaluation)
    trust = evaluation.calibration
    console.print(
        f"confidence: calibration error {100 * trust.ece:.1f} points (15 bins), Brier score {trust.brier:.3f}"
    )
    for rate, (least, kept) in trust.thresholds.items():
        console.print(f"  at most {rate:.1%} of plates wrong above {least:.3f}: {kept:.0%} of crops are above it")
    pairs = ", ".join(f"{t or 'nothing'} as {r or 'nothing'} {n}x" for t, r, n in evaluation.confusions())
    console.print(f"commonest confusions: {pairs or 'none'}")
    worst = evaluation.worst(MOST)
    if worst:
        console.print("most confident wrong reads:")
        for read in worst:
            console.print(
                f"  {read.label.text} read as {read.text or 'nothing'} ({read.confidence:.0%}) {read.label.path.name}"
            )


def _show_naming(console: Console, evaluation: Evaluation) -> None:
    naming = evaluation.naming
    if not naming:
        return
    everywhere = naming.pop("")
    right, wrong, unnamed = everywhere.shares()
    console.print(
        f"region of {everywhere.plates} plates named: right {right:.1%}, wrong {wrong:.1%}, not named {unnamed:.1%} ("
        + ", ".join(f"{code} {n.shares()[0]:.1%} right" for code, n in naming.items())
        + f"); the likeliest is right of {evaluation.likeliest.shares()[0]:.1%}",
        soft_wrap=True,
    )


def show_comparison(console: Console, comparison: Comparison, names: tuple[str, str]) -> None:
    """Print two models, called `names`, beside each other on the crops of one split."""
    from rich.table import Table

    one, other = names
    title = f"split {comparison.split}" if comparison.split else "all rows"
    table = Table(title=f"{title}: {one} against {other}", title_justify="left")
    table.add_column("region")
    for name in ("crops", one, other, "points", f"only {one} right", f"only {other} right", "p"):
        table.add_column(name, justify="right")
    for region, contrast in comparison.by_region.items():
        table.add_row(region, *_contrast(contrast))
    table.add_section()
    table.add_row("all crops", *_contrast(comparison.overall))
    console.print(table)
    console.print("p: McNemar's exact test; how often so uneven a count comes about where both are equally good")
    _list(console, comparison.only_one, f"only {one} reads")
    _list(console, comparison.only_other, f"only {other} reads")


def _contrast(contrast: Contrast) -> list[str]:
    from plate_ocr.evaluation.paired import p_text

    return [
        str(contrast.one.plates),
        _percent(contrast.one.plate_accuracy),
        _percent(contrast.other.plate_accuracy),
        f"{100 * contrast.difference:+.1f}",
        str(contrast.only_one),
        str(contrast.only_other),
        p_text(contrast.p_value).removeprefix("= "),
    ]


def _list(console: Console, pairs: Sequence[Pair], says: str) -> None:
    if not pairs:
        return
    rest = f", {MOST} of them" if len(pairs) > MOST else ""
    console.print(f"{says} {len(pairs)} crops right{rest}:")
    for pair in pairs[:MOST]:
        wrong = pair.other if pair.one.right else pair.one
        console.print(
            f"  {wrong.label.text}, by the other read as {wrong.text or 'nothing'} ({wrong.confidence:.0%}) "
            f"{wrong.label.path.name}"
        )


def _table(title: str, group: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column(group)
    for name in ("crops", "plate accuracy", "95 % interval", "folded", "character accuracy", "CER"):
        table.add_column(name, justify="right")
    return table


def _add(table: Table, scores: Mapping[str, Score]) -> None:
    for name, value in scores.items():
        low, high = value.interval()
        table.add_row(
            name,
            str(value.plates),
            _percent(value.plate_accuracy),
            f"{100 * low:.1f} - {100 * high:.1f}",
            _percent(value.plate_accuracy_folded),
            _percent(value.character_accuracy),
            f"{value.cer:.3f}",
        )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
