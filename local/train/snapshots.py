"""Snapshots of a run: one directory each, put in place by rename, so that none is ever half there.

Weights are safetensors; the rest goes through `torch.save` and is read with `weights_only=True`.
"""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from local.errors import InputError
from local.train.adversaries import Adversaries

KEPT = 2  # the newest, and the one before in case the newest is damaged


@dataclass(frozen=True)
class Snapshot:
    """A snapshot on disk."""

    folder: Path
    steps: int
    seconds: float  # of training up to it


def save(run: Path, adversaries: Adversaries, seconds: float) -> Snapshot:
    """Writes a snapshot below `run`, puts it in place, and removes all but the newest KEPT.

    Raises:
        OSError: it cannot be written; those before it are as they were.
    """
    snapshots = run / "snapshots"
    folder = snapshots / f"step-{adversaries.steps:09}"
    partial = snapshots / ".partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    snapshot = Snapshot(folder, adversaries.steps, seconds)
    try:
        _write(partial, adversaries, snapshot)
        shutil.rmtree(folder, ignore_errors=True)  # the same step, after a resume
        partial.rename(folder)
    except (SafetensorError, RuntimeError) as error:  # their ways of saying that a disk is full
        raise OSError(f"{folder}: cannot be written ({_reason(error)})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for old in _folders(run)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return snapshot


def _write(folder: Path, adversaries: Adversaries, snapshot: Snapshot) -> None:
    folder.mkdir(parents=True)
    for name, network in adversaries.networks().items():
        # Safetensors keeps no strides: channels_last is chosen again when loading.
        tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors")
    torch.save(adversaries.training_state(), folder / "state.pt")
    about = {"steps": snapshot.steps, "seconds": snapshot.seconds}
    (folder / "about.json").write_text(json.dumps(about))


def latest(run: Path) -> Snapshot | None:
    """The newest snapshot of a run; None where there is none.

    Raises:
        InputError: it is damaged.
    """
    folders = _folders(run)
    return _open(folders[-1]) if folders else None


def resume(run: Path, adversaries: Adversaries) -> Snapshot | None:
    """Restores the newest snapshot that is whole, and says which ones are not; None: a new run.

    Raises:
        InputError: there are snapshots, and none of them can be used.
    """
    problem: InputError | None = None
    for folder in reversed(_folders(run)):
        try:
            snapshot = _open(folder)
            restore(snapshot, adversaries)
        except InputError as error:
            print(f"{error}; trying the one before", file=sys.stderr)
            problem = error
        else:
            return snapshot
    if problem:
        raise InputError(
            f"{run}: none of its snapshots can be used; remove {run / 'snapshots'} to begin anew, "
            "or name another --out"
        )
    return None


def _open(folder: Path) -> Snapshot:
    try:
        about = json.loads((folder / "about.json").read_text())
        return Snapshot(folder, int(about["steps"]), float(about["seconds"]))
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise _damaged(folder, error) from None


def restore(snapshot: Snapshot, adversaries: Adversaries) -> None:
    """Puts a snapshot's weights and state into networks built from the same recipe.

    Raises:
        InputError: it does not fit, or is damaged.
    """
    for name, network in adversaries.networks().items():
        load_weights(snapshot, name, network)
    try:
        device = adversaries.device.device
        state = torch.load(snapshot.folder / "state.pt", map_location=device, weights_only=True)
        adversaries.load_training_state(state)
    except Exception as error:  # torch.load raises nearly everything on damaged files
        raise _damaged(snapshot.folder, error) from None


def load_weights(snapshot: Snapshot, name: str, network: nn.Module) -> None:
    """Loads one network (`average`, `generator` or `discriminator`) of a snapshot.

    Raises:
        InputError: it does not fit, or is damaged.
    """
    try:
        network.load_state_dict(load_file(snapshot.folder / f"{name}.safetensors"))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise _damaged(snapshot.folder, error) from None


def _damaged(folder: Path, error: Exception) -> InputError:
    return InputError(f"{folder}: snapshot damaged or of another recipe ({_reason(error)})")


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _folders(run: Path) -> list[Path]:
    found = (run / "snapshots").glob("step-" + 9 * "[0-9]")
    return sorted(folder for folder in found if folder.is_dir())
