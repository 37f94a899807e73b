"""Crops against regions worked out by hand."""

import itertools
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.data.crops import (
    ALIGNED,
    FACE,
    LARGEST_ASPECT,
    MARGIN,
    POLICIES,
    SMALLEST_SIDE,
    WHOLE,
    checked_crop,
    is_drawn,
    left_out,
    regions,
)
from local.errors import InputError


def test_whole_and_centre():
    assert regions("squash", 100, 80, [(1, 2, 50, 60)]) == [(0, 0, 100, 80)]
    assert regions("centre", 100, 80, [(1, 2, 50, 60)]) == [(10, 0, 90, 80)]
    assert regions("centre", 81, 100, None) == [(0, 9, 81, 90)]
    assert regions("box", 100, 80, None) == [(10, 0, 90, 80)]


def test_a_box_becomes_the_square_around_it():
    assert regions("box", 200, 200, [(50, 60, 90, 140)]) == [(30, 60, 110, 140)]
    # at the left edge the square moves inside; wider than the picture is high, it is cut
    assert regions("box", 200, 200, [(0, 60, 40, 140)]) == [(0, 60, 80, 140)]
    assert regions("box", 200, 60, [(20, 5, 120, 55)]) == [(20, 0, 120, 60)]


def test_boxes_are_clamped_before_they_are_judged():
    assert regions("box", 100, 100, [(-50, 10, 60, 90)]) == [(0, 10, 80, 90)]
    assert regions("box", 100, 100, [(-50, 10, 31, 90)]) == []


def test_small_and_long_boxes_are_left_out_and_each_dog_counts():
    exactly = (10, 10, 42, 138)  # 32 x 128: the smallest side and the largest aspect
    narrow = (10, 10, 41, 100)
    long = (10, 10, 43, 143)
    two = regions("box", 300, 300, [exactly, narrow, long, (100, 100, 150, 150)])
    assert two == [(0, 10, 128, 138), (100, 100, 150, 150)]


def test_a_face_is_the_middle_of_what_celeba_aligned():
    left, top, right, bottom = FACE
    assert regions("face", *ALIGNED, None) == [FACE]
    assert (right - left, bottom - top) == (108, 108)
    assert (left + right, top + bottom) == ALIGNED  # twice the centre
    assert regions("face", 178, 219, None) == [(0, 20, 178, 198)]
    # boxes say more than the size does, and are used as `box` uses them
    boxes = [(50, 60, 90, 140), (0, 0, 5, 5)]
    assert regions("face", *ALIGNED, boxes) == regions("box", *ALIGNED, boxes)


def test_the_tight_box_is_taken_as_it_is():
    assert regions("tight", 200, 200, [(50, 60, 90, 140)]) == [(50, 60, 90, 140)]
    assert regions("tight", 200, 120, [(-7, 60, 90, 140.4), (9.6, 0, 50.4, 40)]) == [
        (0, 60, 90, 120),
        (10, 0, 50, 40),
    ]
    assert regions("tight", 100, 80, None) == regions("centre", 100, 80, None)


def test_a_dog_that_fills_the_picture_has_its_middle():
    just, under = (0, 20, 40, 95), (0, 20, 40, 94)  # 75 and 74 of 100 pixels high
    assert regions("fill", 160, 100, [just]) == [(30, 0, 130, 100)]
    assert regions("fill", 160, 100, [under]) == regions("box", 160, 100, [under])
    assert regions("fill", 160, 100, [under]) == [(0, 20, 74, 94)]
    # two such dogs share one crop, a third has its own, and one that is too small has none
    boxes = [just, (60, 0, 140, 100), (100, 50, 140, 80), (100, 50, 140, 90)]
    assert regions("fill", 160, 100, boxes) == [(30, 0, 130, 100), (100, 50, 140, 90)]
    assert regions("fill", 160, 100, None) == [(30, 0, 130, 100)]


def test_a_mixture_gives_what_each_part_gives():
    boxes = [(50, 60, 90, 140)]
    assert regions("box+squash", 200, 200, boxes) == [(30, 60, 110, 140), (0, 0, 200, 200)]
    assert regions("box+squash", 200, 200, [(0, 0, 5, 5)]) == [(0, 0, 200, 200)]
    parts = [*regions("jitter", 200, 200, boxes, "a", 3), (0, 0, 200, 200)]
    assert regions("jitter+squash", 200, 200, boxes, "a", 3) == parts
    three = [(50, 60, 90, 140), (30, 60, 110, 140), (0, 0, 200, 200)]
    assert regions("tight+box+squash", 200, 200, boxes) == three


def test_a_mixture_gives_a_region_once():
    assert regions("box+centre+tight+jitter+fill+squash", 100, 100, None, "a", 4) == [
        (0, 0, 100, 100)
    ]
    square = [(10, 20, 60, 70)]
    assert regions("box+tight", 200, 200, square) == square
    # two boxes around one dog, and a policy that gives the same square for both
    assert regions("box", 200, 200, square * 2) == square * 2
    assert regions("box+squash", 200, 200, square * 2) == [*square, (0, 0, 200, 200)]


def test_boxes_left_out_are_counted_where_boxes_count():
    boxes = [(0, 0, 50, 60), (0, 0, 5, 5), (300, 300, 400, 400), (10, 10, 42, 139)]
    for policy in POLICIES:
        expected = 0 if policy in ("centre", "squash") else 3
        assert left_out(policy, 200, 200, boxes) == expected
        assert left_out(policy, 200, 200, None) == 0
    assert left_out("squash+centre", 200, 200, boxes) == 0
    assert left_out("box+tight", 200, 200, boxes) == left_out("squash+fill", 200, 200, boxes) == 3


def test_jittered_crops_are_distinct_stable_and_follow_the_key():
    boxes = [(150, 160, 190, 240), (200, 200, 280, 260)]
    four = regions("jitter", 400, 400, boxes, "dog.jpg", 4)
    assert len(set(four)) == 8
    assert regions("jitter", 400, 400, boxes, "dog.jpg", 4) == four
    two = regions("jitter", 400, 400, boxes, "dog.jpg", 2)
    assert two == four[:2] + four[4:6]
    assert not set(two) & set(regions("jitter", 400, 400, boxes, "cat.jpg", 2))
    # by these numbers prepared sets are kept: other ones need another CACHE_FORMAT
    assert regions("jitter", 400, 400, boxes[:1], "dog.jpg") == [(127, 150, 231, 254)]
    assert regions("jitter", 400, 90, [(10, 5, 50, 85)], "dog.jpg") == [(0, 3, 86, 89)]


def test_jittered_squares_lie_around_the_box_everywhere_alike():
    box = (200, 220, 240, 300)  # 40 x 80
    found = regions("jitter", 500, 500, [box], "dog.jpg", 4000)
    sides = [right - left for left, _, right, _ in found]
    assert all(bottom - top == right - left for left, top, right, bottom in found)
    assert (min(sides), max(sides)) == (80, 120)
    assert mean(sides) == pytest.approx(100, abs=1)
    # the middle of the squares is the middle of the box, on average, and they reach to both ends
    assert mean((left + right) / 2 for left, _, right, _ in found) == pytest.approx(220, abs=1)
    assert mean((top + bottom) / 2 for _, top, _, bottom in found) == pytest.approx(260, abs=1)
    spans = [(left, right) for left, _, right, _ in found]
    assert min(left for left, _ in spans) <= 200 - 70
    assert max(right for _, right in spans) >= 240 + 70


def test_a_jittered_square_is_no_larger_than_the_short_side():
    box = (100, 20, 140, 100)  # 80 high, of 100: as many sides as fit, each alike
    found = regions("jitter", 300, 100, [box], "dog.jpg", 3000)
    sides = [right - left for left, _, right, _ in found]
    assert all(bottom - top == right - left for left, top, right, bottom in found)
    assert (min(sides), max(sides)) == (80, 100)
    assert len(found) == len(set(found)) < 3000
    drawn = [regions("jitter", 300, 100, [box], f"dog {i}.jpg")[0] for i in range(2000)]
    assert mean(right - left for left, _, right, _ in drawn) == pytest.approx(90, abs=0.5)


def test_where_no_square_fits_the_jitter_is_the_box_and_given_once():
    wide = [(20, 5, 140, 95)]  # 120 wide, of a picture 100 high
    assert regions("jitter", 300, 100, wide, "a", 8) == regions("box", 300, 100, wide)
    assert regions("jitter", 300, 100, wide, "a", 8) == [(20, 0, 140, 100)]
    assert regions("jitter", 100, 100, [(0, 3, 100, 99)], "a", 8) == [(0, 0, 100, 100)]
    # as is the middle, which stands for a box that nobody drew
    assert regions("jitter", 300, 100, None, "a", 8) == [(100, 0, 200, 100)]
    # a second dog that has room keeps its own
    assert len(regions("jitter", 300, 100, [*wide, (0, 0, 40, 40)], "a", 4)) == 5


@pytest.mark.parametrize("crop", ["round", "", "box+", "box+round", "box,squash", "Box"])
def test_an_unknown_policy_is_told_with_those_there_are(crop):
    with pytest.raises(InputError) as error:
        checked_crop(crop)
    unknown = {"box+": "", "box+round": "round"}.get(crop, crop)
    assert str(error.value) == (
        f"crop={unknown}: crop must be one of box, centre, squash, face, tight, jitter, fill,"
        " or several as in box+squash"
    )


def test_a_policy_is_named_once_in_a_mixture():
    with pytest.raises(InputError, match=r"^crop=box\+tight\+box: names a policy twice$"):
        checked_crop("box+tight+box")
    assert checked_crop("box+tight+jitter+squash") == "box+tight+jitter+squash"


def test_what_is_drawn_is_known_in_a_mixture_too():
    assert [is_drawn(crop) for crop in ("jitter", "box+jitter", "box+squash", "fill")] == [
        *(True, True, False, False)
    ]


coordinate = st.integers(-50, 250)


@given(st.integers(1, 200), st.integers(1, 200), st.lists(st.tuples(*[coordinate] * 4), max_size=3))
def test_regions_lie_inside_and_hold_their_box(width, height, boxes):
    for left, top, right, bottom in regions("box", width, height, boxes):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert min(right - left, bottom - top) >= SMALLEST_SIDE
        assert max(right - left, bottom - top) <= LARGEST_ASPECT * min(right - left, bottom - top)


@given(
    st.sampled_from(POLICIES),
    st.integers(1, 200),
    st.integers(1, 200),
    st.one_of(st.none(), st.lists(st.tuples(*[coordinate] * 4), max_size=3)),
)
def test_every_policy_stays_inside(policy, width, height, boxes):
    for left, top, right, bottom in regions(policy, width, height, boxes, "dog.jpg", 3):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


@given(
    st.lists(st.sampled_from(POLICIES), min_size=2, unique=True),
    st.integers(1, 200),
    st.integers(1, 200),
    st.one_of(st.none(), st.lists(st.tuples(*[coordinate] * 4), max_size=3)),
    st.integers(1, 4),
)
def test_a_mixture_is_what_its_parts_give_each_region_once(parts, width, height, boxes, crops):
    mixture = checked_crop("+".join(parts))
    where = (width, height, boxes)
    given = itertools.chain(*(regions(part, *where, "dog.jpg", crops) for part in parts))
    found = regions(mixture, *where, "dog.jpg", crops)
    assert found == list(dict.fromkeys(given))
    assert left_out(mixture, *where) == max(left_out(part, *where) for part in parts)
    if not set(parts).isdisjoint(WHOLE):
        assert found  # whatever the boxes are


@given(
    st.integers(32, 300),
    st.integers(32, 300),
    st.one_of(st.none(), st.lists(st.tuples(*[coordinate] * 4), max_size=3)),
    st.integers(1, 4),
)
def test_more_crops_hold_those_that_fewer_are(width, height, boxes, crops):
    few = regions("jitter", width, height, boxes, "dog.jpg", crops)
    more = regions("jitter", width, height, boxes, "dog.jpg", crops + 1)
    assert len(set(few)) == len(few) and len(set(more)) == len(more)
    assert [region for region in more if region in set(few)] == few


@given(
    st.integers(32, 300),
    st.integers(32, 300),
    st.tuples(coordinate, coordinate, coordinate, coordinate),
    st.text(max_size=3),
)
def test_a_jittered_crop_holds_its_box_and_is_no_larger_than_it_may(width, height, box, key):
    inside = (max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height))
    for left, top, right, bottom in regions("jitter", width, height, [box], key, 3):
        side = max(inside[2] - inside[0], inside[3] - inside[1])
        assert left <= inside[0] and right >= inside[2]
        assert top <= inside[1] and bottom >= inside[3]
        assert max(right - left, bottom - top) <= side * (1 + MARGIN) + 0.5
        if side <= min(width, height):
            assert right - left == bottom - top <= min(width, height)
        else:
            assert [(left, top, right, bottom)] == regions("box", width, height, [box])
