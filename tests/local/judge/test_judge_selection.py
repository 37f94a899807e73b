"""Selection: the best of the draws, copies never, and no nearer to the training pictures."""

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from local.judge.frechet import Sums
from local.judge.nearness import known
from local.judge.selection import by_discriminator, choose, realness, select, within_breeds
from local.sampling import Draws

CPU = torch.device("cpu")


def random_of(seed):
    return torch.Generator().manual_seed(seed)


def smooth(count, seed, contrast=60.0):
    """Pictures (N, 3, 64, 64) uint8 of 16 patches of colour each."""
    patches = 128 + contrast * torch.randn(count, 3, 4, 4, generator=random_of(seed))
    return patches.clamp(0, 255).byte().repeat_interleave(16, 2).repeat_interleave(16, 3)


class Bank(nn.Module):
    """Draws the picture whose number is the latent."""

    def __init__(self, pictures):
        super().__init__()
        self.pictures = pictures

    def forward(self, latents, labels):
        return self.pictures[latents[:, 0].long()].float() / 127.5 - 1


def draws_of(pictures, labels=None):
    numbers = torch.arange(len(pictures), dtype=torch.float32)[:, None]
    return Draws(numbers, torch.zeros(len(pictures)).long() if labels is None else labels)


# Choosing rows.


@pytest.mark.parametrize("seed", range(8))
def test_chosen_rows_are_never_nearer_on_average_and_never_copies(seed):
    random = random_of(seed)
    distances = torch.rand(200, dtype=torch.float64, generator=random)
    distances[:15] *= 1e-3
    worth = -distances + 0.2 * torch.rand(200, dtype=torch.float64, generator=random)
    chosen = choose(worth, distances, 150, near=2e-3)  # the nearest are worth most
    assert len(chosen.rows.unique()) == 150
    assert distances[chosen.rows].mean() >= distances.mean()
    assert distances[chosen.rows].min() >= 2e-3


def test_without_a_conflict_the_best_are_chosen():
    worth = torch.tensor([3.0, 9, 1, 7, 5, 8])
    distances = torch.tensor([0.5, 0.6, 0.5, 0.5, 0.5, 0.7], dtype=torch.float64)
    chosen = choose(worth, distances, 3, near=0.1)
    assert chosen.rows.tolist() == [1, 3, 5] and chosen.ruled_out == 0


def test_the_mean_distance_may_fall_by_what_is_allowed_and_no_more():
    distances = torch.linspace(0, 1, 101, dtype=torch.float64)
    falls = []
    for allowed in (0.0, 0.05, 1.0):
        rows = choose(-distances, distances, 80, near=0.0, allowed=allowed).rows
        falls.append(float(distances.mean() - distances[rows].mean()))
        assert falls[-1] <= allowed + 1e-12
    assert falls[0] < falls[1] < falls[2] == pytest.approx(0.1, abs=0.01)


def test_more_copies_than_there_is_room_for_leave_the_furthest():
    distances = torch.tensor([0.0, 0.01, 0.02, 0.5, 0.6], dtype=torch.float64)
    chosen = choose(torch.tensor([9.0, 8, 7, 1, 1]), distances, 4, near=0.1)
    assert chosen.rows.tolist() == [1, 2, 3, 4]
    assert choose(torch.ones(5), distances, 5, near=0.1).rows.tolist() == [0, 1, 2, 3, 4]


def test_ranks_are_those_within_a_breed():
    worth = torch.tensor([5.0, 90, 1, 70, 3, 80])
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    ranks = within_breeds(worth, labels)
    assert torch.allclose(ranks * 3, torch.tensor([3.0, 3, 1, 1, 2, 2]).double())


# Realness.


def normal(rows, seed, deviations, mean=0.0):
    return mean + torch.randn(rows, len(deviations), generator=random_of(seed)) * torch.tensor(
        deviations
    )


def gaussian(rows):
    return Sums.of(rows).gaussian()


def test_realness_is_the_ratio_of_both_normal_densities():
    reals, drawn = normal(4000, 0, [1.0, 3.0, 2.0], 5.0), normal(900, 1, [2.0, 2.0, 1.5], 4.0)
    own, real = (
        MultivariateNormal(side.mean, side.covariance).log_prob(drawn.double())
        for side in (gaussian(drawn), gaussian(reals))
    )
    off = realness(drawn, gaussian(reals)) - 2 * (real - own)
    assert off.std() < 1e-9 and off.mean().abs() > 1e-3  # but for a constant


def test_what_is_drawn_too_rarely_is_more_real_than_what_is_most_usual():
    reals = torch.cat([normal(500, 0, [0.3, 1.0], mean) for mean in (-1.0, 1.0)])
    drawn = torch.cat([normal(950, 1, [0.3, 1.0], -1.0), normal(50, 2, [0.3, 1.0], 1.0)])
    best = realness(drawn, gaussian(reals)).argsort(descending=True)[:500]
    assert (best >= 950).sum() >= 45  # of 50; and the usual ones are left out
    assert drawn[best, 0].mean() > drawn[:, 0].mean()


def test_realness_of_one_picture_drawn_again_and_again_is_a_number():
    reals = normal(300, 0, [1.0, 1.0, 0.0])  # and one channel sees nothing
    assert realness(torch.ones(50, 3), gaussian(reals)).isfinite().all()


# Nearness.


def test_distances_are_those_of_a_plain_loop(judge_of, monkeypatch):
    reals = smooth(90, 0)
    judge = judge_of(reals, side=16)
    for block in ("ROWS", "KNOWN_ROWS"):
        monkeypatch.setattr(f"local.judge.nearness.{block}", 32)
    mine = known(judge, reals)
    fakes = judge.features(smooth(40, 1).permute(0, 2, 3, 1).numpy())
    real_rows = judge.features(reals.permute(0, 2, 3, 1).numpy())
    expected = [
        min(1 - torch.cosine_similarity(fake, real, dim=0).item() for real in real_rows)
        for fake in fakes
    ]
    assert torch.allclose(mine.distances(fakes), torch.tensor(expected).double(), atol=1e-5)


def test_a_copy_is_nearer_than_training_pictures_are_to_each_other(judge_of):
    reals = smooth(200, 0)
    reals[100:110] = reals[:10]  # the data has its own duplicates
    judge = judge_of(reals, side=16)
    mine = known(judge, reals, smooth(150, 5))
    assert mine.near > 0.01
    assert len(mine.rows) == 350

    def distances(pictures):
        return mine.distances(judge.features(pictures.permute(0, 2, 3, 1).numpy()))

    touched = (reals[:20].float() + 6 * torch.randn(20, 3, 64, 64)).clamp(0, 255).byte()
    assert (distances(reals[:20]) < 1e-5).all()
    assert (distances(touched) < mine.near).all()
    assert (distances(smooth(100, 6)) > mine.near).float().mean() > 0.9


def test_several_crops_of_a_dog_do_not_change_what_a_copy_is(judge_of):
    reals = smooth(200, 0)
    judge = judge_of(reals, side=16)
    crops = torch.cat([reals, (reals.float() + 4).clamp(0, 255).byte()])
    assert known(judge, crops, reals).near == known(judge, reals).near
    assert known(judge, crops).near < known(judge, reals).near / 2  # as it would be of the crops


# The whole.


@pytest.fixture
def reals():
    return smooth(400, 0)


def mixture(reals, copies=20, junk=60, good=160):
    """Good pictures, junk and copies, in any order; what each is."""
    every = torch.cat([smooth(good, 1), smooth(junk, 2, contrast=200.0), reals[:copies]])
    kinds = torch.tensor([0] * good + [1] * junk + [2] * copies)
    order = torch.randperm(len(every), generator=random_of(3))
    return every[order], kinds[order]


def test_planted_copies_and_junk_are_dropped(judge_of, reals):
    judge = judge_of(reals, side=16)
    every, kinds = mixture(reals)
    found = select(judge, Bank(every), draws_of(every), 140, known(judge, reals))
    taken = kinds[found.draws.latents[:, 0].long()]
    assert len(found.draws) == 140
    assert (taken == 2).sum() == 0 and (taken == 1).sum() < 10
    facts = found.facts
    assert facts["selected"] and facts["score_after"] < facts["score_before"]
    assert facts["copies_found"] >= 20 and facts["copies_left"] == 0
    assert facts["distance_chosen"] >= facts["distance_candidates"]
    assert facts["candidates"] == 240


def test_where_selection_is_not_better_the_draws_stay_as_they_come_but_for_copies(judge_of, reals):
    judge = judge_of(reals, side=16)
    every, kinds = mixture(reals, junk=0, good=200)

    def backwards(pictures, labels):
        return torch.from_numpy(pictures.std(axis=(1, 2, 3)))  # the loudest are best

    found = select(judge, Bank(every), draws_of(every), 150, known(judge, reals), backwards)
    taken = found.draws.latents[:, 0].long()
    assert not found.facts["selected"]
    assert (kinds[taken] == 2).sum() == 0
    assert taken.tolist() == sorted(taken.tolist())
    assert found.facts["distance_chosen"] >= found.facts["distance_candidates"]


def test_every_breed_keeps_its_share(judge_of, reals):
    judge = judge_of(reals, side=16)
    every = torch.stack([smooth(120, 1), smooth(120, 2, contrast=150.0)], dim=1).flatten(0, 1)
    labels = torch.arange(240) % 2  # all of one breed are odd
    found = select(judge, Bank(every), draws_of(every, labels), 120, known(judge, reals))
    assert torch.bincount(found.draws.labels).min() >= 40


def test_the_discriminators_word_is_taken_in_eval_mode(judge_of):
    class Light(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(3, affine=False)

        def forward(self, pictures, labels):
            return self.norm(pictures).mean(dim=(1, 2, 3)) + labels

    light = Light().train()
    quality = by_discriminator(light, CPU)
    shown = torch.arange(0, 250, 25, dtype=torch.uint8)[:, None, None, None].expand(-1, 64, 64, 3)
    worth = quality(shown.numpy(), torch.zeros(10).long())
    assert light.training and worth.tolist() == sorted(worth.tolist())
    alone = quality(shown[3:4].numpy(), torch.zeros(1).long())
    assert alone.item() == pytest.approx(worth[3].item())
    more = quality(shown[3:4].numpy(), torch.ones(1).long())
    assert more.item() == pytest.approx(worth[3].item() + 1)
