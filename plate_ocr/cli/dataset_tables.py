"""What `plate-ocr dataset` prints."""

from __future__ import annotations

import io
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from plate_ocr.dataset.findings import Finding
    from plate_ocr.dataset.imports import Imported
    from plate_ocr.dataset.report import Checked
    from plate_ocr.dataset.stats import Statistics
    from plate_ocr.recognition.alphabet import Alphabet

Item = TypeVar("Item")

SHOWN = 10
"""Rows that were left out, or odd texts, that are listed."""


def show_findings(checked: Checked, *, most: int, err: bool) -> None:
    """Print the findings by kind, `most` of each, and how many there are."""
    for kind, found in checked.by_kind.items():
        click.echo(f"{kind.severity}: {kind.title}: {len(found)}; {kind.remedy}", err=err)
        for finding in found[:most]:
            click.echo(f"  {_line(checked, finding)}", err=err)
        if len(found) > most:
            click.echo(f"  … and {len(found) - most} more; --most or --json shows all", err=err)
    copies = sum(len(group.pictures) - 1 for group in checked.twins)
    click.echo(
        f"{len(checked.labels)} rows: {times(checked.errors, 'error')}, {times(checked.warnings, 'warning')}; "
        f"{copies} of the pictures repeat another one, or nearly",
        err=err,
    )


def show_alphabet(checked: Checked, *, err: bool) -> None:
    """Print the command that learns all characters of the table, where the alphabet lacks some."""
    if checked.wider == checked.alphabet:
        return
    splits = {label.split for label in checked.labels}
    rows = " --split train --dev-split dev" if splits >= {"train", "dev"} else ""
    start = f" --from {shlex.quote(checked.model)}" if checked.model != "reader" else ""
    wider = checked.wider.characters
    if checked.alphabet == checked.known:
        wider = "+" + wider.removeprefix(checked.known.characters)
    click.echo(
        f"to learn these characters, too:\n  plate-ocr train {shlex.quote(str(checked.table))} --output runs/mine "
        f"--preset small{start}{rows} --alphabet {shlex.quote(wider)}",
        err=err,
    )


def show_statistics(statistics: Statistics, alphabet: Alphabet) -> None:
    """Print tables of what a label table holds."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from plate_ocr.dataset.stats import RARE, Spread

    console = Console()
    console.print(
        f"{statistics.rows} rows, {statistics.plates} different plates; {statistics.unlabelled} rows without a text, "
        f"{statistics.unreadable} pictures that cannot be opened",
        soft_wrap=True,
    )
    splits = sorted({split for _, split in statistics.places})
    table = Table("region", title="rows", title_justify="left")
    for split in splits:
        table.add_column(Text(split or "no split"), justify="right")
    table.add_column("all", justify="right")
    for region in sorted({region for region, _ in statistics.places}):
        counts = [statistics.places[region, split] for split in splits]
        table.add_row(Text(region or "-"), *map(str, counts), str(sum(counts)))
    console.print(table)

    table = _counts("characters", "times", title="characters, the commonest first")
    groups: dict[int, list[str]] = {}
    for character, n in sorted(statistics.characters.items(), key=lambda item: (-item[1], item[0])):
        groups.setdefault(n, []).append(character)
    for n, characters in groups.items():
        table.add_row(Text(" ".join(characters)), str(n))
    console.print(table)
    if statistics.rare:
        console.print(Text(f"{len(statistics.rare)} occur less than {RARE} times: {' '.join(statistics.rare)}"))
    if unknown := alphabet.unknown("".join(statistics.characters)):
        console.print(Text(f"{len(unknown)} are not in the default alphabet: {' '.join(unknown)}"))

    table = _counts("characters", "rows", title="lengths of the texts")
    for length, n in sorted(statistics.lengths.items()):
        table.add_row(str(length), str(n))
    console.print(table)

    if statistics.sizes:
        table = _counts("pixels", "least", "10 %", "middle", "90 %", "most", title="pictures")
        for name, values in (
            ("width", [size.width for size in statistics.sizes]),
            ("height", [size.height for size in statistics.sizes]),
            ("width / height", [size.width / size.height for size in statistics.sizes]),
        ):
            spread = Spread.of(values)
            shown = (spread.least, spread.low, spread.middle, spread.high, spread.most)
            table.add_row(name, *(f"{value:.1f}" if "/" in name else f"{value:.0f}" for value in shown))
        console.print(table)

    table = _counts("format of", "fit", "fit no other", title="texts that fit a region's formats")
    for region, n in statistics.fits.most_common():
        table.add_row(region, str(n), str(statistics.fits_alone[region]))
    console.print(table)
    if statistics.unfit:
        more = f" … and {len(statistics.unfit) - SHOWN} more" if len(statistics.unfit) > SHOWN else ""
        shown_texts = ", ".join(statistics.unfit[:SHOWN])
        console.print(Text(f"{len(statistics.unfit)} different texts fit no known format: {shown_texts}{more}"))


def show_split(rows: Sequence[Mapping[str, str]], *, replaced: bool) -> None:
    """Print how many rows and plates of each region went where."""
    from rich.console import Console
    from rich.text import Text

    counts = Counter((row.get("region", ""), row["split"]) for row in rows)
    table = _counts("region", "train", "dev", "share of dev")
    regions = sorted({region for region, _ in counts})
    for region in regions:
        _add_split(table, Text(region or "-"), counts[region, "train"], counts[region, "dev"])
    if len(regions) > 1:
        table.add_section()
        every = Counter(row["split"] for row in rows)
        _add_split(table, Text("all rows"), every["train"], every["dev"])
    Console().print(table)
    if unlabelled := sum(not row["split"] for row in rows):
        click.echo(f"{times(unlabelled, 'row')} without a text: in no split", err=True)
    if replaced:
        click.echo("the column split that was there is replaced", err=True)


def show_import(imported: Imported, left_out: Path) -> None:
    """Print how many rows there are, and what was left out."""
    plates = len({entry.text for entry in imported.entries})
    click.echo(f"{times(len(imported.entries), 'row')} of {times(plates, 'plate')}")
    if not imported.left_out:
        return
    click.echo(f"{len(imported.left_out)} left out:", err=True)
    for item in imported.left_out[:SHOWN]:
        click.echo(f"  {item.origin}: {item.reason}", err=True)
    if len(imported.left_out) > SHOWN:
        click.echo(f"  … and {len(imported.left_out) - SHOWN} more", err=True)
    click.echo(f"all of them: {left_out}", err=True)


def tracked(what: str, items: Iterable[Item], total: int) -> Iterator[Item]:
    """The items, with a bar on a terminal and a line every ten seconds elsewhere."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(items, what, total=total, console=console, transient=True)
        return
    told = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - told > 10:
            told = time.monotonic()
            click.echo(f"{what}: {done} of {total}", err=True)


def write_utf8() -> None:
    """Hangul must come out whatever the locale."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _line(checked: Checked, finding: Finding) -> str:
    from plate_ocr.dataset.findings import name_in
    from plate_ocr.photos import printable

    folder = checked.table.parent
    rows = ", ".join(f"{row.origin} {printable(name_in(folder, row))}" for row in finding.rows)
    return f"{rows}: {finding.says}"


def times(number: int, what: str) -> str:
    """A number of things, in words."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _counts(name: str, *numbers: str, title: str | None = None) -> Table:
    """An empty table of names and their numbers."""
    from rich.table import Table

    table = Table(name, title=title, title_justify="left")
    for head in numbers:
        table.add_column(head, justify="right")
    return table


def _add_split(table: Table, name: Text, train: int, dev: int) -> None:
    table.add_row(name, str(train), str(dev), f"{dev / max(1, train + dev):.1%}")
