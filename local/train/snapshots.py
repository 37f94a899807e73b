"""Snapshots of a run: one directory each, put in place by rename, so that none is ever half there.

Weights are safetensors; the rest goes through `torch.save` and is read with `weights_only=True`.
"""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from local.errors import InputError, reason
from local.train.trainer import Trainer

KEPT = 2  # the newest, and the one before in case the newest is damaged


@dataclass(frozen=True)
class Snapshot:
    """A snapshot on disk."""

    folder: Path
    steps: int
    seconds: float  # of training up to it


def save(run: Path, trainer: Trainer, seconds: float) -> Snapshot:
    """Writes a snapshot below `run`, puts it in place, and keeps KEPT: this and the one before.

    Those of later steps go too: a run that went back never took them.

    Raises:
        OSError: it cannot be written; those before it are as they were.
    """
    snapshots = run / "snapshots"
    folder = snapshots / f"step-{trainer.steps:09}"
    partial = snapshots / ".partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    snapshot = Snapshot(folder, trainer.steps, seconds)
    try:
        _write(partial, trainer, snapshot)
        shutil.rmtree(folder, ignore_errors=True)  # the same step, after a resume
        partial.rename(folder)
    except (SafetensorError, RuntimeError) as error:  # their ways of saying that a disk is full
        raise OSError(f"{folder}: cannot be written ({reason(error)})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    folders = _folders(run)
    here = folders.index(folder)
    for other in folders[: here + 1 - KEPT] + folders[here + 1 :]:
        shutil.rmtree(other, ignore_errors=True)
    return snapshot


def _write(folder: Path, trainer: Trainer, snapshot: Snapshot) -> None:
    folder.mkdir(parents=True)
    for name, network in trainer.networks().items():
        # Safetensors keeps no strides: channels_last is chosen again when loading.
        tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors")
    torch.save(trainer.training_state(), folder / "state.pt")
    about = {"steps": snapshot.steps, "seconds": snapshot.seconds}
    (folder / "about.json").write_text(json.dumps(about))


def resume(run: Path, trainer: Trainer) -> Snapshot | None:
    """Restores the newest snapshot that is whole into networks built from the same recipe.

    Returns None where there are no snapshots.

    Raises:
        InputError: there are some, and none of them can be used.
    """
    return newest(run, lambda snapshot: _restore(snapshot, trainer))


def hand_out(trainer: Trainer, there: bool = True) -> bool:
    """Brings all of a team to where its leader is.

    Through the team's own exchange, not through the run's folder: on a file system that machines
    share, one may still see the listing of a minute ago, and would restore another snapshot.

    Args:
        trainer: of this member.
        there: whether the leader has something to hand out; the others' word does not count.

    Returns:
        The leader's `there`.
    """
    team = trainer.team
    if team.size == 1:
        return there
    state = None
    if team.leads and there:
        networks = {name: part.state_dict() for name, part in trainer.networks().items()}
        state = {"networks": networks, "training": trainer.training_state()}
    handed = team.hand_out(state, trainer.device.device)
    if handed is not None and not team.leads:
        for name, network in trainer.networks().items():
            network.load_state_dict(handed["networks"][name])
        trainer.load_training_state(handed["training"])
    return handed is not None


def newest(run: Path, load: Callable[[Snapshot], None]) -> Snapshot | None:
    """Loads the newest snapshot that `load` can use, and says which ones it cannot.

    Returns None where there are no snapshots.

    Raises:
        InputError: there are some, and none of them can be used.
    """
    folders = _folders(run)
    for folder in reversed(folders):
        try:
            snapshot = _open(folder)
            load(snapshot)
        except InputError as error:
            print(f"{error}; trying the one before", file=sys.stderr, flush=True)
        else:
            return snapshot
    if folders:
        raise InputError(
            f"{run}: none of its snapshots can be used; train it anew, in another folder or after "
            f"removing {run / 'snapshots'}"
        )
    return None


def _open(folder: Path) -> Snapshot:
    try:
        about = json.loads((folder / "about.json").read_text())
        return Snapshot(folder, int(about["steps"]), float(about["seconds"]))
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise _damaged(folder, error) from None


def _restore(snapshot: Snapshot, trainer: Trainer) -> None:
    for name, network in trainer.networks().items():
        load_weights(snapshot, name, network)
    try:
        device = trainer.device.device
        state = torch.load(snapshot.folder / "state.pt", map_location=device, weights_only=True)
        trainer.load_training_state(state)
    except Exception as error:  # torch.load raises nearly everything on damaged files
        raise _damaged(snapshot.folder, error) from None


def load_weights(snapshot: Snapshot, name: str, network: nn.Module) -> None:
    """Loads one network (`average`, `generator` or its partner) of a snapshot.

    Raises:
        InputError: it does not fit, or is damaged.
    """
    try:
        network.load_state_dict(load_file(snapshot.folder / f"{name}.safetensors"))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise _damaged(snapshot.folder, error) from None


def _damaged(folder: Path, error: Exception) -> InputError:
    return InputError(f"{folder}: snapshot damaged or of another recipe ({reason(error)})")


def _folders(run: Path) -> list[Path]:
    found = (run / "snapshots").glob("step-" + 9 * "[0-9]")
    return sorted(folder for folder in found if folder.is_dir())
