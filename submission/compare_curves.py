"""The curves of a row's training: of a run's `log.jsonl`, or of the lines that a kernel printed."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

from local.train.watchers import LOG, PLACE, Record, read_log
from submission.ledger import Row
from submission.printed import printed

Curves = dict[str, list[tuple[float, float]]]  # by name, (kimg, value)

# A line of `local.train.watchers.StatusLine`, by the names of the log.
NUMBER = r"\s*(?P<{}>[^\s%]+)"
STATUS = re.compile(
    rf"kimg{NUMBER.format('kimg')}  epoch\s+\S+  "
    rf"(?:loss D{NUMBER.format('loss_d')} G{NUMBER.format('loss_g')}  D right on real"
    rf"{NUMBER.format('accuracy_real')}% fake{NUMBER.format('accuracy_fake')}%  diversity"
    rf"{NUMBER.format('diversity')}|loss{NUMBER.format('loss')})"
    rf"\s+{NUMBER.format('images_per_second')} img/s"
)
PERCENT = ("accuracy_real", "accuracy_fake")


def curves(row: Row) -> Curves:
    """What is left of a row's log; empty where there is none."""
    if row.place is None:
        return {}
    log = Path(row.place) / LOG
    if log.is_file():
        return _curves(read_log(log))
    slug = (row.kernel or "").rpartition("/")[2]
    return _curves(map(_status, printed(log.with_name(f"{slug}.log"))))


def _curves(records: Iterable[Record]) -> Curves:
    """Values by name, each with where it was told; lines that do not say where are left out."""
    found: Curves = {}
    for record in records:
        for name, value in record.items():
            if name not in PLACE and "kimg" in record:
                found.setdefault(name, []).append((record["kimg"], value))
    return found


def _status(line: str) -> Record:
    """The finite numbers of a status line; none of any other line."""
    found = STATUS.match(line)
    if not found:
        return {}
    values = {name: _float(text) for name, text in found.groupdict().items() if text}
    return {
        name: value / 100 if name in PERCENT else value
        for name, value in values.items()
        if math.isfinite(value)
    }


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
