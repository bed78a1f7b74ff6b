"""Self-contained HTML pages: one style, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

STYLE = """
:root { color-scheme: light dark; --line: #8884; --accent: #2a9d5c; --bad: #c8541c; --soft: #777; }
@media (prefers-color-scheme: dark) { :root { --soft: #aaa; --bad: #f08a52; } }
body { font: 16px/1.5 system-ui, "Noto Sans KR", sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid var(--line);
padding-top: 1rem } h3 { font-size: 1rem } img, svg { max-width: 100%; height: auto } img { border-radius: 6px }
h1, p, figcaption { overflow-wrap: anywhere }
figure { margin: 1rem 0 } figcaption, .note { color: var(--soft); font-size: .9rem } .wide { overflow-x: auto }
.wide svg { max-width: none } .wide svg text { fill: currentColor }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0 } td, th { padding: .2rem .7rem;
text-align: left; border-bottom: 1px solid var(--line) } td.n, th.n { text-align: right } td.n { white-space: nowrap }
th { vertical-align: bottom }
.bar { display: inline-block; height: .7em; background: var(--accent); border-radius: 2px }
.charts { display: flex; flex-wrap: wrap; gap: 1rem } .charts figure { flex: 1 1 20rem; min-width: 0; margin: 0;
background: #fff; color: #222; border-radius: 6px; padding: .5rem; overflow-x: auto } .charts figcaption { color: #666 }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem }
.gallery figure { margin: 0 } .gallery img { width: 100%; max-height: 9rem; object-fit: contain; object-position: left }
.gallery ol { margin: .2rem 0; padding-left: 1.4rem } .gallery ol b { color: var(--accent) }
mark { background: none; color: var(--bad); font-weight: 700 }
svg text { font-family: system-ui, "Noto Sans KR", sans-serif !important }
@media (max-width: 40rem) {
body { margin: 1rem auto; padding: 0 .75rem; font-size: 15px } td, th { padding: .2rem .4rem }
.bars { display: none } .charts figure { flex-basis: 100% } .charts svg { width: 100% }
.gallery { grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .75rem }
}
@media print {
@page { margin: 14mm }
:root { color-scheme: light; --soft: #555; --bad: #b03a08 }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact }
body { margin: 0; padding: 0; max-width: none; font-size: 10pt; color: #000; background: #fff }
figure, tr { break-inside: avoid } h2, h3 { break-after: avoid } thead { display: table-header-group }
.wide, .charts figure { overflow: visible } .charts figure { flex: 0 1 47%; padding: 0 }
td, th { padding: .1rem .4rem } .gallery { grid-template-columns: repeat(4, 1fr) } .gallery img { max-height: 7rem }
}
"""


def page(title: str, parts: list[str]) -> str:
    """A whole page of these parts of HTML."""
    body = "\n".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def figure(picture: NDArray[np.uint8], caption: str, *, width: int = 0, largest: int = 1400) -> str:
    """A BGR or grey uint8 picture with a caption, which is HTML; shrunk where a side is over `largest` pixels."""
    if max(picture.shape[:2]) > largest:
        scale = largest / max(picture.shape[:2])
        picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    source = base64.b64encode(data.tobytes()).decode()
    size = f' width="{width}"' if width else ""
    return (
        f'<figure><img{size} src="data:image/jpeg;base64,{source}" alt=""><figcaption>{caption}</figcaption></figure>'
    )


def table(heads: str, rows: Iterable[str]) -> str:
    """A table of cells in HTML, `<th>` and `<td>` without their ends; it scrolls where it is wider than the page, and
    its heads stand on every printed sheet it goes over."""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"


def percent(share: float) -> str:
    """0.123 as 12.3 %."""
    return f"{100 * share:.1f} %"
