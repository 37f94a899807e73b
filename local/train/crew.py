"""The processes of a team: one for each further device, started by the leader.

They are spawned, not forked: a forked process cannot use the GPU. Spawning runs the main file again
under another name, which in a kernel installs the importer and nothing else.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

import torch.distributed as dist
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from local.data.prepared import TrainingSet
from local.errors import reason
from local.recipes import Recipe
from local.train.build import trainer
from local.train.devices import Device
from local.train.stepper import follow
from local.train.team import ALONE, Team, join

START_SECONDS = 120.0  # that a member may take to come up; torch is imported once more
DATA = "data.safetensors"


class Crew:
    """Within this context the further devices' processes follow the leader, which is this process.

    Where they do not come up, the leader says so and goes on alone: entering gives the team.

    Args:
        devices: the leader's first.
        recipe: of the run.
        data: the training set, handed over in a file: containers have little shared memory.
        run: a folder that all members see, where they find the data and each other.
        lost: called with what happened, from another thread, when a member dies; must not return,
            as the leader waits for that member in an exchange that may never end.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        recipe: Recipe,
        data: TrainingSet,
        run: Path,
        lost: Callable[[str], None],
    ) -> None:
        self.devices, self.recipe, self.data = devices, recipe, data
        self.run, self.lost = run, lost
        self._members: list[BaseProcess] = []
        self._watcher = Thread(target=self._watch, daemon=True)
        self._done = False

    def __enter__(self) -> Team:
        team = Team(0, len(self.devices), len(self.devices))
        if team.size == 1:
            return ALONE
        try:
            self._form(team)
        except (OSError, EOFError, RuntimeError, SafetensorError) as error:
            self._dismiss()
            self._members = []
            why = "a process ended at once" if isinstance(error, EOFError) else reason(error)
            print(f"no team: {why}; going on with one device", file=sys.stderr, flush=True)
            return ALONE
        except BaseException:  # a signal; members would wait for what this process does next
            self._dismiss()
            raise
        return team

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._members:
            return
        if kind is None:
            self._done = True
            dist.destroy_process_group()
            for member in self._members:
                member.join(3)
        elif issubclass(kind, Exception):
            # An exchange breaks off when a member is gone: that is the watcher's to say.
            self._watcher.join(5)
        self._dismiss()

    def _dismiss(self) -> None:
        self._done = True
        for member in self._members:
            member.kill()

    def _form(self, team: Team) -> None:
        tensors = {"pictures": self.data.pictures[:], "labels": self.data.labels}
        save_file(tensors, self.run / DATA)
        context = multiprocessing.get_context("spawn")
        lines = []
        for rank, device in enumerate(self.devices[1:], start=1):
            line, theirs = context.Pipe(duplex=False)
            settings = (device, self.recipe, self.data.breeds)
            arguments = (replace(team, rank=rank), *settings, self.run, theirs)
            member = context.Process(target=_member, args=arguments, daemon=True)
            member.start()
            theirs.close()  # so that the line ends with the member
            self._members.append(member)
            lines.append(line)
        for line in lines:
            if not line.poll(START_SECONDS):
                raise TimeoutError(f"a process did not come up within {START_SECONDS:g} s")
            line.recv()
        self._watcher.start()
        _join(team, self.devices[0], self.run)

    def _watch(self) -> None:
        there = {member.sentinel: member for member in self._members}
        while there:
            ended = wait(list(there))
            for sentinel in [sentinel for sentinel in there if sentinel in ended]:
                member = there.pop(sentinel)
                member.join()  # its sentinel is there before its exit code
                if member.exitcode and not self._done:
                    self.lost(f"a process of the team is gone (exit code {member.exitcode})")


def _member(
    team: Team, device: Device, recipe: Recipe, breeds: list[str], run: Path, line: Connection
) -> None:
    """What a further process does."""
    # Ctrl-C reaches every process of a terminal: it is the leader that stops the team.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    data = TrainingSet(**load_file(run / DATA), breeds=breeds)
    member = trainer(recipe, device, data, team)
    line.send("ready")
    _join(team, device, run)
    follow(member)
    dist.destroy_process_group()
    sys.stdout.flush()
    os._exit(0)  # torch takes seconds to leave, and the leader waits


def _join(team: Team, device: Device, run: Path) -> None:
    join(team, device.device, init_method=f"file://{run / 'rendezvous'}")


def _end_with(parent: BaseProcess) -> None:
    """Ends this process when its leader is gone; it may wait for it in an endless exchange."""
    wait([parent.sentinel])
    print("the leading process is gone", file=sys.stderr, flush=True)
    os._exit(1)
