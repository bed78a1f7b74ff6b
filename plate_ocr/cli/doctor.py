"""`plate-ocr doctor`."""

from __future__ import annotations

import sys

import click


@click.command()
def doctor() -> None:
    """Show what is installed and whether it works: versions, conflicts, models, and a plate read.

    Ends with exit code 1 and what to do if something is wrong.
    """
    from rich.console import Console
    from rich.text import Text

    from plate_ocr.doctor import examine

    console = Console()
    advice = []
    for finding in examine():
        mark = Text("bad " if finding.advice else "ok  ", style="red" if finding.advice else "green")
        console.print(Text.assemble(mark, f"{finding.what}: {finding.found}"), soft_wrap=True)
        if finding.advice:
            advice.append(finding.advice)
    for line in dict.fromkeys(advice):
        console.print(Text(f"to do: {line}"), soft_wrap=True)
    sys.exit(1 if advice else 0)
