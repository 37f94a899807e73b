"""What to mind about a score: one line for each thing that makes it worth less than it looks."""

import numpy as np

from mifid import published
from mifid.features import UNKNOWN, Features
from mifid.frechet import Moments
from mifid.pictures import Side

FEW_IMAGES = 2048  # as many as there are features: fewer give a covariance without full rank
COLLAPSED = 0.01  # of the real features' variance; a generator that works has about all of it
REPEATED = 0.01  # of the generated pictures
COPY = 1e-6  # a distance: another backend's rounding leaves 3e-11, the two most alike dogs 8e-3
ROUNDING = 1e-9  # of the traces' sum: as small an FID is zero; equal sets of dogs give up to 1e-10


def on_side(features: Features, side: Side, zero: int) -> list[str]:
    """Say what to mind about one side by itself, ``zero`` of whose rows have the sum 0."""
    lines = []
    if len(features) < FEW_IMAGES:
        lines.append(
            f"{len(features):,} {side} pictures: with fewer than {FEW_IMAGES:,} the FID reads too"
            " high"
        )
    lines += features.notes
    if features.graph == UNKNOWN:
        lines.append(f"the {side} features do not say which network they are of")
    if zero:
        lines.append(
            f"{zero:,} {side} pictures have features of sum 0: dropped from the distance, as the"
            " published code does, and not from the FID"
        )
    return lines


def on_submission(fake: Features, limit: int | None) -> list[str]:
    """Say what Kaggle would mind about the generated side as a submission."""
    lines = []
    if len(fake) != published.SUBMISSION_IMAGES and limit is None:
        lines.append(
            f"{len(fake):,} generated pictures: Kaggle asks for {published.SUBMISSION_IMAGES:,}"
        )
    if fake.side == "real":
        lines.append(
            "the generated features were extracted under the real side's rules: sizes and formats"
            " were not checked (features --generated does)"
        )
    return lines


def on_variety(fake: Features, generated: Moments, real: Moments) -> list[str]:
    """Say where the generated pictures hardly differ, or are copies of each other."""
    total, different = len(fake), generated.count
    counts = f"{different:,} different rows of features in {total:,}"
    spread, usual = generated.total_variance, real.total_variance
    if different == 1 or spread < COLLAPSED * usual:
        share = f", and {100 * spread / usual:.2g} % of the real ones' variance" if usual else ""
        return [
            f"the generator has collapsed, (nearly) all its pictures are equal: {counts}{share}"
        ]
    if total - different > REPEATED * total:
        return [f"generated pictures are exact copies of generated pictures: {counts}"]
    return []


def on_memorization(distances: np.ndarray, distance: float, threshold: float) -> list[str]:
    """Say where pictures are copies of training pictures; ``distances`` are (N,), each one's."""
    lines = []
    if distance < threshold:
        lines.append(f"the distance {distance:.4g} is under {threshold}: counted as memorization")
    copies = np.count_nonzero(distances < COPY)
    if copies:
        lines.append(
            f"{copies:,} of {len(distances):,} generated pictures are copies of real ones (their"
            f" distance is under {COPY:g})"
        )
    return lines


def on_quotient(fid: float, distance: float, threshold: float, scale: float) -> list[str]:
    """Say where MiFID divides rounding errors; ``scale`` is the traces' sum."""
    if abs(fid) > ROUNDING * scale or distance >= threshold:
        return []
    return [
        f"the FID {fid:.3g} is zero up to rounding, of either sign: the generated pictures are the"
        " real ones, and the MiFID means nothing"
    ]
