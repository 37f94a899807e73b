"""Why a kernel should not be pushed now: what is wrong here, and what is wrong on Kaggle."""

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import build_kernel
from local.errors import InputError
from submission import client, credentials, kernels
from submission.ledger import REHEARSAL, Ledger

METADATA = "kernel-metadata.json"
WHY = {  # field of the metadata: what is wrong with any other value than the one that is built
    "language": "the bundle is Python",
    "kernel_type": "by its file",
    "is_private": "a public kernel shows your work",
    "enable_gpu": "it would train on a CPU",
    "enable_tpu": "it would train on a CPU",
    "enable_internet": "the competition allows none",
    "machine_shape": "other GPUs are not tried, and on a P100 every operation fails",
    "competition_sources": "it would lack its data, or have other data",
    "dataset_sources": "the competition allows no other data",
    "kernel_sources": "the competition allows no other data",
    "model_sources": "the competition allows no other data",
}
OWN = ("id", "title", "code_file", "keywords")  # fields that are the user's
BUILD_AGAIN = "python build_kernel.py"


@dataclass(frozen=True)
class Kernel:
    """What is to be pushed.

    Attributes:
        folder: with the metadata, which the client reads.
        file: the built kernel.
        metadata: as its file says.
        sha256: of the built file.
        size: of it, in bytes.
        build: the head's BUILD: recipe, hours, command, commit; empty where it has none.
    """

    folder: Path
    file: Path
    metadata: dict[str, Any]
    sha256: str
    size: int
    build: dict[str, Any]

    @property
    def name(self) -> str:
        """`owner/slug`."""
        return str(self.metadata.get("id", ""))

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook, which cannot be rehearsed."""
        return self.file.suffix == ".ipynb"


def kernel_in(folder: Path) -> Kernel:
    """Reads what a folder has for Kaggle.

    Raises:
        InputError: metadata or kernel are missing, or cannot be read.
    """
    metadata = read_metadata(folder)
    file = folder / str(metadata.get("code_file") or "no code_file")
    try:
        source = file.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder / METADATA}: code_file {file} cannot be read ({error.strerror}); "
            f"build it: {BUILD_AGAIN}"
        ) from None
    digest = hashlib.sha256(source).hexdigest()
    return Kernel(folder, file, metadata, digest, len(source), head(file, source))


def read_metadata(folder: Path) -> dict[str, Any]:
    """A folder's kernel-metadata.json.

    Raises:
        InputError: there is none, or it is no JSON object.
    """
    file = folder / METADATA
    try:
        found = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"no {file} ({error.strerror}); build it: {BUILD_AGAIN}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{file} is no JSON object; build it again: {BUILD_AGAIN}")
    return found


def head(file: Path, source: bytes) -> dict[str, Any]:
    """BUILD of a built kernel; empty where it has none."""
    name = build_kernel.NOTEBOOK if file.suffix == ".ipynb" else build_kernel.KERNEL
    try:
        return build_kernel.head(build_kernel.pieces(name, source.decode("utf-8")))[0]
    except (ValueError, KeyError, TypeError):
        return {}


def here(root: Path, kernel: Kernel) -> list[str]:
    """What is wrong with the kernel itself: one line each, with what to do."""
    wrong = metadata_faults(kernel)
    if kernel.size > build_kernel.MAX_BYTES:
        wrong.append(
            f"{kernel.file} has {kernel.size:,} bytes, and Kaggle takes {build_kernel.MAX_BYTES:,}"
        )
    if fault := bundle_fault(root, kernel):
        wrong.append(fault)
    return wrong


def metadata_faults(kernel: Kernel) -> list[str]:
    """What the metadata says that a submission cannot have."""
    metadata, file = kernel.metadata, kernel.folder / METADATA
    owner, _, slug = kernel.name.partition("/")
    known = credentials.find()
    wrong = []
    if not (owner and slug) or owner == build_kernel.NO_OWNER:
        wrong.append(f"id {kernel.name!r} names no owner: {BUILD_AGAIN} --owner USER")
    elif known and known.user and known.user.lower() != owner.lower():
        wrong.append(
            f"id {kernel.name!r} is not of {known.user}, whose credentials {known.source} holds: "
            f"{BUILD_AGAIN} --owner {known.user}"
        )
    title = str(metadata.get("title") or "")
    if slug and re.sub("[^a-z0-9]+", "-", title.lower()).strip("-") != slug.lower():
        wrong.append(f"title {title!r} does not give the slug {slug!r}: Kaggle would make another")
    built = json.loads(build_kernel.metadata("owner", "The title", kernel.file.name))
    for field in sorted((metadata.keys() | built.keys()) - set(OWN)):
        value, must = metadata.get(field), built.get(field)
        if field not in built and value:
            wrong.append(f"{field} is nothing that {BUILD_AGAIN} writes: leave it out")
        elif field in built and value != must:
            why = WHY.get(field, "so it is built")
            wrong.append(f"{field} is {value!r} and must be {must!r}: {why}")
    return [f"{file}: {each}" for each in wrong]


def bundle_fault(root: Path, kernel: Kernel) -> str | None:
    """How the bundle differs from what the sources give, as `build_kernel.py --check` says it."""
    names = {root / name: name for name in (build_kernel.KERNEL, build_kernel.NOTEBOOK)}
    if kernel.file.resolve() not in {file.resolve() for file in names}:
        return f"{kernel.file} is not what build_kernel.py writes: {' or '.join(names.values())}"
    command = [sys.executable, str(root / "build_kernel.py"), "--check"]
    command += ["--notebook"] * kernel.is_notebook
    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    lines = checked.stderr.strip().splitlines() or ["build_kernel.py --check failed"]
    return lines[-1].removeprefix("build_kernel.py: ") if checked.returncode else None


def rehearsal_fault(kernel: Kernel) -> str | None:
    """Why no rehearsal vouches for these very bytes; None where a passed, plain one does.

    A ledger that cannot be read is a reason too.
    """
    if kernel.is_notebook:
        return (
            f"{kernel.file}: a notebook cannot be rehearsed; rehearse the script of the same "
            "settings, and give --force"
        )
    command = "python -m submission rehearse --limit 300"
    try:
        rows = Ledger().find(kind=REHEARSAL, source_sha256=kernel.sha256)
    except InputError as error:
        return str(error)
    if any(row.ok and row.staged is False for row in rows):
        return None
    if any(row.ok for row in rows):
        return f"{kernel.file} was rehearsed with faults or shortcuts only: {command}, or --force"
    if rows:
        return f"{kernel.file} failed its rehearsal, row {rows[-1].number}: mend it, or --force"
    return f"{kernel.file} as it is was never rehearsed: {command}, or --force"


def on_kaggle(kernel: Kernel) -> tuple[list[str], list[str]]:
    """What stands against it on Kaggle, and what is only worth a warning.

    Raises:
        As `client.ask`.
    """
    wrong, warned = [], []
    hours = float(kernel.build.get("hours") or 0)
    if quota := kernels.gpu_hours_left():
        left, renewed = quota
        until = f"until {renewed.partition('T')[0]}" if renewed else "this week"
        if left <= 0:
            wrong.append(f"no GPU hours are left {until}: `kaggle quota`")
        elif left < hours:
            warned.append(
                f"only {left:g} GPU hours are left {until}, and this kernel takes up to {hours:g}: "
                f"{BUILD_AGAIN} --hours {left:.1f}"
            )
    state = running(kernel.name)
    if state in kernels.BUSY:
        wrong.append(
            f"a version of {kernel.name} is {state}: wait (python -m submission watch), or stop it "
            f"at {kernels.page(kernel.name)}"
        )
    return wrong, warned


def running(kernel: str) -> str | None:
    """The state of a kernel's session; None where Kaggle knows no such kernel yet."""
    try:
        return client.persist(lambda: kernels.session(kernel)).state
    except client.Refused as error:
        if error.no_kernel:
            return None
        raise
