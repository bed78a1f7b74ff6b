"""`plate-ocr evaluate`."""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import comma_names, decoding_options, detector_option, language_settings
from plate_ocr.cli.scenes import show_scenes

if TYPE_CHECKING:
    from plate_ocr.recognition.decoder import FormatMode


@click.command()
@click.argument("labels", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--split", default="", help="Only rows with this value in the column split (comma for several).")
@click.option(
    "--model", default="reader", show_default=True, help="A shipped model's name, or a training run's folder."
)
@click.option("--against", default="", help="Another model to set beside it, on the same crops, with a paired test.")
@click.option("--keras", "with_keras", is_flag=True, help="Read with the Keras file instead of the ONNX one.")
@click.option("--alone", is_flag=True, help="Leave out the companion that models trained on own crops have.")
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
    against: str,
    with_keras: bool,
    alone: bool,
    formats: FormatMode,
    region: str,
    one_look: bool,
    language: str,
    language_weight: float | None,
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
    _refuse_what_would_be_ignored(scenes)
    from plate_ocr.recognition.decoder import DecoderSettings

    splits = comma_names(split)
    decoding = DecoderSettings(
        formats=formats, regions=comma_names(region), **language_settings(language, language_weight)
    )
    if scenes:
        show_scenes(labels, splits, model, detector, decoding, not one_look, threads, json_file)
        return
    from rich.console import Console
    from rich.progress import track
    from rich.text import Text

    from plate_ocr.cli.scores import show_comparison, show_evaluation
    from plate_ocr.evaluation.candidates import guesses
    from plate_ocr.evaluation.evaluate import Read, group_by_split, read_crops
    from plate_ocr.evaluation.paired import compare_by_split
    from plate_ocr.evaluation.report import Against, names
    from plate_ocr.evaluation.report import report as make_report
    from plate_ocr.evaluation.selection import select
    from plate_ocr.labels import LabelError, read_labels
    from plate_ocr.recognition.recognizer import Recognizer

    rows = select(labels, splits, read_labels)
    unlabelled = sum(not row.text for row in rows)
    rows = [row for row in rows if row.text]
    if not rows:
        raise LabelError(f"{', '.join(map(str, labels))}: every label is empty, so there is nothing to compare with")
    if with_keras:
        from plate_ocr.cli import need_train_extra

        need_train_extra()
    if report and importlib.util.find_spec("matplotlib") is None:
        raise click.UsageError("--report draws with matplotlib; install it with: pip install 'plate-ocr[train]'")
    recognizers = [
        Recognizer(name, keras=with_keras, threads=threads, decoding=decoding, looks=not one_look, alone=alone)
        for name in filter(None, (model, against))
    ]
    console = Console()
    err = Console(stderr=True)

    def read_with(recognizer: Recognizer, name: str) -> list[Read]:
        crops = read_crops(recognizer, rows)
        quiet = not sys.stderr.isatty()
        reads = list(track(crops, f"reading crops with {name}", total=len(rows), console=err, disable=quiet))
        beside = ""
        if recognizer.companion:
            beside = f" and its companion, which reads {recognizer.companion.files.reads}"
        decoded, searched = recognizer.looked
        how = (
            f"{recognizer.kind} file of model {name}{beside}: {len(reads)} crops; formats {formats}, "
            f"{decoded / max(1, len(reads)):.2f} looks a crop, "
            f"{searched / max(1, decoded):.0%} of them decoded by the beam"
        )
        console.print(Text(how), soft_wrap=True)
        return reads

    reads = read_with(recognizers[0], model)
    looks = recognizers[0].looked[0] / max(1, len(reads))
    evaluations = group_by_split(reads)
    beside: Against | None = None
    if against:
        others = read_with(recognizers[1], against)
        beside = Against(against, group_by_split(others), compare_by_split(reads, others))
    for evaluation in evaluations:
        show_evaluation(console, evaluation)
    for comparison in beside.comparisons if beside else ():
        show_comparison(console, comparison, names(model, against))
    failed = [read for read in reads if read.message]
    for unread in failed[:10]:
        err.print(f"[yellow]{unread.label.origin}: {unread.message}[/yellow]", soft_wrap=True)
    if failed:
        err.print(f"{len(failed)} pictures could not be opened; each counts as a wrong read")
    if unlabelled:
        err.print(f"{unlabelled} rows without a text were left out")
    if report:
        html = make_report(
            evaluations, partial(guesses, recognizers[0]), model=model, command=_command(), against=beside
        )
        report.write_text(html, encoding="utf-8")
        console.print(Text(f"report: {report}"), soft_wrap=True)
    if json_file:
        data: dict[str, Any] = {
            "model": model,
            "file": recognizers[0].kind,
            "formats": formats,
            "looks": looks,
            "splits": [e.as_dict() for e in evaluations],
        }
        if beside:
            data["against"] = {
                "model": against,
                "splits": [e.as_dict() for e in beside.evaluations],
                "comparisons": [c.as_dict() for c in beside.comparisons],
            }
        json_file.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _refuse_what_would_be_ignored(scenes: bool) -> None:
    """Raises click.UsageError for a flag that --scenes, or its absence, leaves without effect."""
    only_crops = {
        "with_keras": "--keras compares readers",
        "alone": "--alone takes readings",
        "report": "--report draws readings",
        "against": "--against compares readers",
    }
    for name, says in only_crops.items() if scenes else ():
        if _given(name):
            raise click.UsageError(f"{says} of crops; leave it out with --scenes")
    context = click.get_current_context()
    if context.params["against"] == context.params["model"]:
        raise click.UsageError("--against names the same model as --model; give another one")
    if not scenes and _given("detector"):
        raise click.UsageError("--detector searches whole photos; give --scenes with it, or leave it out")


def _given(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def _command() -> str:
    """What was typed, but for the files to write."""
    context = click.get_current_context()
    words = ["plate-ocr", "evaluate"]
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in ("report", "json_file") or not _given(name):
            continue
        value = context.params[name]
        if isinstance(parameter, click.Argument):
            words += map(str, value)
        else:
            words += parameter.opts[:1] if value is True else [parameter.opts[0], str(value)]
    return shlex.join(words)
