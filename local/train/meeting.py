"""Where the processes that torchrun has started leave each other messages."""

import os
import secrets
import time
from datetime import timedelta

from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from local.errors import reason
from local.progress import say
from local.train.place import Place

START = 300.0  # seconds in which all processes of a team have to come up
# The data of one machine may take hours to prepare; that it is alive is seen otherwise.
PREPARATION = timedelta(days=2)
# Where torchrun keeps one store for all teams, whoever joins later is not told where that is
# (seen in torch 2.15).
KEEPS, HINT = "TORCHELASTIC_USE_AGENT_STORE", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"


def meet(place: Place) -> Store:
    """A store without the messages of an earlier team; returns when all are there.

    torchrun keeps its store when it starts processes again, and with it the addresses of those that
    are gone; and none of what it tells them counts the teams. So the leader names each anew, and
    answers whoever leaves a word that was never used before.

    Raises:
        ConnectionError: the others do not come.
    """
    try:
        store = next(rendezvous("env://", timeout=timedelta(seconds=START)))[0]
        name = _name(store, place)
        if place.rank == 0 and place.machines > 1 and os.environ[KEEPS] == str(True):
            say(f"no machine can join or replace another: torchrun runs without {HINT}")
        store.set_timeout(PREPARATION)
        return PrefixStore(name, store)
    except RuntimeError as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise ConnectionError(f"the team does not meet at {where} ({reason(error)})") from error


def _name(store: Store, place: Place) -> str:
    word = secrets.token_hex(8)
    if place.rank == 0:
        _answer_all(store, word, place.size)
        return word
    store.set(f"here/{place.rank}", word)
    name: str = store.get(f"name/{word}").decode()
    store.set(f"{name}/{place.rank}", "here")
    return name


def _answer_all(store: Store, name: str, size: int) -> None:
    missing = set(range(1, size))
    until = time.monotonic() + START
    while missing:
        for rank in sorted(missing):
            if store.check([f"{name}/{rank}"]):
                missing.remove(rank)
            elif store.check([f"here/{rank}"]):
                store.set(f"name/{store.get(f'here/{rank}').decode()}", name)
        if missing and time.monotonic() > until:
            raise RuntimeError(f"{len(missing)} of {size} did not come within {START:g} s")
        time.sleep(0.05)
