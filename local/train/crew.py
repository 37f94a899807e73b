"""The processes of a team: one for each further device, started by the leader.

They are spawned, not forked: a forked process cannot use the GPU. Spawning runs the main file again
under another name, which in a kernel installs the importer and nothing else.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from types import TracebackType

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file

from local.recipes import Recipe
from local.train.adversaries import Adversaries
from local.train.devices import Device
from local.train.stepper import follow
from local.train.team import Team

# A member waits while the leader writes a submission, and never longer than that.
PATIENCE = timedelta(minutes=30)
PICTURES = "pictures.safetensors"


class Crew:
    """Within this context the further devices' processes follow the leader, which is this process.

    Args:
        devices: the leader's first.
        recipe: of the run.
        pictures: the training set (N, 3, S, S) uint8, handed over in a file: containers have little
            shared memory.
        run: the run's folder, where the leader takes snapshots; all members see it.
        lost: called with what happened, from another thread, when a member dies; must not return,
            as the leader waits for that member in an exchange that may never end.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        recipe: Recipe,
        pictures: torch.Tensor,
        run: Path,
        lost: Callable[[str], None],
    ) -> None:
        self.devices, self.recipe, self.pictures = devices, recipe, pictures
        self.run, self.lost = run, lost
        self.team = Team(0, len(devices))
        self._members: list[BaseProcess] = []
        self._done = False

    def __enter__(self) -> Team:
        if self.team.size == 1:
            return self.team
        save_file({"pictures": self.pictures}, self.run / PICTURES)
        context = multiprocessing.get_context("spawn")
        for rank, device in enumerate(self.devices[1:], start=1):
            team = Team(rank, self.team.size)
            arguments = (team, device, self.recipe, self.run)
            self._members.append(context.Process(target=_member, args=arguments, daemon=True))
        for member in self._members:
            member.start()
        Thread(target=self._watch, daemon=True).start()
        _join(self.team, self.devices[0], self.run)
        return self.team

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.team.size == 1:
            return
        if kind is not None:
            # An exchange that broke off is the first sign of a death: let the watch say it.
            self._watcher_speaks()
        self._done = True
        for member in self._members:
            member.join(10)
            member.kill()
        dist.destroy_process_group()

    def _watch(self) -> None:
        wait([member.sentinel for member in self._members])
        if not self._done:
            dead = [m for m in self._members if not m.is_alive() and m.exitcode]
            if dead:
                codes = ", ".join(f"{m.name} ended with {m.exitcode}" for m in dead)
                self.lost(f"a process of the team is gone ({codes})")

    def _watcher_speaks(self) -> None:
        wait([member.sentinel for member in self._members], timeout=5)


def _member(team: Team, device: Device, recipe: Recipe, run: Path) -> None:
    """What a further process does."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    if device.device.type == "cuda":
        torch.cuda.set_device(device.device)
    _join(team, device, run)
    pictures = load_file(run / PICTURES)["pictures"].to(device.device)
    follow(Adversaries(recipe, device, team), pictures, run)
    dist.destroy_process_group()


def _join(team: Team, device: Device, run: Path) -> None:
    dist.init_process_group(
        "nccl" if device.device.type == "cuda" else "gloo",
        init_method=f"file://{run / 'rendezvous'}",
        rank=team.rank,
        world_size=team.size,
        timeout=PATIENCE,
    )


def _end_with(parent: BaseProcess) -> None:
    """Ends this process when its leader is gone; it may wait for it in an endless exchange."""
    wait([parent.sentinel])
    print("the leading process is gone", file=sys.stderr, flush=True)
    os._exit(1)
