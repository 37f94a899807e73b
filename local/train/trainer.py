"""What all trainers share: networks on a device, their optimisers, and how a batch descends."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from local import nets
from local.data.prepared import TrainingSet
from local.data.room import Room, gigabytes
from local.progress import say
from local.recipes import Recipe
from local.sampling import Draws, draw, sample
from local.train import augment, ema
from local.train.devices import Device, out_of_memory
from local.train.feed import feed
from local.train.schedules import SCHEDULES, eased, restarted
from local.train.team import ALONE, Team

RECALIBRATION_BATCHES = 8
Batch = dict[str, Tensor]  # what a step works on, the same number of rows each


class Trainer(ABC):
    """A generator that learns on a device, its average, and the network that it learns with.

    Attributes:
        statistics: names of the numbers that a step reports.
        partner_name: of the other network, in a snapshot.
        data: the training set, where it was handed over.
        feed: what batches of it come from.
        steps: taken so far.
        splits: into which a batch is cut, one after another; more need less memory. Each has its
            own batch-norm statistics.
        caution: factor of both learning rates; a run that blew up goes on with a lower one.
    """

    statistics: tuple[str, ...]
    partner_name: ClassVar[str]

    def __init__(
        self,
        recipe: Recipe,
        device: Device,
        data: TrainingSet,
        team: Team = ALONE,
        room: Room | None = None,
    ) -> None:
        self.recipe = recipe
        self.device = device
        self.team = team
        self.data = data
        self.classes = data.classes
        device.settle()
        self.feed = feed(data, device.device, recipe.batch, team, room)
        if team.leads and self.feed.place:
            size = gigabytes(data.pictures.nbytes)
            say(f"data: {len(data):,} pictures, {size} {self.feed.place}")
        with torch.random.fork_rng(devices=[]):  # of no GPU: networks begin on the CPU
            torch.manual_seed(recipe.seed)
            self.generator = device.place(nets.generator(recipe, len(self.classes))).train()
            self.partner = device.place(self._build_partner()).train()
        self.average = deepcopy(self.generator).eval().requires_grad_(False)
        if device.compiles:
            # What the compiler cannot do runs as it is: that must not end a run of hours.
            torch._dynamo.config.suppress_errors = True
            torch._dynamo.reset()  # its cache has few places, which networks before these fill
            for network in self._compilable():
                network.compile()  # in place: weights keep their names
        self.g_optimiser = self._adam(self.generator, recipe.g_lr)
        self.d_optimiser = self._adam(self.partner, recipe.d_lr)
        self.g_scaler, self.d_scaler = self._scaler(), self._scaler()
        self.random = torch.Generator(device.device).manual_seed(recipe.seed)
        self.steps = 0
        self._batches = 0  # of the step that is being taken
        self.splits = 1
        self.caution = 1.0

    @abstractmethod
    def _build_partner(self) -> nn.Module:
        """The network that the generator learns with."""

    @abstractmethod
    def _compilable(self) -> list[nn.Module]:
        """Modules whose calls may be compiled."""

    @abstractmethod
    def _learn(self, shared: Tensor) -> Tensor:
        """One step of both networks; adds `shared` up over the team.

        Returns:
            The numbers of `statistics` (K,), on the device.
        """

    @property
    def images(self) -> int:
        """Real pictures shown so far."""
        return self.steps * self.recipe.shown

    def step(self, progress: float = 0.0, signals: Sequence[float] = ()) -> Tensor:
        """Trains both networks once, without a sync with the device.

        Args:
            progress: share of the budget spent, which the schedules follow.
            signals: the leader's numbers for the whole team; other members send zeros.

        Returns:
            `statistics` over the batch, then the signals, on the device.
        """
        self._follow(progress)
        self._batches = 0
        if self.recipe.dropout:  # draws from the process's own generator, and members differ
            torch.manual_seed(self.recipe.seed + self.steps * self.team.size + self.team.rank)
        shared = self._on_device(signals)
        numbers = self._learn(shared)
        self.steps += 1
        ema.update(self.average, self.generator, ema.decay(self.steps, self.recipe.ema))
        return torch.cat([numbers, shared])

    def _on_device(self, numbers: Sequence[float]) -> Tensor:
        """A vector of a few numbers, filled in place: a copy from the host would wait for it."""
        vector = torch.empty(len(numbers), device=self.device.device)
        for place, number in zip(vector, numbers, strict=True):
            place.fill_(number)
        return vector

    def _reals(self) -> Batch:
        """This member's share of a batch: `reals` (B, 3, S, S) in -1..1, and their `labels` (B,).

        Every member draws the numbers of the whole, so that all go on from the same ones.
        """
        recipe, random = self.recipe, self.random
        number = self.steps * recipe.d_steps + self._batches
        self._batches += 1
        # The seed changes where a run is set back, and is part of what a snapshot keeps.
        pictures, labels = self.feed.batch(random.initial_seed(), number)
        drawn = augment.draw(recipe.batch, recipe, random)
        mine = {name: self.team.share(numbers) for name, numbers in drawn.items()}
        reals = augment.apply(pictures, mine, recipe)
        return {"reals": reals.contiguous(memory_format=torch.channels_last), "labels": labels}

    def _accumulate(
        self,
        loss: Callable[[Batch], Tensor],
        optimisers: Sequence[torch.optim.Optimizer],
        scaler: torch.amp.GradScaler,
        batch: Batch,
    ) -> Tensor:
        """Gathers the gradients of `loss(...)[0]`, split by split; returns its mean on the batch.

        Where memory runs out, the batch is cut into twice as many splits from here on.
        """
        while True:
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            try:
                return self._backward(loss, scaler, batch)
            except RuntimeError as error:
                # One picture has no statistics to normalise by.
                if not out_of_memory(error) or len(batch["reals"]) < 2 * 2 * self.splits:
                    raise
            # Not within the except: its traceback would keep the tensors alive.
            self._split_further()

    def _split_further(self) -> None:
        if self.device.device.type == "cuda":
            torch.cuda.empty_cache()
        self.splits *= 2
        print(
            f"memory is full: batches in {self.splits} splits from now on",
            file=sys.stderr,
            flush=True,
        )

    def _backward(
        self, loss: Callable[[Batch], Tensor], scaler: torch.amp.GradScaler, batch: Batch
    ) -> Tensor:
        total: Tensor | None = None
        for part in self._parts(batch):
            share = len(part["reals"]) / self.recipe.batch  # of the whole team's batch
            with self._bounded_once():
                values = share * loss(part)
            scaler.scale(values[0]).backward()
            total = values.detach() if total is None else total + values.detach()
        assert total is not None
        return total

    def _bounded_once(self) -> AbstractContextManager[object]:
        """In it each layer under spectral norm works its weight out once, for all its passes.

        One power iteration for each change of the weights is what the method asks for (Miyato et
        al. 2018, arXiv 1802.05957), and its many small operations cost the host time.
        Compiled code does not know the store of these weights, and needs it less.
        """
        return nullcontext() if self.device.compiles else parametrize.cached()

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        rows = zip(*(tensor.tensor_split(self.splits) for tensor in batch.values()), strict=True)
        return (dict(zip(batch, part, strict=True)) for part in rows)

    def _update(
        self,
        optimisers: Sequence[torch.optim.Optimizer],
        scaler: torch.amp.GradScaler,
        numbers: list[Tensor],
    ) -> None:
        """Descends by the whole team's gradients, and adds `numbers` up along the way."""
        weights = [p for o in optimisers for group in o.param_groups for p in group["params"]]
        self.team.add_up([*(p.grad for p in weights if p.grad is not None), *numbers])
        for optimiser in optimisers:
            scaler.step(optimiser)
        scaler.update()

    def _follow(self, progress: float) -> None:
        """Sets what follows a schedule."""
        recipe = self.recipe
        at = restarted(progress, recipe.lr_hold, recipe.restarts)
        fall = SCHEDULES[recipe.schedule](at, recipe.lr_hold, recipe.lr_end)
        beta2 = eased(progress, recipe.beta2, recipe.beta2_end or recipe.beta2)
        for optimiser, rate in ((self.g_optimiser, recipe.g_lr), (self.d_optimiser, recipe.d_lr)):
            for group in optimiser.param_groups:
                group["lr"] = rate * self.caution * fall
                group["betas"] = (recipe.beta1, beta2)

    def finite(self) -> bool:
        """Whether every weight is a number; waits for the device."""
        weights = (p for network in self.networks().values() for p in network.parameters())
        return bool(torch.stack([p.isfinite().all() for p in weights]).all())

    @property
    def _fitting(self) -> int:
        """Pictures at once that fit into memory."""
        return self.recipe.batch // self.splits

    def recalibrate(self) -> None:
        """Measures the averaged generator's batch-norm statistics, always on the same draws."""
        count = RECALIBRATION_BATCHES * self.recipe.batch
        # Untruncated, as it trained: each truncation would have statistics of its own.
        draws = draw(self.recipe, self.classes, count, self.recipe.seed, truncation=0.0)
        parts = (draws[i : i + self._fitting] for i in range(0, count, self._fitting))
        ema.recalibrate(self.average, (part.on(self.device.device) for part in parts))

    def views(self, draws: Draws) -> dict[str, np.ndarray]:
        """Pictures (N, H, W, 3) uint8 to look at, by what they are called; statistics are fresh."""
        return {"samples": next(sample(self.average, draws, self.device.device))}

    def networks(self) -> dict[str, nn.Module]:
        """The networks by name, as they are saved."""
        return {
            "average": self.average,
            "generator": self.generator,
            self.partner_name: self.partner,
        }

    def training_state(self) -> dict[str, Any]:
        """All else that a resumed run needs to go on as if it had never stopped."""
        return {
            "steps": self.steps,
            "splits": self.splits,
            "caution": self.caution,
            "random": self.random.get_state(),
            "g_optimiser": self.g_optimiser.state_dict(),
            "d_optimiser": self.d_optimiser.state_dict(),
            "g_scaler": self.g_scaler.state_dict(),
            "d_scaler": self.d_scaler.state_dict(),
        }

    def load_training_state(self, state: dict[str, Any]) -> None:
        """The inverse of `training_state`."""
        self.steps, self.splits = state["steps"], state["splits"]
        self.caution = state["caution"]
        self.random.set_state(state["random"].cpu())
        for part in ("g_optimiser", "d_optimiser", "g_scaler", "d_scaler"):
            getattr(self, part).load_state_dict(state[part])

    def _adam(self, network: nn.Module, rate: float) -> torch.optim.Adam:
        betas = (self.recipe.beta1, self.recipe.beta2)
        return torch.optim.Adam(network.parameters(), rate, betas, fused=True)

    def _scaler(self) -> torch.amp.GradScaler:
        return torch.amp.GradScaler(self.device.device.type, enabled=self.device.scaled)
