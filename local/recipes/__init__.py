"""Every setting of a run in one frozen record, with named presets.

Standard library only (and what it imports), because `build_kernel.py` reads it with a bare
interpreter.
"""

from local.recipes.presets import BEST, DEFAULT, NAMED, PRESETS, get
from local.recipes.record import Recipe
from local.recipes.text import from_dict, override

__all__ = ["BEST", "DEFAULT", "NAMED", "PRESETS", "Recipe", "from_dict", "get", "override"]
