"""R3GAN: published sizes, Fix-up, resampling, and that nothing normalises."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import interpolate
from torch.nn.utils.parametrize import is_parametrized

from local.nets.r3gan import Block, Discriminator, Generator

BREEDS = 5


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def generator(doublings=2, latent=6, width=2, base=4):
    return Generator(latent, width, base, doublings, BREEDS)


def discriminator(doublings=2, width=2, base=4, **more):
    return Discriminator(width, base, doublings, BREEDS, **more)


def labels(count):
    return torch.arange(count) % BREEDS


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def trained(network):
    """As after some steps: the last layers of blocks are 0 no more."""
    for block in network.modules():
        if isinstance(block, Block):
            nn.init.normal_(block.layers[-1].weight, 0, 0.3)
            for layer in (block.layers[0], block.layers[2]):
                nn.init.normal_(layer.bias, 0, 0.1)
    return network


@pytest.mark.parametrize(
    ("base", "doublings", "size"),
    [(4, 2, 16), (4, 3, 32), (4, 4, 64), (4, 5, 128), (7, 2, 28), (7, 3, 56)],
)
def test_shapes_and_range(base, doublings, size):
    network = trained(generator(doublings, base=base)).eval()
    pictures = network(3 * torch.randn(3, 6), labels(3))
    assert pictures.shape == (3, 3, size, size)
    assert pictures.abs().max() == 1  # cut where they would be brighter
    assert discriminator(doublings, base=base)(pictures, labels(3)).shape == (3,)


def test_nothing_bounds_what_it_learns_from():
    network = generator().train()
    assert network(9 * torch.randn(8, 6), labels(8)).abs().max() > 1


@pytest.mark.parametrize(
    ("width", "doublings", "breeds", "in_generator", "in_discriminator"),
    [
        (768, 3, 10, 20.78, 21.28),  # CIFAR-10, by class
        (384, 4, 0, 22.43, 22.38),  # FFHQ at 64x64
        (96, 6, 0, 23.06, 23.01),  # FFHQ at 256x256
    ],
)
def test_the_sizes_of_the_papers_table_9(width, doublings, breeds, in_generator, in_discriminator):
    with torch.device("meta"):  # counted, not computed
        drawing = Generator(64, width, 4, doublings, max(1, breeds))
        judging = Discriminator(width, 4, doublings, max(1, breeds))
    of_drawing, of_judging = parameters(drawing), parameters(judging)
    if not breeds:  # there one embedding is none, and features are the logit
        of_drawing -= 64 + 64 * 768
        of_judging -= 768 + (768 - 1) * 768
    assert round(of_drawing / 1e6, 2) == in_generator
    assert round(of_judging / 1e6, 2) == in_discriminator


def test_channels_are_the_papers():
    with torch.device("meta"):
        judging = Discriminator(384, 4, 4)
        large = Discriminator(96, 4, 6)
        drawing = Generator(64, 384, 4, 4)

    def channels(network):
        blocks = [m.layers[0].in_channels for m in network.modules() if isinstance(m, Block)]
        assert blocks[::2] == blocks[1::2]  # two blocks for each side of planes
        return blocks[::2]

    assert channels(judging) == [384, 768, 768, 768, 768]
    assert channels(drawing) == [768, 768, 768, 768, 384]
    assert channels(large) == [96, 192, 384, 768, 768, 768, 768]


def test_grouped_convolutions_look_at_16_channels():
    with torch.device("meta"):
        block = Block(384, blocks=10)
    narrow, grouped, wide = (block.layers[i] for i in (0, 2, 4))
    assert (narrow.kernel_size, grouped.kernel_size, wide.kernel_size) == ((1, 1), (3, 3), (1, 1))
    assert grouped.in_channels == grouped.out_channels == 2 * 384
    assert grouped.groups == 48  # the paper's table 9
    assert Block(2, blocks=1).layers[2].groups == 1
    assert Block(12, blocks=1).layers[2].groups == 3  # 24 channels: 8 is what divides both


def test_a_block_begins_as_the_identity():
    x = torch.randn(2, 6, 4, 4)
    assert torch.equal(Block(6, blocks=10)(x), x)


def test_a_new_generator_is_linear_in_what_it_is_given():
    """All its blocks are the identity, and nothing else bends."""
    network = generator().train()
    one, other = torch.randn(2, 4, 6)
    zero = network(torch.zeros(4, 6), labels(4))
    total = network(one, labels(4)) + network(other, labels(4))
    torch.testing.assert_close(network(one + other, labels(4)) + zero, total)
    bent = trained(network)
    total = bent(one, labels(4)) + bent(other, labels(4))
    zero = bent(torch.zeros(4, 6), labels(4))
    assert not torch.allclose(bent(one + other, labels(4)) + zero, total, atol=1e-3)


def test_fix_up_scales_by_the_number_of_blocks():
    """He's deviation for LeakyReLU, sqrt(2 / (1 + 0.2^2) / fan-in), times blocks^(-1/4)."""
    network = discriminator(doublings=2, width=64)
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    assert len(blocks) == 6
    for block in blocks:
        for layer, fan_in in ((block.layers[0], 64), (block.layers[2], 16 * 9)):
            expected = math.sqrt(2 / (1 + 0.2**2) / fan_in) * 6**-0.25
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
            assert layer.bias.abs().max() == 0
        assert block.layers[4].weight.abs().max() == 0


def test_embeddings_begin_on_the_scale_of_what_they_meet():
    """Latents of deviation 1; and a logit that is a sum over all features."""
    drawing, judging = Generator(64, 2, 4, 2, 64), Discriminator(64, 4, 2, 64)
    assert drawing.embedding.weight.std().item() == pytest.approx(1, rel=0.1)
    assert judging.breed.weight.std().item() == pytest.approx(1 / 8, rel=0.1)


def test_biases_stand_only_before_activations():
    for network in (generator(), discriminator()):
        named = [name for name, _ in network.named_parameters() if name.endswith("bias")]
        blocks = sum(isinstance(module, Block) for module in network.modules())
        assert len(named) == 2 * blocks


def test_nothing_normalises():
    for network in (generator(), discriminator()):
        kinds = {type(module).__name__ for module in network.modules()}
        assert not any("Norm" in kind for kind in kinds), kinds
        assert not any(is_parametrized(module) for module in network.modules())
        assert not list(network.buffers())


def test_halving_is_bilinear():
    network = discriminator()
    (halve, *_) = (m for m in network.modules() if isinstance(m, nn.AvgPool2d))
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(halve(x), interpolate(x, scale_factor=0.5, mode="bilinear"))


def test_first_planes_are_the_basis_times_the_code():
    network = generator().eval()
    seen = []
    network.layers.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    latents = torch.randn(3, 6)
    network(latents, labels(3))
    for i, planes in enumerate(seen[0]):
        code = torch.cat([latents[i], network.embedding.weight[i]])
        for channel, plane in enumerate(planes):
            amount = network.from_latent.weight[channel] @ code
            torch.testing.assert_close(plane, network.basis[channel] * amount)


def test_a_logit_is_the_features_times_the_breed():
    network = trained(discriminator())
    pictures = torch.randn(1, 3, 16, 16).repeat(BREEDS, 1, 1, 1)
    logits = network(pictures, labels(BREEDS))
    assert logits.unique().numel() == BREEDS
    with torch.no_grad():
        network.breed.weight[2] = network.breed.weight[0] + 2 * network.breed.weight[1]
    expected = logits[0] + 2 * logits[1]
    torch.testing.assert_close(network(pictures, labels(BREEDS))[2], expected)


def test_the_label_changes_the_picture():
    latents = torch.randn(1, 6).repeat(2, 1)
    one, other = generator().eval()(latents, torch.tensor([0, 1]))
    assert not torch.equal(one, other)


def test_gradient_reaches_every_parameter():
    drawing, judging = trained(generator()), trained(discriminator(deviation=True))
    judging(drawing(torch.randn(8, 6), labels(8)), labels(8)).sum().backward()
    for network in (drawing, judging):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_logit_looks_at_the_rest_of_the_batch_only_for_the_deviation():
    pictures = torch.randn(4, 3, 16, 16)
    changed = torch.cat([pictures[:3], torch.randn(1, 3, 16, 16)])
    for deviation in (False, True):
        network = discriminator(deviation=deviation)
        before, after = (network(p, labels(4))[0] for p in (pictures, changed))
        assert torch.equal(before, after) != deviation


def test_saved_weights_draw_the_same_pictures(tmp_path):
    first, second = trained(generator()).eval(), generator().eval()
    save_file(first.state_dict(), tmp_path / "weights.safetensors")
    second.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    latents = torch.randn(4, 6)
    assert torch.equal(first(latents, labels(4)), second(latents, labels(4)))
