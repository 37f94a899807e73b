"""The comparison of two rows for a terminal."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from local.page import NONE
from submission.compare import FACTS, Side, remarks, settings
from submission.history import plain, setting
from submission.history_table import wrap

GAP = "  "
Cells = tuple[str, str, str]  # a name, and the value of either row


def text(sides: Sequence[Side], width: int) -> str:
    """Facts, settings that differ, where the curves ended, and remarks.

    Args:
        sides: two.
        width: of the terminal, characters.
    """
    rows = [(plain(name), values) for name, *values in cells(sides)]
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


def cells(sides: Sequence[Side]) -> Iterator[Cells]:
    """The lines of the table; a heading has empty values."""
    a, b = sides
    yield "row", str(a.row.number), str(b.row.number)
    yield from facts(sides)
    yield "", "", ""
    yield "settings that differ", "", ""
    changed = settings(sides)
    for name, (old, new) in changed.items():
        yield f"  {name}", setting(old), setting(new)
    if not changed:
        yield "  none", "", ""
    if ends := end_values(sides):
        yield "", "", ""
        yield "curves, last value", "", ""
        yield from ((f"  {name}", end_a, end_b) for name, end_a, end_b in ends)


def facts(sides: Sequence[Side]) -> list[Cells]:
    """What either row knows, both values as text."""
    a, b = sides
    found = [(name, fact(a, name), fact(b, name)) for name in FACTS]
    return [line for line in found if line[1:] != (NONE, NONE)]


def fact(side: Side, name: str) -> str:
    """A row's value as text."""
    value: Any = getattr(side.row, name)
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, FACTS[name])


def end_values(sides: Sequence[Side]) -> list[Cells]:
    """Where the curves ended, as text."""

    def value(end: dict[str, float], name: str) -> str:
        return f"{end[name]:.4g}" if name in end else NONE

    a, b = (side.ends() for side in sides)
    return [(name, value(a, name), value(b, name)) for name in {**a, **b}]
