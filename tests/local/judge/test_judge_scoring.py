"""What a score is, what its error is worth, and when one is better than another."""

import numpy as np
import pytest
import torch

from local.judge import JudgeError, Score, better
from local.judge.scoring import KernelJudge
from mifid.frechet import frechet_distance, moments


def pictures(seed, count, low=0, high=256):
    random = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (count, 3, 64, 64), dtype=torch.uint8, generator=random)


def as_drawn(tensor):
    return tensor.permute(0, 2, 3, 1).contiguous().numpy()


def draws(seed, rows, dimensions=12, shift=0.0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(rows, dimensions, generator=random) + shift


def test_features_are_in_units_of_the_real_ones(judge_of):
    reals = pictures(0, 120)
    judge = judge_of(reals, side=32)
    rows = judge.features(as_drawn(reals))
    assert rows.shape == (120, 12) and rows.dtype == torch.float32
    assert torch.allclose(rows.mean(dim=0), torch.zeros(12), atol=1e-4)
    assert float(rows.var(dim=0).mean()) == pytest.approx(1, abs=1e-4)


def test_a_score_is_the_frechet_distance_of_features(judge_of):
    reals, fakes = pictures(0, 150), as_drawn(pictures(1, 80, 40, 200))
    judge = judge_of(reals, side=32)
    sides = [judge.features(side).numpy() for side in (as_drawn(reals), fakes)]
    expected = frechet_distance(*(moments(side) for side in sides))
    assert judge.score(fakes).value == pytest.approx(expected, rel=1e-4)


def test_pictures_of_another_size_are_judged_as_kaggle_gets_them(judge_of):
    judge = judge_of(pictures(0, 100), side=64)
    small = np.full((50, 16, 16, 3), 90, np.uint8)
    large = np.full((50, 64, 64, 3), 90, np.uint8)
    assert torch.allclose(judge.features(small), judge.features(large))


def test_a_feature_counts_by_its_own_spread(judge_of_features):
    raw = draws(0, 2000, 4) * torch.tensor([1.0, 1.0, 1.0, 1e-9])
    judge = judge_of_features(raw)
    diagonal = judge.reals.gaussian.covariance.diagonal()
    assert diagonal[3] < 1e-6 and diagonal[:3].tolist() == pytest.approx([4 / 3] * 3, rel=0.1)


def test_the_error_is_what_other_draws_do_to_the_score(judge_of_features):
    judge = judge_of_features(draws(0, 5000))
    scores = [judge.score_features(1.2 * draws(seed, 500, shift=0.2)) for seed in range(1, 61)]
    spread = np.std([score.value for score in scores], ddof=1)
    told = np.mean([score.error for score in scores])
    assert 0.7 < told / spread < 1.4


def test_noise_is_not_better_and_a_change_is(judge_of_features):
    judge = judge_of_features(draws(0, 5000))
    scores = [judge.score_features(draws(seed, 400, shift=0.2)) for seed in range(1, 61)]
    pairs = [(a, b) for a in scores for b in scores if a is not b]
    assert np.mean([better(a, b) for a, b in pairs]) < 0.06
    worse = [judge.score_features(draws(seed, 400, shift=0.5)) for seed in range(70, 80)]
    assert all(better(a, b) for a in scores for b in worse)
    assert not any(better(b, a) for a in scores for b in worse)


def test_better_is_beyond_two_standard_errors_of_the_difference():
    in_place = Score(10.0, 0.3)
    assert not better(Score(9.01, 0.4), in_place)
    assert better(Score(8.99, 0.4), in_place)
    assert str(in_place) == "10.00 ± 0.30"


def test_the_unseen_part_is_a_side_of_its_own(judge_of_features):
    raw = draws(0, 600)
    judge = judge_of_features(raw, held_out=150)
    fakes = draws(1, 200, shift=0.3)
    assert judge.unseen.gaussian.count == 150 and judge.reals.gaussian.count == 600
    own = frechet_distance(moments(fakes.numpy()), moments(judge._standard(raw[:150]).numpy()))
    assert judge.score_features(fakes, judge.unseen).value == pytest.approx(own, rel=1e-4)
    assert judge.facts["split_distance"] > 0
    assert judge_of_features(raw).unseen is None


def test_few_pictures_have_no_score(judge_of_features):
    with pytest.raises(ValueError, match="40 pictures"):
        judge_of_features(draws(0, 100)).score_features(draws(1, 39))


@pytest.mark.parametrize("raw", [torch.full((50, 4), float("nan")), torch.ones(50, 4)])
def test_a_broken_network_is_no_judge(raw):
    with pytest.raises(JudgeError, match="no usable features"):
        KernelJudge(torch.nn.Identity(), torch.device("cpu"), raw, torch.zeros(50).bool())
