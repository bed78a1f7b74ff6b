"""Which room may know which: reading must start fast and without the training packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "plate_ocr"
HEAVY = ("tensorflow", "keras", "albumentations", "matplotlib", "torch", "jax")


def modules_after(code: str) -> set[str]:
    """Top-level modules in a fresh process after `code`."""
    program = f"{code}\nimport sys\nprint(' '.join({{m.split('.')[0] for m in sys.modules}}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_reading_imports_no_training_package() -> None:
    loaded = modules_after("from plate_ocr import PlateReader\nPlateReader()")
    assert not loaded & set(HEAVY)
    assert "onnxruntime" in loaded


def test_import_and_help_stay_light() -> None:
    assert not modules_after("import plate_ocr") & {"cv2", "onnxruntime", *HEAVY}
    code = (
        "from click.testing import CliRunner\n"
        "from plate_ocr.cli import main\n"
        "assert CliRunner().invoke(main, ['-h']).exit_code == 0"
    )
    assert not modules_after(code) & {"cv2", "onnxruntime", "rich", *HEAVY}


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_rules_of_the_house(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    names = imports_of(path)
    if room == "plate.py":
        assert not any(name.startswith("plate_ocr") for name in names)
    if room not in ("training", "cli"):
        assert not any(name.startswith("plate_ocr.training") for name in names)
        allowed = {"network.py": {"keras"}, "charts.py": {"matplotlib"}}.get(path.name, set())
        assert not {name.split(".")[0] for name in names} & (set(HEAVY) - allowed)
    assert not any(name.startswith("keras.src") for name in names), "private Keras modules change without notice"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, "a room is missing"
