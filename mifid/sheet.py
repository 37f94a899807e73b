"""The nearest-neighbour sheet: the generated pictures nearest to a real one, beside that one.

Both are drawn as the metric sees them, 64x64, so that like stands beside like; each pixel as a
square of four, so that nothing is smoothed that the generator did not smooth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mifid.errors import InputError
from mifid.features import Features
from mifid.files import check_place, whole_file
from mifid.pairs import Pairs
from mifid.pictures import Side, open_pictures
from mifid.published import SIZE
from mifid.score import Result

PAIRS = 24
COLUMNS = 6  # with four rows, a sheet that a screen of 1920x1080 shows whole
SIDE = 2 * SIZE  # pixels of a picture on the sheet
PAIR = 2 * SIDE + 4
GAP = 28
CAPTION = 64  # the height under a pair, the space to the next row included
LEAST_COLUMNS = 2  # for the heading's sake

PAPER, INK, FAINT = "#f7f7f5", "#1b1b1b", "#63635f"


@dataclass(frozen=True)
class Shown:
    """One pair as it is drawn: pictures (64, 64, 3) uint8, their names, and the distance."""

    generated: np.ndarray
    real: np.ndarray
    generated_name: str
    real_name: str
    distance: float


def check(target: Path, generated: str | Path, real: str | Path) -> None:
    """Raise InputError where ``write`` could not do its work: before the score, not after it."""
    for side in map(Path, (generated, real)):
        if side.suffix == ".npz":
            raise InputError(
                f"{side}: --sheet draws pictures, and saved features hold none; give the folder or"
                " zip itself (a real one's features are kept, so it costs nothing)"
            )
        if side.is_dir() and target.resolve().is_relative_to(side.resolve()):
            raise InputError(f"{target}: would count as a picture of {side}; choose another folder")
    if target.suffix.lower() != ".png":
        raise InputError(f"{target}: a sheet ends in .png; choose such a name")
    check_place(target)


def write(
    target: Path,
    result: Result,
    generated: str | Path,
    real: str | Path,
    fake: Features,
    true: Features,
    pairs: Pairs,
) -> None:
    """Draw the nearest pairs, ascending by distance, as a PNG; whole or not at all.

    generated, real: the folders or zips that the features are of.
    Raises InputError for pictures that are no longer there, WorkError on a full disk, say.
    """
    nearest = np.argsort(pairs.distance, kind="stable")[:PAIRS]
    names = [fake.names[row] for row in pairs.generated[nearest]]
    real_names = [true.names[row] for row in pairs.real[nearest]]
    shown = map(
        Shown,
        _read(Path(generated), "generated", names),
        _read(Path(real), "real", real_names),
        _short_of_folder(names),
        _short_of_folder(real_names),
        pairs.distance[nearest],
    )
    image = draw(list(shown), result)
    with whole_file(target, "sheet") as file:
        image.save(file, "PNG")


def draw(pairs: Sequence[Shown], result: Result) -> Image.Image:
    """Return the sheet: a heading with the score and its label, and under it the pairs by rows."""
    columns = max(LEAST_COLUMNS, min(COLUMNS, len(pairs)))
    width = columns * (PAIR + GAP) + GAP
    large, small = ImageFont.load_default(22), ImageFont.load_default(14)
    title = _wrapped(f"MiFID {result.mifid:.5g}: {result.label}", large, width - 2 * GAP)
    sentences = _about(len(pairs), result)
    about = [line for text in sentences for line in _wrapped(text, small, width - 2 * GAP)]
    top = GAP + 30 * len(title) + 4 + 20 * len(about) + 20
    rows = -(-len(pairs) // columns)
    image = Image.new("RGB", (width, top + rows * (SIDE + CAPTION)), PAPER)
    canvas = ImageDraw.Draw(image)
    for number, line in enumerate(title):
        canvas.text((GAP, GAP + 30 * number), line, INK, large)
    for number, line in enumerate(about):
        canvas.text((GAP, GAP + 30 * len(title) + 4 + 20 * number), line, FAINT, small)
    for index, pair in enumerate(pairs):
        row, column = divmod(index, columns)
        _draw_pair(image, pair, GAP + column * (PAIR + GAP), top + row * (SIDE + CAPTION))
    return image


def _draw_pair(image: Image.Image, pair: Shown, left: int, top: int) -> None:
    canvas = ImageDraw.Draw(image)
    font = ImageFont.load_default(12)
    right = left + PAIR - SIDE
    for x, picture, name in (
        (left, pair.generated, pair.generated_name),
        (right, pair.real, pair.real_name),
    ):
        large = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        image.paste(large, (x, top))
        text = _fitting(name, font, SIDE)
        canvas.text((x + SIDE // 2, top + SIDE + 33), text, FAINT, font, anchor="mm")
    middle = (left + PAIR // 2, top + SIDE + 14)
    canvas.text(middle, f"{pair.distance:.4f}", INK, ImageFont.load_default(16), anchor="mm")


def _about(count: int, result: Result) -> tuple[str, str]:
    return (
        f"The {count} of {result.images:,} generated pictures that lie nearest to one of"
        f" {result.real_images:,} real ones: generated on the left; on the right the real one as"
        " the metric sees it, squashed to 64x64.",
        f"Under each pair its distance. The mean over all generated pictures is"
        f" {result.distance:.4f}; under {result.threshold} it counts as memorization.",
    )


def _read(path: Path, side: Side, names: Sequence[str]) -> list[np.ndarray]:
    """Return the pictures of these names, (64, 64, 3) uint8 each, in this order."""
    with open_pictures(path, side) as pictures:
        entries = {entry.name: entry for entry in pictures.entries}
        pictures.entries = [entries[name] for name in names if name in entries]
        found = [picture for batch in pictures.batches(len(names)) for picture in batch]
    if len(found) < len(names):
        raise InputError(f"{path}: changed while it was scored; there is no sheet, score it again")
    return found


def _short_of_folder(names: Sequence[str]) -> list[str]:
    """Return the names without the folder that they all lie in, if that is one and the same."""
    paths = [PurePosixPath(name) for name in names]
    return [path.name for path in paths] if len({p.parent for p in paths}) == 1 else list(names)


def _fitting(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return as much of the name's end as fits: the end is what differs."""
    text = name
    while font.getlength(text) > width:
        name = name[1:]
        text = f"...{name}"
    return text


def _wrapped(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if font.getlength(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
