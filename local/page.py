"""One HTML page that opens anywhere: no network, light and dark, made for keyboards too.

It needs no script. Where one is given, the page's own policy names it by its hash, so that no other
one ever runs. Templates would hide that there are only five kinds of things on it; the standard
library's `escape` is all that is needed.
"""

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

Cell = str | int | float | Decimal  # a Decimal is shown with the digits that it has
NUMBER = ' class="number"'
NONE = "–"  # in a cell without a number
LINES = 4  # that a column's longest text should take, about
LEAST, WIDE, WIDEST = 8, 12, 22  # characters of a column: for any text, for a word, for a line
PADDING = 2  # characters


@dataclass(frozen=True)
class Section:
    """A part of the page: `key` is its address, `blocks` are HTML."""

    key: str
    title: str
    blocks: list[str]


def paragraph(text: str) -> str:
    """Plain text."""
    return f"<p>{escape(text)}</p>"


def figure(
    light: bytes, dark: bytes | None, alt: str, caption: str, pixelated: bool = False
) -> str:
    """A picture (PNG or JPEG) with a caption; `dark` takes its place on a dark screen."""
    return f"<figure>{_captioned(light, dark, alt, caption, pixelated)}</figure>"


def plot(light: bytes, dark: bytes, alt: str, caption: str) -> str:
    """A plot with a caption, on light and on dark paper: on a narrow screen it scrolls."""
    return f'<figure class="plot">{_captioned(light, dark, alt, caption)}</figure>'


def image(data: bytes, alt: str, pixelated: bool = False) -> str:
    """A picture (PNG or JPEG) alone."""
    look = ' class="pixelated"' if pixelated else ""
    return f'<img src="{_data(data)}" alt="{escape(alt)}"{look}>'


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], tight: bool = False
) -> str:
    """A table of one row or more, whose first column names them.

    Columns of numbers stand at the right, and with them what else is in such a column. Columns of
    long texts keep some width on a narrow screen, where the table scrolls.

    tight: no cell breaks, and all columns but the first stand at the right: of numbers as text.
    """
    columns = list(zip(*rows, strict=True))
    sides = ["" if all(isinstance(c, str) for c in cells) else NUMBER for cells in columns]
    rooms = [""] * len(columns) if tight else ["", *map(_room, columns[1:])]
    top = "".join(
        f'<th scope="col"{side}{room}>{escape(name)}</th>'
        for name, side, room in zip(head, sides, rooms, strict=True)
    )
    body = "".join(f"<tr>{_row(row, sides)}</tr>" for row in rows)
    look = ' class="tight"' if tight else ""
    return (
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0">'
        f"<table{look}>"
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def folded(title: str, block: str) -> str:
    """A block that opens on a click or on Enter."""
    return f"<details><summary>{escape(title)}</summary>{block}</details>"


def document(
    title: str,
    lead: str,
    cards: dict[str, str],
    sections: list[Section],
    script: str = "",
    calls_home: bool = False,
) -> str:
    """The whole page.

    Args:
        title: of the page.
        lead: a sentence under it.
        cards: the figures that matter most, by what they count.
        sections: in order.
        script: that adds to the page where scripts run; without one it is whole too.
        calls_home: whether the script may ask the server that the page is from.
    """
    links = "".join(f'<li><a href="#{s.key}">{escape(s.title)}</a></li>' for s in sections)
    facts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in cards.items()
    )
    body = "".join(
        f'<section id="{s.key}" aria-labelledby="{s.key}-title">'
        f'<h2 id="{s.key}-title">{escape(s.title)}</h2>{"".join(s.blocks)}</section>'
        for s in sections
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="{policy}{_allowed(script, calls_home)}">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the figures</a>
<header><h1>{escape(title)}</h1><p>{escape(lead)}</p><dl class="cards">{facts}</dl>
<nav aria-label="Sections"><ul>{links}</ul></nav></header>
<main id="main">{body}</main>
{f"<script>{script}</script>" if script else ""}</body>
</html>
"""


def _allowed(script: str, calls_home: bool) -> str:
    """What the page's policy grants to this script, and to no other."""
    if not script:
        return ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"; script-src 'sha256-{digest}'" + ("; connect-src 'self'" if calls_home else "")


def _row(row: Sequence[Cell], sides: Sequence[str]) -> str:
    first, *rest = map(_text, row)
    cells = (f"<td{side}>{text}</td>" for text, side in zip(rest, sides[1:], strict=True))
    return f'<th scope="row">{first}</th>{"".join(cells)}'


def _room(cells: Sequence[Cell]) -> str:
    """The least width of a column of texts, where the page's own for all columns is too small."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    line = math.ceil(max(map(len, texts), default=0) / LINES)
    word = max((len(word) for text in texts for word in text.split()), default=0)
    room = max(min(word, WIDE), min(line, WIDEST))
    return f' style="min-width: {room + PADDING}ch"' if room > LEAST else ""


def _text(value: Cell) -> str:
    if isinstance(value, str):
        return escape(value)
    return f"{value:,}" if isinstance(value, int | Decimal) else f"{value:,.4g}"


def data_uri(kind: str, data: bytes) -> str:
    """A file as an address of itself; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _captioned(
    light: bytes, dark: bytes | None, alt: str, caption: str, pixelated: bool = False
) -> str:
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{_data(dark)}">' if dark else ""
    return (
        f"<picture>{source}{image(light, alt, pixelated)}</picture>"
        f"<figcaption>{escape(caption)}</figcaption>"
    )


def _data(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return data_uri(f"image/{kind}", picture)


STYLE = """
:root { --paper: #fff; --ink: #1b1f24; --soft: #545c66; --line: #dde1e6; --card: #f4f6f8;
  --link: #005a8d; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e6e8eb; --soft: #a5adb7;
  --line: #343a42; --card: #1e2228; --link: #7cc4f2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 0 0 .5rem; font-size: 1.3rem; }
header p, figcaption, caption { color: var(--soft); }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; padding: .5rem; background: var(--paper); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
.cards div { padding: .75rem 1rem; border-radius: .5rem; background: var(--card); }
.cards dt { color: var(--soft); font-size: .85rem; }
.cards dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; }
section { padding: 1.5rem 0; border-top: 1px solid var(--line); }
figure { margin: 1rem 0; }
img { display: block; max-width: 100%; height: auto; }
img.pixelated { width: 978px; image-rendering: pixelated; }
figcaption { margin-top: .4rem; font-size: .9rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .4rem; text-align: left; white-space: nowrap; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
tbody th { overflow-wrap: break-word; }
table:not(.tight) td:not(.number) { min-width: 5rem; }
thead th { white-space: nowrap; }
th { font-weight: 500; }
table.tight :is(th, td) { white-space: nowrap; }
table.tight :is(th, td):not(:first-child) { text-align: right; }
th.number, td.number { text-align: right; white-space: nowrap; }
.control { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; }
.control[hidden] { display: none; }
.control input { flex: 1 1 14rem; max-width: 32rem; accent-color: var(--link); }
.control output { min-width: 14rem; font-variant-numeric: tabular-nums; }
.strip { display: flex; gap: 1rem; overflow-x: auto; }
.strip figure { flex: none; margin: 1rem 0; max-width: 100%; }
.notice { padding: .75rem 1rem; border-left: 4px solid var(--link); background: var(--card); }
summary { cursor: pointer; color: var(--link); }
@media (max-width: 40rem) { /* a plot's letters stay as large as the text: it scrolls instead */
  figure.plot { overflow-x: auto; }
  figure.plot img { width: 44rem; max-width: none; }
}
@media print { details:not([open]) { display: none; } figure { break-inside: avoid; } }
"""
