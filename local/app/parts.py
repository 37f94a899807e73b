"""The parts of the page that are pictures, as HTML with the pictures in it."""

from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from local.app.sampler import motion
from local.page import data_uri, image
from local.pictures import encoded


def to_pick(pictures: np.ndarray, names: Sequence[str]) -> str:
    """Pictures (N, S, S, 3) uint8 that can be chosen, under them their numbers and names."""
    dogs = "".join(
        f'<button type="button" class="dog" data-dog="{i}" aria-pressed="false">'
        f'{_image(picture, f"Dog {i}{_of(name)}")}<span aria-hidden="true">'
        f"{i}{f' · {escape(name)}' if name else ''}</span></button>"
        for i, (picture, name) in enumerate(zip(pictures, names, strict=True), start=1)
    )
    return f'<div class="dogs" role="group" aria-label="Dogs drawn">{dogs}</div>'


def row(pictures: Sequence[np.ndarray] | np.ndarray, captions: Sequence[str]) -> str:
    """Pictures (S, S, 3) uint8 of any sizes in a row that wraps, with captions."""
    figures = "".join(
        f'<figure class="dog">{_image(picture, caption)}'
        f'<figcaption aria-hidden="true">{escape(caption)}</figcaption></figure>'
        for picture, caption in zip(pictures, captions, strict=True)
    )
    return f'<div class="dogs few">{figures}</div>'


def film(pictures: np.ndarray, alt: str) -> str:
    """The pictures in motion, once they are asked for, and a link to keep that."""
    uri = data_uri("image/webp", motion(pictures))
    return (
        f'<details><summary>In motion</summary><img class="played" src="{uri}" alt="{escape(alt)}">'
        f'<p><a href="{uri}" download="walk.webp">Save as WebP</a></p></details>'
    )


def _image(picture: np.ndarray, alt: str) -> str:
    return image(encoded(Image.fromarray(picture), "PNG"), alt)


def _of(name: str) -> str:
    return f", {name}" if name else ""
