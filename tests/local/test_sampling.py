"""Pictures from a generator: the same for a seed, whatever the batch."""

import numpy as np
import pytest
import torch

from local import nets
from local.data.classes import Classes
from local.recipes import Recipe
from local.sampling import draw, sample

CPU = torch.device("cpu")
BREEDS = Classes(("a", "b", "c"), (6, 3, 1))


def drawn(count, length, **more):
    return draw(Recipe(latent=length), BREEDS, count, **more)


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return nets.generator(Recipe(size=16, g_width=8, latent=6), len(BREEDS)).eval()


def test_a_picture_does_not_depend_on_those_beside_it(generator):
    draws = drawn(23, 6, seed=4)
    whole = np.concatenate(list(sample(generator, draws, CPU, batch=23)))
    parts = np.concatenate(list(sample(generator, draws, CPU, batch=5)))
    assert whole.shape == (23, 16, 16, 3)
    assert np.abs(whole.astype(int) - parts).max() <= 1  # sums in another order may round anew
    assert (whole != parts).mean() < 1e-3


def test_draws_follow_their_seed():
    one, same, other = (drawn(64, 8, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.latents, same.latents) and torch.equal(one.labels, same.labels)
    assert not torch.equal(one.latents, other.latents)
    assert not torch.equal(one.labels, other.labels)
    many = drawn(20_000, 4, seed=0).latents
    assert abs(many.mean()) < 0.01 and abs(many.std() - 1) < 0.01


def test_truncation_keeps_latents_within_it_without_piling_them_up_at_it():
    latents = drawn(20_000, 4, seed=0, truncation=0.8).latents
    assert latents.abs().max() <= 0.8
    assert (latents.abs() > 0.799).float().mean() < 0.005
    assert latents.std() == pytest.approx(0.4411, abs=0.01)  # of a normal cut at 0.8


def test_the_recipes_own_truncation_holds_unless_another_is_asked_for():
    recipe = Recipe(latent=4, truncation=0.8)
    largest = [
        float(draw(recipe, BREEDS, 5000, seed=0, truncation=asked).latents.abs().max())
        for asked in (None, 0.5, 0.0)
    ]
    assert 0.79 < largest[0] <= 0.8 and 0.49 < largest[1] <= 0.5 and largest[2] > 3


@pytest.mark.parametrize(("truncation", "limit"), [(None, 1.0), (0.5, 0.5), (3.0, 1.0)])
def test_uniform_latents_fill_their_range_evenly(truncation, limit):
    recipe = Recipe(latent=4, latents="uniform")
    latents = draw(recipe, BREEDS, 20_000, seed=0, truncation=truncation).latents
    assert latents.abs().max() <= limit
    assert latents.std() == pytest.approx(limit / 3**0.5, rel=0.02)


@pytest.mark.parametrize(
    ("count", "expected"), [(10, [6, 3, 1]), (100, [60, 30, 10]), (7, [4, 2, 1])]
)
def test_each_breed_has_its_share_of_the_training_set(count, expected):
    labels = drawn(count, 2, seed=3).labels
    assert torch.bincount(labels, minlength=3).tolist() == expected
    assert labels.tolist() != sorted(labels.tolist())  # mixed, not one breed after another


def test_one_breed_only():
    assert drawn(5, 2, seed=0, breed=2).labels.tolist() == [2] * 5


def test_where_memory_runs_out_batches_become_smaller(generator):
    sizes, draws = [], drawn(23, 6, seed=4)

    def little_memory(module, inputs):
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 6:
            raise torch.OutOfMemoryError("CUDA: tried to allocate 2 GiB")

    expected = np.concatenate(list(sample(generator, draws, CPU)))
    generator.register_forward_pre_hook(little_memory)
    pictures = np.concatenate(list(sample(generator, draws, CPU, batch=20)))
    assert sizes == [20, 10, 5, 5, 5, 5, 3]
    assert np.abs(pictures.astype(int) - expected).max() <= 1


def test_memory_for_no_picture_at_all_is_an_error(generator):
    def no_memory(module, inputs):
        raise torch.OutOfMemoryError("CUDA: tried to allocate 2 GiB")

    generator.register_forward_pre_hook(no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        next(sample(generator, drawn(4, 6, seed=4), CPU))
