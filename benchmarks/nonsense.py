"""What the reader makes of crops in which no plate is: bumpers, grilles, walls, signs.

python benchmarks/nonsense.py SCENES/plate_free.csv SCENES/labels.csv --split dev
"""

from __future__ import annotations

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from plate_ocr.recognition.recognizer import Recognizer
from plate_ocr.training.nothing import Nothing


@click.command()
@click.argument("tables", nargs=-1, required=True)
@click.option("--split", default="dev", show_default=True, help="Photos with this value in the column split.")
@click.option("--crops", default=2000, show_default=True)
@click.option("--model", default="reader", show_default=True)
@click.option("--one-look", is_flag=True, help="Never look at a doubtful crop again.")
@click.option("--seed", default=1, show_default=True)
def main(tables: tuple[str, ...], split: str, crops: int, model: str, one_look: bool, seed: int) -> None:
    """Cut pieces out of the photos beside their plates, and print in how many something is read, and how surely."""
    cut = Nothing(tables, (split,))
    rng = np.random.default_rng(seed)
    reader = Recognizer(model, looks=not one_look)
    readings = [r for _ in range(0, crops, 40) for r in reader.read([cut.draw(rng) for _ in range(40)])]
    table = Table(title=f"{len(readings)} crops without a plate, split {split}", title_justify="left")
    table.add_column("read as")
    table.add_column("share", justify="right")
    two = [r for r in readings if len(r.text) >= 2]
    table.add_row("two characters or more", f"{len(two) / len(readings):.2%}")
    for least in (0.5, 0.8, 0.9, 0.95, 0.97, 0.99):
        sure = sum(r.confidence >= least for r in two)
        table.add_row(f"… with a confidence of {least} or more", f"{sure / len(readings):.2%}")
    Console().print(table)


if __name__ == "__main__":
    main()
