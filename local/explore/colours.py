"""Levels of red, green and blue: of all pictures, and of the breeds that differ most."""

from dataclasses import dataclass

import numpy as np

from local.explore.scan import Pixels, Scan

CHANNELS = ("red", "green", "blue")
ENOUGH = 10  # pictures; a breed of fewer differs by chance
MOST = 4  # breeds shown


@dataclass(frozen=True)
class Colours:
    """Histograms (3, 256) as shares of the pixels, and the mean picture."""

    overall: np.ndarray
    mean: np.ndarray  # (SIDE, SIDE, 3) levels 0..255
    spread: np.ndarray  # (SIDE, SIDE, 3) standard deviation between pictures, levels
    different: list[tuple[str, float]]  # breed, its distance from all: the furthest first
    breeds: dict[str, np.ndarray]  # histogram of each breed
    means: dict[str, np.ndarray]  # mean picture of each breed


def colours(scan: Scan) -> Colours | None:
    """Sums up the pixels; None where no picture decodes."""
    everything = Pixels()
    for pixels in scan.breeds.values():
        everything.add(pixels)
    if not everything.pictures:
        return None
    overall = shares(everything.histogram)
    mean = everything.total / everything.pictures
    variance = everything.squares / everything.pictures - mean**2
    breeds = {breed: shares(pixels.histogram) for breed, pixels in scan.breeds.items()}
    large = [breed for breed, pixels in scan.breeds.items() if pixels.pictures >= ENOUGH]
    distances = {breed: distance(breeds[breed], overall) for breed in large}
    ranked = sorted(distances.items(), key=lambda item: (-item[1], item[0]))
    return Colours(
        overall=overall,
        mean=mean,
        spread=np.sqrt(variance.clip(0)),
        different=ranked if len(scan.breeds) > 1 else [],
        breeds=breeds,
        means={breed: pixels.total / pixels.pictures for breed, pixels in scan.breeds.items()},
    )


def shares(histogram: np.ndarray) -> np.ndarray:
    """Counts (3, 256) as shares, which sum to 1 in each channel."""
    return histogram / histogram.sum(axis=1, keepdims=True)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The earth mover's distance of two histograms, in levels, as the mean over the channels.

    It says by how many levels the pixels of one have to move to give the other.
    """
    return float(np.abs(np.cumsum(one - other, axis=1)).sum(axis=1).mean())


def levels(histogram: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean, standard deviation and the shares at both ends, a channel."""
    scale = np.arange(256)
    result = {}
    for name, row in zip(CHANNELS, histogram, strict=True):
        mean = float(row @ scale)
        result[name] = {
            "mean": mean,
            "deviation": float(np.sqrt(row @ (scale - mean) ** 2)),
            "share at 0": float(row[0]),
            "share at 255": float(row[255]),
        }
    return result
