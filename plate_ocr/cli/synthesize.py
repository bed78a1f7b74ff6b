"""`plate-ocr synthesize`."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import read_texts, weighted_names

if TYPE_CHECKING:
    from plate_ocr.synthesis.region import Region
    from plate_ocr.synthesis.scenes import SyntheticScene
    from plate_ocr.synthesis.spelling import Spelled


@click.command()
@click.option(
    "--number",
    "-n",
    type=click.IntRange(1),
    show_default="100, or one of each text",
    help="Pictures to draw.",
)
@click.option(
    "--regions", default="", help="Regions, with weights if wished: kr:3,eu. Names or YAML files; default: all."
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, file_okay=False), help="Folder for pictures and labels.csv."
)
@click.option(
    "--texts",
    type=click.Path(path_type=Path),
    help="What the plates say, in turn: a text file with a plate a line, or a label table (CSV).",
)
@click.option("--preview", type=click.Path(path_type=Path, dir_okay=False), help="Draw one sheet of samples instead.")
@click.option("--scenes", is_flag=True, help="Whole photos instead of crops.")
@click.option("--strength", default=1.0, show_default=True, type=click.FloatRange(0), help="How bad the camera is.")
@click.option("--seed", default=1, show_default=True, help="The same seed draws the same pictures.")
@click.option(
    "--fonts",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with more fonts.",
)
@click.option(
    "--glyphs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with drawn characters.",
)
@fails_cleanly
def synthesize(
    number: int | None,
    regions: str,
    output: Path | None,
    texts: Path | None,
    preview: Path | None,
    scenes: bool,
    strength: float,
    seed: int,
    fonts: tuple[Path, ...],
    glyphs: tuple[Path, ...],
) -> None:
    """Draw labelled plates of regions, as a camera would have seen them.

    With --texts, each stands on a plate of a region whose formats it fits: texts of your own, or such as `language
    sample` draws after the model of some.
    """
    from rich.console import Console
    from rich.progress import track

    from plate_ocr.batch.annotate import save_jpeg
    from plate_ocr.synthesis.fonts import FontLibrary
    from plate_ocr.synthesis.generator import CropGenerator
    from plate_ocr.synthesis.preview import draw_sheet
    from plate_ocr.synthesis.region import load_regions
    from plate_ocr.synthesis.scenes import SceneGenerator

    if (output is None) == (preview is None):
        raise click.UsageError("give either --output for a folder or --preview for one sheet")
    if preview and texts:
        raise click.UsageError("--preview shows what the regions look like; --texts goes with --output")
    pairs = weighted_names(regions)
    chosen = load_regions([name for name, _ in pairs])
    weights = [weight for _, weight in pairs] or None
    library = FontLibrary(fonts, glyphs)
    if absent := library.lacking(font for region in chosen for font in region.fonts):
        click.echo(f"fonts not found, others are drawn in their place: {', '.join(absent)}", err=True)
    if preview is not None:
        save_jpeg(draw_sheet(chosen, library, seed=seed, strength=strength), preview)
        click.echo(f"{len(chosen)} regions on {preview}")
        return
    assert output is not None
    given = _spelled(texts, chosen, weights) if texts else []
    number = number or len(given) or 100
    table = output / "labels.csv"
    if table.exists():
        click.echo(f"plate-ocr: {table} exists already; choose another folder for --output", err=True)
        sys.exit(1)
    output.mkdir(parents=True, exist_ok=True)
    crops = CropGenerator(chosen, library, weights=weights, strength=strength, lines_px=64)
    photos = SceneGenerator(chosen, library, weights=weights)
    corners = [f"{axis}{i}" for i in range(1, 5) for axis in "xy"] if scenes else []
    turns = itertools.cycle(given) if given else None
    console = Console(stderr=True)
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image_path", "plate_text", "region", *(corners or ["lines"]), "split"])
        for i in track(range(number), "drawing", console=console, disable=not console.is_terminal):
            name = f"{i + 1:05d}.jpg"
            if scenes:
                scene = photos.draw([seed, i], texts=turns)
                save_jpeg(scene.picture, output / name, quality=80)
                writer.writerows(_scene_rows(name, scene))
            else:
                crop = crops.draw([seed, i], text=next(turns) if turns else None)
                save_jpeg(crop.picture, output / name)
                writer.writerow([name, crop.text, crop.region, crop.lines, "synthetic"])
    click.echo(f"{number} {'scenes' if scenes else 'crops'} and {table}")


def _spelled(texts: Path, regions: Sequence[Region], weights: Sequence[float] | None) -> list[Spelled]:
    from plate_ocr.synthesis.spelling import spell

    given = list(filter(None, read_texts(texts)))
    spelled, strange = spell(given, regions, weights)
    examples = ", ".join(strange[:5]) + (", …" if len(strange) > 5 else "")
    if not spelled:
        what = f"no text of it fits a plate of these regions: {examples}" if given else "it holds no text"
        raise click.UsageError(f"--texts {texts}: {what}")
    if strange:
        fit = f"{len(strange)} of {len(given)} texts fit no plate of these regions"
        click.echo(f"{texts}: {fit} and are left out: {examples}", err=True)
    return spelled


def _scene_rows(name: str, scene: SyntheticScene) -> list[list[Any]]:
    return [
        [name, p.text, p.region, *(round(v, 1) for point in p.corners.points for v in point), "synthetic"]
        for p in scene.plates
    ]
