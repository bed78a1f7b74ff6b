"""`plate-ocr dataset`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from plate_ocr.cli import fails_cleanly, need_train_extra
from plate_ocr.cli.dataset_find import find
from plate_ocr.cli.dataset_import import import_
from plate_ocr.cli.dataset_label import label
from plate_ocr.cli.dataset_tables import show_alphabet, show_findings, show_split, show_statistics, tracked, write_utf8
from plate_ocr.cli.options import comma_names, run_settings

CHARTS = (".png", ".jpg", ".jpeg", ".svg", ".pdf")
SHEETS = (".png", ".jpg", ".jpeg")


@click.group()
def dataset() -> None:
    """Labels of your own: take them over from elsewhere, check, count, split and complete them, see crops augmented."""


@dataset.command(short_help="Find what a training would stumble over, or learn wrong.")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--model", help="Also read the crops with this reader, and list labels that it contradicts.")
@click.option(
    "--sure",
    default=0.9,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="The least confidence of such a reading.",
)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="HTML page to review these labels on.")
@click.option("--alphabet", help="The characters to be learned, as train takes them: '+ÄÖ', 'labels', or all.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, allow_dash=True), help="Write all findings; -: here."
)
@click.option(
    "--most", default=20, show_default=True, type=click.IntRange(1), help="Findings of a kind that are listed."
)
@fails_cleanly
def check(
    table: Path,
    model: str | None,
    sure: float,
    page: Path | None,
    alphabet: str | None,
    json_file: Path | None,
    most: int,
) -> None:
    """Look for what a training would stumble over, or learn wrong, in TABLE.

    TABLE is a CSV: image_path,plate_text[,region,split]. Found are pictures that are missing, cannot be opened, or
    stand there twice or nearly; texts with characters that the reader lacks, or that do not fit it; plates in training
    rows and in held-out ones; texts that are no plate of their region. Ends with exit code 1 if there are errors;
    warnings alone are none.
    """
    if page and not model:
        raise click.UsageError(
            "--page shows what a reader contradicts: give --model with it, for instance --model reader"
        )
    from functools import partial

    from plate_ocr.dataset.report import Checked, check_table
    from plate_ocr.dataset.suspicious import contradicted, review_page
    from plate_ocr.evaluation.candidates import guesses
    from plate_ocr.evaluation.evaluate import read_crops
    from plate_ocr.recognition.recognizer import Recognizer

    write_utf8()
    to_stdout = json_file is not None and str(json_file) == "-"
    checked: Checked = check_table(table, model or "reader", alphabet, partial(tracked, "opening pictures"))
    if model:
        recognizer = Recognizer(model)
        rows = checked.readable
        reads = contradicted(tracked("reading crops", read_crops(recognizer, rows), len(rows)), sure)
        checked = checked.with_reads(reads)
        if page:
            html = review_page(table.name, reads, checked.twins, partial(guesses, recognizer), model=model)
            page.write_text(html, encoding="utf-8")
    show_findings(checked, most=most, err=to_stdout)
    show_alphabet(checked, err=to_stdout)
    if page:
        click.echo(f"page: {page}", err=to_stdout)
    if json_file:
        text = json.dumps(checked.as_dict(), ensure_ascii=False, indent=1) + "\n"
        if to_stdout:
            click.echo(text, nl=False)
        else:
            json_file.write_text(text, encoding="utf-8")
    if checked.errors:
        sys.exit(1)


@dataset.command(short_help="Count characters, lengths, sizes, regions, formats and splits.")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--split", default="", help="Only rows with this value in the column split (comma for several).")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw it: .png, .jpg, .svg or .pdf.")
@fails_cleanly
def stats(table: Path, split: str, picture: Path | None) -> None:
    """Count what TABLE holds: characters, lengths, sizes of pictures, regions and formats, splits."""
    import importlib.util

    from plate_ocr.dataset.check import all_formats
    from plate_ocr.dataset.pictures import open_pictures
    from plate_ocr.dataset.stats import count
    from plate_ocr.labels import read_labels
    from plate_ocr.recognition.alphabet import Alphabet

    if picture and picture.suffix.lower() not in CHARTS:
        raise click.UsageError(f"--picture {picture}: its suffix has to be one of {', '.join(CHARTS)}")
    if picture and importlib.util.find_spec("matplotlib") is None:
        raise click.UsageError("--picture draws with matplotlib; install it with: pip install 'plate-ocr[train]'")
    write_utf8()
    labels = read_labels(table, comma_names(split) or None)
    pictures = list(tracked("opening pictures", open_pictures(labels), len(labels)))
    alphabet = Alphabet.default()
    statistics = count(labels, pictures, all_formats(alphabet))
    show_statistics(statistics, alphabet)
    if picture:
        from plate_ocr.dataset.charts import draw

        draw(statistics, picture, title=table.name)
        click.echo(f"picture: {picture}")


@dataset.command(short_help="Part rows into train and dev, no plate in both.")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Table to write.")
@click.option(
    "--dev",
    "share",
    default=0.15,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the rows to score on.",
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="The same seed splits alike.")
@click.option("--force", is_flag=True, help="Replace --output if it exists.")
@fails_cleanly
def split(table: Path, output: Path, share: float, seed: int, force: bool) -> None:
    """Write TABLE with the column split: train or dev. No plate stands in both, and each region is split alike."""
    from plate_ocr.dataset.split import split_table
    from plate_ocr.dataset.table import move_rows, read_table, refuse_to_overwrite, write_table

    write_utf8()
    refuse_to_overwrite(output, force=force)
    found = read_table(table)
    rows = move_rows(split_table(found, share=share, seed=seed), table.parent, output.parent)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_table(output, dict.fromkeys((*found.columns, "split")), rows)
    show_split(rows, replaced="split" in found.columns)
    click.echo(f"table: {output}")


@dataset.command(short_help="Draw crops as a training would see them.")
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Picture to write."
)
@click.option("--preset", default="", help="Settings for a purpose, as for train: small.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Settings as JSON, as for train.")
@click.option("--split", default="", help="Only rows with this value in the column split (comma for several).")
@click.option("--synthetic", type=click.FloatRange(0, 1), help="Share of drawn plates in the batch.")
@click.option("--regions", default="", help="Regions to draw, with weights if wished: kr:3,eu,us. Default: all.")
@click.option("--alphabet", help="The characters to be learned, as for train.")
@click.option("-n", "crops", default=8, show_default=True, type=click.IntRange(1, 100), help="Crops to show augmented.")
@click.option("--seed", type=click.IntRange(0), help="The same seed shows the same.")
@fails_cleanly
def preview(table: Path, output: Path, preset: str, config_file: Path | None, crops: int, **flags: Any) -> None:
    """Draw a sheet of crops of TABLE as `train` would see them with the same settings."""
    if output.suffix.lower() not in SHEETS:
        raise click.UsageError(f"--output {output}: its suffix has to be one of {', '.join(SHEETS)}")
    need_train_extra()
    from plate_ocr.training.preview import draw_samples, save_picture
    from plate_ocr.training.settings import reader_config

    config = reader_config(output, config_file, run_settings(labels=(table,), **flags), preset=preset)
    save_picture(draw_samples(config, crops=crops), output)
    click.echo(f"sheet: {output}")


dataset.add_command(find)
dataset.add_command(import_)
dataset.add_command(label)
