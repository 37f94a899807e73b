"""Members of a team: threads here, that add up as processes do; test_crew.py has the processes."""

import copy
import itertools
from dataclasses import replace
from threading import Barrier, Thread

import pytest
import torch

from local import recipes
from local.train import loop, snapshots, stepper
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.pace import Pace
from local.train.stepper import Stepper, follow
from local.train.team import ALONE, Team

PATIENCE = 30  # seconds after which a member that waits in vain breaks the test off


class Members:
    """A team's places, whose holders add up through memory."""

    def __init__(self, size):
        self.sums, self.barrier = [None] * size, Barrier(size, timeout=PATIENCE)
        self.exchanges = 0
        members = self

        class Member(Team):
            def add_up(self, tensors):
                members.add_up(self.rank, tensors)

            def hand_out(self, state, device):
                return members.hand_out(self.rank, state)

        self.places = [Member(rank, size) for rank in range(size)]

    def add_up(self, rank, tensors):
        self.sums[rank] = [tensor.clone() for tensor in tensors]
        self.exchanges += rank == 0
        self.barrier.wait()
        for i, tensor in enumerate(tensors):
            tensor.copy_(sum(one[i] for one in self.sums))
        self.barrier.wait()

    def hand_out(self, rank, state):
        if rank == 0:
            self.handed = copy.deepcopy(state)
        self.barrier.wait()
        handed = self.handed
        self.barrier.wait()
        return handed


def at_once(*works):
    """Runs functions in threads; an error in one of them is raised here."""
    errors = []

    def run(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    if errors:
        raise errors[0]


def weights(adversaries):
    parameters = [*adversaries.generator.parameters(), *adversaries.discriminator.parameters()]
    return torch.cat([p.detach().flatten() for p in parameters])


CONSISTENT = {"bcr": 10.0, "zcr_d": 5.0, "zcr_g": 0.5}
ADAPTIVE = {"diffaugment": "colour+translation+cutout", "ada": 0.6, "ada_kimg": 0.1}


@pytest.mark.parametrize(("batch", "settings"), [(8, {}), (7, {}), (8, ADAPTIVE), (8, CONSISTENT)])
def test_a_team_of_two_is_one_process_with_two_splits(batch, settings, recipe, device, dogs):
    recipe = replace(recipe, batch=batch, **settings)
    reference = Adversaries(recipe, device, dogs)
    reference.splits = 2
    team = Members(2)
    members = [Adversaries(recipe, device, dogs, place) for place in team.places]
    seen = [[], []]

    def work(rank):
        signals = (0.5, 1.0) if rank == 0 else (0.0, 0.0)
        for _ in range(4):
            seen[rank].append(members[rank].step(0.5, signals))

    at_once(lambda: work(0), lambda: work(1))
    for mine, others in zip(*seen, strict=True):
        expected = reference.step(0.5)
        torch.testing.assert_close(mine[: len(reference.statistics)], expected, atol=1e-4, rtol=0)
        assert torch.equal(mine, others)
        assert mine[len(reference.statistics) :].tolist() == [0.5, 1.0]  # what the leader said
    torch.testing.assert_close(weights(members[0]), weights(reference), atol=1e-4, rtol=0)
    assert torch.equal(weights(members[0]), weights(members[1]))
    assert team.exchanges == 2 * 4  # one a side, gradients and numbers together


def held(trainer):
    """Spectral norm's vectors stay as they are: they move with each look, and splits look twice."""
    for network in (trainer.generator, trainer.partner):
        for part in network.modules():
            if hasattr(part, "n_power_iterations"):
                part.n_power_iterations = 0
    return trainer


def gradient(network):
    return torch.cat([p.grad.flatten() for p in network.parameters()])


PRESETS = [
    pytest.param(name, marks=pytest.mark.slow) if name == "csagan-wgan" else name
    for name in recipes.PRESETS
]


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_team_of_two_is_one_process_with_two_splits_for_every_recipe(preset, built):
    """Whatever a recipe draws for a batch; but for dropout, which each member draws for itself."""
    settings = {"size": 32, "dropout": 0.0}
    reference = held(built(preset, **settings))
    reference.splits = 2
    team = Members(2)
    members = [held(built(preset, place, **settings)) for place in team.places]
    for _ in range(3):
        numbers = [None, None]

        def work(rank, numbers=numbers):
            numbers[rank] = members[rank].step(0.5)

        at_once(lambda: work(0), lambda: work(1))
        torch.testing.assert_close(numbers[0], reference.step(0.5), atol=1e-3, rtol=1e-3)
        assert torch.equal(*numbers)
        for side in ("generator", "partner"):
            mine, others = (gradient(getattr(member, side)) for member in members)
            assert torch.equal(mine, others)
            expected = gradient(getattr(reference, side))
            # A hinge that all pictures are beyond has no slope at all.
            assert (mine - expected).norm() <= 1e-2 * expected.norm()
    sides = 1 if preset == "autoencoder" else 1 + reference.recipe.d_steps
    assert team.exchanges == 3 * sides


def test_one_alone_adds_nothing_up(recipe):
    gradient = torch.ones(3)
    ALONE.add_up([gradient])
    assert ALONE.leads and gradient.tolist() == [1, 1, 1]
    assert ALONE.share(gradient) is not None and len(ALONE.share(gradient)) == 3


def test_a_member_may_need_more_splits_than_another(recipe, device, dogs, monkeypatch):
    """Memory runs out on one device only; its batch still counts as much as the other's."""
    team = Members(2)
    members = [Adversaries(recipe, device, dogs, place) for place in team.places]
    members[1].splits = 2
    numbers = [[], []]

    def work(rank):
        for _ in range(3):
            numbers[rank].append(members[rank].step(0.0, (0.0, 0.0)))

    at_once(lambda: work(0), lambda: work(1))
    assert torch.equal(torch.stack(numbers[0]), torch.stack(numbers[1]))
    assert torch.equal(weights(members[0]), weights(members[1]))
    assert [member.splits for member in members] == [1, 2]


def lagging(monkeypatch, lag):
    class LaggingPace(Pace):
        def __init__(self, device):
            super().__init__(device)
            self.lag = lag

    monkeypatch.setattr(stepper, "Pace", LaggingPace)


@pytest.mark.parametrize("lag", [0, 2])
def test_all_stop_after_the_same_step(lag, recipe, device, dogs, tmp_path, monkeypatch):
    lagging(monkeypatch, lag)
    members = [Adversaries(recipe, device, dogs, place) for place in Members(2).places]
    asked = itertools.count()
    clock = Clock(Budget(seconds=1e9), now=lambda: 0.0)

    def stop():
        return next(asked) >= 6

    at_once(
        lambda: loop.train(members[0], clock, tmp_path, stop=stop),
        lambda: follow(members[1]),
    )
    assert [member.steps for member in members] == [6 + 1 + lag] * 2
    assert torch.equal(weights(members[0]), weights(members[1]))


def test_on_the_way_to_the_end_no_snapshot_holds_the_others_up(
    recipe, device, dogs, tmp_path, monkeypatch
):
    """One is due after each step."""
    lagging(monkeypatch, 2)
    saved, usual, asked = [], snapshots.save, itertools.count()

    def save(run, adversaries, seconds):
        saved.append(adversaries.steps)
        return usual(run, adversaries, seconds)

    monkeypatch.setattr(snapshots, "save", save)
    members = [
        Adversaries(replace(recipe, snapshots=24), device, dogs, place)
        for place in Members(2).places
    ]
    clock = Clock(Budget(steps=24), now=lambda: 0.0)
    at_once(
        lambda: loop.train(members[0], clock, tmp_path, stop=lambda: next(asked) >= 6),
        lambda: follow(members[1]),
    )
    assert saved == [0, 1, 2, 3, 4, 5, 6, 9]


def test_all_follow_the_leaders_progress(recipe, device, dogs, tmp_path):
    recipe = replace(recipe, lr_hold=0.01, lr_end=0.01)
    members = [Adversaries(recipe, device, dogs, place) for place in Members(2).places]
    now = itertools.count()
    clock = Clock(Budget(seconds=300), now=lambda: float(next(now)))
    at_once(
        lambda: loop.train(members[0], clock, tmp_path),
        lambda: follow(members[1]),
    )
    rates = [member.g_optimiser.param_groups[0]["lr"] for member in members]
    assert rates[0] == rates[1] < 0.1 * recipe.g_lr
    assert torch.equal(weights(members[0]), weights(members[1]))


@pytest.mark.parametrize("snapshots_at", [4, 1])
@pytest.mark.parametrize("lag", [0, 2])
def test_all_go_back_together(
    lag, snapshots_at, recipe, device, dogs, tmp_path, monkeypatch, capsys
):
    """A loss is NaN on one member's device; a snapshot is due while the other does not know yet."""
    lagging(monkeypatch, lag)
    recipe = replace(recipe, snapshots=24 // snapshots_at)
    members = [Adversaries(recipe, device, dogs, place) for place in Members(2).places]
    clock = Clock(Budget(steps=24), now=lambda: 0.0)
    usual, calls = members[1]._discriminator_loss, itertools.count(1)

    def loss(*inputs, **named):
        return usual(*inputs, **named) * (float("nan") if next(calls) == 7 else 1)

    monkeypatch.setattr(members[1], "_discriminator_loss", loss)
    at_once(
        lambda: loop.train(members[0], clock, tmp_path),
        lambda: follow(members[1]),
    )
    assert [member.steps for member in members] == [24, 24]
    assert [member.caution for member in members] == [0.5, 0.5]
    assert torch.equal(weights(members[0]), weights(members[1]))
    assert torch.equal(members[0].random.get_state(), members[1].random.get_state())
    back = 4 if snapshots_at == 4 else 6
    said = f"losses blew up at step {7 + lag}: back to step {back};"
    assert capsys.readouterr().err.count(said) == 1  # the leader says it


def test_no_snapshot_is_taken_of_a_step_that_has_one(recipe, device, dogs, tmp_path, monkeypatch):
    """Right after going back."""
    adversaries, now, saved = Adversaries(recipe, device, dogs), [0.0], []
    usual_step, usual_save, usual = adversaries.step, snapshots.save, adversaries.loss

    def step(*arguments):
        now[0] += 1
        return usual_step(*arguments)

    def save(run, adversaries, seconds):
        saved.append((adversaries.steps, now[0]))
        return usual_save(run, adversaries, seconds)

    monkeypatch.setattr(adversaries, "step", step)
    monkeypatch.setattr(snapshots, "save", save)

    def loss(real, fake):
        return usual.discriminator(real, fake) * (float("nan") if now[0] == 8 else 1)

    adversaries.loss = replace(usual, discriminator=loss)
    clock = Clock(Budget(seconds=16), now=lambda: now[0])
    loop.train(adversaries, clock, tmp_path)
    assert saved[:3] == [(0, 0), (4, 4), (5, 9)]  # at 8, the second mark, it went back


def test_a_stepper_alone_needs_no_step_to_tell_others(recipe, device, dogs, tmp_path):
    adversaries = Adversaries(recipe, device, dogs)
    assert Stepper(adversaries, tmp_path).ahead == 0
    adversaries.team = Team(0, 2)
    assert Stepper(adversaries, tmp_path).ahead == 1
