"""`plate-ocr evaluate`."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names, decoding_options, detector_option
from plate_ocr.cli.scenes import show_scenes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from plate_ocr.evaluation.evaluate import Evaluation
    from plate_ocr.evaluation.metrics import Score
    from plate_ocr.recognition.decoder import FormatMode


@click.command()
@click.argument("labels", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--split", default="", help="Only rows with this value in the column split (comma for several).")
@click.option(
    "--model", default="reader", show_default=True, help="A shipped model's name, or a training run's folder."
)
@click.option("--keras", "with_keras", is_flag=True, help="Read with the Keras file instead of the ONNX one.")
@decoding_options
@click.option("--scenes", is_flag=True, help="LABELS are whole photos: find their plates, too.")
@detector_option
@click.option("--threads", default=0, help="Threads of ONNX Runtime; 0: as many as cores.")
@click.option("--report", type=click.Path(path_type=Path), help="Write a page with charts and the errors as pictures.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all scores to this file.")
@fails_cleanly
def evaluate(
    labels: tuple[Path, ...],
    split: str,
    model: str,
    with_keras: bool,
    formats: FormatMode,
    region: str,
    one_look: bool,
    scenes: bool,
    detector: str,
    threads: int,
    report: Path | None,
    json_file: Path | None,
) -> None:
    """Read the crops of LABELS (CSV: image_path,plate_text[,region,split,lines]) and compare with their texts.

    Plate accuracy counts a plate when every character is right; CER is the edit distance over the label's length.
    Folded scores take O for 0 and I for 1, which label sets do not agree about. Each split has tables of its own, so
    that real crops and drawn ones (split synthetic) stay apart. Lines are the table's column `lines` or, without it,
    those of the reading; the height of characters is estimated from the crop's.

    With --scenes, LABELS are whole photos (CSV: image_path[,plate_text,region,x1,y1 to x4,y4,split], a row a plate; a
    photo with neither text nor corners shows none), and it is said how many plates are found, and read.
    """
    if scenes:
        if with_keras:
            raise click.UsageError("--keras compares readers on crops; leave it out with --scenes")
        decoding = {"formats": formats, "regions": comma_names(region)}
        show_scenes(labels, split, model, detector, decoding, not one_look, threads, json_file)
        return
    from rich.console import Console
    from rich.progress import track

    from plate_ocr.evaluation.evaluate import group_by_split, read_crops
    from plate_ocr.labels import LabelError, read_labels
    from plate_ocr.recognition.decoder import DecoderSettings
    from plate_ocr.recognition.recognizer import Recognizer

    splits = comma_names(split) or None
    rows = [row for table in labels for row in read_labels(table, splits)]
    unlabelled = sum(not row.text for row in rows)
    rows = [row for row in rows if row.text]
    if not rows:
        raise LabelError(f"{', '.join(map(str, labels))}: every label is empty, so there is nothing to compare with")
    if with_keras:
        from plate_ocr.cli import need_train_extra

        need_train_extra()
    if report and importlib.util.find_spec("matplotlib") is None:
        raise click.UsageError("--report draws with matplotlib; install it with: pip install 'plate-ocr[train]'")
    recognizer = Recognizer(
        model,
        keras=with_keras,
        threads=threads,
        decoding=DecoderSettings(formats=formats, regions=comma_names(region)),
        looks=not one_look,
    )
    console = Console()
    err = Console(stderr=True)
    reads = list(
        track(
            read_crops(recognizer, rows), "reading crops", total=len(rows), console=err, disable=not sys.stderr.isatty()
        )
    )
    evaluations = group_by_split(reads)
    decoder = recognizer.decoder
    console.print(
        f"{recognizer.kind} file of model {model}: {len(reads)} crops; formats {formats}, "
        f"{decoder.decoded / max(1, len(reads)):.2f} looks a crop, {decoder.searched / max(1, decoder.decoded):.0%} of "
        "them decoded by the beam"
    )
    for evaluation in evaluations:
        _show(console, evaluation)
    failed = [read for read in reads if read.message]
    for read in failed[:10]:
        err.print(f"[yellow]{read.label.origin}: {read.message}[/yellow]", soft_wrap=True)
    if failed:
        err.print(f"{len(failed)} pictures could not be opened; each counts as a wrong read")
    if unlabelled:
        err.print(f"{unlabelled} rows without a text were left out")
    if report:
        from plate_ocr.evaluation.report import report as make_report

        command = f"plate-ocr evaluate {' '.join(map(str, labels))}{f' --split {split}' if split else ''}"
        report.write_text(make_report(evaluations, model=str(model), command=command), encoding="utf-8")
        console.print(f"report: {report}", soft_wrap=True)
    if json_file:
        data = {
            "model": str(model),
            "file": recognizer.kind,
            "formats": formats,
            "looks": decoder.decoded / max(1, len(reads)),
            "splits": [e.as_dict() for e in evaluations],
        }
        json_file.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _show(console: Console, evaluation: Evaluation) -> None:
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
    trust = evaluation.calibration
    console.print(
        f"confidence: calibration error {100 * trust.ece:.1f} points (15 bins), Brier score {trust.brier:.3f}"
    )
    for rate, (least, kept) in trust.thresholds.items():
        console.print(f"  at most {rate:.1%} of plates wrong above {least:.3f}: {kept:.0%} of crops are above it")
    pairs = ", ".join(f"{t or 'nothing'} as {r or 'nothing'} {n}x" for t, r, n in evaluation.confusions())
    console.print(f"commonest confusions: {pairs or 'none'}")
    worst = evaluation.worst()
    if worst:
        console.print("most confident wrong reads:")
        for read in worst:
            console.print(
                f"  {read.label.text} read as {read.text or 'nothing'} ({read.confidence:.0%}) {read.label.path.name}"
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
