"""A team whose processes torchrun has started, on one machine or on many.

torchrun gives each process its place in the environment, ends all of a machine's when one fails,
and starts them again, on as many machines as are left or have come. What is here is the rest: the
processes find each other, do what comes before the training together, so that one line says what is
wrong with it, and notice when one of them is gone. https://pytorch.org/docs/stable/elastic/run.html
"""

import json
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import Store

from local.errors import InputError, reason
from local.progress import say
from local.runs import differences
from local.train import devices
from local.train.devices import Device
from local.train.lifesigns import DONE, FAILED, LifeSigns
from local.train.meeting import meet
from local.train.place import Place
from local.train.team import Team, join

Result = TypeVar("Result")
HANDOVER = 120.0  # torchrun kills after 30, and a file server notices a lost machine after 90


def refuse(command: str, instead: str) -> None:
    """Ends a command that torchrun cannot spread.

    Raises:
        InputError: torchrun has started several processes, and this is the first.
        SystemExit: it is another one.
    """
    place = Place.here()
    if place.size == 1:
        return
    if place.rank:
        raise SystemExit(2)
    raise InputError(f"{command}: torchrun cannot spread it over {place.size} processes; {instead}")


class Cluster:
    """Within this context all processes that torchrun has started act together.

    One that it has not started, or the only one, acts alone, and nothing here takes any time.

    Raises:
        ConnectionError: the others do not come up.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.team = Team(place.rank, place.size, place.local_size)
        self._store: Store | None = None
        self._signs: LifeSigns | None = None
        self._turns = count()

    def __enter__(self) -> "Cluster":
        if self.place.size > 1:
            self._store = meet(self.place)
        if self.place.launched:
            self._signs = LifeSigns(self.place, self._store)
            self._signs.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        told = kind is None or issubclass(kind, SystemExit | InputError)
        self._part(DONE if told else FAILED)

    def _part(self, last: str) -> None:
        if self._signs:
            self._signs.end(last)
            self._signs = None

    @property
    def patience(self) -> float:
        """Seconds to wait for the folder of a leader that torchrun has just ended."""
        return HANDOVER if self.place.launched else 0.0

    @property
    def leads(self) -> bool:
        """Whether this process writes the files, and speaks for all."""
        return self.team.leads

    def gather(self, text: str) -> list[str]:
        """The texts of all processes, in order; each has to call it."""
        if self._store is None:
            return [text]
        turn = next(self._turns)
        self._store.set(f"{turn}/{self.place.rank}", text)
        return [self._store.get(f"{turn}/{n}").decode() for n in range(self.place.size)]

    def together(self, work: Callable[[], Result]) -> Result:
        """Does something in every process, and ends all of them where it fails in any.

        Raises:
            Exception: what `work` has raised, in the first process where it has.
            SystemExit: in the others.
        """
        problem: Exception | None = None
        try:
            result = work()
        except Exception as error:
            problem = error
        code = "" if problem is None else "2" if isinstance(problem, InputError) else "1"
        codes = self.gather(code)
        troubled = [rank for rank, told in enumerate(codes) if told]
        if not troubled:
            return result
        if troubled[0] != self.place.rank:
            raise SystemExit(int(codes[troubled[0]]))
        assert problem is not None
        if isinstance(problem, InputError) and len(troubled) < self.place.size:
            problem = InputError(f"{problem} (on {_host()})")
        raise problem

    def in_turn(self, work: Callable[[], Result]) -> Result:
        """As `together`; the first process of each machine goes first, and keeps what it finds."""
        results: list[Result] = []
        for first in (True, False):
            if self.place.first == first:
                self.together(lambda: results.append(work()))
            else:
                self.together(lambda: None)
        return results[0]

    def agree(self, about: Callable[[], dict[str, dict[str, Any]]]) -> None:
        """Makes sure that all processes are about to do the same.

        Args:
            about: what, and its values, as JSON; one alone is not asked.

        Raises:
            InputError: they are not; in those that do not lead, SystemExit.
        """
        if self.place.size == 1:
            return
        told = [json.loads(text) for text in self.gather(json.dumps([_host(), about()]))]
        first = told[0][1]

        def compare() -> None:
            for host, theirs in told:
                for what, values in theirs.items():
                    if odd := differences(values, first[what]):
                        rest = "start the same command everywhere, on the same data"
                        raise InputError(f"{host} has other {what} than the first ({odd}); {rest}")

        self.together(compare)

    def look_for(self, folder: Path) -> None:
        """Warns of machines that do not see a folder of the leader's.

        Nothing is read there by others than the leader; but another machine may come to lead.
        """
        if self.place.size == 1:
            return
        # A name that none has looked for before: network drives remember what was not there.
        mark = folder / self.gather(f".seen-{secrets.token_hex(8)}")[0]
        if self.leads:
            mark.touch()
        self.gather("it is there")
        seen = self.gather("" if mark.exists() else _host())
        if self.leads:
            mark.unlink(missing_ok=True)
            for host in sorted(set(seen) - {""}):
                told = f"{host} does not see {folder}, and could not go on with the run by itself"
                say(f"{told}; put --out on a drive that all machines share")

    def device(self, wanted: str) -> Device:
        """As `devices.choose`; of several processes on a machine each has a GPU of its own.

        Raises:
            InputError: it is not usable, or there are too few.
        """
        place = self.place
        if not place.launched or wanted == "cpu":
            return devices.choose(wanted)
        if wanted not in ("auto", "cuda"):
            raise InputError(
                f"device {wanted}: torchrun's processes share GPUs out; say auto or cpu"
            )
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not gpus and wanted == "auto":
            return devices.choose("cpu")
        if gpus <= place.local_rank:
            told = f"{place.local_size} processes, {gpus} GPUs"
            raise InputError(f"{told}: have one process a GPU (--nproc-per-node), or --device cpu")
        return devices.choose(f"cuda:{place.local_rank}")

    @contextmanager
    def training(self, device: torch.device) -> Iterator[Team]:
        """Within this context the team exchanges; after it each process goes its own way.

        Signals are the leader's: torchrun sends them to all, and the others end with it.
        """
        if self._store is not None:
            if not self.leads:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
            try:
                join(self.team, device, store=self._store)
            except RuntimeError as error:
                raise ConnectionError(f"the team does not form ({reason(error)})") from error
        yield self.team
        # After an error others may wait in an exchange for ever, and so would whoever leaves it.
        if self._store is not None:
            dist.destroy_process_group()
        self._part(DONE)


def _host() -> str:
    return socket.gethostname()
