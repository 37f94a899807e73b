"""`python -m bench NAME`: sides measured in turn, side by side."""

import importlib
import sys

NAMES = {
    "train": "a training step: this kit against PyTorch's example, or a plain eager loop",
    "prepare": "from picture files to a training set: this kit against Pillow",
    "write": "pictures into images.zip: this kit against Pillow's files and a zip",
    "start": "from the start of the built kernel to its first training step",
    "memory": "the peak memory of each job as its work grows",
    "hours": "simulated hours of training: does memory grow?",
    "growth": "seconds as the work grows, and the curve through them",
    "limits": "a training step's share of what the device can do, and where its time goes",
    "engines": "pictures a second through the metric's network",
    "scoring": "a score, once both sides' features are there",
    "metric": "the same pictures scored by this kit and by other tools",
    "floor": "what real dogs score under each crop policy, before any training",
    "quality": "recipes trained alike, and what a whole submission of each is worth",
    "judge": "does the kernel's own judge rank as the metric does?",
    "selection": "what is picking the best of more draws worth, by the metric?",
}


def main(words: list[str]) -> int:
    """Runs a measurement; returns the exit code."""
    use = "use: python -m bench NAME ...\n\n" + "\n".join(f"  {n:11}{t}" for n, t in NAMES.items())
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
