"""`plate-ocr language`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from plate_ocr.cli import fails_cleanly, need_train_extra
from plate_ocr.cli.options import cell_option, read_texts


@click.group()
def language() -> None:
    """A character language model (Char-RNN) of plate texts: train it, draw texts from it, fill gaps with it."""


@language.command()
@click.argument("plates", type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the run."
)
@cell_option
@click.option("--units", type=int, default=96, show_default=True)
@click.option("--epochs", type=int, default=20, show_default=True)
@click.option("--learning-rate", type=float, default=3e-3, show_default=True)
@click.option("--clip-norm", type=float, default=1.0, show_default=True, help="0 leaves the gradients.")
@click.option("--seed", type=int, default=1, show_default=True)
@fails_cleanly
def train(plates: Path, output: Path, cell: str | None, **settings: Any) -> None:
    """Learn from PLATES: a text file with a plate a line, or a label table (CSV)."""
    need_train_extra()
    from plate_ocr.training.language import LanguageConfig, train_language

    texts = read_texts(plates)
    config = LanguageConfig(cell=cell or "lstm", **settings)
    perplexity = train_language(texts, output, config, say=click.echo)
    click.echo(f"{output}: held-out texts have a perplexity of {perplexity:.2f} a character")


@language.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1))
@click.option("--temperature", default=1.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--seed", default=0, show_default=True)
@fails_cleanly
def sample(model: Path, count: int, temperature: float, seed: int) -> None:
    """Draw texts from MODEL, like those that it learned from."""
    from plate_ocr.recognition.language import LanguageModel

    for text in LanguageModel(model).sample(count, temperature=temperature, seed=seed):
        click.echo(text)


@language.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("pattern")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1))
@fails_cleanly
def complete(model: Path, pattern: str, count: int) -> None:
    """Rank what PATTERN can stand for after MODEL: 12가3?5?, with ? for a character that could not be read."""
    from plate_ocr.recognition.language import LanguageModel

    try:
        found = LanguageModel(model).complete(pattern, most=count)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    for text, share in found:
        click.echo(f"{text}  {share:.1%}")
