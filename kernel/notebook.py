"""What `kernel.ipynb` is made of: cells, and the JSON that holds them.

`build_kernel.py` fills the cells; this file is no part of a kernel. Standard library only. The
format is nbformat 4.5, https://nbformat.readthedocs.io, written as Jupyter itself writes it, so
that saving an unchanged notebook changes nothing.
"""

import hashlib
import json
import re
from typing import Any

Cell = dict[str, Any]

METADATA = {
    "accelerator": "GPU",  # asks Colab for one
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

FOLDER = """\
import tempfile
from pathlib import Path

# The modules become files of a scratch folder, so that images.zip is all that the current one gets.
SCRATCH = tempfile.TemporaryDirectory(prefix="kernel-")  # removed as this notebook is shut down
FOLDER = Path(SCRATCH.name)
for path in SHA256:
    (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
    (FOLDER / path).touch()  # a module without a line, as many an __init__.py, has no cell
"""


def about(build: dict[str, Any]) -> str:
    """Renders the text on top: what this is, how it was made, how to use it."""
    recipe = " ".join(f"{key}={value}" for key, value in build["recipe"].items())
    return f"""\
# Generative dogs: {build["recipe"]["name"]}

Trains on pictures of dogs until its time is spent, and leaves `images.zip` with 10,000 pictures \
of its own in the current folder. This notebook is built: each cell that begins with \
`%%writefile` is a module of the project as it stands there, and the last cell runs them.

- command: `{build["command"]}`
- commit: {build["commit"]}, dirty: {build["dirty"]}
- recipe: `{recipe}`
- limit: {build["hours"]:g} h from the first code cell on

**Run** all cells. The last one shows the log as it grows and fails where there is no archive; \
stopped by hand, it still writes a last archive.

**Data** is looked for in `/kaggle/input`. Elsewhere (Colab, your own Jupyter) say where it is, in \
a cell of its own before the last one: `%env KAGGLE_INPUT=/content/dogs.zip`, a folder or an \
archive. `%env KERNEL_SECONDS=600` sets another limit.

**Change** a cell and run it, then the first code cell, which starts the clock anew, and the last \
one. The run then calls itself `dirty`: it is no longer what the commit gives.
"""


def markdown(name: str, text: str) -> Cell:
    """Makes a cell of text; `name` gives its id, unique in the notebook."""
    return {"cell_type": "markdown", **_common(name, text)}


def code(name: str, text: str) -> Cell:
    """Makes a cell of code that has not been run."""
    return {"cell_type": "code", "execution_count": None, "outputs": [], **_common(name, text)}


def _common(name: str, text: str) -> Cell:
    digest = hashlib.sha256(name.encode()).hexdigest()  # the same in every build
    lines = text.removesuffix("\n").splitlines(keepends=True)
    return {"id": digest[:16], "metadata": {}, "source": lines}


def keeps(source: str) -> bool:
    r"""Whether `%%writefile` writes a cell's text back exactly.

    IPython ends it with one newline, refuses an empty one, and takes what begins with three dots
    for a pasted session; text mode and editors change carriage returns.
    """
    ends_well = source.strip() != "" and source.rstrip() + "\n" == source
    return ends_well and not re.search(r"\A\.\.\.|[\r\ufeff]", source)


def render(cells: list[Cell]) -> str:
    """Renders a notebook's file."""
    whole = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def sources(text: str) -> list[str]:
    """Reads the text of every cell; ValueError where this is no notebook."""
    try:
        return ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
    except (KeyError, TypeError):
        raise ValueError("not a notebook") from None
