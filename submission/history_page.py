"""The history as one page: the rows, and what can be seen in their scores."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial

from matplotlib.figure import Figure

from local.page import NONE, Cell, Section, document, paragraph, plot, table
from local.plots import light_and_dark
from mifid import standing
from mifid.profiles import PRIVATE, PUBLIC
from submission import history_figures as figures
from submission.history import Line
from submission.history_fit import Pairing, Prediction, pairings
from submission.ledger import Row

SCORE, SMALL = 2, 4  # digits behind the point: of scores, of distances and KID
SHOWN = 1e6  # a score beyond it, as of copies, is told by its magnitude
NUMBERED = "Numbers are rows; where they are crowded only the newer ones are shown."
RUN = (
    *("row", "added (UTC)", "kind", "commit", "recipe", "difference", "kernel", "device"),
    *("minutes", "kimg"),
)
SCORES = "row", "FID", "KID", "MiFID", "distance", "margin", "measured as", "public", "private"


def page(found: Sequence[Line], empty: str) -> str:
    """The page of a history.

    Args:
        found: its rows.
        empty: what to say where there are none.
    """
    rows = [line.row for line in found]
    sections = [Section("rows", "Rows", _rows(found) if found else [paragraph(empty)])]
    if found:
        sections += [
            Section("time", "Scores over time", _over_time(found)),
            Section("pairs", "Measured here against Kaggle's", _pairs(rows)),
            Section("honest", "Among the honest submissions", _honest(rows)),
        ]
    lead = "Every run, rehearsal and version that the ledger remembers, and what it scored."
    return document("History of submissions", lead, _cards(rows), sections)


def _cards(rows: Sequence[Row]) -> dict[str, str]:
    publics = [row.public for row in rows if row.public is not None]
    cards = {"rows": f"{len(rows):,}"}
    if publics:
        cards["best public score"] = f"{min(publics):.{SCORE}f}"
    for label in _labels(rows):
        fids = [row.fid for row in rows if row.label == label and row.fid is not None]
        cards[f"lowest FID measured here, {label}"] = f"{min(fids):.{SCORE}f}"
    return cards


def _labels(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.label for row in rows if row.label and row.fid is not None))


def _rows(found: Sequence[Line]) -> list[str]:
    blocks = [_filled("What was run, oldest first", RUN, [_run(line) for line in found])]
    notes = [
        (str(row.number), row.note or NONE, row.forced or NONE)
        for row in (line.row for line in found)
        if row.note or row.forced
    ]
    return blocks + ([_filled("Notes", ("row", "note", "overridden"), notes)] if notes else [])


def _run(line: Line) -> list[Cell]:
    row = line.row
    return [
        str(row.number),
        row.at[:16].replace("T", " "),
        ", ".join(line.what),
        line.commit or NONE,
        row.recipe or NONE,
        line.changed() or NONE,
        line.kernel or NONE,
        row.device or NONE,
        _number(row.minutes, 1),
        _number(row.kimg, 1),
    ]


def _scores(line: Line) -> list[Cell]:
    row = line.row
    return [
        str(row.number),
        _number(row.fid, SCORE),
        _number(row.kid, SMALL),
        _number(row.mifid, SCORE),
        _number(row.distance, SMALL),
        _number(line.margin, SMALL),
        row.label or NONE,
        _number(row.public, SCORE),
        _number(row.private, SCORE),
    ]


def _number(value: float | None, digits: int) -> Cell:
    """A number with as many digits behind the point as the others of its column."""
    if value is None:
        return NONE
    if not abs(value) < SHOWN:
        return value
    return round(Decimal(value), digits) + 0  # which takes the sign of a nought


def _filled(caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table without the columns that no row fills."""
    filled = [i for i in range(len(head)) if any(row[i] != NONE for row in rows)]
    return table(caption, [head[i] for i in filled], [[row[i] for i in filled] for row in rows])


def _over_time(found: Sequence[Line]) -> list[str]:
    scored = [line for line in found if any(cell != NONE for cell in _scores(line)[1:])]
    if not scored:
        return [paragraph("No row has a score yet.")]
    rows = [line.row for line in scored]
    labels = _labels(rows)
    shown = _plot(
        partial(figures.over_time, rows=rows, labels=labels),
        figures.over_time_height(labels),
        "Scores over time, numbered by row: Kaggle's above, those measured here below",
        f"{NUMBERED} A score compares with others of its own name only.",
    )
    margin = (
        f"Margin: how far the distance is above the public threshold {PUBLIC.threshold}; under it a"
        f" score is penalised. The private threshold {PRIVATE.threshold} is of another network's"
        f" distance: {standing.NOT_MEASURED}."
    )
    return [shown, _filled("The scores", SCORES, list(map(_scores, scored))), paragraph(margin)]


def _pairs(rows: Sequence[Row]) -> list[str]:
    found = pairings(rows)
    if not found:
        return [paragraph("No row has a score that was measured here.")]
    return [block for pairing in found for block in _pairing(pairing)]


def _pairing(found: Pairing) -> list[str]:
    blocks = [paragraph(found.sentence())]
    if not found.fit:
        return blocks
    fit = found.fit
    low, high = min(fit.fids), max(fit.fids)
    asked = [fit.predict(low + (high - low) * part / 4) for part in range(5)]
    head = "row", "FID measured here", "public score", "lower limit", "upper limit", "remark"
    blocks += [
        _plot(
            partial(figures.pairs, fit=fit),
            4.2,
            "Kaggle's public score over the FID that was measured here, with the fitted line",
            f"{NUMBERED} In the band 95 % of single submissions lie, if the line holds.",
        ),
        table(
            "The pairs",
            ("row", "FID measured here", "public score", "above the line by"),
            [
                (str(n), *(_number(v, SCORE) for v in (fid, public, public - fit.at(fid))))
                for n, fid, public in zip(fit.rows, fit.fids, fit.publics, strict=True)
            ],
        ),
        table(
            "What a score that is measured here predicts, with limits at 95 %",
            head,
            [_predicted(p, low, high) for p in [*asked, *found.predictions]],
        ),
    ]
    return blocks


def _predicted(found: Prediction, low: float, high: float) -> list[Cell]:
    return [
        NONE if found.row is None else str(found.row),
        *(_number(value, SCORE) for value in (found.fid, found.public, found.low, found.high)),
        "" if low <= found.fid <= high else "outside of the pairs: a guess",
    ]


def _honest(rows: Sequence[Row]) -> list[str]:
    own = [row for row in rows if row.public is not None]
    shown = _plot(
        partial(figures.honest, rows=own),
        4.0,
        "Known quantiles of honest submissions, and one's own public scores as lines",
        f"Of {standing.SUBMISSIONS:,} released submissions {standing.HONEST} are labelled honest;"
        " only these quantiles of their public scores are known. Own scores are Kaggle's alone."
        f" {NUMBERED}",
    )
    quantiles = [(f"{share:.0%}", f"{value}") for share, value in standing.QUANTILES]
    blocks = [shown, table("Honest submissions", ("this share", "scores under"), quantiles)]
    if own:
        ranks = [
            (str(row.number), _number(row.public, SCORE), standing.rank(row.public))
            for row in rows
            if row.public is not None
        ]
        blocks.append(table("Own public scores", ("row", "public score", "stands"), ranks))
    else:
        blocks.append(paragraph("No row has a score of Kaggle's yet."))
    return blocks


def _plot(draw: Callable[[Figure], None], height: float, alt: str, caption: str) -> str:
    return plot(*light_and_dark(draw, figures.WIDTH, height), alt, caption)
