"""Pages in a browser: on a phone nothing of the report is wider than the screen, and every picture is there; what is
said of finds comes out as a table."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from plate_ocr.dataset.unlabelled import Find, review_page
from plate_ocr.evaluation.evaluate import group_by_split
from plate_ocr.evaluation.report import report
from plate_ocr.plate import Corners
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


def dom(page: Path) -> str:
    """What a page has become once its scripts have run."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", *quiet),
            *("--allow-file-access-from-files", f"--user-data-dir={page.parent / 'profile'}", "--dump-dom"),
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


def test_the_report_fits_a_phone_and_shows_its_pictures(tmp_path: Path) -> None:
    evaluations = group_by_split(reads("123A", "2", "33가", "4", "5Z"))
    html = report(evaluations, lambda _: (), model="a-model-of-a-long-name " * 4, command="evaluate " + "/folder" * 20)
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME, encoding="utf-8")
    page = dom(tmp_path / "frame.html")
    said = re.search(r'<pre id="said">wide (-?\d+); pictures (\d+), missing (\d+); charts ([\d,]*)</pre>', page)
    assert said, page[-500:]
    assert said[1] == "0", "the page must not scroll sideways"
    assert (said[2], said[3]) == ("3", "0")
    # A chart that is cut off is no chart.
    widths = [int(width) for width in said[4].split(",")]
    assert widths
    assert max(widths) < 390


# Somebody who says plate of the second find, cannot tell of the third, nothing of the others, and saves.
ANSWERS = """<pre id=saved></pre><script>
Blob = class { constructor(parts) { document.getElementById('saved').textContent = parts.join(''); } };
URL.createObjectURL = () => '#';
HTMLAnchorElement.prototype.click = () => {};
const choose = (place, value) => document.querySelectorAll('.find')[place].querySelector(`[value="${value}"]`).click();
choose(1, 'plate');
choose(2, 'perhaps');
document.getElementById('rest').click();
document.getElementById('save').click();
</script>"""


def test_what_is_said_of_finds_is_what_is_saved(tmp_path: Path) -> None:
    corners = Corners.of([(1, 2), (31, 2), (31, 12), (1, 12)])
    names = ["street/4.jpg", 'a, "b"/1.jpg', "street/3.jpg", "street/2.jpg"]
    finds = [
        Find(name, corners, score, np.zeros((9, 9, 3), np.uint8))
        for name, score in zip(names, (0.6, 0.8, 0.7, 0.9), strict=True)
    ]
    html = review_page(finds).replace("</body>", ANSWERS + "</body>")
    (tmp_path / "review.html").write_text(html, encoding="utf-8")
    seen = dom(tmp_path / "review.html")
    assert "plates: 1, cannot tell: 1, of 4" in seen
    saved = re.search(r'<pre id="saved">(.*?)</pre>', seen, re.S)
    assert saved, seen[-500:]
    numbers = "1.0,2.0,31.0,2.0,31.0,12.0,1.0,12.0"
    assert saved[1].splitlines() == [
        "image_path,x1,y1,x2,y2,x3,y3,x4,y4,shows",
        f'"a, ""b""/1.jpg",{numbers},plate',
        f"street/3.jpg,{numbers},perhaps",
    ]
