"""`plate-ocr dataset import`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.dataset_tables import show_import, tracked, write_utf8

# As in dataset.imports, which is not imported for --help.
KINDS = ("names", "ccpd", "csv", "paddle", "doctr", "txt")


@click.command("import", short_help="Make a label table of what others keep differently.")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Table to write.")
@click.option("--pattern", help="names: regular expression for the name without suffix, with a group (?P<text>…).")
@click.option(
    "--column", multiple=True, metavar="OURS=THEIRS", help="csv: what image, text, region or split is called."
)
@click.option("--encoding", help="csv, paddle, doctr, txt: of the text, cp949 for instance.  [default: utf-8]")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="csv, paddle, doctr: folder that the paths count from.",
)
@click.option("--region", default="", help="The region of all rows, KR for instance.")
@click.option("--split", "split_name", default="", help="The split of all rows.")
@click.option("--force", is_flag=True, help="Replace --output if it exists.")
@fails_cleanly
def import_(
    kind: str,
    source: Path,
    output: Path,
    pattern: str | None,
    column: tuple[str, ...],
    encoding: str | None,
    pictures: Path | None,
    region: str,
    split_name: str,
    force: bool,
) -> None:
    """Make a label table of SOURCE. What cannot become a row is counted, and listed in a table beside --output.

    \b
    names   a folder of pictures, the text in the name before _ or (: 12가3456_1.jpg
    ccpd    a folder of photos named as in CCPD; their plates are cut out, into a folder beside --output
    csv     a table with other columns, parted by comma, semicolon or tab
    paddle  a list for PaddleOCR's recognition: path, tab, text
    doctr   docTR's labels.json, with the pictures beside it or in images/
    txt     a folder with a text file beside each picture: a.txt or a.gt.txt for a.jpg

    Of folders, pictures below one named train, dev, val, valid, validation or test get that split.
    """
    _refuse_what_would_be_ignored(kind, pattern=pattern, column=column, encoding=encoding, pictures=pictures)
    from plate_ocr.dataset.entries import NAME_PATTERN, Options
    from plate_ocr.dataset.imports import KINDS as SOURCES
    from plate_ocr.dataset.imports import cut_out, import_labels, write_labels, write_left_out
    from plate_ocr.dataset.table import refuse_to_overwrite

    write_utf8()
    left_out, crops = output.with_name(f"{output.stem}_left_out.csv"), output.with_name(f"{output.stem}_crops")
    if kind == "ccpd" and crops.resolve().is_relative_to(source.resolve()):
        raise click.UsageError(
            f"the crops would lie in {source} and be taken for photos next time; move --output out of it"
        )
    for path in (output, left_out, *([crops] if kind == "ccpd" else [])):
        refuse_to_overwrite(path, force=force)
    options = Options(pattern or NAME_PATTERN, _columns(column), pictures, encoding or "utf-8-sig")
    imported = import_labels(SOURCES[kind](source, options), region=region, split=split_name)
    if kind == "ccpd":
        imported = imported.then(tracked("cutting plates out", cut_out(imported.entries, crops), len(imported.entries)))
    output.parent.mkdir(parents=True, exist_ok=True)
    left_out.unlink(missing_ok=True)
    if imported.left_out:
        write_left_out(imported.left_out, left_out)
    if imported.entries:
        write_labels(imported.entries, output)
    show_import(imported, left_out)
    if not imported.entries:
        click.echo(f"plate-ocr: {source}: nothing in it can become a row, so {output} was not written", err=True)
        sys.exit(1)
    click.echo(f"table: {output}")


def _refuse_what_would_be_ignored(kind: str, **given: object) -> None:
    """Raises click.UsageError for an option that this kind of source does not know."""
    takes = {
        "pattern": ("names",),
        "column": ("csv",),
        "encoding": ("csv", "paddle", "doctr", "txt"),
        "pictures": ("csv", "paddle", "doctr"),
    }
    for name, value in given.items():
        if value and kind not in takes[name]:
            raise click.UsageError(f"--{name} is for {', '.join(takes[name])}; leave it out with {kind}")


def _columns(given: Iterable[str]) -> dict[str, str]:
    """`text=plate` as {"text": "plate"}. Raises click.BadParameter for what is not of that form."""
    columns = {}
    for pair in given:
        ours, equals, theirs = pair.partition("=")
        if ours not in ("image", "text", "region", "split") or not equals or not theirs:
            raise click.BadParameter(
                f"{pair!r} is not image=NAME, text=NAME, region=NAME or split=NAME", param_hint="--column"
            )
        columns[ours] = theirs
    return columns
