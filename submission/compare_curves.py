"""The curves of a row's training: of a run's `log.jsonl`, or of the lines that a kernel printed."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from local.train.watchers import PLACE
from submission.ledger import Row
from submission.pull_verdict import printed

LOG = "log.jsonl"
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
        return _curves(map(_record, log.read_text(errors="replace").splitlines()))
    slug = (row.kernel or "").rpartition("/")[2]
    return _curves(map(_status, printed(log.with_name(f"{slug}.log"))))


def _curves(records: Iterable[dict[str, Any]]) -> Curves:
    """Lines that a killed run has cut, and values that are no numbers, are left out."""
    found: Curves = {}
    for record in records:
        if not _is_number(record.get("kimg")):
            continue
        for name, value in record.items():
            if name not in PLACE and _is_number(value):
                found.setdefault(name, []).append((record["kimg"], value))
    return found


def _record(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _status(line: str) -> dict[str, Any]:
    found = STATUS.match(line)
    if not found:
        return {}
    values = {name: _float(text) for name, text in found.groupdict().items() if text}
    return {name: v / 100 if name in PERCENT else v for name, v in values.items()}


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_number(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)  # type: ignore[arg-type]
