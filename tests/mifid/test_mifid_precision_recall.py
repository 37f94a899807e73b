"""Improved precision and recall: a naive table, sets with known answers, invariances."""

import numpy as np
import pytest

from mifid.errors import InputError
from mifid.neighbours import nearest_others
from mifid.precision_recall import PrecisionRecall, precision_recall


def features(seed: int, count: int, dimensions: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def naive(generated: np.ndarray, real: np.ndarray, k: int) -> PrecisionRecall:
    def covered(points: np.ndarray, centres: np.ndarray) -> float:
        hits = 0
        for point in points.astype(np.float64):
            for centre in centres.astype(np.float64):
                radius = np.sort(np.linalg.norm(centres - centre, axis=1))[k]  # [0] is itself
                if np.linalg.norm(point - centre) < radius:
                    hits += 1
                    break
        return hits / len(points)

    return PrecisionRecall(covered(generated, real), covered(real, generated))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_agrees_with_the_naive_one(k: int) -> None:
    generated, real = features(0, 40) * 1.2 + 0.3, features(1, 50)
    assert precision_recall(generated, real, k) == naive(generated, real, k)


def test_equal_and_disjoint_sets() -> None:
    real = features(0, 60)
    assert precision_recall(real, real) == PrecisionRecall(1, 1)
    assert precision_recall(real + 100, real) == PrecisionRecall(0, 0)


def test_precision_is_fidelity_and_recall_is_variety() -> None:
    real = np.concatenate([features(0, 100), features(1, 100) + 50])
    half = features(2, 200)  # one of the two modes
    both = np.concatenate([features(3, 100), features(4, 100) + 50, features(5, 200) - 50])
    assert precision_recall(half, real).recall < 0.5 < precision_recall(half, real).precision
    assert precision_recall(both, real).precision < 0.5 < precision_recall(both, real).recall


def test_collapsed_generator_recalls_nothing() -> None:
    real = features(0, 60)
    assert precision_recall(np.tile(real[:1], (40, 1)), real) == PrecisionRecall(1, 0)


def test_neither_order_nor_rotation_nor_shift_matters() -> None:
    generated, real = features(0, 150) * 1.1, features(1, 130)
    expected = precision_recall(generated, real)
    random = np.random.default_rng(2)
    turn = np.linalg.qr(random.normal(size=(16, 16)))[0]
    shuffled = random.permutation(generated), random.permutation(real)
    assert precision_recall(*shuffled) == expected
    assert precision_recall(generated @ turn + 9, real @ turn + 9) == expected
    assert 0 < expected.precision < 1


def test_swapped_sides_swap_both() -> None:
    generated, real = features(0, 90) * 1.1, features(1, 80)
    one, other = precision_recall(generated, real), precision_recall(real, generated)
    assert (one.precision, one.recall) == (other.recall, other.precision)


def test_neighbours_that_are_there_are_used() -> None:
    generated, real = features(0, 90) * 1.1, features(1, 80)
    given = precision_recall(generated, real, real_neighbours=nearest_others(real, 7))
    assert given == precision_recall(generated, real)


@pytest.mark.parametrize(("side", "sizes"), [("generated", (3, 9)), ("real", (9, 3))])
def test_too_few_rows_are_refused(side: str, sizes: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"at least 4 {side} pictures, and there are 3"):
        precision_recall(features(0, sizes[0]), features(1, sizes[1]))
