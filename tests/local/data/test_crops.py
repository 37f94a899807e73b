"""Crops against regions worked out by hand."""

from hypothesis import given
from hypothesis import strategies as st

from local.data.crops import ALIGNED, FACE, LARGEST_ASPECT, SMALLEST_SIDE, regions


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


coordinate = st.integers(-50, 250)


@given(st.integers(1, 200), st.integers(1, 200), st.lists(st.tuples(*[coordinate] * 4), max_size=3))
def test_regions_lie_inside_and_hold_their_box(width, height, boxes):
    for left, top, right, bottom in regions("box", width, height, boxes):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert min(right - left, bottom - top) >= SMALLEST_SIDE
        assert max(right - left, bottom - top) <= LARGEST_ASPECT * min(right - left, bottom - top)
