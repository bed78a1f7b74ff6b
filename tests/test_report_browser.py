"""The report page in a browser: on a phone nothing is wider than the screen, and every picture is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from plate_ocr.evaluation.evaluate import group_by_split
from plate_ocr.evaluation.report import report
from tests.test_report import reads

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium (Debian: apt-get install chromium)")

# The page stands in a frame: a window cannot be as narrow as a phone.
FRAME = """<iframe id=page src="report.html" width=390 height=800></iframe><pre id=said></pre><script>
onload = () => {
  const page = document.getElementById("page").contentDocument, pictures = [...page.images];
  const wide = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  const charts = [...page.querySelectorAll(".charts svg")].map(svg => Math.round(svg.getBoundingClientRect().width));
  const missing = pictures.filter(picture => !picture.naturalWidth).length;
  document.getElementById("said").textContent =
    `wide ${wide}; pictures ${pictures.length}, missing ${missing}; charts ${charts}`;
}</script>"""


def test_the_report_fits_a_phone_and_shows_its_pictures(tmp_path: Path) -> None:
    evaluations = group_by_split(reads("123A", "2", "33가", "4", "5Z"))
    html = report(evaluations, lambda _: (), model="a-model-of-a-long-name " * 4, command="evaluate " + "/folder" * 20)
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME, encoding="utf-8")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    page = subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", *quiet),
            *("--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"),
            (tmp_path / "frame.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    said = re.search(r'<pre id="said">wide (-?\d+); pictures (\d+), missing (\d+); charts ([\d,]*)</pre>', page)
    assert said, page[-500:]
    assert said[1] == "0", "the page must not scroll sideways"
    assert (said[2], said[3]) == ("3", "0")
    # A chart that is cut off is no chart.
    widths = [int(width) for width in said[4].split(",")]
    assert widths
    assert max(widths) < 390
