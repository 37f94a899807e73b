"""Pictures scored as the public leaderboard does, as values of a row."""

from pathlib import Path
from typing import Any

from local.errors import InputError, reason
from mifid import errors
from mifid.kid import kernel_distance
from mifid.score import both_sides, score_features


def score(images: Path, real: Path, graph: Path | None = None) -> dict[str, Any]:
    """FID, KID, MiFID and distance, and the label that says what they may be called.

    Args:
        images: an archive.
        real: pictures, or features that `python -m mifid features` has saved.
        graph: the network's file; None: as for `python -m mifid`.

    Raises:
        InputError: pictures or graph cannot be used.
        OSError: the score is no number.
    """
    try:
        fake, true = both_sides(images, real, graph)
        result = score_features(fake, true)
        kid = kernel_distance(fake.values, true.values).mean
    except errors.InputError as error:
        raise InputError(reason(error)) from None
    except errors.WorkError as error:
        raise OSError(reason(error)) from None
    return {
        "fid": result.fid,
        "kid": kid,
        "mifid": result.mifid,
        "distance": result.distance,
        "label": result.label,
    }
