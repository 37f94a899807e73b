"""The submission that is kept in place: valid at any time, replaced by nothing worse."""

import numpy as np
import pytest
import torch

from local import safe, sampling
from local.data.prepared import TrainingSet
from local.judge.scoring import Score
from local.pictures import submitted
from local.recipes import Recipe
from local.safe import SafeSubmission
from local.train.adversaries import Adversaries
from local.train.devices import Device
from submission import archive

COUNT = 40
RECIPE = Recipe(size=16, g_width=8, d_width=8, latent=8, batch=8)
REALS = torch.randint(90, 166, (64, 3, 16, 16), dtype=torch.uint8)  # about as varied as noise
DATA = TrainingSet(REALS, torch.zeros(64).long(), ["x"])


@pytest.fixture
def adversaries(monkeypatch):
    monkeypatch.setattr(archive, "COUNT", COUNT)
    made = Adversaries(RECIPE, Device(torch.device("cpu"), "CPU", torch.float32), DATA)
    made.recalibrate()
    return made


@pytest.fixture
def submission(tmp_path):
    return SafeSubmission(tmp_path / "images.zip", lambda made: {"steps": made.steps}, REALS)


def steps_in_place(submission):
    return archive.check(submission.path, COUNT).comment["steps"]


def scale(adversaries, factor):
    """Makes pictures that differ so many times as much."""
    adversaries.average.to_rgb[0].weight.data *= factor


def test_an_offer_is_put_in_place_whole_and_measured(adversaries, submission):
    assert submission.kimg is None
    adversaries.steps = 500
    submission.offer(adversaries)
    assert steps_in_place(submission) == 500
    assert submission.kimg == 500 * RECIPE.batch / 1000
    assert 0 < submission.seconds < 60
    assert [path.name for path in submission.path.parent.iterdir()] == ["images.zip"]


def test_pictures_are_those_of_the_average_generator(adversaries, submission):
    submission.offer(adversaries)
    draws = sampling.draw(RECIPE, DATA.classes, COUNT, RECIPE.seed)
    drawn = sampling.sample(adversaries.average, draws, torch.device("cpu"))
    expected = np.concatenate(list(submitted(drawn)))
    assert np.array_equal(archive.pixels(submission.path, COUNT), expected)


def test_the_cost_is_known_before_the_first_one_and_nothing_is_written(
    adversaries, submission, monkeypatch
):
    monkeypatch.setattr(safe, "PROBE", COUNT // 4)
    times = iter([10.0, 12.0])
    monkeypatch.setattr(safe.time, "perf_counter", lambda: next(times))
    submission.estimate(adversaries)
    assert submission.seconds == 4 * 2.0
    assert list(submission.path.parent.iterdir()) == []


def test_a_collapsed_generator_replaces_nothing_better(adversaries, submission, capsys):
    scale(adversaries, 10)
    submission.offer(adversaries)
    adversaries.steps = 9
    scale(adversaries, 0.02)
    submission.offer(adversaries)
    assert steps_in_place(submission) == 0 and submission.kimg == 0
    line = capsys.readouterr().err.strip()
    assert line.startswith("images.zip of 0.1 kimg not taken: collapsed")
    assert line.endswith("that of 0.0 kimg stays")
    scale(adversaries, 40)  # it has recovered
    submission.offer(adversaries)
    assert steps_in_place(submission) == 9


def test_a_collapsed_one_is_better_than_none_and_than_a_worse_one(adversaries, submission):
    for step, factor in enumerate([0.3, 1.2, 0.5]):
        adversaries.steps = step
        scale(adversaries, factor)
        submission.offer(adversaries)
    assert steps_in_place(submission) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
def test_weights_that_draw_nothing_are_refused(value, adversaries, submission, capsys):
    submission.offer(adversaries)
    adversaries.steps = 9
    adversaries.average.to_rgb[0].weight.data.fill_(value)
    submission.offer(adversaries)
    assert steps_in_place(submission) == 0
    assert "every pixel has one colour" in capsys.readouterr().err


def test_a_first_one_that_is_not_valid_is_not_left(adversaries, submission, capsys):
    adversaries.average.to_rgb[0].weight.data.fill_(0.0)
    submission.offer(adversaries)
    assert submission.kimg is None and list(submission.path.parent.iterdir()) == []
    assert "there is none yet" in capsys.readouterr().err


class Judge:
    """Gives the scores that it is told to, and notes what it saw."""

    def __init__(self, *scores):
        self.scores, self.seen = list(scores), []

    def score(self, pictures):
        self.seen.append(pictures)
        value = self.scores.pop(0)
        if value is None:
            raise RuntimeError("out of memory\nand more")
        return Score(value, 1.0)


def offered(adversaries, submission, *steps):
    """Offers what differs from step to step; returns the steps that were taken."""
    taken = []
    for step in steps:
        adversaries.steps = step
        scale(adversaries, 1.01)
        submission.offer(adversaries)
        taken.append(steps_in_place(submission))
    return taken


def test_only_what_the_judge_finds_better_is_taken(adversaries, submission, capsys):
    submission.judge = judge = Judge(50, 49, 30, 40)  # 49 may be chance: each is 1 off
    assert offered(adversaries, submission, 1, 2, 3, 4) == [1, 1, 3, 3]
    assert submission.score == Score(30, 1.0) and submission.kimg == 3 * RECIPE.batch / 1000
    assert all(seen.shape == (COUNT, 16, 16, 3) for seen in judge.seen)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "not taken: scored 49.00 ± 1.00 by the judge, no better than 50.00 ± 1.00" in lines[0]


def test_what_could_not_take_its_place_has_no_score(adversaries, submission, monkeypatch):
    submission.judge = Judge(50, 30, 40)
    submission.offer(adversaries)
    written = archive.write

    def without_rename(path, *more):
        written(path.with_name("lost"), *more)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(archive, "write", without_rename)
        submission.offer(adversaries)  # of score 30, which is nowhere
    adversaries.steps = 9
    submission.offer(adversaries)  # of score 40, better than the 50 in place
    assert steps_in_place(submission) == 9


def test_the_weights_of_what_is_in_place_are_kept(adversaries, submission):
    submission.judge = Judge(50, 60)
    offered(adversaries, submission, 1)
    then = adversaries.average.to_rgb[0].weight.detach().clone()
    offered(adversaries, submission, 2)
    assert submission.weights.keys() == adversaries.average.state_dict().keys()
    assert torch.equal(submission.weights["to_rgb.0.weight"], then)
    assert not torch.equal(adversaries.average.to_rgb[0].weight, then)


def test_chosen_draws_are_those_of_the_generator_in_place(adversaries, submission):
    submission.judge = Judge(50, 60, 20)
    offered(adversaries, submission, 1, 2)
    adversaries.average.load_state_dict(submission.weights)
    draws = sampling.draw(RECIPE, DATA.classes, COUNT, seed=77)
    submission.offer(adversaries, draws)
    drawn = sampling.sample(adversaries.average, draws, torch.device("cpu"))
    expected = np.concatenate(list(submitted(drawn)))
    assert np.array_equal(archive.pixels(submission.path, COUNT), expected)
    assert archive.check(submission.path, COUNT).comment["kimg"] == RECIPE.batch / 1000
    assert submission.kimg == RECIPE.batch / 1000


def test_a_judge_that_fails_is_dismissed_and_the_run_goes_on_without(
    adversaries, submission, capsys
):
    submission.judge = Judge(50, None)
    assert offered(adversaries, submission, 1, 2, 3) == [1, 2, 3]
    assert submission.judge is None and submission.score is None
    assert capsys.readouterr().err == "the judge is dismissed: out of memory\n"


def test_what_killed_processes_left_is_removed(tmp_path):
    left = tmp_path / ".images.zip.123.partial"
    other = tmp_path / ".other.zip.123.partial"
    left.touch(), other.touch()
    SafeSubmission(tmp_path / "images.zip", lambda made: {}, REALS)
    assert not left.exists() and other.exists()
