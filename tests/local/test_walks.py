"""Walks: mixtures of breeds, great circles, steps of equal angles, a loop that closes."""

import copy
import math

import numpy as np
import pytest
import torch
from helpers import refused
from made_runs import awake, saved
from PIL import Image

from local import nets, walks
from local.__main__ import main
from local.commands import walk as command
from local.data.classes import Classes
from local.nets.blocks import Breeds
from local.recipes import Recipe
from local.recipes.networks import NETWORKS
from local.sampling import draw

BREEDS = Classes(("beagle", "pug", "boxer"), (6, 3, 1))
KNOWING = [
    *(
        pytest.param({"network": name}, id=name, marks=[pytest.mark.slow] * (name == "biggan"))
        for name, kind in NETWORKS.items()
        if kind.conditional
    ),
    pytest.param({"network": "dcgan", "conditional": True}, id="dcgan"),
]


def recipe(**changes):
    return Recipe(**{"size": 32, "g_width": 2, "d_width": 2, "latent": 12, "loss": "bce"} | changes)


def generator(changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return awake(nets.generator(recipe(**changes), len(BREEDS))).eval()


# --- Mixtures of breeds ---------------------------------------------------------------------------


@pytest.mark.parametrize("changes", KNOWING)
@torch.no_grad()
def test_a_whole_share_is_the_label(changes):
    network = generator(changes)
    latents, labels = torch.randn(3, 12), torch.tensor([2, 0, 1])
    shares = torch.eye(3)[labels]
    plain = network(latents, labels)
    torch.testing.assert_close(network(latents, shares), plain, atol=1e-6, rtol=0)
    others = network(latents, labels.roll(1))
    assert (plain - others).abs().max() > 1e-3


@pytest.mark.parametrize("changes", KNOWING)
@torch.no_grad()
def test_a_mixture_is_the_breed_halfway_between_in_every_table(changes):
    """A network whose first breed is that mixture draws the same by its label."""
    network = generator(changes)
    other = copy.deepcopy(network)
    mixture = torch.tensor([0.3, 0.7, 0.0])
    tables = [module for module in other.modules() if isinstance(module, Breeds)]
    assert tables
    for table in tables:
        table.weight[0] = 0.3 * table.weight[0] + 0.7 * table.weight[1]
    latents = torch.randn(2, 12)
    expected = other(latents, torch.tensor([0, 0]))
    mixed = network(latents, mixture.expand(2, 3))
    torch.testing.assert_close(mixed, expected, atol=1e-5, rtol=0)
    for label in range(3):
        assert (mixed - network(latents, torch.tensor([label] * 2))).abs().max() > 1e-3


@pytest.mark.parametrize("changes", KNOWING)
def test_breeds_enter_a_generator_through_tables_that_mix(changes):
    kinds = {type(m) for m in generator(changes).modules() if isinstance(m, torch.nn.Embedding)}
    assert kinds == {Breeds}


# --- Latents --------------------------------------------------------------------------------------


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def angles(points):
    """From each point to the next, and from the last to the first."""
    unit = torch.nn.functional.normalize(points.double(), dim=1)
    half = (unit - unit.roll(-1, 0)).norm(dim=1) / 2
    return 2 * torch.asin(half)


LATENTS = {
    "normal": {},
    "truncated": {"truncation": 0.8},
    "uniform": {"latents": "uniform"},
    "uniform, truncated": {"latents": "uniform", "truncation": 0.5},
}


@pytest.mark.parametrize("kind", LATENTS)
@pytest.mark.parametrize(("count", "frames"), [(2, 5), (4, 9), (7, 1)])
def test_all_steps_of_a_closed_walk_have_one_angle(kind, count, frames):
    of = recipe(latent=40, **LATENTS[kind])
    way = walks.walk(of, BREEDS, walks.stops(of, BREEDS, count, seeded()), frames)
    assert way.latents.dtype == torch.float32 and len(way) == count * frames
    points = walks.to_gaussian(way.latents, of)
    expected = torch.full((len(way),), math.pi / 2 / frames, dtype=torch.float64)
    torch.testing.assert_close(angles(points), expected, atol=1e-4, rtol=0)
    lengths = torch.full((len(way),), math.sqrt(40), dtype=torch.float64)
    torch.testing.assert_close(points.norm(dim=1), lengths, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("kind", "limit"), [("truncated", 0.8), ("uniform", 1)])
def test_no_latent_on_the_way_is_beyond_the_limit(kind, limit):
    of = recipe(latent=40, **LATENTS[kind])
    way = walks.walk(of, BREEDS, walks.stops(of, BREEDS, 4, seeded()), 20)
    assert 0.7 * limit < way.latents.abs().max() <= limit


def test_a_truncation_that_is_asked_for_takes_the_place_of_the_recipes():
    of = recipe(latent=40, truncation=2.0)
    stops = walks.stops(of, BREEDS, 3, seeded(), truncation=0.5)
    assert walks.walk(of, BREEDS, stops, 4, truncation=0.5).latents.abs().max() <= 0.5
    assert walks.stops(of, BREEDS, 3, seeded(), truncation=0.0).latents.abs().max() > 2


@pytest.mark.parametrize("kind", LATENTS)
def test_stops_are_as_if_drawn(kind):
    """Many of them together have the deviation of the recipe's own draws."""
    of = recipe(latent=40, **LATENTS[kind])
    random = seeded()
    ours = torch.cat([walks.stops(of, BREEDS, 8, random).latents for _ in range(60)])
    drawn = draw(of, BREEDS, 480, seed=0).latents
    assert ours.std().item() == pytest.approx(drawn.std().item(), rel=0.03)
    assert abs(ours.mean()) < 0.03


@pytest.mark.parametrize("kind", LATENTS)
def test_a_walk_passes_through_its_stops(kind):
    """Those that a user knows, drawn as samples are, whatever their angles."""
    of = recipe(latent=20, network="cgan", **LATENTS[kind])
    drawn = draw(of, BREEDS, 4, seed=3)
    way = walks.walk(of, BREEDS, drawn, 6)
    torch.testing.assert_close(way.latents[::6], drawn.latents, atol=1e-5, rtol=1e-5)
    assert torch.equal(way.labels[::6], torch.eye(3)[drawn.labels])
    turns = angles(walks.to_gaussian(way.latents, of)).reshape(4, 6)
    torch.testing.assert_close(turns, turns[:, :1].expand(4, 6), atol=1e-4, rtol=0)


def test_latents_become_gaussians_of_the_same_rank():
    uniform = recipe(latents="uniform")
    known = torch.tensor([[0.0, 0.6826894921, -0.9544997361]])  # of one and two deviations
    expected = torch.tensor([[0.0, 1.0, -2.0]], dtype=torch.float64)
    torch.testing.assert_close(walks.to_gaussian(known, uniform), expected, atol=1e-5, rtol=0)
    ends = walks.to_gaussian(torch.tensor([[-1.0, 1.0]]), uniform)
    assert ends.isfinite().all()
    plain = torch.randn(3, 12)
    assert torch.equal(walks.from_gaussian(walks.to_gaussian(plain, recipe()), recipe()), plain)


def test_the_way_between_two_vectors_is_shoemakes():
    one, other = torch.randn(2, 9, dtype=torch.float64, generator=seeded())
    one, other = one / one.norm(), other / other.norm()
    shares = torch.linspace(0, 1, 7, dtype=torch.float64)
    angle = torch.acos(one @ other)
    expected = [((1 - t) * angle).sin() * one + (t * angle).sin() * other for t in shares]
    found = walks.spherical(one, other, shares)
    torch.testing.assert_close(found, torch.stack(expected) / angle.sin())
    lengths = walks.spherical(2 * one, 5 * other, shares).norm(dim=1)
    torch.testing.assert_close(lengths, 2 + 3 * shares)
    assert torch.allclose(walks.spherical(one, one, shares), one.expand(7, 9))


# --- Breeds on the way ----------------------------------------------------------------------------


def test_breeds_change_in_equal_steps_and_come_back():
    of = recipe(network="cgan")
    way = walks.walk(of, BREEDS, walks.stops(of, BREEDS, 4, seeded(), breeds=(1, 2)), 5)
    assert way.labels.dtype == torch.float32
    there = [0, 0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0.4, 0.2]
    torch.testing.assert_close(way.labels[:, 2], torch.tensor(there * 2))
    torch.testing.assert_close(way.labels[:, 1], 1 - way.labels[:, 2])
    assert not way.labels[:, 0].any()


def test_without_a_breed_each_stop_has_one_of_its_own():
    of, many = recipe(network="cgan"), Classes(tuple("abcdefghij"), (5,) * 9 + (0,))
    labels = walks.stops(of, many, 6, seeded()).labels
    assert labels.unique().numel() == 6 and 9 not in labels
    assert walks.stops(of, BREEDS, 6, seeded()).labels.numel() == 6  # more stops than breeds
    assert not torch.equal(labels, walks.stops(of, many, 6, seeded(1)).labels)


def test_a_recipe_that_knows_no_breeds_walks_through_latents_alone():
    of = recipe()
    way = walks.walk(of, BREEDS, walks.stops(of, BREEDS, 3, seeded()), 4)
    assert way.labels.dtype == torch.int64 and len(way.labels) == 12
    assert way[:5].latents.shape == (5, 12)


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def run(built, tmp_path):
    """Of a network that knows breeds; pictures of 32 pixels."""
    return saved(built("cgan", size=32), tmp_path / "run")


@pytest.fixture
def plain(built, tmp_path):
    return saved(built("dcgan", size=16), tmp_path / "plain")


def walked(run, out, *more):
    assert main(["walk", str(run), "--out", str(out), "--frames", "3", *more]) == 0
    with Image.open(out) as opened:
        pictures = []
        for i in range(opened.n_frames):
            opened.seek(i)
            pictures.append(np.asarray(opened.convert("RGB")))
    return np.stack(pictures)


@pytest.mark.slow
def test_a_walk_is_a_loop_that_follows_its_seed(run, tmp_path, capsys):
    words = ("--breed", "pug", "--to", "boxer")
    first = walked(run, tmp_path / "a.gif", *words)
    assert first.shape == (12, 256, 256, 3)
    assert capsys.readouterr().out == f"{tmp_path / 'a.gif'}\n"
    walked(run, tmp_path / "b.gif", *words)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    for other in (["--seed", "1", *words], ["--breed", "pug"], ["--truncation", "0.5", *words], []):
        walked(run, tmp_path / "c.gif", *other)
        assert (tmp_path / "a.gif").read_bytes() != (tmp_path / "c.gif").read_bytes()


def test_pictures_are_the_generators_own_enlarged(run, tmp_path):
    """Every pixel of the network is one block, and the frames are in order."""
    from local.sampling import sample
    from local.train import devices
    from local.trained import load

    shown = walked(run, tmp_path / "a.webp", "--breed", "pug", "--size", "64", "--stops", "2")
    trained = load(run, devices.choose("cpu"))
    of, classes = trained.recipe, trained.classes
    through = walks.stops(of, classes, 2, seeded(), breeds=(classes.index("pug"),))
    way = walks.walk(of, classes, through, 3)
    expected = np.concatenate(list(sample(trained.generator, way, torch.device("cpu"))))
    blocks = expected.repeat(2, axis=1).repeat(2, axis=2)
    assert np.abs(shown.astype(int) - blocks).mean() < 25  # WebP is lossy, and this all but noise
    apart = [np.abs(shown.astype(int) - np.roll(blocks, i, axis=0)).mean() for i in range(6)]
    assert np.argmin(apart) == 0


@pytest.mark.slow
def test_several_walks_stand_side_by_side(run, tmp_path):
    one = walked(run, tmp_path / "a.gif", "--size", "32")
    many = walked(run, tmp_path / "b.gif", "--size", "32", "--rows", "2", "--columns", "3")
    assert many.shape[1:3] == (2 * 32 + 2, 3 * 32 + 4)
    first = many[:, :32, :32].astype(int)  # the one alone is the first of many
    assert np.abs(first - one).mean() < 12  # in a palette of all six
    assert np.abs(many[:, 34:66, :32].astype(int) - first).mean() > 12


@pytest.mark.slow
def test_smoothing_and_sizes(plain, tmp_path):
    words = ("--stops", "2", "--size", "64")
    blocks = walked(plain, tmp_path / "a.gif", *words)
    assert (blocks[:, ::4, ::4] == blocks[:, 3::4, 3::4]).all()
    smooth = walked(plain, tmp_path / "b.gif", *words, "--smooth")
    assert (smooth[:, ::4, ::4] != smooth[:, 3::4, 3::4]).any()
    assert walked(plain, tmp_path / "c.gif", "--size", "50").shape[1:3] == (50, 50)
    assert command._visible(64) == 256 and command._visible(28) == 252
    assert command._visible(112) == 224 and command._visible(512) == 512


def test_a_rate_that_gif_does_not_have_is_said(plain, tmp_path, capsys):
    walked(plain, tmp_path / "a.gif", "--fps", "30", "--size", "16")
    assert ".gif plays 33.3 pictures a second, the nearest that it can to --fps 30" in (
        capsys.readouterr().err
    )


BAD = {
    "unknown breed": (["--breed", "poodle"], "no breed 'poodle'; there are: beagle, pug, boxer"),
    "unknown end": (["--breed", "pug", "--to", "boxes"], "did you mean boxer?"),
    "no beginning": (["--to", "pug"], "--to pug: from which breed? Add --breed NAME"),
    "odd stops": (["--breed", "pug", "--to", "boxer", "--stops", "3"], "name an even number"),
    "more stops than values": (["--stops", "13"], "a latent has 12 values; name fewer"),
    "too much": (["--frames", "9999", "--size", "2048"], "at most 500,000,000 pixels in all"),
    "ending": (["--out", "walk.avi"], "walk.avi: no kind of video"),
    "no folder": (["--out", "nowhere/walk.gif"], "nowhere/walk.gif: no place for a file"),
    "no frames": (["--frames", "0"], "0 is not a whole number"),
    "one stop": (["--stops", "1"], "1 is not a whole number from 2 to 1,000"),
    "faster than eyes": (["--fps", "100"], "100 is not a whole number from 1 to 50"),
    "tiny": (["--size", "2"], "2 is not a whole number from 16 to 2,048"),
    "device": (["--device", "abacus"], "not usable"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_two(case, run, tmp_path, capsys):
    words, says = BAD[case]
    before = sorted(tmp_path.rglob("*"))
    refused(["walk", str(run), "--out", str(tmp_path / "a.gif"), *words], says, capsys)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_breed_of_a_recipe_that_knows_none_is_refused(plain, tmp_path, capsys):
    out = tmp_path / "a.gif"
    assert main(["walk", str(plain), "--out", str(out), "--breed", "pug"]) == 2
    assert "--breed pug: recipe dcgan does not know breeds" in capsys.readouterr().err
    assert not out.exists()


def test_no_run_is_one_line(tmp_path, capsys):
    assert main(["walk", str(tmp_path), "--out", str(tmp_path / "a.gif")]) == 2
    assert "no run there" in capsys.readouterr().err
