"""What generated pictures are worth: features of both sides, variety, breeds and quick scores."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import noise
from PIL import Image
from torch import nn

from local import breeds, judging, project
from local.__main__ import main
from local.data.classes import Classes
from local.data.prepared import TrainingSet
from local.judging import Reals, fake_side, real_side
from local.quick import Quick
from local.recipes import Recipe
from local.sampling import Draws, draw
from local.train.adversaries import Adversaries
from local.train.devices import Device
from local.variety import variety
from mifid.features import Features, compute
from mifid.frechet import frechet_distance, moments
from mifid.kid import kernel_distance
from mifid.network import random_network
from submission import archive

CPU = torch.device("cpu")
TINY = Recipe(size=16, g_width=4, d_width=4, latent=8, batch=8, quick_images=6, snapshots=4)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    for module in (project, judging):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def network():
    return random_network()


@pytest.fixture
def dogs(tmp_path):
    """Eleven pictures of three breeds, none of them square, which have 1, 4 and 6."""
    folder = tmp_path / "dogs"
    for breed, count in (("a", 1), ("b", 4), ("c", 6)):
        (folder / breed).mkdir(parents=True)
        for i in range(count):
            noise(90 + i, 50, ord(breed) + i).save(folder / breed / f"{i}.png")
    return folder


def squashed(folder, names):
    images = (Image.open(folder / name) for name in names)
    return np.stack([np.asarray(i.resize((64, 64), Image.Resampling.LANCZOS)) for i in images])


class Painter(nn.Module):
    """Draws what its latents say: a grey level for all, in pictures of a side."""

    def __init__(self, side: int = 64) -> None:
        super().__init__()
        self.side = side

    def forward(self, latents, labels):
        return latents[:, :1, None, None].expand(-1, 3, self.side, self.side)


# Variety.


def test_variety_is_the_quotient_of_mean_distances():
    triangle = np.array([[0.0, 0, 7], [3, 0, 7], [3, 4, 7]])  # sides 3, 4, 5: 4 on average
    pair = np.array([[1.0, 1, 1], [1, 1, 3]])  # 2 apart
    assert variety(pair, triangle) == pytest.approx(0.5)
    assert variety(triangle, pair) == pytest.approx(2)


@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0, 3.0])
def test_variety_follows_the_spread_and_not_the_place(factor):
    reals = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    assert variety(factor * reals + 5, reals) == pytest.approx(factor, rel=1e-5)


def test_variety_of_normal_rows_is_that_of_their_deviations():
    random = np.random.default_rng(1)
    wide, narrow = random.normal(size=(400, 500)), random.normal(size=(300, 500)) / 2
    assert variety(narrow, wide) == pytest.approx(0.5, rel=0.01)


def test_few_rows_and_equal_ones_have_no_variety_to_compare():
    some = np.eye(3)
    assert math.isnan(variety(some[:1], some))
    assert math.isnan(variety(some, some[:1]))
    assert math.isnan(variety(some, np.ones((3, 3))))
    assert variety(np.ones((3, 3)), some) == 0


# Both sides.


def test_real_pictures_are_whole_ones_squashed(dogs, network):
    found = real_side(dogs, network)
    names = sorted(path.relative_to(dogs).as_posix() for path in dogs.glob("*/*.png"))
    expected = squashed(dogs, names)
    assert np.array_equal(found.pictures, expected)
    assert found.breeds == ["a", "b", "c"]
    assert found.labels.tolist() == [0] + [1] * 4 + [2] * 6
    assert np.allclose(found.features.values, compute([expected], network), rtol=1e-5)
    assert (found.features.network, found.features.graph) == (network.name, network.identity)


def test_fewer_real_pictures_are_evenly_spaced_in_all_or_in_each_breed(dogs, network):
    whole = real_side(dogs, network)
    some = real_side(dogs, network, limit=4)
    assert np.array_equal(some.pictures, whole.pictures[[0, 2, 5, 8]])
    each = real_side(dogs, network, each=2)
    assert np.array_equal(each.pictures, whole.pictures[[0, 1, 3, 5, 8]])
    assert each.labels.tolist() == [0, 1, 1, 2, 2]
    assert np.array_equal(each.features.values, whole.features.values[[0, 1, 3, 5, 8]])


def test_rows_of_a_breed(dogs, network):
    found = real_side(dogs, network)
    assert found.of("b").tolist() == [1, 2, 3, 4]
    assert found.of("b", 2).tolist() == [1, 3]
    assert found.of("poodle").tolist() == []
    few = found.few(2)
    assert few.labels.tolist() == [0, 1, 1, 2, 2]
    assert np.array_equal(few.pictures, found.pictures[[0, 1, 3, 5, 8]])
    assert np.array_equal(few.features.values, found.features.values[[0, 1, 3, 5, 8]])


def test_real_features_are_computed_once_for_a_network_and_its_pictures(dogs, network, cache):
    def unused(pictures):
        raise AssertionError("computed again")

    first = real_side(dogs, network)
    again = real_side(dogs, replace(network, module=unused))
    assert np.array_equal(first.features.values, again.features.values)
    for other in ({"network": replace(network, graph="other", module=unused)}, {"limit": 5}):
        with pytest.raises(AssertionError, match="computed again"):
            real_side(dogs, **{"network": replace(network, module=unused)} | other)
    assert len(list(cache.glob("features-*.npz"))) == 1


def test_damaged_features_are_computed_anew(dogs, network, cache, capsys):
    first = real_side(dogs, network)
    (file,) = cache.glob("features-*.npz")
    file.write_bytes(file.read_bytes()[:100])
    again = real_side(dogs, network)
    assert np.array_equal(first.features.values, again.features.values)
    assert "computing it anew" in capsys.readouterr().err


def test_features_that_cannot_be_kept_are_used_all_the_same(dogs, network, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(judging, "save", full)
    assert len(real_side(dogs, network).features) == 11
    assert "the features are not kept" in capsys.readouterr().err


def test_generated_pictures_are_judged_in_the_size_that_kaggle_takes(network):
    latents = torch.tensor([[-1.0], [0.0], [1.0]])
    for side in (16, 64, 112):
        draws = Draws(latents, torch.zeros(3).long())
        pictures, features = fake_side(Painter(side), draws, CPU, network)
        assert pictures.shape == (3, 64, 64, 3) and pictures.dtype == np.uint8
        assert pictures[:, 7, 9, 1].tolist() == [0, 128, 255]
        assert np.allclose(features.values, compute([pictures], network), rtol=1e-5)
        assert features.graph == network.identity


# Breeds.

BREEDS = Classes(("one", "many", "some", "none"), (1, 9, 5, 5))


@pytest.fixture(scope="module")
def found(network):
    """Breeds of a generator that draws one grey for `many`, and differing ones for the others."""

    class Biased(Painter):
        def forward(self, latents, labels):
            levels = torch.where(labels == 1, torch.zeros(len(labels)), latents[:, 0].tanh())
            return super().forward(levels[:, None], labels)

    random = np.random.default_rng(0)
    labels = np.array([0] + [1] * 3 + [2] * 8)
    pictures = random.integers(0, 256, (12, 64, 64, 3), np.uint8)
    pictures[:, ::2] = random.integers(0, 256, (12, 1, 1, 1), np.uint8)  # of differing light
    features = Features(compute([pictures], network), network.name, network.identity)
    reals = Reals(pictures, features, labels, ["one", "many", "some"])
    return breeds.breeds(Biased(), Recipe(latent=8), BREEDS, reals, CPU, network)


def test_breeds_come_by_size_with_their_own_pictures(found):
    assert [breed.name for breed in found] == ["many", "none", "some", "one"]
    assert [breed.training_pictures for breed in found] == [9, 5, 5, 1]
    assert [len(breed.real) for breed in found] == [3, 0, 8, 1]
    assert {breed.fake.shape for breed in found} == {(breeds.EACH, 64, 64, 3)}
    assert np.ptp(found[0].fake) == 0 and np.ptp(found[2].fake) > 50


def test_a_breed_of_one_picture_has_no_variety_and_that_of_one_grey_has_none(found):
    varieties = {breed.name: breed.variety for breed in found}
    assert varieties["many"] == pytest.approx(0, abs=1e-6)
    assert varieties["some"] > 0.1
    assert varieties["one"] is None and varieties["none"] is None
    json.dumps([breed.as_dict() for breed in found], allow_nan=False)
    assert found[0].as_dict().keys() == {"name", "training_pictures", "variety"}


def test_the_sheet_has_real_pictures_left_and_generated_ones_right(found):
    sheet = np.asarray(breeds.picture(found))
    assert sheet.shape == (24 + 4 * 66, 190 + 2 * 6 * 66 + 12, 3)
    at = 24 + 2 * 66  # the third row, of `some`
    fakes = 190 + 6 * 66 + 12
    for column in (0, 5):
        real = sheet[at : at + 64, 190 + 66 * column : 190 + 66 * column + 64]
        fake = sheet[at : at + 64, fakes + 66 * column : fakes + 66 * column + 64]
        assert np.array_equal(real, found[2].real[column])
        assert np.array_equal(fake, found[2].fake[column])
    assert (sheet[24 + 66 : 24 + 2 * 66, 190:fakes] == 255).all()  # `none` has no real pictures
    assert (sheet[at : at + 66, :190] < 128).any()  # its name


def test_the_sheet_ends_after_the_largest_breeds(found, monkeypatch):
    monkeypatch.setattr(breeds, "MOST", 2)
    assert breeds.picture(found).height == 24 + 2 * 66


# Quick scores.


@pytest.fixture
def trainer():
    random = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8, generator=random)
    data = TrainingSet(pictures, torch.zeros(20).long(), ["x"])
    made = Adversaries(TINY, Device(CPU, "CPU", torch.float32), data)
    made.recalibrate()
    return made


def reals_like(values, network):
    return Features(values.astype(np.float32), network.name, network.identity)


def test_quick_scores_are_those_of_the_first_pictures(trainer, network):
    reals = reals_like(np.random.default_rng(0).random((30, 256)), network)
    draws = draw(TINY, trainer.classes, 6, TINY.seed)
    _, fakes = fake_side(trainer.average, draws, CPU, network)
    scores = Quick(reals, network)(trainer, 1.0)
    distance = frechet_distance(moments(fakes.values), moments(reals.values))
    assert scores["quick_fid"] == pytest.approx(distance, rel=1e-9)
    kid = kernel_distance(fakes.values, reals.values, subsets=20).mean
    assert scores["quick_kid"] == pytest.approx(kid, rel=1e-9)


def test_the_pictures_themselves_score_nothing_and_any_others_more(trainer, network):
    draws = draw(TINY, trainer.classes, 6, TINY.seed)
    _, same = fake_side(trainer.average, draws, CPU, network)
    quick = Quick(same, network)
    assert quick(trainer, 1.0)["quick_fid"] == pytest.approx(0, abs=1e-6)
    shifted = Quick(reals_like(same.values + np.float32(0.5), network), network)
    # Equal covariances: what is left is the squared distance of the means, 256 x 0.25.
    assert shifted(trainer, 1.0)["quick_fid"] == pytest.approx(64, rel=1e-4)


def test_the_best_weights_are_kept_as_a_run_and_worse_ones_are_not(trainer, network, tmp_path):
    best = tmp_path / "run" / "best"
    reals = reals_like(np.random.default_rng(0).random((30, 256)), network)
    quick = Quick(reals, network, best)
    first = quick(trainer, 12.0)["quick_fid"]
    score = json.loads((best / "score.json").read_text())
    assert score["quick_fid"] == first == quick.fid and score["step"] == 0
    out = tmp_path / "few.zip"
    assert main(["sample", str(best), "--count", "6", "--out", str(out)]) == 0
    drawn, _ = fake_side(trainer.average, draw(TINY, trainer.classes, 6, 0), CPU, network)
    assert np.array_equal(archive.pixels(out, 6), drawn)

    trainer.step()
    trainer.recalibrate()
    quick.fid = 0.0  # nothing is better
    quick(trainer, 13.0)
    assert json.loads((best / "score.json").read_text()) == score
    quick.fid = math.inf
    better = quick(trainer, 14.0)["quick_fid"]
    assert json.loads((best / "score.json").read_text())["step"] == 1
    assert (best / "snapshots" / "step-000000001").is_dir()
    assert quick.fid == better


def test_a_resumed_run_knows_its_best(trainer, network, tmp_path):
    best = tmp_path / "best"
    reals = reals_like(np.random.default_rng(0).random((30, 256)), network)
    fid = Quick(reals, network, best)(trainer, 1.0)["quick_fid"]
    assert Quick(reals, network, best).fid == fid
    kept = json.loads((best / "score.json").read_text())
    odd = [kept | {"quick_fid": "low"}, {"step": 1}, {"step": 1, "quick_fid": fid}]
    for damage in ("", "[]", *map(json.dumps, odd)):
        (best / "score.json").write_text(damage)
        assert Quick(reals, network, best).fid == math.inf
    assert Quick(reals, network, tmp_path / "new").fid == math.inf


def test_a_best_score_counts_only_against_the_same_network_and_real_pictures(
    trainer, network, tmp_path
):
    best, values = tmp_path / "best", np.random.default_rng(0).random((30, 256))
    reals = reals_like(values, network)
    fid = Quick(reals, network, best)(trainer, 1.0)["quick_fid"]
    assert Quick(reals_like(values, network), network, best).fid == fid
    assert Quick(reals, replace(network, graph="other"), best).fid == math.inf
    assert Quick(reals_like(values[:-1], network), network, best).fid == math.inf
    # Scored in another way, the next one is the best so far, though it be a larger number.
    other = Quick(reals_like(values + 9, network), network, best)
    assert other.fid == math.inf
    assert other(trainer, 2.0)["quick_fid"] > fid
    assert json.loads((best / "score.json").read_text())["quick_fid"] == other.fid


def test_without_a_folder_nothing_is_kept(trainer, network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = Quick(reals_like(np.random.default_rng(0).random((30, 256)), network), network)
    assert quick(trainer, 1.0)["quick_fid"] == quick.fid
    assert list(tmp_path.iterdir()) == []
