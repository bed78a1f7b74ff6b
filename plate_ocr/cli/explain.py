"""`plate-ocr explain`."""

from __future__ import annotations

from pathlib import Path

import click

from plate_ocr.cli import fails_cleanly
from plate_ocr.cli.options import detector_option


@click.command()
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path), help="HTML page to write.")
@click.option(
    "--model", default="reader", show_default=True, help="A shipped model's name, or a training run's folder."
)
@detector_option
@fails_cleanly
def explain(photo: Path, output: Path, model: str, detector: str) -> None:
    """Write a page on how PHOTO is read: where the detector looks, the corners, the upright crops, what the network
    says at each step, and the texts that were considered."""
    from plate_ocr.detection import make_detector
    from plate_ocr.evaluation.explain import explain as make_page
    from plate_ocr.photos import load, printable
    from plate_ocr.reader import PlateReader
    from plate_ocr.recognition.recognizer import Recognizer

    finds = make_detector(detector)
    # What the detector has cut out of a photo is not searched again.
    plates, crops = PlateReader(model, detector=finds), Recognizer(model, straighten=False)
    page = make_page(load(photo), plates, crops, finds, printable(str(photo)))
    output.write_text(page, encoding="utf-8")
    click.echo(f"page: {output}")
