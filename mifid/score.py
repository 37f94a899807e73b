"""MiFID: the Frechet distance, divided by the memorization distance when that is small.

Reference: the competition's published notebook, "Demo MiFID metric for Dog image generation comp".

>>> result = score("images.zip", "generative-dog-images.zip")  # doctest: +SKIP
>>> result.mifid, result.label  # doctest: +SKIP
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mifid import cautions, published
from mifid.cache import cached
from mifid.distance import counted
from mifid.errors import InputError, WorkError
from mifid.features import UNKNOWN, Features, check_alike, extract, load
from mifid.frechet import Moments, frechet_distance, moments
from mifid.memory import hand_back
from mifid.network import Network, open_network
from mifid.pairs import Pairs, nearest_pairs
from mifid.pictures import Pictures, Side, open_pictures
from mifid.processes import ALONE, Team
from mifid.profiles import EPSILON, PUBLIC, Profile
from mifid.stored import check_values

Source = str | Path | Features


@dataclass(frozen=True)
class Result:
    """A score, what it was computed from, and what it may be called.

    mifid: fid / (distance_thresholded + 1e-14). Lower is better.
    distance: the memorization distance, 0 (copies) to 1; distance_thresholded: itself where it is
        under the threshold, else 1.
    images, real_images: how many pictures of each side have counted.
    network: as in ``Network``, or ``unknown``; graph: ``Network.identity``.
    comparable: whether this is the leaderboard's number; label: the same for people.
    limit: the ``limit`` that was asked for.
    """

    mifid: float
    fid: float
    distance: float
    distance_thresholded: float
    threshold: float
    images: int
    real_images: int
    network: str
    graph: str
    comparable: bool
    label: str
    limit: int | None
    warnings: tuple[str, ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Sums:
    """What a score takes from all rows of both sides, whichever processes hold them.

    zero_generated, zero_real: how many rows have the sum 0, and so no part in the distance.
    """

    pairs: Pairs
    generated: Moments
    real: Moments
    zero_generated: int
    zero_real: int


def score(
    generated: Source,
    real: Source,
    graph: str | Path | Network | None = None,
    *,
    profile: Profile = PUBLIC,
    layer: str | None = None,
    backend: str = "auto",
    precision: str = "exact",
    batch: int | None = None,
    limit: int | None = None,
    device: str = "auto",
) -> Result:
    """Score generated pictures against real ones.

    generated, real: a folder, a zip, saved features (``.npz``) or features in memory.
    graph: a frozen graph's file or an open network; without one ``$MIFID_GRAPH``, the fetched
        graph, or a random network, in this order (see ``open_network``).
    profile, layer, backend, precision, device: as in ``open_network``.
    batch: pictures that the network sees at once. limit: score only this many of each side, evenly
        spaced in the order of their names.

    Raises InputError for what is wrong with the input, WorkError for a score that is no number.
    """
    start = time.perf_counter()
    fake, true = both_sides(
        generated,
        real,
        graph,
        profile=profile,
        layer=layer,
        backend=backend,
        precision=precision,
        batch=batch,
        limit=limit,
        device=device,
    )
    result = score_features(fake, true, profile, limit)
    return replace(result, seconds=time.perf_counter() - start)


def both_sides(
    generated: Source,
    real: Source,
    graph: str | Path | Network | None = None,
    *,
    profile: Profile = PUBLIC,
    layer: str | None = None,
    backend: str = "auto",
    precision: str = "exact",
    batch: int | None = None,
    limit: int | None = None,
    device: str = "auto",
    team: Team = ALONE,
) -> tuple[Features, Features]:
    """Return both sides' features, of one network; arguments as in ``score``.

    team: processes that each compute and get their share.
    """
    with ExitStack() as files:
        opened = (
            _open(generated, "generated", limit, files, team),
            _open(real, "real", limit, files, team),
        )
        open_it = partial(
            open_network,
            profile=profile,
            layer=layer,
            backend=backend,
            precision=precision,
            device=device,
        )
        network = _network_for(*opened, graph, open_it)
        check_alike(team, network, batch, *opened)  # before the work, too
        fake, true = (_features_of(side, network, batch, team) for side in opened)
    _check_same_network(network, fake, true)
    return fake, true


def score_features(
    fake: Features,
    true: Features,
    profile: Profile = PUBLIC,
    limit: int | None = None,
    pairs: Pairs | None = None,
) -> Result:
    """Score features of one network; ``limit`` is what they were limited to.

    pairs: those of ``nearest_pairs``, where they are known already.

    Raises InputError for features that have no score, WorkError for a score that is no number.
    """
    start = time.perf_counter()
    result = score_sums(fake, true, add_up(fake, true, pairs), profile, limit)
    return replace(result, seconds=time.perf_counter() - start)


def add_up(fake: Features, true: Features, pairs: Pairs | None = None) -> Sums:
    """Return what the score takes from the rows: the work that processes share.

    pairs: as in ``score_features``, which says what is raised too.
    """
    pairs = pairs or nearest_pairs(fake, true)
    generated, real = (side.moments or moments(side.values, side.team) for side in (fake, true))
    zeros = (len(side.values) - len(counted(side.values)) for side in (fake, true))
    return Sums(pairs, generated, real, *(sum(fake.team.gather(zero)) for zero in zeros))


def score_sums(
    fake: Features, true: Features, sums: Sums, profile: Profile = PUBLIC, limit: int | None = None
) -> Result:
    """Score what ``add_up`` has found, without looking at the rows; see ``score_features``."""
    distances, generated, real = sums.pairs.distance, sums.generated, sums.real
    fid = frechet_distance(generated, real)
    distance = float(distances.mean())
    thresholded = apply_threshold(distance, profile.threshold)
    mifid = fid / (thresholded + EPSILON)
    if not math.isfinite(mifid):
        raise WorkError(f"the score is not a finite number (FID {fid}, distance {distance})")
    name, graph_id = _identity(fake, true)
    fast = "fast" in (fake.precision, true.precision)
    label, comparable = label_for(name, len(fake), len(true), limit, layer_of(graph_id), fast)
    return Result(
        mifid=mifid,
        fid=fid,
        distance=distance,
        distance_thresholded=thresholded,
        threshold=profile.threshold,
        images=len(fake),
        real_images=len(true),
        network=name,
        graph=graph_id,
        comparable=comparable,
        label=label,
        limit=limit,
        warnings=(
            *cautions.on_side(fake, "generated", sums.zero_generated),
            *cautions.on_side(true, "real", sums.zero_real),
            *cautions.on_submission(fake, limit),
            *cautions.on_variety(fake, generated, real),
            *cautions.on_memorization(distances, distance, profile.threshold),
            *cautions.on_quotient(
                fid, distance, profile.threshold, generated.total_variance + real.total_variance
            ),
        ),
        seconds=0,
    )


def apply_threshold(distance: float, threshold: float = PUBLIC.threshold) -> float:
    """Return the distance if it is under the threshold (strictly), else 1: no penalty."""
    return distance if distance < threshold else 1.0


def label_for(
    network: str,
    images: int,
    real_images: int,
    limit: int | None,
    layer: str = "",
    fast: bool = False,
) -> tuple[str, bool]:
    """Return what a score may be called, and whether it is the leaderboard's number.

    That takes the published graph, all real pictures and a whole submission.
    """
    limited = [f"limited to {limit:,} a side"] if limit is not None else []
    limited += ["fast (within 0.5 %)"] if fast else []
    if layer:
        return ", ".join([f"FID on layer {layer}", "not Kaggle's", *limited]), False
    if network == "unverified":
        return ", ".join(["private profile, graph unverified: not comparable", *limited]), False
    if network == "reconstructed":
        return ", ".join(["FID (reconstructed)", *limited]), False
    if network != "published":
        return ", ".join(["not comparable", *limited]), False
    missing = list(limited)
    if real_images < published.REAL_IMAGES:
        missing.append(f"{real_images:,} of {published.REAL_IMAGES:,} real pictures")
    if images != published.SUBMISSION_IMAGES:
        missing.append(f"{images:,} images in place of {published.SUBMISSION_IMAGES:,}")
    if missing:
        return "published graph, but not Kaggle's score: " + ", ".join(missing), False
    return published.SCORE, True


def layer_of(identity: str) -> str:
    """Return the layer in a ``Network.identity``, empty for the network's own output."""
    return identity.partition("/")[2]


def _open(
    source: Source, side: Side, limit: int | None, files: ExitStack, team: Team
) -> Features | Pictures:
    """Open one side, so that whatever is wrong with it shows before the work on the other."""
    opened: Features | Pictures
    if isinstance(source, Features):
        check_values(source.values, f"the {side} features")
        opened = source.limited(limit)
    elif Path(source).suffix == ".npz":
        opened = load(Path(source), limit, team)
    else:
        opened = files.enter_context(open_pictures(source, side, limit))
    where = f"the {side} features" if isinstance(source, Features) else source
    if len(opened) < 2:
        pictures = "picture" if len(opened) == 1 else "pictures"
        raise InputError(f"{where}: only {len(opened)} {side} {pictures}; a score needs 2 at least")
    return opened


def _network_for(
    fake: Features | Pictures,
    true: Features | Pictures,
    graph: str | Path | Network | None,
    open_it: Callable[[str | Path | None], Network],
) -> Network | None:
    """Open the network, unless both sides are features already and none was asked for."""
    saved = [side for side in (fake, true) if isinstance(side, Features)]
    if isinstance(graph, Network):
        network = graph
    elif graph is None and len(saved) == 2:
        return None
    else:
        network = open_it(graph)
        hand_back()  # exporting and compiling leave 60 MB, which would add to the peak
    _check_same_network(network, *saved)  # before the hour that the other side may take
    return network


def _features_of(
    side: Features | Pictures, network: Network | None, batch: int | None, team: Team
) -> Features:
    if network is None or isinstance(side, Features):
        assert isinstance(side, Features)  # without a network both sides are
        return side
    compute = partial(extract, side, network, batch, team)
    features = cached(side, network, compute, team) if side.side == "real" else compute()
    if len(features) < 2:
        raise InputError(
            f"{side.path}: only {len(features)} of its {len(side)} pictures can be decoded; a score"
            " needs 2 at least"
        )
    return features


def _check_same_network(network: Network | None, *sides: Features) -> None:
    """Refuse to mix features of different networks, as far as they say where they are from."""
    known = {side.graph: side.network for side in sides if side.graph != UNKNOWN}
    sizes = {side.values.shape[1] for side in sides}
    if network:
        known[network.identity] = network.name
        sizes.add(network.features)
    if len(known) > 1 or len(sizes) > 1:
        found = " and ".join(f"{name} {graph[:12]}" for graph, name in known.items())
        counts = " and ".join(map(str, sorted(sizes)))
        raise InputError(
            f"features of different networks ({found or UNKNOWN}; {counts} a picture);"
            " extract both sides with one --graph"
        )


def _identity(fake: Features, true: Features) -> tuple[str, str]:
    """Return both sides' network and graph; one side of unknown origin makes both unknown."""
    if UNKNOWN in (fake.graph, true.graph):
        return UNKNOWN, UNKNOWN
    return fake.network, fake.graph
