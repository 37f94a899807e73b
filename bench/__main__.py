"""`python -m bench NAME`: sides measured in turn, side by side."""

import importlib
import sys

NAMES = {
    "train": "a DCGAN training step: this kit against a plain float32 loop",
    "engines": "pictures a second through the metric's network",
    "scoring": "a score, once both sides' features are there",
    "metric": "the same pictures scored by this kit and by other tools",
    "floor": "what real dogs score under each crop policy, before any training",
    "quality": "recipes trained alike, and what a whole submission of each is worth",
    "judge": "does the kernel's own judge rank as the metric does?",
}


def main(words: list[str]) -> int:
    """Runs a measurement; returns the exit code."""
    use = "use: python -m bench NAME ...\n\n" + "\n".join(f"  {n:9}{t}" for n, t in NAMES.items())
    if words[:1] in (["--help"], ["-h"]):
        print(use)
        return 0
    if not words or words[0] not in NAMES:
        print(f"bench: there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    code: int = importlib.import_module(f"bench.{words[0]}").run(words[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
