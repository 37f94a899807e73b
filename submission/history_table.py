"""The history for a terminal: three lines or so a row, columns that nobody fills left out."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from mifid.profiles import PRIVATE, PUBLIC
from mifid.standing import NOT_MEASURED
from submission.history import Line, plain

HEADS = ("#", "when", "recipe", "ran on", "trained", "measured here", "Kaggle", "note")
WRAPPED = ("when", "recipe", "ran on", "note")  # take what the others leave
NARROWEST = 10  # characters of such a column
WORD = 18  # so long a word is broken only where there is no room
GAP = "  "


def text(found: Sequence[Line], width: int) -> str:
    """The table, and below it what its letters and margins mean.

    Args:
        found: one line or more.
        width: of the terminal, characters.
    """
    labels = list(dict.fromkeys(line.row.label for line in found if line.row.label))
    rows = [_cells(line, labels) for line in found]
    filled = [i for i in range(len(HEADS)) if any(row[i] for row in rows)]
    heads = [HEADS[i] for i in filled]
    grid = [[row[i] for i in filled] for row in rows]
    widths = _widths(heads, grid, width)
    shown = [_laid([[head] for head in heads], widths)]
    shown += [_laid(row, widths) for row in grid]
    return "\n".join([*shown, *_legend(found, labels, width)])


def _cells(line: Line, labels: Sequence[str]) -> list[list[str]]:
    """The lines of each cell of a row, in the order of HEADS."""
    row = line.row
    return [
        [str(row.number)],
        _some(row.at[:10], " ".join(line.what), line.commit),
        _some(row.recipe, line.changed()),
        _some(line.kernel, row.device),
        _some(
            row.minutes is not None and f"{row.minutes:,.1f} min",
            row.kimg is not None and f"{row.kimg:,.{0 if row.kimg >= 1000 else 1}f} kimg",
        ),
        _measured(line, labels),
        _some(
            row.public is not None and f"public {row.public:.4g}",
            row.private is not None and f"private {row.private:.4g}",
        ),
        _some(row.note, row.forced and f"forced: {row.forced}"),
    ]


def _some(*texts: object) -> list[str]:
    return [plain(text) for text in texts if text]


def _measured(line: Line, labels: Sequence[str]) -> list[str]:
    row = line.row
    letter = f" {_letter(labels.index(row.label))}" if row.label else ""
    scores = {"FID": row.fid, "MiFID": row.mifid}
    shown = [f"{name} {score:.4g}{letter}" for name, score in scores.items() if score is not None]
    if row.distance is not None:
        shown += [f"distance {row.distance:.4f}", f"margin {line.margin:+.4f}"]
    return shown


def _letter(index: int) -> str:
    return f"({chr(ord('a') + index)})" if index < 26 else f"({index})"


def _widths(heads: list[str], grid: list[list[list[str]]], width: int) -> list[int]:
    """Of each column: as wide as it likes, then the widest of the wrapped ones give way."""
    columns = list(zip(*grid, strict=True))
    widths = [
        max(len(head), *(len(text) for cell in cells for text in cell))
        for head, cells in zip(heads, columns, strict=True)
    ]
    wrapped = {i: _longest_word(columns[i]) for i, head in enumerate(heads) if head in WRAPPED}
    for word in range(WORD, NARROWEST - 1, -1):
        least = {i: max(NARROWEST, min(longest, word)) for i, longest in wrapped.items()}
        while sum(widths) + len(GAP) * (len(widths) - 1) > width:
            giving = [i for i in least if widths[i] > least[i]]
            if not giving:
                break
            widths[max(giving, key=lambda i: widths[i])] -= 1
    return widths


def _longest_word(cells: Iterable[list[str]]) -> int:
    return max((len(word) for cell in cells for text in cell for word in text.split()), default=0)


def _laid(cells: list[list[str]], widths: list[int]) -> str:
    wrapped = [
        [part for text in cell for part in wrap(text, width)]
        for cell, width in zip(cells, widths, strict=True)
    ]
    return "\n".join(
        GAP.join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip_longest(*wrapped, fillvalue="")
    )


def wrap(text: str, width: int) -> list[str]:
    """Lines of a text; a word that is too long begins a line of its own."""
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [line[i : i + width] for line in lines for i in range(0, len(line), width)]


def _legend(found: Sequence[Line], labels: Sequence[str], width: int) -> list[str]:
    notes = [f"{_letter(index)} {plain(label)}" for index, label in enumerate(labels)]
    if any(line.row.distance is not None for line in found):
        notes.append(
            f"margin: of the distance to the public threshold {PUBLIC.threshold}; to the private"
            f" one, {PRIVATE.threshold} of another network's distance: {NOT_MEASURED}"
        )
    return ["", *(textwrap.fill(note, width) for note in notes)] if notes else []
