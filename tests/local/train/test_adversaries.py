"""One step of the game, that each side gets better at it, and what is done about little memory."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from local.train.adversaries import Adversaries
from local.train.augment import to_floats
from local.train.devices import Device
from local.train.losses import bce_d, bce_g


def test_a_step_reports_what_it_did(recipe, device, dogs):
    adversaries = Adversaries(recipe, device, dogs)
    statistics = dict(zip(Adversaries.statistics, adversaries.step().tolist(), strict=True))
    assert statistics["loss_d"] > 0 and statistics["loss_g"] > 0
    assert 0 <= statistics["accuracy_real"] <= 1 and 0 <= statistics["accuracy_fake"] <= 1
    assert adversaries.images == recipe.batch


@pytest.mark.parametrize("side", ["g", "d"])
def test_a_side_that_plays_alone_lowers_its_loss(recipe, device, dogs, side):
    """The other side's rate is as good as zero."""
    rates = {"g_lr": 1e-12, "d_lr": 1e-12} | {f"{side}_lr": 1e-3}
    adversaries = Adversaries(replace(recipe, **rates), device, dogs)
    reals, latents = to_floats(dogs.pictures), torch.randn(40, recipe.latent)

    def loss():
        fakes = adversaries.generator(latents)
        if side == "g":
            return bce_g(fakes, adversaries.discriminator(fakes)).item()
        return bce_d(adversaries.discriminator(reals), adversaries.discriminator(fakes)).item()

    before = loss()
    for _ in range(20):
        adversaries.step()
    assert loss() < 0.8 * before


def test_a_seed_gives_one_run_and_another_seed_another(recipe, device, dogs):
    def trained(seed):
        adversaries = Adversaries(replace(recipe, seed=seed), device, dogs)
        for _ in range(3):
            adversaries.step()
        return torch.cat([p.flatten() for p in adversaries.average.parameters()])

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_the_process_is_set_up_for_the_device(recipe, device, monkeypatch, dogs):
    settled = []
    monkeypatch.setattr(Device, "settle", lambda self: settled.append(self.name))
    Adversaries(recipe, device, dogs)
    assert settled == [device.name]


def test_building_networks_leaves_the_global_random_numbers_alone(recipe, device, dogs):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    Adversaries(recipe, device, dogs)
    assert torch.equal(torch.rand(1), expected)


def parameters(*networks):
    return torch.cat([p.detach().flatten() for n in networks for p in n.parameters()])


def failing(adversaries, side, fails, error=None):
    """The n-th computation of a side's loss fails where `fails(n)`."""
    usual, numbers = getattr(adversaries.loss, side), itertools.count(1)

    def loss(*logits):
        if fails(next(numbers)):
            raise error or torch.OutOfMemoryError("CUDA: tried to allocate 2 GiB")
        return usual(*logits)

    adversaries.loss = replace(adversaries.loss, **{side: loss})


SAID = "memory is full: batches in 2 splits from now on\n"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA: tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
    ids=["CUDA", "CPU", "cuDNN"],
)
def test_memory_that_runs_out_cuts_the_batch_from_there_on(
    error, recipe, device, dogs, monkeypatch, capsys
):
    """The step that failed is done over: it equals one that was cut from its beginning."""
    expected, adversaries = Adversaries(recipe, device, dogs), Adversaries(recipe, device, dogs)
    numbers = []
    for n in range(1, 5):
        expected.splits = 1 if n < 3 else 2
        numbers.append(expected.step())
    failing(adversaries, "discriminator", lambda n: n == 3, error)
    for before in numbers:
        torch.testing.assert_close(adversaries.step(), before)
    torch.testing.assert_close(
        parameters(*adversaries.networks().values()), parameters(*expected.networks().values())
    )
    assert adversaries.splits == 2 and capsys.readouterr().err == SAID


def test_memory_that_runs_out_in_the_generators_half_spares_the_other(
    recipe, device, dogs, monkeypatch, capsys
):
    whole, adversaries = Adversaries(recipe, device, dogs), Adversaries(recipe, device, dogs)
    expected = whole.step()
    failing(adversaries, "generator", lambda n: n == 1)
    numbers = adversaries.step()
    assert adversaries.splits == 2 and capsys.readouterr().err == SAID
    torch.testing.assert_close(numbers[:-1], expected[:-1])  # all but the generator's loss
    assert numbers[-1].isfinite() and numbers[-1] != expected[-1]
    assert torch.equal(parameters(adversaries.discriminator), parameters(whole.discriminator))
    assert not torch.equal(parameters(adversaries.generator), parameters(whole.generator))


@pytest.mark.parametrize(("side", "name"), [("discriminator", "loss_d"), ("generator", "loss_g")])
def test_splits_count_by_their_size(side, name, recipe, device, dogs):
    adversaries = Adversaries(replace(recipe, batch=7), device, dogs)
    adversaries.splits = 3
    usual, seen = getattr(adversaries.loss, side), []

    def loss(*logits):
        seen.append((len(logits[0]), usual(*logits)))
        return seen[-1][1]

    adversaries.loss = replace(adversaries.loss, **{side: loss})
    numbers = adversaries.step()
    assert [size for size, _ in seen] == [3, 2, 2]
    mean = sum(size / 7 * value for size, value in seen)
    torch.testing.assert_close(numbers[Adversaries.statistics.index(name)], mean.detach())


def test_too_little_memory_for_two_pictures_is_an_error(recipe, device, dogs, monkeypatch, capsys):
    adversaries = Adversaries(recipe, device, dogs)
    failing(adversaries, "discriminator", lambda n: True)
    with pytest.raises(torch.OutOfMemoryError):
        adversaries.step()
    assert adversaries.splits == recipe.batch / 2


def test_another_error_is_not_taken_for_little_memory(recipe, device, dogs, monkeypatch):
    adversaries = Adversaries(recipe, device, dogs)
    failing(adversaries, "generator", lambda n: True, RuntimeError("CUDA error: illegal address"))
    with pytest.raises(RuntimeError, match="illegal"):
        adversaries.step()
    assert adversaries.splits == 1


HALF = Device(torch.device("cpu"), "CPU", torch.float16)


@pytest.mark.parametrize("splits", [1, 2])
def test_scaled_gradients_in_half_precision_are_those_of_float32(splits, recipe, device, dogs):
    full, half = Adversaries(recipe, device, dogs), Adversaries(recipe, HALF, dogs)
    state = half.training_state()
    for side in "gd":
        state[f"{side}_scaler"]["scale"] = 256.0  # so small a batch would overflow the usual one
    half.load_training_state(state)
    full.splits = half.splits = splits
    full.step(), half.step()
    for side in ("generator", "discriminator"):
        pairs = zip(getattr(full, side).parameters(), getattr(half, side).parameters(), strict=True)
        for expected, got in pairs:
            difference = (got.grad - expected.grad).norm()  # the optimiser took the scale away
            assert difference < 0.15 * expected.grad.norm()


def test_a_gradient_too_large_for_its_scale_skips_the_step_and_lowers_the_scale(
    recipe, dogs, monkeypatch
):
    adversaries = Adversaries(recipe, HALF, dogs)
    before = parameters(adversaries.discriminator)
    usual = adversaries.loss
    adversaries.loss = replace(usual, discriminator=lambda *two: usual.discriminator(*two) * 1e35)
    scale = adversaries.training_state()["d_scaler"]["scale"]
    adversaries.step()
    assert torch.equal(parameters(adversaries.discriminator), before)
    assert adversaries.training_state()["d_scaler"]["scale"] == scale / 2
    adversaries.loss = usual
    adversaries.step()
    assert not torch.equal(parameters(adversaries.discriminator), before)


class Operations(TorchDispatchMode):
    """Notes the operations that a device is asked for."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        self.names.add(function.__name__.partition(".")[0])
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("splits", [1, 2])
def test_a_step_does_not_wait_for_the_device(splits, recipe, device, dogs):
    adversaries = Adversaries(recipe, device, dogs)
    adversaries.splits = splits
    adversaries.step(0.5, (0.5, 0.0))  # the first one sets up what stays
    with Operations() as operations:
        numbers = adversaries.step(0.5, (0.25, 1.0))
    assert "convolution_backward" in operations.names
    # reading a number; finding elements; bringing new numbers from the host
    assert not operations.names & {"_local_scalar_dense", "nonzero", "lift_fresh"}
    assert numbers[len(Adversaries.statistics) :].tolist() == [0.25, 1.0]


def test_weights_that_are_no_numbers_are_found(recipe, device, dogs):
    adversaries = Adversaries(recipe, device, dogs)
    assert adversaries.finite()
    for network in adversaries.networks().values():
        weight = list(network.parameters())[-1].data.view(-1)[:1]
        kept = weight.clone()
        for broken in (float("nan"), float("inf")):
            weight.fill_(broken)
            assert not adversaries.finite()
        weight.copy_(kept)
    assert adversaries.finite()
