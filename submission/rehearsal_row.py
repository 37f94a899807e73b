"""What a rehearsal leaves in the ledger."""

import hashlib
from pathlib import Path
from typing import Any

import build_kernel
from submission.ledger import REHEARSAL, Ledger, sparing
from submission.ledger_rows import digest, of_run
from submission.rehearsal_report import Report


def remember_rehearsal(kernel: Path, report: Report) -> None:
    """Adds a rehearsal's row; warns where it cannot.

    Args:
        kernel: the file that was rehearsed: what it was built from is read there where the kernel
            did not live to say so.
        report: of the rehearsal.
    """
    with sparing():
        out = Path(report.out).resolve() if report.out else None
        Ledger().add(
            REHEARSAL,
            **of_run(_build(kernel, report.kernel_sha256) | report.result),
            ok=report.ok,
            staged=bool(report.staged),
            source_sha256=report.kernel_sha256,
            images_sha256=digest(out) if out else None,
            place=out,
        )


def _build(kernel: Path, sha256: str) -> dict[str, Any]:
    """BUILD at the kernel's head; empty where it has none, or is another file by now."""
    try:
        source = kernel.read_bytes()
        if hashlib.sha256(source).hexdigest() != sha256:
            return {}
        return build_kernel.head(source.decode().split("\n"))[0]
    except (OSError, ValueError):
        return {}
