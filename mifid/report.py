"""More than a number: every further metric on the same features, and how sure the score is."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mifid import breeds, standing
from mifid.authenticity import authenticity
from mifid.breeds import Breed
from mifid.density_coverage import density_coverage
from mifid.features import Features
from mifid.infinity import fid_infinity
from mifid.interval import intervals
from mifid.kid import kernel_distance
from mifid.neighbours import nearest_others
from mifid.pairs import Pairs
from mifid.precision_recall import precision_recall
from mifid.profiles import Profile
from mifid.score import Result

NEIGHBOURS = 5  # the most that a metric here asks for


def all_metrics(fake: Features, true: Features) -> dict[str, Any]:
    """Return every further metric by name, as plain values.

    Raises InputError for fewer rows than a metric needs.
    """
    generated, real = fake.values, true.values
    around_real = nearest_others(real, NEIGHBOURS)  # depends on the real side only: searched once
    near = precision_recall(generated, real, real_neighbours=around_real)
    dense = density_coverage(generated, real, real_neighbours=around_real)
    kid = kernel_distance(generated, real)
    endless = fid_infinity(generated, true.moments or real)
    return {
        "kid": kid.mean,
        "kid_deviation": kid.deviation,
        **asdict(near),
        **asdict(dense),
        "fid_infinity": endless.fid,
        "authenticity": authenticity(generated, real, real_neighbours=around_real),
    }


def interval(fake: Features, true: Features, profile: Profile, pairs: Pairs) -> dict[str, Any]:
    """Return the limits of MiFID, FID and distance at 95 %, as plain values."""
    found = intervals(fake.values, true.values, profile.threshold, distances=pairs.distance)
    return asdict(found)


def margins(result: Result) -> dict[str, Any]:
    """Return the distance's margins to both thresholds, and the standing where it is comparable."""
    found: dict[str, Any] = {"margins": standing.margins(result.distance)}
    if result.comparable:
        found["standing"] = standing.sentence(result.mifid, result.distance)
    return found


def table(result: Result, extras: dict[str, Any], by_breed: Sequence[Breed] = ()) -> str:
    """Return the result for people, its label first, and the breeds in a table of their own."""
    penalty = "none" if result.distance_thresholded == 1 else "as memorization"
    rows = [
        ("MiFID", f"{result.mifid:.5g}   ({result.label})"),
        ("FID", f"{result.fid:.5g}"),
        ("distance", f"{result.distance:.4f}   (threshold {result.threshold}, penalty: {penalty})"),
        ("pictures", f"{result.images:,} generated, {result.real_images:,} real"),
        ("network", f"{result.network} {result.graph[:12]}"),
        *_lines(extras),
        ("time", f"{result.seconds:.1f} s"),
    ]
    width = max(len(name) for name, _ in rows) + 2
    lines = [f"{name:<{width}}{text}" for name, text in rows]
    if by_breed:
        lines += ["", *breeds.lines(by_breed)]
    return "\n".join(lines)


def _lines(extras: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name, value in extras.items():
        if name == "margins":
            public, private = value["public"], value["private"]
            rows.append(("margin", f"{public:+.4f} to the public threshold, private: {private}"))
        elif name == "interval":
            rows += [
                (f"{key} 95%", f"{value[key]['low']:.5g} to {value[key]['high']:.5g}")
                for key in ("mifid", "fid", "distance")
            ]
        else:
            rows.append((name, value if isinstance(value, str) else f"{value:.5g}"))
    return rows
