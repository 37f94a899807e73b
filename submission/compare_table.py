"""The comparison of two rows for a terminal."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from submission.compare import FACTS, Side, remarks, settings
from submission.history import plain, setting
from submission.history_table import wrap

NONE = "–"
GAP = "  "


def text(sides: Sequence[Side], width: int) -> str:
    """Facts, settings that differ, where the curves ended, and remarks.

    Args:
        sides: two.
        width: of the terminal, characters.
    """
    rows = [(plain(name), values) for name, values in cells(sides)]
    named = max(len(name) for name, _ in rows)
    each = max((width - named - 2 * len(GAP)) // 2, 10)
    lines = []
    for name, values in rows:
        columns = [wrap(plain(value), each) for value in values]
        for i, (a, b) in enumerate(zip_longest(*columns, fillvalue="")):
            lines.append(f"{'' if i else name:<{named}}{GAP}{a:<{each}}{GAP}{b}".rstrip())
        if not any(columns):  # a heading
            lines.append(name)
    noted = [plain(remark) for remark in remarks(sides)]
    return "\n".join([*lines, *([""] if noted else []), *noted])


def cells(sides: Sequence[Side]) -> Iterator[tuple[str, tuple[str, str]]]:
    """The lines of the table: a name and both values; a heading's are empty."""
    yield "row", _both(str(side.row.number) for side in sides)
    yield from facts(sides)
    yield "", ("", "")
    yield "settings that differ", ("", "")
    changed = settings(sides)
    for name, values in changed.items():
        yield f"  {name}", _both(map(setting, values))
    if not changed:
        yield "  none", ("", "")
    ends = end_values(sides)
    if ends:
        yield "", ("", "")
        yield "curves, last value", ("", "")
        yield from ((f"  {name}", values) for name, values in ends)


def facts(sides: Sequence[Side]) -> list[tuple[str, tuple[str, str]]]:
    """What either row knows, both values as text."""
    found = [(name, _both(fact(side, name) for side in sides)) for name in FACTS]
    return [(name, values) for name, values in found if values != (NONE, NONE)]


def fact(side: Side, name: str) -> str:
    """A row's value as text."""
    value: Any = getattr(side.row, name)
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, FACTS[name])


def end_values(sides: Sequence[Side]) -> list[tuple[str, tuple[str, str]]]:
    """Where the curves ended, as text."""
    ends = [side.ends() for side in sides]
    names = dict.fromkeys([*ends[0], *ends[1]])
    return [
        (name, _both(f"{end[name]:.4g}" if name in end else NONE for end in ends)) for name in names
    ]


def _both(values: Any) -> tuple[str, str]:
    a, b = values
    return a, b
