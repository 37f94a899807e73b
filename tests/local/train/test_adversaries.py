"""One step of the game, that each side gets better at it, and what is done about little memory."""

import itertools
import math
from collections import Counter
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from operations import Operations
from torch.nn.utils.parametrizations import _SpectralNorm

from local.train.adversaries import Adversaries, diversity
from local.train.augment import to_floats
from local.train.devices import Device
from local.train.losses import Loss, bce_d, bce_g, wasserstein_d
from local.train.penalties import gradient_penalty


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


ADAPTIVE = {"diffaugment": "colour+translation+cutout", "ada": 0.6, "ada_kimg": 0.04}


CONSISTENT = {"bcr": 10.0, "zcr_d": 5.0, "zcr_g": 0.5}
SLOPED = {"network": "dense", "penalty": 1.0, "penalty_kind": "r1r2", "penalty_every": 2}


@pytest.mark.parametrize(
    "settings",
    [{}, ADAPTIVE, CONSISTENT, SLOPED],
    ids=["plain", "augmented", "consistent", "penalised"],
)
@pytest.mark.parametrize("splits", [1, 2])
def test_a_step_does_not_wait_for_the_device(splits, settings, recipe, device, dogs):
    recipe = replace(recipe, **settings)
    adversaries = Adversaries(recipe, device, dogs)
    adversaries.splits = splits
    adversaries.step(0.5, (0.5, 0.0))  # the first one sets up what stays
    with Operations() as operations:
        numbers = adversaries.step(0.5, (0.25, 1.0))
    work = "mm" if recipe.network == "dense" else "convolution_backward"
    assert work in operations.names
    # reading a number; finding elements; bringing new numbers from the host
    assert not operations.names & {"_local_scalar_dense", "nonzero", "lift_fresh"}
    assert numbers[len(adversaries.statistics) :].tolist() == [0.25, 1.0]


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


# What settings of both sides do.


def inputs_of(network):
    """What the network will be called with, call by call; a hook sees no `forward` by itself."""
    seen, usual = [], network.forward

    def forward(pictures, *labels, **named):
        seen.append(pictures.detach().clone())
        return usual(pictures, *labels, **named)

    network.forward = forward
    return seen


@pytest.fixture
def sloped(recipe):
    """With a discriminator whose slope can be penalised."""
    return replace(recipe, network="dense", loss="wgan", penalty=10.0)


def test_the_penalty_counts_by_its_weight(sloped, device, dogs):
    one, two, five = (
        Adversaries(replace(sloped, penalty=weight), device, dogs).step()[0].item()
        for weight in (1.0, 2.0, 5.0)
    )
    assert two - one > 0.01
    assert five - one == pytest.approx(4 * (two - one), rel=1e-3)


@pytest.mark.parametrize("splits", [1, 2])
def test_the_critic_descends_by_its_loss_and_the_penalty_between_the_sides(
    splits, sloped, device, dogs
):
    adversaries = Adversaries(sloped, device, dogs)
    adversaries.splits = splits
    critic = deepcopy(adversaries.discriminator)
    seen = inputs_of(adversaries.discriminator)
    numbers = adversaries.step()
    parts = [seen[3 * i : 3 * i + 3] for i in range(splits)]
    reals, fakes, between = (torch.cat(side) for side in zip(*parts, strict=True))
    way = (reals - fakes).flatten(1)
    mix = ((between - fakes).flatten(1) * way).sum(dim=1) / way.square().sum(dim=1)
    assert mix.min() >= 0 and mix.max() <= 1 and mix.std() > 0.1  # each pair has its own
    mix = mix.view(-1, 1, 1, 1)
    torch.testing.assert_close(between, torch.lerp(fakes, reals, mix))
    loss = wasserstein_d(critic(reals), critic(fakes))
    loss = loss + sloped.penalty * gradient_penalty(critic, reals, fakes, mix)
    torch.testing.assert_close(numbers[0], loss.detach())
    loss.backward()
    pairs = zip(adversaries.discriminator.parameters(), critic.parameters(), strict=True)
    for got, expected in pairs:
        torch.testing.assert_close(got.grad, expected.grad, atol=1e-6, rtol=1e-4)


def test_the_critic_steps_so_often_for_each_step_of_the_generator(recipe, device, dogs):
    adversaries = Adversaries(replace(recipe, d_steps=3), device, dogs)
    turns = []
    for side in "gd":
        optimiser = getattr(adversaries, f"{side}_optimiser")
        optimiser.register_step_post_hook(lambda *_, side=side: turns.append(side))
    losses, usual = [], adversaries.loss

    def loss(real, fake):
        losses.append(usual.discriminator(real, fake))
        return losses[-1]

    adversaries.loss = replace(usual, discriminator=loss)
    seen = inputs_of(adversaries.discriminator)
    for step in (1, 2):
        numbers = adversaries.step()
        assert "".join(turns) == "dddg" * step
        assert adversaries.images == step * 3 * recipe.batch
        *sides, last = seen[-7:]
        assert len({side.sum().item() for side in sides}) == 6  # each time both sides are others
        assert torch.equal(last, sides[-1])  # the generator is judged by its newest fakes
        assert numbers[0] == losses[-1].detach()  # which the statistics are of, too


@pytest.mark.parametrize("loss", ["bce", "ralsgan"])
@pytest.mark.parametrize("splits", [1, 2])
def test_noise_has_its_deviation_on_both_sides_and_is_the_same_in_both_halves(
    splits, loss, recipe, device, dogs
):
    grey = replace(dogs, pictures=torch.full_like(dogs.pictures, 100))
    adversaries = Adversaries(replace(recipe, noise=0.25, loss=loss), device, grey)
    adversaries.splits = splits
    drawn, seen = [], inputs_of(adversaries.discriminator)
    adversaries.generator.register_forward_hook(lambda *three: drawn.append(three[2].detach()))
    adversaries.step()
    first, second = seen[: 2 * splits], seen[2 * splits :]
    reals, fakes = torch.cat(first[::2]), torch.cat(first[1::2])
    noises = reals - to_floats(grey.pictures[:1]), fakes - torch.cat(drawn[:splits])
    for noise in noises:
        assert noise.mean().abs() < 0.02
        assert noise.std() == pytest.approx(0.25, rel=0.05)
    assert torch.corrcoef(torch.stack([n.flatten() for n in noises]))[0, 1].abs() < 0.05
    # The generator's half: of fakes, and of real pictures where a loss compares them.
    again = [torch.cat(second)] if loss == "bce" else [torch.cat(second[i::2]) for i in (0, 1)]
    for side, before in zip(again, (fakes, reals), strict=False):
        torch.testing.assert_close(side, before)


def test_a_layer_under_spectral_norm_works_its_weight_out_once_a_half(
    recipe, device, dogs, monkeypatch
):
    """Once for each change of the weights, however many batches of pictures pass it."""
    conditional = replace(recipe, network="csagan", size=32, loss="rahinge", g_width=4, d_width=4)
    adversaries = Adversaries(conditional, device, dogs)
    usual, times = _SpectralNorm.forward, Counter()

    def counted(self, weight):
        times[self] += 1
        return usual(self, weight)

    monkeypatch.setattr(_SpectralNorm, "forward", counted)
    adversaries.step()
    seen = {
        name: {times[layer] for layer in network.modules() if isinstance(layer, _SpectralNorm)}
        for name, network in adversaries.networks().items()
    }
    assert seen == {"generator": {1}, "discriminator": {2}, "average": {0}}


def test_diversity_is_the_quotient_of_root_mean_squared_distances():
    random = torch.Generator().manual_seed(0)
    fakes, reals = torch.randn(2, 5, 3, 4, 4, generator=random) * torch.tensor([1.0, 3.0]).view(
        2, 1, 1, 1, 1
    )

    def spread(side):
        pairs = list(itertools.combinations(side, 2))
        return (sum((one - other).square().sum() for one, other in pairs) / len(pairs)).sqrt()

    torch.testing.assert_close(diversity(fakes, reals), spread(fakes) / spread(reals))
    assert diversity(fakes[:1].expand(5, -1, -1, -1), reals) == 0


def test_one_picture_a_side_has_no_diversity(recipe, device, dogs):
    alone = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert diversity(alone, alone + 1) == 0
    adversaries = Adversaries(replace(recipe, batch=2), device, dogs)
    adversaries.splits = 2
    numbers = dict(zip(Adversaries.statistics, adversaries.step().tolist(), strict=True))
    assert numbers["diversity"] == 0
    assert all(math.isfinite(number) for number in numbers.values())


def test_what_is_compiled_finds_an_empty_cache(sloped, recipe, dogs, monkeypatch):
    done = []
    monkeypatch.setattr(torch._dynamo, "reset", lambda: done.append("reset"))
    monkeypatch.setattr(torch.nn.Module, "compile", lambda net: done.append(type(net).__name__))
    compiling = Device(torch.device("cpu"), "CPU", torch.float32, compiles=True)
    with torch._dynamo.config.patch(suppress_errors=False):  # which compiling turns on
        Adversaries(recipe, compiling, dogs)
        assert done == ["reset", "Generator", "Discriminator"]
        Adversaries(sloped, compiling, dogs)
        assert done[3:] == done[:3]


@pytest.mark.parametrize("splits", [1, 2])
def test_the_discriminator_sees_both_sides_augmented_and_the_generator_learns_through_it(
    splits, recipe, device, dogs
):
    adversaries = Adversaries(replace(recipe, diffaugment="cutout"), device, dogs)
    adversaries.splits, seen = splits, []
    adversaries.discriminator.register_forward_pre_hook(
        lambda network, inputs: seen.append(inputs[0].detach())
    )
    adversaries.step()
    assert len(seen) == 3 * splits  # real and fake; and fake for the generator
    for pictures in seen:
        blank = (pictures == 0).all(dim=1).sum(dim=(1, 2))
        assert (blank >= 16).all() and (blank <= 64).all()  # a quarter of 8 x 8, or more
    assert all(p.grad.abs().sum() > 0 for p in adversaries.generator.parameters())


def test_adaptive_augmentation_follows_the_discriminator_and_is_part_of_the_state(
    recipe, device, dogs, monkeypatch
):
    always_right = torch.ones(()), torch.ones(())
    monkeypatch.setattr(Loss, "right", lambda *_: always_right)
    adversaries = Adversaries(replace(recipe, **ADAPTIVE), device, dogs)
    seen = [adversaries.step()[-1].item() for _ in range(3)]
    # 8 of 40 pictures a step
    assert adversaries.statistics[-1] == "augment_p" and seen == pytest.approx([0.2, 0.4, 0.6])
    resumed = Adversaries(replace(recipe, **ADAPTIVE), device, dogs)
    resumed.load_training_state(adversaries.training_state())
    assert resumed.strength.p == adversaries.strength.p


def test_augmentation_by_the_clock_follows_the_progress(recipe, device, dogs):
    recipe = replace(recipe, diffaugment="translation", augment_ramp=0.5)
    adversaries = Adversaries(recipe, device, dogs)
    seen = [adversaries.step(progress)[-1].item() for progress in (0.0, 0.25, 1.0)]
    assert seen == pytest.approx([0, 0.5, 1])
