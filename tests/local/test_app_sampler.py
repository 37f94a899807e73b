"""What is drawn for whom: the same for the same request, and nothing for what is none."""

import io
import json
import math
import zipfile

import numpy as np
import pytest
import untrained
from PIL import Image

from local.app.sampler import MOST, MOST_STEPS, SEEDS, motion
from local.errors import InputError
from local.sampling import draw, sample

DOGS = untrained.dogs()


def drawn(breed="", seed=1, truncation=0, count=6, dogs=DOGS) -> np.ndarray:
    return dogs.pictures(dogs.draws(dogs.wish(breed, seed, truncation, count)))


def test_a_seed_draws_its_own_dogs_and_so_does_every_other_setting():
    usual = drawn()
    assert usual.shape == (6, 32, 32, 3) and usual.dtype == np.uint8
    assert np.array_equal(usual, drawn())
    for other in (drawn(seed=2), drawn(truncation=0.5), drawn("boxer"), drawn("pug")):
        assert not np.array_equal(usual, other)


def test_dogs_are_those_of_the_command_that_samples():
    wish = DOGS.wish("", 7, 0.8, 20)
    draws = draw(DOGS.recipe, DOGS.classes, 20, 7, 0.8)
    expected = np.concatenate(list(sample(DOGS.generator, draws, DOGS.device)))
    assert np.array_equal(DOGS.pictures(DOGS.draws(wish)), expected)
    assert DOGS.names(DOGS.draws(wish)).count("old hound") == 6  # its share in the training set


REFUSED = {
    "10,000 dogs": ({"count": 10_000}, "The number of dogs must be from 1 to 64, not 10,000."),
    "no dogs": ({"count": 0}, "from 1 to 64, not 0."),
    "one more than most": ({"count": MOST + 1}, "not 65."),
    "less than none": ({"count": -3}, "not -3."),
    "half a dog": ({"count": 1.5}, "a whole number, not 1.5."),
    "yes dogs": ({"count": True}, "from 1 to 64."),
    "words": ({"count": "5"}, "from 1 to 64."),
    "nothing": ({"count": None}, "from 1 to 64."),
    "a list": ({"count": [4]}, "from 1 to 64."),
    "not a number": ({"count": math.nan}, "from 1 to 64."),
    "endless": ({"count": math.inf}, "from 1 to 64."),
    "huge": ({"count": 10**400}, "from 1 to 64."),
    "seed": ({"seed": -1}, "The seed must be from 0"),
    "large seed": ({"seed": SEEDS}, "not 4,294,967,296."),
    "seed of text": ({"seed": "0"}, "The seed must be from 0"),
    "truncation": ({"truncation": -0.1}, "The truncation must be from 0 to 3, not -0.1."),
    "wide truncation": ({"truncation": 3.01}, "not 3.01."),
    "no truncation": ({"truncation": math.nan}, "from 0 to 3."),
    "truncation of text": ({"truncation": "<b>1</b>"}, "from 0 to 3."),
    "breed": ({"breed": "cat"}, "There is no such breed here"),
    "breed of markup": ({"breed": "<script>"}, "There is no such breed here"),
    "breeds": ({"breed": ["pug"]}, "There is no such breed here"),
    "breed of facts": ({"breed": {"pug": 1}}, "There is no such breed here"),
    "breed's number": ({"breed": 1}, "There is no such breed here"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_said_in_words(case):
    asked, says = REFUSED[case]
    with pytest.raises(InputError) as error:
        drawn(**asked)
    said = str(error.value)
    assert says in said and len(said.splitlines()) == 1 and "<" not in said


@pytest.mark.parametrize("count", [1, 1.0, MOST])
def test_as_many_dogs_as_may_be(count):
    assert len(drawn(count=count)) == count


def test_of_a_generator_that_knows_no_breeds_none_can_be_asked_for():
    dogs = untrained.dogs("dcgan")
    assert dogs.breeds == () and dogs.names(dogs.draws(dogs.wish("", 0, 0, 3))) == ["", "", ""]
    with pytest.raises(InputError, match="no such breed"):
        dogs.wish("pug", 0, 0, 3)
    with pytest.raises(InputError, match="no such breed"):
        dogs.mixed(dogs.wish("", 0, 0, 3), "pug", "boxer", 50, 3)


def test_uniform_latents_are_cut_within_their_range_only():
    dogs = untrained.dogs("dcgan", latents="uniform")
    assert dogs.widest < 1
    assert len(drawn(truncation=dogs.widest, dogs=dogs)) == 6
    with pytest.raises(InputError, match=r"from 0 to 0\.95, not 1"):
        dogs.wish("", 0, 1, 3)


@pytest.mark.parametrize("truncation", [0, 0.7])
def test_a_walk_begins_and_ends_at_the_dogs_and_moves_at_each_step(truncation):
    wish = DOGS.wish("", 3, truncation, 6)
    dogs, way = DOGS.pictures(DOGS.draws(wish)).astype(int), DOGS.walk(wish, 2, 5, 7).astype(int)
    assert len(way) == 7
    assert abs(way[0] - dogs[1]).max() <= 1 and abs(way[-1] - dogs[4]).max() <= 1
    steps = abs(np.diff(way, axis=0)).mean(axis=(1, 2, 3))
    assert (steps > 0).all() and steps.max() < abs(way[-1] - way[0]).mean()


def test_a_blend_lies_where_its_share_says():
    wish = DOGS.wish("", 3, 0, 6)
    dogs = DOGS.pictures(DOGS.draws(wish)).astype(int)
    for percent in (0, 50, 100):
        first, between, second = DOGS.blend(wish, 1, 4, percent).astype(int)
        assert abs(first - dogs[0]).max() <= 1 and abs(second - dogs[3]).max() <= 1
        is_first, is_second = (abs(between - dog).max() <= 1 for dog in (first, second))
        assert (is_first, is_second) == (percent == 0, percent == 100)


def test_breeds_are_mixed_by_their_shares_and_the_dogs_stay():
    wish = DOGS.wish("pug", 3, 0, 6)
    whole, half, other = (DOGS.mixed(wish, "pug", "boxer", p, 4).astype(int) for p in (0, 50, 100))
    pugs, boxers = drawn("pug", 3)[:4].astype(int), drawn("boxer", 3)[:4].astype(int)
    assert abs(whole - pugs).max() <= 1 and abs(other - boxers).max() <= 1
    assert abs(half - pugs).max() > 1 and abs(half - boxers).max() > 1


PAIRS = {
    "beyond those drawn": (lambda d, w: d.walk(w, 1, 7, 5), "from 1 to 6, not 7."),
    "number 0": (lambda d, w: d.blend(w, 0, 1, 50), "from 1 to 6, not 0."),
    "no number": (lambda d, w: d.pair(w, None, 1), "Dog A is one of those drawn"),
    "too many steps": (lambda d, w: d.walk(w, 1, 2, MOST_STEPS + 1), "from 2 to 32, not 33."),
    "one step": (lambda d, w: d.walk(w, 1, 2, 1), "The number of steps must be from 2"),
    "share": (lambda d, w: d.blend(w, 1, 2, 101), "from 0 to 100, not 101."),
    "share of breeds": (lambda d, w: d.mixed(w, "pug", "boxer", "x", 3), "from 0 to 100."),
    "breed": (lambda d, w: d.mixed(w, "pug", "cat", 50, 3), "no such breed"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_what_two_dogs_cannot_be_asked_is_said_in_words(case):
    does, says = PAIRS[case]
    with pytest.raises(InputError) as error:
        does(DOGS, DOGS.wish("", 3, 0, 6))
    assert says in str(error.value)


def test_a_dog_walks_to_itself():
    way = DOGS.walk(DOGS.wish("", 3, 0, 6), 2, 2, 3).astype(int)
    assert abs(way - drawn(seed=3)[1].astype(int)).max() <= 1


def test_the_zip_holds_each_dog_and_what_it_was_asked_for_by():
    wish = DOGS.wish("pug", 5, 0.5, 3)
    packed = DOGS.archive(wish)
    assert packed == DOGS.archive(wish)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["dogs.json", "dog-01.png", "dog-02.png", "dog-03.png"]
        asked = {"recipe": "cgan", "breed": "pug", "seed": 5, "truncation": 0.5, "count": 3}
        assert json.loads(archive.read("dogs.json")) == asked
        for dog, name in zip(drawn("pug", 5, 0.5, 3), archive.namelist()[1:], strict=True):
            assert np.array_equal(np.asarray(Image.open(archive.open(name))), dog)


def test_the_sheet_holds_every_dog():
    sheet = np.asarray(Image.open(io.BytesIO(DOGS.sheet(DOGS.wish("", 1, 0, 4)))))
    assert sheet.shape == (66, 66, 3)
    assert np.array_equal(sheet[34:, 34:], drawn(count=4)[3])


def test_motion_goes_there_and_back_and_begins_anew():
    pictures = np.stack([np.full((16, 16, 3), level, np.uint8) for level in (0, 100, 200)])
    with Image.open(io.BytesIO(motion(pictures))) as film:
        assert (film.format, film.n_frames, film.info["loop"]) == ("WEBP", 4, 0)
        levels = []
        for i in range(4):
            film.seek(i)
            levels.append(round(np.asarray(film.convert("RGB")).mean() / 100))
    assert levels == [0, 1, 2, 1]
