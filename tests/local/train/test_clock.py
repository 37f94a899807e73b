"""The clock, with time that the tests move."""

import pytest

from local.train.clock import END_SECONDS, MARGIN, Budget, Clock


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def steps_taken(clock, time, step_seconds):
    steps = 0
    while clock.fits(steps):
        time.now += step_seconds
        steps += 1
        clock.stepped()
    return steps


def test_progress_is_the_largest_share_of_any_limit():
    time = Time()
    clock = Clock(Budget(seconds=100, steps=10), now=time)
    assert clock.progress(0) == 0
    time.now += 30
    assert clock.progress(1) == pytest.approx(0.3)
    assert clock.progress(5) == pytest.approx(0.5)
    time.now += 1000
    assert clock.progress(5) == 1


def test_training_stops_at_the_last_step_that_fits():
    time = Time()
    assert steps_taken(Clock(Budget(steps=7), now=time), time, 1e6) == 7
    # after 9 steps of 1.1 s one more would end at 11 s
    assert steps_taken(Clock(Budget(seconds=10), now=time), time, 1.1) == 9


def test_the_deadline_wins_and_its_reserve_is_kept():
    time = Time()
    clock = Clock(Budget(seconds=1e9, steps=10**9, deadline=time.now + 100), now=time)
    clock.keep(20)
    reserve = MARGIN * 20 + END_SECONDS
    steps_taken(clock, time, 1.0)
    assert 100 - reserve - 1 <= time.now - 1000 <= 100 - reserve
    clock.keep(5)  # a cheaper measurement takes nothing back
    assert clock.reserve == reserve


def test_progress_never_falls_while_the_reserve_grows():
    time = Time()
    clock = Clock(Budget(deadline=time.now + 1000), now=time)
    clock.keep(10)
    seen = []
    for seconds in (5, 40, 20, 0, 100, 60, 100):
        time.now += 60
        clock.keep(seconds)
        seen.append(clock.progress(0))
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] < 1
    time.now += 1000
    assert clock.progress(0) == 1


def test_steps_that_a_device_has_waiting_are_counted_in():
    time = Time()
    clock = Clock(Budget(seconds=10), now=time)
    clock.lag = 3
    assert steps_taken(clock, time, 1.0) == 6  # a seventh would end at 7 s, the three at 10 s


def test_a_deadline_that_has_passed_allows_no_step():
    time = Time()
    clock = Clock(Budget(deadline=time.now - 1), now=time)
    assert not clock.fits(0)
    assert clock.progress(0) == 1
    assert clock.left(0) == 0


def test_a_slow_step_is_forgotten_in_time():
    time = Time()
    clock = Clock(Budget(seconds=1000), now=time)
    time.now += 50
    clock.stepped()
    steps_taken(clock, time, 1.0)
    assert 1998 <= time.now <= 2000


def test_a_pause_is_no_step():
    time = Time()
    clock = Clock(Budget(seconds=100), now=time)
    time.now += 60
    clock.paused()
    time.now += 1
    clock.stepped()
    assert clock.fits(1)


def test_a_resumed_run_has_spent_what_it_had():
    time = Time()
    clock = Clock(Budget(seconds=100), spent=40, now=time)
    assert clock.seconds == 40
    assert clock.progress(0) == pytest.approx(0.4)
    assert clock.left(0) == pytest.approx(60)


def test_time_left_by_the_pace_of_the_steps():
    time = Time()
    clock = Clock(Budget(steps=10), now=time)
    time.now += 8
    assert clock.left(4) == pytest.approx(12)


def test_a_budget_is_needed():
    with pytest.raises(ValueError):
        Clock(Budget())
