"""The reader that a run starts from, taken along: what is no plate of the run's own regions is read as before.

A network that learns a country from a few hundred crops forgets of others what no drawn plate reminds it of. Two
networks forget nothing, for twice the time of reading.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from plate_ocr.labels import Label
from plate_ocr.model_store import COMPANION, ONNX, STEP_ONNX, ReaderFiles, open_reader
from plate_ocr.synthesis.region import NOWHERE, load_regions
from plate_ocr.training.run_folder import writing


def take_along(start: str, run: Path, labels: Sequence[Label]) -> ReaderFiles:
    """Copy the reader `start` into the run's folder as its companion, and give it. It leaves the regions of these
    labels to the run; if some label has none, or one whose formats are not known, the surer of the two is to read.

    What has a companion itself hands it on, with the regions that are left to either. Raises ModelError like
    `open_reader`, RunError where the disk refuses.
    """
    before = open_reader(start)
    files = before.companion or before
    regions = {label.region.upper() for label in labels}
    known = regions <= {region.code for region in load_regions() if region.code != NOWHERE}
    # A start whose own plates cannot be told by their region leaves none to be told so.
    known = known and (files is before or bool(files.leaves))
    folder = run / COMPANION
    with writing(folder):
        folder.mkdir(exist_ok=True)
        for name in (ONNX, STEP_ONNX):
            if name in files.sha256:
                shutil.copy(files.file(name), folder / name)
        kept = {name: sha for name, sha in files.sha256.items() if name in (ONNX, STEP_ONNX)}
        leaves = tuple(sorted(regions | set(files.leaves))) if known else ()
        companion = dataclasses.replace(files, folder=folder, sha256=kept, leaves=leaves)
        companion.save()
    return companion
