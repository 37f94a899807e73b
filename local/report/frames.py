"""Pictures one after another: a strip that scrolls, and where scripts run a slider."""

from collections.abc import Sequence
from html import escape

from PIL import Image

from local import page
from local.pictures import encoded

MOST = 24  # frames on the page
ROOM = 6_000_000  # bytes of all of them; in base64 they are a third larger
QUALITIES = (88, 75, 60, 45, 30)  # of the JPEGs: the best with which all fit

SCRIPT = """
for (const box of document.querySelectorAll("[data-frames]")) {
  const frames = box.querySelectorAll("figure"), slider = box.querySelector("input");
  const show = () => {
    frames.forEach((frame, i) => { frame.hidden = i !== +slider.value; });
    const said = frames[slider.value].dataset.name;
    box.querySelector("output").textContent = said;
    slider.setAttribute("aria-valuetext", said);
  };
  box.querySelector(".control").hidden = false;
  slider.addEventListener("input", show);
  show();
}
"""


def chosen(count: int, most: int = MOST) -> list[int]:
    """Which of so many frames are shown: evenly spaced, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def strip(key: str, title: str, images: Sequence[Image.Image], names: Sequence[str]) -> str:
    """The frames, the last one in sight first.

    Args:
        key: of the page's ids.
        title: what the slider moves along, for people.
        images: the frames.
        names: what each is, in a few words.
    """
    figures = "".join(
        f'<figure data-name="{escape(name)}">{page.image(data, f"{title}: {name}")}'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for data, name in zip(_fitting(images), names, strict=True)
    )
    last = len(images) - 1
    return (
        f'<div class="frames" data-frames><div class="control" hidden>'
        f'<label for="{key}-at">{escape(title)}</label>'
        f'<input type="range" id="{key}-at" min="0" max="{last}" value="{last}" step="1">'
        f'<output for="{key}-at"></output></div>'
        f'<div class="strip" role="region" aria-label="{escape(title)}s in a row" tabindex="0">'
        f"{figures}</div></div>"
    )


def _fitting(images: Sequence[Image.Image]) -> list[bytes]:
    """JPEGs of the best quality with which all have room."""
    found: list[bytes] = []
    for quality in QUALITIES:
        found = [encoded(image, "JPEG", quality) for image in images]
        if sum(map(len, found)) <= ROOM:
            break
    return found
