"""BigGAN: published sizes, its chunks and its one embedding, orthogonality, attention's place."""

from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from local.nets.attention import SelfAttention
from local.nets.biggan import Discriminator, Generator

BREEDS = 5


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def generator(doublings=2, latent=11, width=1, **more):
    return Generator(latent, width, 4, doublings, BREEDS, embedding=6, **more)


def discriminator(doublings=2, width=2, **more):
    return Discriminator(width, 4, doublings, BREEDS, **more)


def labels(count):
    return torch.arange(count) % BREEDS


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def awake(network):
    """Attention begins as the identity, behind which its layers would have no gradient yet."""
    for module in network.modules():
        if isinstance(module, SelfAttention):
            module.gain.data.fill_(0.5)
    return network


def inputs_of(network, modules, *arguments):
    """What each of the modules was given, in a pass of the network."""
    seen = {}
    hooks = [
        module.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given}))
        for name, module in modules.items()
    ]
    network(*arguments)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("doublings", [2, 3, 4, 5])
def test_shapes_and_range(doublings):
    size = 4 * 2**doublings
    pictures = generator(doublings)(torch.randn(3, 11), labels(3))
    assert pictures.shape == (3, 3, size, size)
    assert pictures.abs().max() <= 1
    assert discriminator(doublings, width=1)(pictures, labels(3)).shape == (3,)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "doublings", "in_generator", "in_discriminator", "attending"),
    [
        (64, 4, 31_969_540, 20_572_842, (4, 1)),
        (96, 5, 70_433_988, 87_983_370, (2, 1)),
    ],
)
def test_the_sizes_that_another_implementation_states(
    width, doublings, in_generator, in_discriminator, attending
):
    """For 64x64 and 128x128, of 1000 breeds and a latent of 120.

    Its discriminator tells breeds by a linear layer, and has no embedding to project on. In its
    128x128 attention sits at 64x64 places, which have other channels (`attending`, in widths).
    """

    def expected(stated, widths):
        return stated - (1.25 * (widths * width) ** 2 + 1)  # C/8 + C/8 + C/2 + C/2, and the gain

    def outside_of_attention(network):
        return parameters(network) - parameters(network.attention)

    with torch.device("meta"):  # counted, not computed
        drawing = Generator(120, width, 4, doublings, 1000, 128)
        judging = Discriminator(width, 4, doublings, 1000, auxiliary=True)
    assert outside_of_attention(drawing) == expected(in_generator, attending[0])
    without = outside_of_attention(judging) - parameters(judging.breed)
    assert without == expected(in_discriminator, attending[1])


def test_channels_are_the_papers():
    """At 64x64, in widths."""
    drawing, judging = generator(doublings=4, width=2), discriminator(doublings=4, width=2)
    assert [block.conv1.in_channels for block in drawing.blocks] == [32, 32, 16, 8]
    assert drawing.to_rgb.in_channels == 4
    assert [block.conv2.out_channels for block in judging.blocks] == [2, 4, 8, 16]
    assert judging.last.conv2.out_channels == judging.to_logit.in_features == 32


def test_chunks_share_a_latent_that_they_do_not_divide():
    assert generator(doublings=2, latent=11).lengths == [4, 4, 3]
    assert generator(doublings=2, latent=12).lengths == [4, 4, 4]
    few = generator(doublings=3, latent=2)  # the last blocks follow the breed alone
    assert few.lengths == [1, 1, 0, 0]
    assert few(torch.randn(2, 2), labels(2)).isfinite().all()


def test_a_chunk_reaches_its_own_block_and_what_follows():
    network = generator(doublings=2, latent=11).eval()
    modules = {"first": network.from_latent}
    modules |= {f"norm {i}": block.norm2 for i, block in enumerate(network.blocks)}
    latents = torch.randn(2, 11)
    before = inputs_of(network, modules, latents, labels(2))
    starts = [0, 4, 8]
    for chunk, start in enumerate(starts):
        changed = latents.clone()
        changed[:, start] += 1
        after = inputs_of(network, modules, changed, labels(2))
        first, *conditions = (
            any(not torch.equal(x, y) for x, y in zip(before[n][-1:], after[n][-1:], strict=True))
            for n in modules
        )
        assert first == (chunk == 0)
        assert conditions == [i == chunk - 1 for i in range(2)]
        planes = [not torch.equal(before[n][0], after[n][0]) for n in modules if n != "first"]
        assert planes == [i >= chunk - 1 for i in range(2)]


def test_blocks_share_one_embedding_and_hear_the_breed():
    network = generator(doublings=3).eval()
    tables = [module for module in network.modules() if isinstance(module, nn.Embedding)]
    assert [tuple(table.weight.shape) for table in tables] == [(BREEDS, 6)]
    modules = {i: block.norm1 for i, block in enumerate(network.blocks)}
    seen = inputs_of(network, modules, torch.randn(2, 11), torch.tensor([3, 1]))
    for _, condition in seen.values():
        assert torch.equal(condition[:, :6], tables[0].weight[[3, 1]])
    latents = torch.randn(1, 11).repeat(2, 1)
    one, other = network(latents, torch.tensor([0, 1]))
    assert not torch.equal(one, other)


def test_the_condition_makes_scale_and_shift_without_bias():
    network = generator(doublings=2, latent=11)
    for i, block in enumerate(network.blocks):
        for norm in (block.norm1, block.norm2):
            assert not norm.norm.affine
            for layer in (norm.scale, norm.shift):
                assert layer.in_features == 6 + network.lengths[i + 1]
                assert layer.bias is None


@pytest.mark.parametrize("build", [generator, partial(discriminator, auxiliary=True)])
def test_weights_begin_orthogonal_and_bounded(build):
    """And so spectral norm leaves them as they are."""
    network = build().eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            matrix = module.weight.flatten(1)
            matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
            torch.testing.assert_close(
                matrix @ matrix.T, torch.eye(len(matrix)), atol=1e-4, rtol=1e-4
            )
            table = getattr(network, "embedding", None)
            assert is_parametrized(module) == (module is not table)


@pytest.mark.parametrize(("doublings", "side"), [(2, 8), (3, 16), (4, 32), (5, 32)])
def test_attention_sits_at_32_places(doublings, side):
    size = 4 * 2**doublings
    drawing, judging = generator(doublings), discriminator(doublings, width=1)
    pictures = torch.randn(1, 3, size, size)
    for network, given in ((drawing, torch.randn(1, 11)), (judging, pictures)):
        modules = {m: m for m in network.modules() if isinstance(m, SelfAttention)}
        seen = inputs_of(network.eval(), modules, given, labels(1))
        assert [tuple(x.shape[2:]) for (x,) in seen.values()] == [(side, side)]


def test_gradient_reaches_every_parameter():
    drawing, judging = awake(generator()), awake(discriminator(auxiliary=True, deviation=True))
    logits, breeds = judging(drawing(torch.randn(8, 11), labels(8)), labels(8))
    assert breeds.shape == (8, BREEDS)
    (logits.sum() + nn.functional.cross_entropy(breeds, labels(8))).backward()
    for network in (drawing, judging):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_logit_is_the_features_times_one_and_the_breed():
    network = discriminator().eval()
    pictures = torch.randn(4, 3, 16, 16)
    seen = inputs_of(network, {"head": network.to_logit}, pictures, labels(4))["head"][0]
    plain = nn.functional.linear(seen, network.to_logit.weight, network.to_logit.bias)[:, 0]
    expected = plain + torch.stack([s @ network.breed.weight[i] for i, s in enumerate(seen)])
    torch.testing.assert_close(network(pictures, labels(4)), expected)


def test_a_logit_looks_at_the_rest_of_the_batch_only_for_the_deviation():
    pictures = torch.randn(4, 3, 16, 16)
    changed = torch.cat([pictures[:3], torch.randn(1, 3, 16, 16)])
    for deviation in (False, True):
        network = discriminator(deviation=deviation).eval()
        before, after = (network(p, labels(4))[0] for p in (pictures, changed))
        assert torch.equal(before, after) != deviation


def test_saved_weights_draw_the_same_pictures(tmp_path):
    first, second = generator(), generator()
    latents = torch.randn(4, 11)
    first(latents, labels(4))  # moves the statistics and the vectors of spectral norm
    weights = {name: value.contiguous() for name, value in first.state_dict().items()}
    save_file(weights, tmp_path / "weights.safetensors")
    second.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    expected, got = (network.eval()(latents, labels(4)) for network in (first, second))
    assert torch.equal(expected, got)


@pytest.mark.parametrize(("slope", "straight"), [(1.0, True), (0.2, False), (0.0, False)])
def test_no_activation_but_of_the_slope_bends_either_side(slope, straight):
    """At a slope of 1 a logit is affine in the picture, and a picture's atanh in the first chunk.

    That attention, which bends too, begins as the identity, leaves the activations alone.
    """
    drawing, judging = (build(slope=slope).double().eval() for build in (generator, discriminator))
    latents, pictures = torch.randn(1, 11).double(), torch.randn(3, 3, 16, 16).double()
    steps = torch.zeros(3, 11).double()
    steps[:, : drawing.lengths[0]] = torch.tensor([[-1.0], [0.0], [1.0]])
    drawn = drawing(latents + steps, labels(1).expand(3)).atanh()
    pictures[1] = (pictures[0] + pictures[2]) / 2
    for low, middle, high in (drawn, judging(pictures, labels(1).expand(3))):
        assert torch.allclose(middle, (low + high) / 2, rtol=1e-6) == straight
