"""`python -m local walk`: dogs that turn into each other, as a video that plays in a loop."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from local import video
from local.commands.arguments import DEVICE_HELP, not_negative, output, parser, seed, whole
from local.errors import InputError
from local.pictures import sheet
from local.progress import say
from local.sampling import BATCH, Draws, sample
from local.train import devices
from local.trained import Trained, load
from local.walks import stops, walk

VISIBLE = 256  # pixels a side, about, where no other size is asked for
MOST_PIXELS = 500_000_000  # of all frames: GIF and WebP are put together in memory
EXAMPLES = """\
  python -m local walk runs/best --out walk.gif
  python -m local walk runs/best --breed pug --out pugs.webp --rows 2 --columns 4 --size 128
  python -m local walk runs/best --breed pug --to boxer --out walk.mp4 --seed 7 --frames 50"""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(words)
    video.check(options.out)
    output(options.out)
    device = devices.choose(options.device)
    trained = load(options.run, device)
    side = options.size or _visible(trained.recipe.size)
    _check_size(options, side)
    steps = _walks(options, trained)
    _warn_of_rate(options.out, options.fps)
    walks = options.rows * options.columns
    total = len(steps) // walks
    pictures = _pictures(trained, steps, walks, device.device)
    frames = (
        _frame(shown, side, options.columns, options.smooth)
        for shown in tqdm(pictures, "frames", total, delay=2, disable=None, leave=False)
    )
    video.write(options.out, frames, options.fps)
    say(f"{total:,} frames, {total / video.rate(options.out, options.fps):.1f} s, a closed loop")
    print(options.out)
    return 0


def _walks(options: argparse.Namespace, trained: Trained) -> Draws:
    """Draws of all walks: the first step of each, then the second of each, and so on."""
    recipe, classes = trained.recipe, trained.classes
    if options.stops > recipe.latent:
        at_right_angles = f"stops stand at right angles, and a latent has {recipe.latent} values"
        raise InputError(f"--stops {options.stops}: {at_right_angles}; name fewer")
    labels = _labels(options, trained)
    random = torch.Generator().manual_seed(options.seed)
    walks = []
    for _ in range(options.rows * options.columns):
        through = stops(recipe, classes, options.stops, random, options.truncation, labels)
        walks.append(walk(recipe, classes, through, options.frames, options.truncation))
    return Draws(_in_turn([w.latents for w in walks]), _in_turn([w.labels for w in walks]))


def _in_turn(walks: list[Tensor]) -> Tensor:
    return torch.stack(walks, dim=1).flatten(0, 1)


def _labels(options: argparse.Namespace, trained: Trained) -> tuple[int, ...]:
    """Labels of the breeds that were asked for; none where each stop has its own."""
    if options.breed is None:
        if options.to is not None:
            raise InputError(f"--to {options.to}: from which breed? Add --breed NAME")
        return ()
    names = [options.breed] if options.to is None else [options.breed, options.to]
    labels = tuple(trained.label(name) for name in names)
    if len(labels) > 1 and options.stops % 2:
        alternate = "the breeds alternate from stop to stop, and the walk is closed"
        raise InputError(f"--stops {options.stops}: {alternate}; name an even number")
    return labels


def _check_size(options: argparse.Namespace, side: int) -> None:
    """Refuses a video that would fill the memory."""
    frames = options.stops * options.frames
    pixels = frames * options.rows * options.columns * side**2
    if pixels > MOST_PIXELS:
        told = f"{frames:,} frames of {options.rows} x {options.columns} pictures of {side} pixels"
        most = f"a video has at most {MOST_PIXELS:,} pixels in all"
        raise InputError(f"{told}: {most}; ask for fewer --frames or --stops, or a smaller --size")


def _warn_of_rate(path: Path, fps: int) -> None:
    played = video.rate(path, fps)
    if abs(played - fps) > 0.05:
        said = f"{path.suffix} plays {played:.1f} pictures a second"
        say(f"{path}: {said}, the nearest that it can to --fps {fps}")


def _pictures(
    trained: Trained, steps: Draws, walks: int, device: torch.device
) -> Iterator[np.ndarray]:
    """Pictures (walks, S, S, 3) uint8 of each step."""
    each = walks * max(1, BATCH // walks)
    for first in range(0, len(steps), each):
        drawn = np.concatenate(list(sample(trained.generator, steps[first : first + each], device)))
        yield from drawn.reshape(-1, walks, *drawn.shape[1:])


def _frame(pictures: np.ndarray, side: int, columns: int, smooth: bool) -> np.ndarray:
    """Pictures (N, S, S, 3) uint8, enlarged, side by side."""
    multiple = side % pictures.shape[1] == 0
    kind = Image.Resampling.NEAREST if multiple and not smooth else Image.Resampling.LANCZOS
    large = [np.asarray(Image.fromarray(p).resize((side, side), kind)) for p in pictures]
    return np.asarray(sheet(np.stack(large), columns))


def _visible(size: int) -> int:
    """The whole multiple of a picture's side that is nearest to VISIBLE."""
    return size * max(1, round(VISIBLE / size))


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser(
        "walk", "Walks through the latents of a run's newest snapshot: a video.", EXAMPLES
    )
    add = command.add_argument
    add("run", type=Path, metavar="RUN", help="the run's folder")
    add("--out", type=Path, required=True, metavar="FILE", help=" or ".join(video.KINDS))
    add(
        "--breed",
        metavar="NAME",
        help="all dogs are of this breed, of a conditional recipe (each stop has its own); a name"
        " that is none lists them",
    )
    add("--to", metavar="NAME", help="every other stop is of this breed: from one to the other")
    add("--seed", type=seed, default=0, help="of the latents (0)")
    add("--stops", type=whole(2, 1000), default=4, metavar="N", help="dogs to walk through (4)")
    add("--frames", type=whole(1, 10_000), default=25, metavar="N", help="from stop to stop (25)")
    add("--fps", type=whole(1, video.FASTEST), default=25, help="frames a second (25)")
    add(
        "--size",
        type=whole(16, 2048),
        metavar="PX",
        help=f"side of a picture in the video (about {VISIBLE}); pixels are repeated where it is a"
        " multiple of the network's, else smoothed",
    )
    add("--smooth", action="store_true", help="smooth what is enlarged (Lanczos) in any case")
    add("--rows", type=whole(1, 16), default=1, metavar="N", help="of walks side by side (1)")
    add("--columns", type=whole(1, 16), default=1, metavar="N", help="of walks in a row (1)")
    add(
        "--truncation",
        type=not_negative,
        metavar="T",
        help="largest value of a latent, about 1 is usual; 0 for none (the recipe's)",
    )
    add("--device", default="auto", help=DEVICE_HELP)
    return command.parse_args(words)
