"""Two folders of pictures for all sides: what a tool does to a JPEG is no part of its score."""

from pathlib import Path

from PIL import Image
from tqdm import tqdm

from mifid.errors import InputError
from mifid.pictures import Side, open_pictures


def write_sides(dogs: Path, images: Path | None, count: int, folder: Path) -> tuple[Path, Path]:
    """Write ``count`` pictures a side as PNG of 64x64 and return both folders, generated first.

    The dogs, whole and squashed as the metric has its real side, are the real pictures, and others
    of them the generated ones unless there are ``images``. Either way they are spaced evenly, in
    the order of their names. Raises InputError where there are not enough that can be decoded.
    """
    generated, real = folder / "generated", folder / "real"
    if images is None:
        _write(dogs, "real", 2 * count, (generated, real))
    else:
        _write(images, "generated", count, (generated,))
        _write(dogs, "real", count, (real,))
    return generated, real


def _write(path: Path, side: Side, count: int, folders: tuple[Path, ...]) -> None:
    """Deal the pictures out to the folders in turn."""
    for folder in folders:
        folder.mkdir()
    with (
        open_pictures(path, side, count) as pictures,
        tqdm(desc=f"{side} pictures", total=count, unit="img", disable=None, leave=False) as bar,
    ):
        written = 0
        for batch in pictures.batches(100):
            for picture in batch:
                name = f"{written // len(folders):05}.png"
                Image.fromarray(picture).save(folders[written % len(folders)] / name)
                written += 1
            bar.update(len(batch))
    if written < count:
        raise InputError(
            f"{path}: holds only {written:,} pictures that can be decoded, and {count:,} are"
            " needed; give a smaller --count or another path"
        )
