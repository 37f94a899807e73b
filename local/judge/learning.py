"""The judge's lessons: seconds to minutes at the start of a run, on the run's own device."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from local.data.prepared import TrainingSet
from local.judge import tasks
from local.judge.network import SIZE, Classifier
from local.judge.scoring import BATCH, JudgeError, KernelJudge, raw_features
from local.judge.tasks import Task
from local.train.augment import to_floats
from local.train.clock import Budget, Clock
from local.train.devices import Device
from local.train.ema import recalibrate
from local.train.schedules import cosine

SHARE = 0.02  # of a run's time
MOST_SECONDS = 300.0  # and no more than that: a T4 is through with all epochs sooner
LESSONS = 2 / 3  # of the judge's time; the rest is for the real pictures' features
EPOCHS = 40  # at most: later ones learn the pictures by heart
HELD_OUT = 0.2  # share of the pictures that it does not learn from
FEWEST = 32  # pictures of which there can be a judge
ENOUGH = 1000  # real pictures whose features make a side to compare with; or all, if fewer
MOST = 100_000  # pictures that it looks at, evenly spaced: 1.2 GB on the device
ASKED = 250  # held-out pictures at most that tell its accuracy
SHOWN = 128  # pictures of a step
MEASURED = 4  # batches of so many, by which batch norm is measured in the end
RATE, DECAY, SMOOTHING = 2e-3, 0.05, 0.1


def budget(whole: float) -> float:
    """Seconds for a judge, of a run that lasts `whole` seconds: 2 %, 300 at most."""
    return min(SHARE * whole, MOST_SECONDS)


def learn(
    dogs: TrainingSet,
    device: Device,
    seconds: float,
    seed: int = 0,
    now: Callable[[], float] = time.monotonic,
) -> KernelJudge:
    """A judge of pictures, trained on real ones within so many seconds.

    Args:
        dogs: real pictures (N, 3, 64, 64) as the metric prepares them: whole, squashed.
        device: on which it learns and judges.
        seconds: for all of it. At least one step is taken.
        seed: of its weights, its split and its draws.
        now: a monotonic clock; tests bring their own.

    Raises:
        JudgeError: too few pictures, too little time, or a network that came out broken.
        ValueError: pictures of another size.
    """
    started = now()
    if dogs.pictures.shape[-1] != SIZE:
        raise ValueError(f"pictures are {dogs.pictures.shape[-1]} wide, and {SIZE} are needed")
    if len(dogs) < FEWEST:
        raise JudgeError(f"{len(dogs)} pictures are too few; {FEWEST} are needed")
    device.settle()
    if len(dogs) > MOST:
        dogs = dogs.rows(torch.linspace(0, len(dogs) - 1, MOST, dtype=torch.float64).long())
    data, task = dogs.on(device.device), tasks.of(dogs)
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data), generator=chance)
    parted = round(HELD_OUT * len(data))
    unseen, lessons = order[:parted], order[parted:].to(device.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = device.place(Classifier(task.classes))
    limits = Budget(seconds=LESSONS * seconds, steps=_steps(len(lessons)))
    clock = Clock(limits, spent=now() - started, now=now)
    steps = _train(network, task, data, lessons, device, clock, seed)
    recalibrate(network, _plainly(data, lessons))
    asked = now()
    accuracy = _accuracy(network, task, data, unseen[:ASKED].to(device.device), seed)
    rows = order[torch.randperm(len(order), generator=chance)]
    raw = _look(network, data, rows, started + seconds, now() - asked, now)
    facts = {
        "task": task.name,
        "steps": steps,
        "epochs": round(steps * min(SHOWN, len(lessons)) / len(lessons), 2),
        "accuracy": accuracy,
        "classes": task.classes,
        "real_pictures": len(raw),
        "learned_from": len(lessons),
    }
    held_out = torch.isin(rows[: len(raw)], unseen)
    judge = KernelJudge(network, device.device, raw, held_out, facts)
    judge.facts["seconds"] = round(now() - started, 2)
    return judge


def _steps(pictures: int) -> int:
    return max(1, round(EPOCHS * pictures / SHOWN))


def _train(
    network: nn.Module,
    task: Task,
    data: TrainingSet,
    lessons: Tensor,
    device: Device,
    clock: Clock,
    seed: int,
) -> int:
    """Trains until the clock says so; returns the number of steps."""
    random = torch.Generator(device.device).manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY, fused=True)
    scaler = torch.amp.GradScaler(device.device.type, enabled=device.scaled)
    clock.lag = 1
    network.train()
    steps, before = 0, None
    while not steps or clock.fits(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * cosine(clock.progress(steps), 0.0, 0.0)
        loss = _loss(network, task, data, lessons, device, random)
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
        if before is not None:
            before.item()  # waits for the step before this one, so that the clock is right
        before = loss.detach()
        steps += 1
        clock.stepped()
    return steps


def _loss(
    network: nn.Module,
    task: Task,
    data: TrainingSet,
    lessons: Tensor,
    device: Device,
    random: torch.Generator,
) -> Tensor:
    shape = (min(SHOWN, len(lessons)),)
    drawn = torch.randint(len(lessons), shape, generator=random, device=device.device)
    chosen = lessons[drawn]
    pictures = tasks.varied(to_floats(data.pictures[chosen]), random)
    pictures, classes = task.ask(pictures, data.labels[chosen], random)
    with device.autocast():
        logits = network(pictures.contiguous(memory_format=torch.channels_last))
    return cross_entropy(logits.float(), classes, label_smoothing=SMOOTHING)


def _plainly(data: TrainingSet, lessons: Tensor) -> list[tuple[Tensor, ...]]:
    """Batches of pictures as they are, by which batch norm is measured anew."""
    parts = lessons[: MEASURED * SHOWN].split(SHOWN)
    # One picture has no statistics.
    return [(to_floats(data.pictures[part]),) for part in parts if len(part) > 1]


@torch.inference_mode()
def _accuracy(network: nn.Module, task: Task, data: TrainingSet, rows: Tensor, seed: int) -> float:
    """The share of held-out pictures that it names rightly."""
    random = torch.Generator(rows.device).manual_seed(seed)
    right = 0
    for part in rows.split(BATCH):
        shown, classes = task.ask(to_floats(data.pictures[part]), data.labels[part], random)
        right += int((network(shown).argmax(dim=1) == classes).sum())
    return right / len(rows)


@torch.inference_mode()
def _look(
    network: nn.Module,
    data: TrainingSet,
    rows: Tensor,
    until: float,
    took: float,
    now: Callable[[], float],
) -> Tensor:
    """Features (R, D) of the first rows, as many as there is time for, on the CPU.

    took: seconds that a batch seems to take.
    """
    found: list[Tensor] = []
    for part in rows.split(BATCH):
        start = now()
        if start + 2 * took >= until:  # the rest of the judge takes time too
            break
        found.append(raw_features(network, data.pictures[part.to(data.labels.device)]).cpu())
        took = now() - start
    seen = sum(map(len, found))
    if seen < min(ENOUGH, len(rows)):
        raise JudgeError(f"its time was over after {seen:,} real pictures")
    return torch.cat(found)
