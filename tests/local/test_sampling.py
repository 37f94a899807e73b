"""Pictures from a generator: the same for a seed, whatever the batch."""

import numpy as np
import pytest
import torch

from local import nets
from local.recipes import Recipe
from local.sampling import draw_latents, measure, sample

CPU = torch.device("cpu")


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return nets.generator(Recipe(size=16, g_width=8, latent=6)).eval()


def test_a_picture_does_not_depend_on_those_beside_it(generator):
    latents = draw_latents(23, 6, seed=4)
    whole = np.concatenate(list(sample(generator, latents, CPU, batch=23)))
    parts = np.concatenate(list(sample(generator, latents, CPU, batch=5)))
    assert whole.shape == (23, 16, 16, 3)
    assert np.abs(whole.astype(int) - parts).max() <= 1  # sums in another order may round anew
    assert (whole != parts).mean() < 1e-3


def test_latents_follow_their_seed_and_a_larger_count_begins_with_the_smaller():
    assert torch.equal(draw_latents(64, 8, seed=1), draw_latents(64, 8, seed=1))
    assert not torch.equal(draw_latents(64, 8, seed=1), draw_latents(64, 8, seed=2))
    many = draw_latents(20_000, 4, seed=0)
    assert abs(many.mean()) < 0.01 and abs(many.std() - 1) < 0.01


def test_truncation_keeps_latents_within_it_without_piling_them_up_at_it():
    latents = draw_latents(20_000, 4, seed=0, truncation=0.8)
    assert latents.abs().max() <= 0.8
    assert (latents.abs() > 0.799).float().mean() < 0.005
    assert latents.std() == pytest.approx(0.4411, abs=0.01)  # of a normal cut at 0.8


def test_measuring_changes_nothing(generator):
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    assert measure(generator, 6, CPU) > 0
    assert not generator.training
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())


def test_where_memory_runs_out_batches_become_smaller(generator):
    sizes, latents = [], draw_latents(23, 6, seed=4)

    def little_memory(module, inputs):
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 6:
            raise torch.OutOfMemoryError("CUDA: tried to allocate 2 GiB")

    expected = np.concatenate(list(sample(generator, latents, CPU)))
    generator.register_forward_pre_hook(little_memory)
    pictures = np.concatenate(list(sample(generator, latents, CPU, batch=20)))
    assert sizes == [20, 10, 5, 5, 5, 5, 3]
    assert np.abs(pictures.astype(int) - expected).max() <= 1


def test_memory_for_no_picture_at_all_is_an_error(generator):
    def no_memory(module, inputs):
        raise torch.OutOfMemoryError("CUDA: tried to allocate 2 GiB")

    generator.register_forward_pre_hook(no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        next(sample(generator, draw_latents(4, 6, seed=4), CPU))
