"""How long a cold process takes: --help, import, and the first plate. And how large the core install is."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

CROP = Path(__file__).parent.parent / "datasets" / "sample" / "crops" / "00002.jpg"
"""A clear one: a doubtful one takes other networks, too."""

CORE = ("plate-ocr", "click", "numpy", "onnxruntime", "opencv-python-headless", "pillow", "pyyaml", "rapidfuzz", "rich")
NEEDED_BY_CORE = ("flatbuffers", "packaging", "protobuf", "markdown-it-py", "mdurl", "pygments")
CASES = {
    "plate-ocr --help": ["-m", "plate_ocr.cli", "--help"],
    "import plate_ocr": ["-c", "import plate_ocr"],
    "first plate (crop)": ["-c", f"from plate_ocr import PlateReader; PlateReader(crops=True).read({str(CROP)!r})"],
    "bare python": ["-c", "pass"],
}


def seconds(arguments: list[str], rounds: int = 7) -> float:
    """Median wall time of a fresh process."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    """Print one table."""
    table = Table(title="cold processes")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    for name, arguments in CASES.items():
        table.add_row(name, f"{seconds(arguments):.2f}")
    Console().print(table)
    total = compiled = 0
    for name in (*CORE, *NEEDED_BY_CORE):
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for path in (Path(str(file.locate())) for file in files):
            if path.is_file():
                total += path.stat().st_size
                compiled += path.stat().st_size * (path.suffix == ".pyc")
    Console().print(f"core install: {total / 1e6:.0f} MB, of these {compiled / 1e6:.0f} MB compiled by pip")


if __name__ == "__main__":
    main()
