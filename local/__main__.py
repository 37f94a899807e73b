"""`python -m local COMMAND`: training, sampling and looking, on one's own machine."""

import importlib
import sys

from local.errors import InputError, guarded
from mifid import errors as mifid_errors

COMMANDS = {
    "train": "trains a recipe into a run's folder",
    "sample": "samples pictures of a run into a zip",
    "walk": "walks through a run's latents: GIF, WebP or MP4",
    "export": "writes a run's generator as a folder for others to run, and as ONNX",
    "report": "shows a run on one page: how it went, what it draws, what it leaves out",
    "app": "dogs on demand: a page in the browser",
    "compare": "trains recipes alike and sets them side by side",
    "explore": "looks at a data set: a page with plots, pictures and numbers",
    "sweep": "tunes settings by short trials, and says what helped",
    "draw": "draws dogs, the data of those who have none",
}
HELP = "use: python -m local COMMAND ...\n\n" + "\n".join(
    f"  {name:8}{about}" for name, about in COMMANDS.items()
)


def main(words: list[str]) -> int:
    """Runs a command; returns the exit code."""
    if words[:1] in (["--help"], ["-h"]):
        return guarded("local", _help)
    if not words or words[0] not in COMMANDS:
        what = f"no command {words[0]!r}" if words else "no command given"
        print(f"local: {what}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    command = importlib.import_module(f"local.commands.{words[0]}")
    bad_input = (InputError, mifid_errors.InputError)
    failures = (OSError, mifid_errors.WorkError)
    return guarded(f"local {words[0]}", lambda: int(command.run(words[1:])), bad_input, failures)


def _help() -> int:
    print(HELP + "\n\npython -m local COMMAND --help tells more, with examples")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
