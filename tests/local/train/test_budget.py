"""The loop under a budget, in simulated time: no hour of it is spent.

Steps, submissions and what a device has waiting take the seconds that the tests say.
"""

from dataclasses import replace

import pytest
import torch

from local.train import loop, stepper
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.pace import Pace
from local.train.team import Team

SESSIONS = [60, 300, 3600, 9 * 3600, 12 * 3600]


class World:
    """Simulated time, and all that takes some."""

    def __init__(self, recipe, device, dogs, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.now = 1000.0
        self.adversaries = Adversaries(replace(recipe, snapshots=20), device, dogs)
        monkeypatch.setattr(self.adversaries, "step", self.step)
        monkeypatch.setattr(self.adversaries, "recalibrate", lambda: None)
        monkeypatch.setattr(loop.snapshots, "save", lambda *_: None)
        self.step_seconds = lambda: 1.0
        self.progress = []
        # of the submission
        self.kimg = None
        self.ending = 0.0
        self.costs = lambda: 0.0
        self.refuses = 0  # of the first ones
        self.offered = []  # (when, kimg)

    def step(self, progress=0.0, signals=()):
        self.progress.append(progress)
        self.now += self.step_seconds()
        self.adversaries.steps += 1
        return torch.tensor([0.0] * len(Adversaries.statistics) + list(signals))

    def offer(self, adversaries):
        self.offered.append((self.now - 1000, adversaries.images / 1000))
        self.seconds = self.costs()
        self.now += self.seconds
        if len(self.offered) > self.refuses:
            self.kimg = adversaries.images / 1000

    def train(self, seconds, estimate=0.0, **budget):
        """Trains until a deadline; returns the seconds that were left for the last archive."""
        self.seconds = estimate
        clock = Clock(Budget(deadline=1000 + seconds, **budget), now=lambda: self.now)
        clock.keep(estimate)
        loop.train(self.adversaries, clock, self.folder, submission=self)
        return 1000 + seconds - self.now


@pytest.fixture
def world(recipe, device, dogs, tmp_path, monkeypatch):
    return World(recipe, device, dogs, tmp_path, monkeypatch)


@pytest.mark.parametrize("cost", [0.3, 4, 20, 90])
@pytest.mark.parametrize("seconds", SESSIONS)
def test_snapshots_take_their_share_and_the_end_its_reserve(seconds, cost, world):
    world.step_seconds = lambda: seconds / 500
    world.costs = lambda: cost
    left = world.train(seconds, estimate=0.9 * cost)
    moments = [moment for moment, _ in world.offered]
    spent = cost * len(moments)
    assert left >= min(cost, seconds)  # the last archive
    if 20 * cost < 0.9 * seconds:
        # within their share at any time, not only in the end, and early
        assert spent <= 0.05 * seconds
        later = enumerate(moments[1:], start=2)
        assert all(cost * n <= 0.05 * (moment + cost) for n, moment in later)
        assert moments[0] <= min(seconds / 20, 20 * cost) + seconds / 250
    elif cost < 0.8 * 0.2 * seconds:  # of a short budget it takes more, once, not too early
        assert len(moments) == 1
        assert moments[0] == pytest.approx(0.3 * seconds, rel=0.2)
    elif cost > 0.2 * seconds:
        assert moments == []  # the end is near, and brings one


def test_a_long_run_with_cheap_snapshots_takes_as_many_as_the_recipe_says(world):
    world.costs = lambda: 1.0
    world.step_seconds = lambda: 9.0
    world.train(9 * 3600)
    assert 19 <= len(world.offered) <= 21


def test_a_first_submission_that_was_refused_is_tried_again(world):
    world.costs, world.refuses = lambda: 2.0, 2
    world.train(300, estimate=2.0)
    assert world.offered[2][0] < 60 and world.kimg


@pytest.mark.parametrize("cost", [13.9, 14.1, 14.3, 14.5])
def test_no_snapshot_begins_where_it_could_not_end(cost, world):
    """Its share of the time is spent just before the end."""
    world.costs = lambda: cost
    assert world.train(600, estimate=cost) >= cost


def test_after_a_snapshot_steps_go_on_to_the_end(world, monkeypatch):
    """The seconds of a snapshot are not taken for a slow step."""
    monkeypatch.setattr(loop, "SNAPSHOT_SHARE", 1.0)
    world.costs = lambda: 5.0
    left = world.train(300, estimate=5.0)
    assert len(world.offered) >= 19
    assert 1.3 * 5 + 3 <= left < 1.3 * 5 + 3 + 2


def test_a_snapshot_that_becomes_slow_is_expected_to_stay_so(world):
    world.costs = lambda: 2.0 if world.now < 1500 else 20.0
    left = world.train(1000, estimate=2.0)
    assert left >= 20
    assert all(moment < 1000 - 20 for moment, _ in world.offered)


def test_progress_rises_whatever_the_snapshots_cost(world):
    world.costs = lambda: 1.0 + 3 * len(world.offered)
    world.train(3600, estimate=1.0)
    assert len(world.offered) > 3
    assert world.progress == sorted(world.progress)
    assert world.progress[0] == 0 and 0.99 < world.progress[-1] <= 1


def test_a_slow_step_is_expected_again_at_the_end(world):
    steps = iter(range(10**6))
    world.step_seconds = lambda: 5.0 if next(steps) % 10 == 0 else 0.5
    assert world.train(300) >= 3.0
    assert world.now > 1000 + 300 - 15


class LaggingPace(Pace):
    """A device that works through a queue, two steps behind the host."""

    world: World
    queue: list

    def __init__(self, device):
        super().__init__(device)
        self.lag = 2

    def _pop(self):
        self.world.now = max(self.world.now, self.queue.pop(0))
        return super()._pop()


@pytest.mark.parametrize("team", [1, 2])
@pytest.mark.parametrize("budget", [{}, {"steps": 57}])
def test_what_a_device_has_waiting_is_done_in_time(team, budget, world, monkeypatch):
    """The host takes no time for a step, the device one second."""
    finished, LaggingPace.world, LaggingPace.queue = [1000.0], world, []
    monkeypatch.setattr(stepper, "Pace", LaggingPace)
    world.adversaries.team = Team(0, team)
    usual = world.step

    def step(*arguments):
        finished.append(max(finished[-1], world.now) + 1.0)
        LaggingPace.queue.append(finished[-1])
        return usual(*arguments)

    world.step_seconds = lambda: 0.001
    monkeypatch.setattr(world.adversaries, "step", step)
    world.train(100, **budget)
    if budget:
        assert world.adversaries.steps == 57
    else:
        end = 1000 + 100 - 3.0  # what is kept for the process's end
        waiting = 2 if team == 1 else 3
        assert end - waiting - 2 < finished[-1] <= end
